//! The value of a field in 1PUX: `{"concealed": "…"}`, `{"address": {…}}` and so on, as texts.

use std::fmt;

use holdfast_protocol::SecretText;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use zeroize::Zeroizing;

use crate::text::{Value, secret};

/// A value by its kind.
pub(super) enum FieldValue {
    /// The kind; and for each part its name (empty if it is all there is) and text.
    Texts(String, Vec<(String, SecretText)>),
    /// A kind that is no text: a file, a reference to another item.
    Left(String),
}

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OneKind)
    }
}

struct OneKind;

impl<'de> Visitor<'de> for OneKind {
    type Value = FieldValue;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value with its kind")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FieldValue, E> {
        Ok(FieldValue::Texts("string".into(), vec![(String::new(), secret(text))]))
    }

    fn visit_unit<E: Error>(self) -> Result<FieldValue, E> {
        Ok(FieldValue::Texts("string".into(), Vec::new()))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<FieldValue, M::Error> {
        let mut found = None;
        while let Some(kind) = map.next_key::<String>()? {
            let value = match kind.as_str() {
                "file" | "reference" | "passkey" | "ssoLogin" => {
                    map.next_value::<IgnoredAny>()?;
                    FieldValue::Left(kind)
                }
                "date" => {
                    let at = map.next_value::<Option<i64>>()?;
                    let texts = at.into_iter().map(|at| (String::new(), secret(&day(at)))).collect();
                    FieldValue::Texts(kind, texts)
                }
                "monthYear" => {
                    let at = map.next_value::<Option<u32>>()?;
                    let text = |at: u32| secret(&format!("{:04}-{:02}", at / 100, at % 100));
                    FieldValue::Texts(kind, at.into_iter().map(|at| (String::new(), text(at))).collect())
                }
                "sshKey" => FieldValue::Texts(
                    kind,
                    map.next_value::<Option<SshKey>>()?
                        .map(SshKey::parts)
                        .unwrap_or_default(),
                ),
                _ => FieldValue::Texts(
                    kind,
                    map.next_value::<Option<Loose>>()?.map(Loose::parts).unwrap_or_default(),
                ),
            };
            found.get_or_insert(value);
        }
        Ok(found.unwrap_or(FieldValue::Texts(String::new(), Vec::new())))
    }
}

/// Seconds since 1970 as a day.
fn day(seconds: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.date().to_string())
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct SshKey {
    private_key: Option<Value>,
    metadata: Option<SshMetadata>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct SshMetadata {
    private_key: Option<Value>,
    public_key: Option<Value>,
    fingerprint: Option<Value>,
}

impl SshKey {
    fn parts(self) -> Vec<(String, SecretText)> {
        let (private, public, fingerprint) = match self.metadata {
            Some(more) => (more.private_key, more.public_key, more.fingerprint),
            None => (None, None, None),
        };
        [
            ("private_key", self.private_key.or(private)),
            ("public_key", public),
            ("fingerprint", fingerprint),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value.0)))
        .collect()
    }
}

/// Text, or an object of texts (an address, an e-mail with its provider).
struct Loose(Vec<(String, SecretText)>);

impl Loose {
    fn parts(self) -> Vec<(String, SecretText)> {
        self.0
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Loose;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("text or an object of texts")
            }
            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose(vec![(String::new(), secret(text))]))
            }
            fn visit_string<E>(self, text: String) -> Result<Loose, E> {
                Ok(Loose(vec![(String::new(), SecretText::new(Zeroizing::new(text)))]))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Loose, E> {
                self.visit_string(value.to_string())
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Loose, E> {
                self.visit_string(value.to_string())
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Loose, E> {
                self.visit_string(value.to_string())
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Loose, E> {
                self.visit_string(value.to_string())
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Loose, M::Error> {
                let mut parts = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Option<Value>>()? {
                    // An address' own words: `email_address` is the e-mail itself.
                    let name = if name == "email_address" { String::new() } else { name };
                    parts.extend(value.map(|value| (name, value.0)));
                }
                Ok(Loose(parts))
            }
        }
        from.deserialize_any(Any)
    }
}
