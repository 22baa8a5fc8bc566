//! The manifest as a whole.

use std::collections::BTreeMap;

use toml::{Table, Value as Toml};

use crate::fault::{Fault, quoted};
use crate::limits::Limits;
use crate::parameter::{Parameter, Values};
use crate::section::Section;
use crate::words::{Host, Image, name, path, variable};

/// What the file is called, at the top of a task's folder.
pub const FILE_NAME: &str = "holdfast-task.toml";

/// Largest manifest, in bytes.
pub const LARGEST: usize = 64 << 10;

/// Entries of each named section.
const MOST: usize = 64;

/// What carries a task out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// `python3`.
    Python,
    /// `sh`.
    Shell,
    /// `Rscript`.
    R,
    /// A Jupyter notebook, carried out from its first cell to its last.
    Notebook,
    /// An image of its own.
    Container,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Python, Self::Shell, Self::R, Self::Notebook, Self::Container];

    /// Its word in a manifest.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Shell => "shell",
            Self::R => "r",
            Self::Notebook => "notebook",
            Self::Container => "container",
        }
    }
}

/// What an input may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of the product")]
pub enum InputKind {
    Dataset,
    Model,
    Artifact,
}

/// What an output becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of the product")]
pub enum OutputKind {
    Model,
    Artifact,
}

/// Something a task reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// What it may be.
    pub kind: InputKind,
    /// What it is for, for people.
    pub description: String,
    /// A run may do without.
    pub optional: bool,
}

/// Something a task leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// What it becomes.
    pub kind: OutputKind,
    /// What it is, for people.
    pub description: String,
    /// File or folder below the folder of outputs.
    pub path: String,
}

/// A secret that a task needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// What it is needed for, for whoever gives it.
    pub purpose: String,
    /// The type of secret, by its word on the command line; any if none.
    pub secret_type: Option<String>,
    /// A run may do without.
    pub optional: bool,
    /// Variables that the task asks for by name, and the field that each gets. Without these it finds the secret in files only.
    pub env: BTreeMap<String, String>,
}

/// A task, as it says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its name, for people.
    pub name: String,
    /// What it does, for people.
    pub description: String,
    /// What carries it out.
    pub runtime: Runtime,
    /// The file in its folder to begin with. There is always one, but for containers that have a command of their own.
    pub entry: Option<String>,
    /// The image: exactly in containers.
    pub image: Option<Image>,
    /// What it can be told, by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// What it reads, by name.
    pub inputs: BTreeMap<String, Input>,
    /// What it needs to know, by name.
    pub secrets: BTreeMap<String, SecretUse>,
    /// What it leaves behind, by name.
    pub outputs: BTreeMap<String, Output>,
    /// How much it may take.
    pub limits: Limits,
    /// Hosts it may connect to; none if it stays without a network.
    pub hosts: Vec<Host>,
}

impl Task {
    /// Reads a manifest.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() > LARGEST {
            return Err(Fault::new(
                FILE_NAME,
                "is larger than 64 KiB",
                "Keep code and data in files of their own.",
            ));
        }
        let text =
            std::str::from_utf8(bytes).map_err(|_| Fault::new(FILE_NAME, "is not UTF-8", "Save it as UTF-8."))?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| {
                text.as_bytes()[..span.start.min(text.len())]
                    .iter()
                    .filter(|b| **b == b'\n')
                    .count()
                    + 1
            });
            let said = quoted(error.message());
            Fault::new(
                FILE_NAME,
                format!("line {line} is not TOML: {said}"),
                "Mend that line; toml.io shows the form.",
            )
        })?;
        Self::read(Section::new(String::new(), table))
    }

    fn read(mut file: Section) -> Result<Self, Fault> {
        match file.take("format") {
            Some(Toml::Integer(1)) => {}
            Some(_) => {
                return Err(Fault::new(
                    "format",
                    "is one that this version does not know",
                    "Update Holdfast.",
                ));
            }
            None => return Err(Fault::new("format", "is missing", "Add format = 1.")),
        }
        let title = file.line("name", 120)?.filter(|name| !name.trim().is_empty());
        let title = title.ok_or_else(|| Fault::new("name", "is missing", "Add name = \"What the task does\"."))?;
        let word = file.need("runtime", "python")?;
        let runtime = Runtime::ALL.into_iter().find(|runtime| runtime.word() == word);
        let runtime = runtime.ok_or_else(|| {
            let what = format!("{} is none", quoted(&word));
            Fault::new("runtime", what, "Use python, shell, r, notebook or container.")
        })?;
        let task = Self {
            name: title,
            description: file.line("description", 400)?.unwrap_or_default(),
            runtime,
            entry: entry(&mut file, runtime)?,
            image: image(&mut file, runtime)?,
            parameters: each(file.named("parameters", MOST)?, Parameter::read)?,
            inputs: each(file.named("inputs", MOST)?, input)?,
            secrets: each(file.named("secrets", MOST)?, secret)?,
            outputs: outputs(file.named("outputs", MOST)?)?,
            limits: Limits::read(file.table("limits")?)?,
            hosts: hosts(file.table("network")?)?,
        };
        file.end()?;
        variables_once(&task.secrets)?;
        Ok(task)
    }

    /// Holds what somebody gives for a run against the parameters, and adds the defaults.
    ///
    /// # Errors
    /// Everything that is wrong, so that a form can show it at once.
    pub fn check(&self, given: &BTreeMap<String, String>) -> Result<Values, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut values = Values::new();
        for (name, parameter) in &self.parameters {
            let field = format!("parameters.{name}");
            let value = match given.get(name) {
                Some(given) => parameter.value(&field, given).map(Some),
                None if parameter.required() => Err(Fault::new(
                    field,
                    "has no value",
                    format!("Give one with --param {name}=VALUE."),
                )),
                None => Ok(parameter.default.clone()),
            };
            match value {
                Ok(Some(value)) => drop(values.insert(name.clone(), value)),
                Ok(None) => {}
                Err(fault) => faults.push(fault),
            }
        }
        for name in given.keys().filter(|name| !self.parameters.contains_key(*name)) {
            let known: Vec<_> = self.parameters.keys().map(String::as_str).collect();
            let next = if known.is_empty() {
                "This task takes no parameters.".to_owned()
            } else {
                format!("It has: {}.", known.join(", "))
            };
            faults.push(Fault::new(
                "parameters",
                format!("the task has no {}", quoted(name)),
                next,
            ));
        }
        if faults.is_empty() { Ok(values) } else { Err(faults) }
    }
}

fn each<T>(
    sections: Vec<(String, Section)>,
    read: fn(Section) -> Result<T, Fault>,
) -> Result<BTreeMap<String, T>, Fault> {
    sections
        .into_iter()
        .map(|(name, section)| Ok((name, read(section)?)))
        .collect()
}

fn entry(file: &mut Section, runtime: Runtime) -> Result<Option<String>, Fault> {
    let Some(entry) = file.text("entry")? else {
        if runtime == Runtime::Container {
            return Ok(None);
        }
        return Err(Fault::new(
            "entry",
            "is missing",
            "Name the file to begin with, as entry = \"main.py\".",
        ));
    };
    path(&entry).map_err(|what| Fault::new("entry", what, "Name a file in the task's folder, as \"src/main.py\"."))?;
    Ok(Some(entry))
}

fn image(file: &mut Section, runtime: Runtime) -> Result<Option<Image>, Fault> {
    const NEXT: &str = "Name it as registry/name@sha256:DIGEST; `podman inspect` shows the digest.";
    match (file.text("image")?, runtime == Runtime::Container) {
        (Some(image), true) => Ok(Some(
            Image::parse(&image).map_err(|what| Fault::new("image", what, NEXT))?,
        )),
        (None, true) => Err(Fault::new("image", "is missing", NEXT)),
        (Some(_), false) => Err(Fault::new(
            "image",
            "belongs to containers only",
            "Remove it, or set runtime = \"container\".",
        )),
        (None, false) => Ok(None),
    }
}

fn input(mut section: Section) -> Result<Input, Fault> {
    let word = section.need("kind", "dataset")?;
    let kind = match word.as_str() {
        "dataset" => InputKind::Dataset,
        "model" => InputKind::Model,
        "artifact" => InputKind::Artifact,
        other => return Err(no_kind(&section, other, "Use dataset, model or artifact.")),
    };
    let input = Input {
        kind,
        description: section.line("description", 400)?.unwrap_or_default(),
        optional: section.flag("optional")?,
    };
    section.end()?;
    Ok(input)
}

fn no_kind(section: &Section, word: &str, next: &str) -> Fault {
    Fault::new(section.field("kind"), format!("{} is none", quoted(word)), next)
}

fn outputs(sections: Vec<(String, Section)>) -> Result<BTreeMap<String, Output>, Fault> {
    let mut outputs: BTreeMap<String, Output> = BTreeMap::new();
    for (name, mut section) in sections {
        let word = section.need("kind", "artifact")?;
        let kind = match word.as_str() {
            "model" => OutputKind::Model,
            "artifact" => OutputKind::Artifact,
            other => return Err(no_kind(&section, other, "Use model or artifact.")),
        };
        let field = section.field("path");
        let output = Output {
            kind,
            description: section.line("description", 400)?.unwrap_or_default(),
            path: section.text("path")?.unwrap_or_else(|| name.clone()),
        };
        path(&output.path).map_err(|what| Fault::new(&field, what, "Name a file or folder, as \"model/weights\"."))?;
        let inside = |one: &str, other: &str| one == other || one.starts_with(&format!("{other}/"));
        if let Some((other, _)) = outputs
            .iter()
            .find(|(_, other)| inside(&other.path, &output.path) || inside(&output.path, &other.path))
        {
            let what = format!("is the same place as that of {other}, or one lies in the other");
            return Err(Fault::new(field, what, "Give each output a place of its own."));
        }
        section.end()?;
        outputs.insert(name, output);
    }
    Ok(outputs)
}

fn secret(mut section: Section) -> Result<SecretUse, Fault> {
    let purpose = section
        .line("purpose", 400)?
        .filter(|purpose| !purpose.trim().is_empty());
    let purpose = purpose.ok_or_else(|| {
        Fault::new(
            section.field("purpose"),
            "is missing",
            "Say to whoever gives the secret what it is needed for.",
        )
    })?;
    let secret_type = section.text("type")?;
    if let Some(word) = &secret_type {
        name(word).map_err(|what| {
            Fault::new(
                section.field("type"),
                what,
                "Use a type as `holdfast secret add` lists them.",
            )
        })?;
    }
    let optional = section.flag("optional")?;
    let env = environment(&mut section)?;
    section.end()?;
    Ok(SecretUse {
        purpose,
        secret_type,
        optional,
        env,
    })
}

/// `env = "NAME"` beside `field = "token"`, or `env = { NAME = "token", OTHER = "account" }`.
fn environment(section: &mut Section) -> Result<BTreeMap<String, String>, Fault> {
    const NEXT: &str = "Write env = \"NAME\" and field = \"token\", or env = { NAME = \"token\" }.";
    let (at, field) = (section.field("env"), section.text("field")?);
    let asked = match (section.take("env"), field) {
        (None, None) => BTreeMap::new(),
        (Some(Toml::String(name)), Some(field)) => BTreeMap::from([(name, field)]),
        (Some(Toml::Table(table)), None) if table.len() <= 16 => {
            let mut asked = BTreeMap::new();
            for (name, field) in table {
                let Toml::String(field) = field else {
                    return Err(Fault::new(at, "must name a field for each variable", NEXT));
                };
                asked.insert(name, field);
            }
            asked
        }
        _ => return Err(Fault::new(at, "must name variables and the field for each", NEXT)),
    };
    for (given, field) in &asked {
        variable(given).map_err(|what| Fault::new(&at, format!("{} {what}", quoted(given)), "Choose another name."))?;
        name(field).map_err(|what| Fault::new(&at, format!("the field {} {what}", quoted(field)), NEXT))?;
    }
    Ok(asked)
}

fn variables_once(secrets: &BTreeMap<String, SecretUse>) -> Result<(), Fault> {
    let mut seen = BTreeMap::new();
    for (name, secret) in secrets {
        for variable in secret.env.keys() {
            if let Some(other) = seen.insert(variable, name) {
                let what = format!("{variable} is that of secrets.{other} as well");
                return Err(Fault::new(
                    format!("secrets.{name}.env"),
                    what,
                    "Give each variable to one secret.",
                ));
            }
        }
    }
    Ok(())
}

fn hosts(section: Option<Section>) -> Result<Vec<Host>, Fault> {
    let Some(mut section) = section else {
        return Ok(Vec::new());
    };
    let given = section.texts("hosts", MOST)?;
    section.end()?;
    let mut hosts = Vec::new();
    for text in given {
        let host = Host::parse(&text).map_err(|what| {
            Fault::new(
                "network.hosts",
                format!("{} {what}", quoted(&text)),
                "Write each as \"pypi.org:443\".",
            )
        })?;
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    Ok(hosts)
}
