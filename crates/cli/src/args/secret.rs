//! Verbs about secrets, and how their fields are given without showing in the list of processes.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use holdfast_protocol::item::SecretType;

/// The types of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TypeArg {
    Git,
    Aws,
    Credentials,
    ApiKey,
    Ssh,
    Database,
    Certificate,
    Env,
    Note,
}

impl TypeArg {
    /// The fields people are asked for, in order.
    pub(crate) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Git => &["host", "username", "token"],
            Self::Aws => &["access_key_id", "secret_access_key", "region"],
            Self::Credentials => &["username", "password"],
            Self::ApiKey => &["key"],
            Self::Ssh => &["private_key"],
            Self::Database => &["url"],
            Self::Certificate => &["certificate", "private_key"],
            Self::Env => &[],
            Self::Note => &["text"],
        }
    }
}

impl From<TypeArg> for SecretType {
    fn from(kind: TypeArg) -> Self {
        match kind {
            TypeArg::Git => Self::Git,
            TypeArg::Aws => Self::Aws,
            TypeArg::Credentials => Self::Credentials,
            TypeArg::ApiKey => Self::ApiKey,
            TypeArg::Ssh => Self::Ssh,
            TypeArg::Database => Self::Database,
            TypeArg::Certificate => Self::Certificate,
            TypeArg::Env => Self::Env,
            TypeArg::Note => Self::Note,
        }
    }
}

/// Fields whose values anybody may see: they may stand on the command line. Everything else is taken for secret.
const PLAIN: [&str; 5] = ["host", "username", "region", "account", "purpose"];

/// Whether a field's value may be seen by others on this computer.
pub(crate) fn is_plain(field: &str) -> bool {
    PLAIN.contains(&field)
}

/// `--field NAME=@FILE`, `NAME=-`, or `NAME=VALUE` for plain ones. Read after clap is done: clap repeats what it refuses.
#[derive(Clone)]
pub(crate) struct FieldArg {
    pub(crate) name: String,
    pub(crate) value: FieldValue,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FieldValue {
    File(PathBuf),
    Stdin,
    Plain(String),
}

impl FromStr for FieldArg {
    type Err = String;

    /// Never repeats the value: it may be the secret that should not have been there.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=@FILE or NAME=-")?;
        if name.is_empty() {
            return Err("a field needs a name: NAME=@FILE".into());
        }
        let value = match value.strip_prefix('@') {
            Some("") => return Err(format!("{name}=@ needs a file name")),
            Some(file) => FieldValue::File(file.into()),
            None if value == "-" => FieldValue::Stdin,
            None if is_plain(name) => FieldValue::Plain(value.to_owned()),
            None => {
                return Err(format!(
                    "the value of {name} must not stand on the command line: other programs can see it there, and the \
                     shell keeps it in its history. Use {name}=@FILE, {name}=- for standard input, or leave it out \
                     and be asked"
                ));
            }
        };
        Ok(Self {
            name: name.to_owned(),
            value,
        })
    }
}

const ADD: &str = "\
Examples:
  holdfast secret add --type git --name \"GitHub token\" --field host=github.com --field token=@token.txt
  pass show aws | holdfast secret add --type aws --name AWS --in \"Brain scans\" --field secret_access_key=-
  holdfast secret add --type credentials --name Intranet     # asks for the rest, without echo

Fields: git host, username, token; aws access_key_id, secret_access_key, region; credentials username,
password; api-key key; ssh private_key; database url; certificate certificate, private_key; note text; env
any. In all of them: host, account,
purpose say where the secret may be handed over (nowhere else, once one is set).
One line end at the end of a value of one line is not part of it.";

#[derive(Args)]
#[command(after_help = ADD)]
pub(crate) struct SecretAdd {
    /// What it is
    #[arg(long = "type", value_enum)]
    pub(crate) kind: TypeArg,
    /// What it is called
    #[arg(long)]
    pub(crate) name: String,
    /// The project; your own secrets if absent
    #[arg(long = "in", value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// About it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) note: String,
    /// A field: NAME=@FILE, NAME=- for standard input (asked for without echo at a terminal), NAME=VALUE for host, username, region, account, purpose
    #[arg(long = "field", value_name = "NAME=@FILE")]
    pub(crate) fields: Vec<String>,
    /// When it stops working where it comes from, for example 2027-01-31
    #[arg(long, value_name = "DATE", value_parser = crate::output::parse_date)]
    pub(crate) expires: Option<u64>,
}

const EDIT: &str = "\
Examples:
  holdfast secret edit \"GitHub token\" --field token=@new-token.txt
  holdfast secret edit AWS --in \"Brain scans\" --remove-field region
  holdfast secret edit AWS --in \"Brain scans\" --field secret_access_key=- --seen 0123...   # version id

If somebody changed it since the version you saw (--seen), both are kept, and the exit code is 22.";

#[derive(Args)]
#[command(after_help = EDIT)]
pub(crate) struct SecretEdit {
    /// Name or id, or PROJECT/NAME
    pub(crate) name: String,
    /// The project; your own secrets if absent
    #[arg(long = "in", value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// A field to set: NAME=@FILE, NAME=- for standard input (asked for without echo at a terminal), NAME=VALUE for host, username, region, account, purpose
    #[arg(long = "field", value_name = "NAME=@FILE", required_unless_present = "remove")]
    pub(crate) fields: Vec<String>,
    /// A field to take away
    #[arg(long = "remove-field", value_name = "NAME")]
    pub(crate) remove: Vec<String>,
    /// Id of the version you saw before; the newest if absent
    #[arg(long, value_name = "VERSION")]
    pub(crate) seen: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GenerateWhat {
    /// Words that are easy to read out
    Words,
    /// Letters, digits and signs, without those that look alike
    Characters,
    /// Digits
    Pin,
}

const GENERATE: &str = "\
Examples:
  holdfast secret generate                     # six words
  holdfast secret generate characters --length 32
  holdfast secret generate pin --length 8

It is made on this computer, needs no account, and is kept nowhere.";

#[derive(Args)]
#[command(after_help = GENERATE)]
pub(crate) struct SecretGenerate {
    /// Of what
    #[arg(value_enum, default_value_t = GenerateWhat::Words)]
    pub(crate) what: GenerateWhat,
    /// How many words, characters or digits [default: 6 words, 20 characters, 6 digits]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=512))]
    pub(crate) length: Option<u32>,
}

#[derive(Subcommand)]
pub(crate) enum SecretVerb {
    /// Keep a secret
    Add(SecretAdd),
    /// List secrets, never their values
    #[command(after_help = "Examples:\n  holdfast secret list\n  holdfast secret list --in \"Brain scans\"")]
    List {
        /// The project; your own secrets if absent
        #[arg(long = "in", value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Show a secret
    #[command(
        after_help = "Examples:\n  holdfast secret show \"GitHub token\"\n  holdfast secret show \"GitHub token\" --in \"Brain scans\" --reveal\n  holdfast secret show \"Brain scans/GitHub token\" --reveal --json | jq -r '.fields[0].value'"
    )]
    Show {
        /// Name or id, or PROJECT/NAME
        name: String,
        /// The project; your own secrets if absent
        #[arg(long = "in", value_name = "PROJECT")]
        project: Option<String>,
        /// With the values
        #[arg(long)]
        reveal: bool,
    },
    /// Change a secret; what was before stays in its history
    Edit(SecretEdit),
    /// List a secret's versions
    #[command(after_help = "Examples:\n  holdfast secret history \"GitHub token\" --in \"Brain scans\"")]
    History {
        /// Name or id, or PROJECT/NAME
        name: String,
        /// The project; your own secrets if absent
        #[arg(long = "in", value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Move a secret into a project
    #[command(
        after_help = "Examples:\n  holdfast secret move \"GitHub token\" --in \"Brain scans\"\n  holdfast secret move \"Old project/GitHub token\" --in \"Brain scans\""
    )]
    Move {
        /// Name or id, or PROJECT/NAME
        name: String,
        /// To which project
        #[arg(long = "in", value_name = "PROJECT")]
        to: String,
        /// From which project; your own secrets if absent
        #[arg(long, value_name = "PROJECT")]
        from: Option<String>,
    },
    /// Put a secret into the trash
    #[command(
        after_help = "Examples:\n  holdfast secret remove \"GitHub token\"\n  holdfast secret remove \"GitHub token\" --in \"Brain scans\""
    )]
    Remove {
        /// Name or id, or PROJECT/NAME
        name: String,
        /// The project; your own secrets if absent
        #[arg(long = "in", value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Make a password of words or characters, or a PIN
    Generate(SecretGenerate),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<FieldValue, String> {
        text.parse::<FieldArg>().map(|field| field.value)
    }

    #[test]
    fn fields_come_from_files_stdin_or_are_plain() {
        assert_eq!(value("token=@a b.txt"), Ok(FieldValue::File("a b.txt".into())));
        assert_eq!(value("token=-"), Ok(FieldValue::Stdin));
        assert_eq!(value("host=github.com"), Ok(FieldValue::Plain("github.com".into())));
        assert_eq!(value("username="), Ok(FieldValue::Plain(String::new())));
    }

    #[test]
    fn secrets_on_the_command_line_are_refused_and_not_repeated() {
        for text in [
            "token=hunter2",
            "password=hunter2=",
            "HOST=hunter2",
            "access_key_id=hunter2",
        ] {
            let error = value(text).unwrap_err();
            assert!(error.contains("=@FILE") && !error.contains("hunter2"), "{error}");
        }
        for text in ["hunter2", "=hunter2", "token=@"] {
            assert!(!value(text).unwrap_err().contains("hunter2"));
        }
    }

    #[test]
    fn each_type_names_its_fields_in_the_help() {
        for kind in TypeArg::value_variants() {
            for field in kind.fields() {
                assert!(ADD.contains(field), "{field}");
            }
        }
    }
}
