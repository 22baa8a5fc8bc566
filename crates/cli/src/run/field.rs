//! The fields of a secret: from files, from standard input, or asked for without echo.

use std::path::Path;

use holdfast_commands::{FieldInfo, FieldInput, Hidden};
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
    for known in left_to_ask(&fields, kind) {
        let name = known.name;
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

/// Whoever gave some on the command line has said what he wants to say there: only what can't stand there is asked for.
fn left_to_ask(given: &[FieldInput], kind: TypeArg) -> Vec<&'static FieldInfo> {
    let is_given = |name: &str| given.iter().any(|field| field.name == name);
    kind.fields()
        .filter(|known| !is_given(known.name) && (given.is_empty() || known.hidden))
        .collect()
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
    fn beside_given_fields_only_hidden_ones_are_asked_for() {
        let names = |fields: &[&str]| -> Vec<&str> {
            let texts: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            let given = given(&texts, Some(TypeArg::Git)).ok().unwrap();
            left_to_ask(&given, TypeArg::Git).iter().map(|info| info.name).collect()
        };
        assert_eq!(names(&[]), ["host", "username", "token"]);
        assert_eq!(names(&["host=github.com"]), ["token"]);
        assert_eq!(names(&["username=ana"]), ["token"]);
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
