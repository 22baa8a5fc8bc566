//! The fields of a secret: from files, from standard input, or asked for without echo.

use std::path::Path;

use holdfast_commands::{FieldInput, Hidden};
use zeroize::Zeroizing;

use crate::args::{FieldArg, FieldValue, TypeArg};
use crate::failure::{Failure, Result};
use crate::input;

/// The fields that were given, and at a terminal the others that such a secret has.
pub(super) fn read(fields: &[String], kind: TypeArg) -> Result<Vec<FieldInput>> {
    let mut fields = given(fields, Some(kind))?;
    if !input::is_interactive() {
        return Ok(fields);
    }
    for known in kind.fields() {
        let name = known.name;
        if fields.iter().any(|field| field.name == name) {
            continue;
        }
        let prompt = format!("{name} (Enter leaves it out): ");
        let value = if known.hidden {
            input::hidden(&prompt)?
        } else {
            Zeroizing::new(input::line(&prompt)?)
        };
        if !value.is_empty() {
            fields.push(FieldInput {
                name: name.to_owned(),
                value: Hidden::new(value),
            });
        }
    }
    Ok(fields)
}

/// The fields that were given, for a secret of this type if it is known.
pub(super) fn given(fields: &[String], kind: Option<TypeArg>) -> Result<Vec<FieldInput>> {
    let mut read: Vec<FieldInput> = Vec::new();
    for text in fields {
        let field = FieldArg::parse(text, kind).map_err(|why| Failure::usage(capital(&why) + ".", "See `--help`."))?;
        if read.iter().any(|other| other.name == field.name) {
            return Err(Failure::usage(
                format!("The field {} is given twice.", field.name),
                "Once is enough.",
            ));
        }
        let value = match &field.value {
            FieldValue::Plain(text) => Zeroizing::new(text.clone()),
            FieldValue::File(path) => without_line_end(&input::text(path)?),
            // Somebody sits there: what is typed must not stand on the screen.
            FieldValue::Stdin if input::is_interactive() => input::hidden(&format!("{}: ", field.name))?,
            FieldValue::Stdin => without_line_end(&input::text(Path::new("-"))?),
        };
        read.push(FieldInput {
            name: field.name,
            value: Hidden::new(value),
        });
    }
    Ok(read)
}

/// Tools end a line with a line end that is not part of a token. Text of several lines, a key say, stays as it is.
fn without_line_end(text: &str) -> Zeroizing<String> {
    let line = text
        .strip_suffix('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    Zeroizing::new(line.filter(|line| !line.contains('\n')).unwrap_or(text).to_owned())
}

pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_loses_its_end_and_more_stay_whole() {
        for (text, value) in [
            ("t\n", "t"),
            ("t\r\n", "t"),
            ("t", "t"),
            ("", ""),
            ("\n", ""),
            ("a\nb\n", "a\nb\n"),
            ("a\n\n", "a\n\n"),
        ] {
            assert_eq!(*without_line_end(text), value);
        }
    }

    #[test]
    fn a_refused_field_is_not_repeated() {
        let failure = given(&["token=hunter2".into()], None).err().unwrap();
        assert_eq!(failure.code(), "usage");
        assert!(failure.0.message.starts_with("The value of token") && !failure.0.message.contains("hunter2"));
        let twice = given(&["host=a".into(), "host=b".into()], None).err().unwrap();
        assert_eq!(twice.code(), "usage");
    }
}
