//! Text out of other people's files: UTF-8 with or without a byte-order mark, and values that are wiped.

use std::fmt;

use holdfast_protocol::SecretText;
use serde::de::{Deserialize, Deserializer, Visitor};
use zeroize::Zeroizing;

use crate::error::Error;

/// The text of a file, without a byte-order mark.
pub(crate) fn of(bytes: &[u8]) -> Result<&str, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Error::not_this("text", "it is UTF-16; save it as UTF-8"));
    }
    str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        Error::line(line, "this is not UTF-8 text")
    })
}

/// A value.
pub(crate) fn secret(text: &str) -> SecretText {
    SecretText::new(Zeroizing::new(text.to_owned()))
}

/// A value in JSON: text, or a number or truth value as text.
#[derive(Clone)]
pub(crate) struct Value(pub(crate) SecretText);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;
        impl Visitor<'_> for AsText {
            type Value = Value;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("text")
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value(secret(text)))
            }
            fn visit_string<E>(self, text: String) -> Result<Value, E> {
                Ok(Value(SecretText::new(Zeroizing::new(text))))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value(secret(if value { "true" } else { "false" })))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value(secret(&value.to_string())))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value(secret(&value.to_string())))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value(secret(&value.to_string())))
            }
        }
        deserializer.deserialize_any(AsText)
    }
}

/// `null` where a list or an object is expected means "none".
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// Parses JSON. serde's own messages may quote the value it stumbled over, so only the place is kept.
pub(crate) fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8], expected: &'static str) -> Result<T, Error> {
    let text = of(bytes)?;
    serde_json::from_str(text).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "the file ends too early",
            serde_json::error::Category::Syntax => "this is not JSON",
            _ => "this is not what such a file holds",
        };
        Error::not_this(
            expected,
            format!("line {}, column {}: {what}", error.line(), error.column()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_are_said_with_their_line() {
        assert_eq!(of(b"\xef\xbb\xbfa").ok(), Some("a"));
        assert!(of(b"\xff\xfea\0").unwrap_err().to_string().contains("UTF-16"));
        assert_eq!(
            of(b"a\nb\xff").unwrap_err().to_string(),
            "Line 2: this is not UTF-8 text"
        );
    }

    #[test]
    fn json_errors_never_quote_a_value() {
        let error = json::<Vec<u8>>(b"[\"hunter2\"]", "x").unwrap_err().to_string();
        assert!(error.contains("line 1") && !error.contains("hunter2"), "{error}");
    }
}
