//! The part of CycloneDX 1.6 that we write, as types: field order is the order in the file.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bom {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    pub(crate) metadata: About,
    pub(crate) components: Vec<Component>,
    pub(crate) dependencies: Vec<Edges>,
}

#[derive(Debug, Serialize)]
pub(crate) struct About {
    tools: Tools,
    pub(crate) component: Component,
}

#[derive(Debug, Serialize)]
struct Tools {
    components: Vec<Component>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Application,
    Library,
}

/// A component; what is empty is left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Component {
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    #[serde(rename = "bom-ref")]
    pub(crate) bom_ref: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// `required` for what runs, `excluded` for what only builds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) licenses: Vec<Licence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) external_references: Vec<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) components: Vec<Component>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) properties: Vec<Property>,
}

impl Component {
    pub(crate) fn new(kind: Kind, bom_ref: String, name: &str, version: &str) -> Self {
        Self {
            kind,
            bom_ref,
            name: name.to_owned(),
            version: version.to_owned(),
            scope: None,
            hashes: Vec::new(),
            licenses: Vec::new(),
            purl: None,
            external_references: Vec::new(),
            components: Vec::new(),
            properties: Vec::new(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Hash {
    alg: &'static str,
    pub(crate) content: String,
}

impl Hash {
    pub(crate) fn sha256(hex: &str) -> Self {
        Self {
            alg: "SHA-256",
            content: hex.to_owned(),
        }
    }

    pub(crate) fn sha512(bytes: &[u8]) -> Self {
        Self {
            alg: "SHA-512",
            content: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Licence {
    expression: String,
}

impl Licence {
    /// Takes the older `MIT/Apache-2.0`, too.
    pub(crate) fn of(expression: &str) -> Self {
        let words: Vec<_> = expression.split('/').map(str::trim).collect();
        Self {
            expression: words.join(" OR "),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Reference {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
}

impl Reference {
    /// Where its sources are kept.
    pub(crate) fn vcs(url: &str) -> Self {
        Self {
            kind: "vcs",
            url: url.to_owned(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Property {
    name: &'static str,
    pub(crate) value: String,
}

impl Property {
    pub(crate) fn new(name: &'static str, value: &str) -> Self {
        Self {
            name,
            value: value.to_owned(),
        }
    }

    /// The name of a program of ours that it is part of.
    pub(crate) fn program(name: &str) -> Self {
        Self::new("holdfast:program", name)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Edges {
    #[serde(rename = "ref")]
    pub(crate) from: String,
    pub(crate) depends_on: Vec<String>,
}

impl Bom {
    /// `edges` from the reference of each component to those that it uses.
    pub(crate) fn new(product: Component, components: Vec<Component>, edges: BTreeMap<String, Vec<String>>) -> Self {
        let tool = Component::new(
            Kind::Application,
            "tool".to_owned(),
            "cargo xtask sbom",
            env!("CARGO_PKG_VERSION"),
        );
        let edge = |(from, mut depends_on): (String, Vec<String>)| {
            depends_on.sort();
            depends_on.dedup();
            Edges { from, depends_on }
        };
        Self {
            schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
            bom_format: "CycloneDX",
            spec_version: "1.6",
            version: 1,
            metadata: About {
                tools: Tools { components: vec![tool] },
                component: product,
            },
            components,
            dependencies: edges.into_iter().map(edge).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_between_licences_are_an_or() {
        assert_eq!(Licence::of("Unlicense/MIT").expression, "Unlicense OR MIT");
        assert_eq!(Licence::of("MIT OR Apache-2.0").expression, "MIT OR Apache-2.0");
    }
}
