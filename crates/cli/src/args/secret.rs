//! Verbs about secrets, and how their fields are given without showing in the list of processes.

use std::path::PathBuf;

use super::secret_file::{SecretExport, SecretImport};
use super::secret_generate::SecretGenerate;
use clap::{Args, Subcommand, ValueEnum};
use holdfast_commands::{Expiry, FieldInfo, field_info, is_plain_everywhere, type_info};
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
    pub(crate) fn fields(self) -> impl Iterator<Item = &'static FieldInfo> {
        type_info(self.into()).fields.iter().filter(|field| field.main)
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

/// Whether a field's value may be seen by others on this computer. Where the type is not known, it has to be so in all of them.
fn is_plain(kind: Option<TypeArg>, field: &str) -> bool {
    let known = kind.and_then(|kind| field_info(kind.into(), field));
    known.map_or_else(|| is_plain_everywhere(field), |known| !known.hidden)
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

impl FieldArg {
    /// Never repeats the value: it may be the secret that should not have been there.
    pub(crate) fn parse(text: &str, kind: Option<TypeArg>) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=@FILE or NAME=-")?;
        if name.is_empty() {
            return Err("a field needs a name: NAME=@FILE".into());
        }
        let value = match value.strip_prefix('@') {
            Some("") => return Err(format!("{name}=@ needs a file name")),
            Some(file) => FieldValue::File(file.into()),
            None if value == "-" => FieldValue::Stdin,
            None if is_plain(kind, name) => FieldValue::Plain(value.to_owned()),
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
password; api-key key; ssh private_key; database url; certificate certificate,
private_key; note text; env any. More may be added to each. In all of them: host, account,
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
  holdfast secret edit AWS --name \"AWS, old account\" --expires 2027-01-31

Name, note and expiry have no history, and are changed by themselves. If somebody changed it since the version you saw (--seen), both are kept, and the exit code is 22.";

#[derive(Args)]
#[command(after_help = EDIT)]
pub(crate) struct SecretEdit {
    /// Name or id, or PROJECT/NAME
    pub(crate) name: String,
    /// The project; your own secrets if absent
    #[arg(long = "in", value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// A field to set: NAME=@FILE, NAME=- for standard input (asked for without echo at a terminal), NAME=VALUE for host, username, region, account, purpose
    #[arg(long = "field", value_name = "NAME=@FILE", required_unless_present_any = ["remove", "rename", "note", "expires"])]
    pub(crate) fields: Vec<String>,
    /// A field to take away
    #[arg(long = "remove-field", value_name = "NAME")]
    pub(crate) remove: Vec<String>,
    /// Id of the version you saw before; the newest if absent
    #[arg(long, value_name = "VERSION")]
    pub(crate) seen: Option<String>,
    /// Another name
    #[arg(long = "name", value_name = "NEW-NAME", conflicts_with_all = ["fields", "remove", "seen"])]
    pub(crate) rename: Option<String>,
    /// Another note
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["fields", "remove", "seen"])]
    pub(crate) note: Option<String>,
    /// When it stops working where it comes from, for example 2027-01-31; or `never`
    #[arg(long, value_name = "DATE", value_parser = expiry, conflicts_with_all = ["fields", "remove", "seen"])]
    pub(crate) expires: Option<Expiry>,
}

fn expiry(text: &str) -> Result<Expiry, String> {
    match text {
        "never" => Ok(Expiry::Never),
        date => crate::output::parse_date(date).map(Expiry::AtMs),
    }
}

#[derive(Subcommand)]
pub(crate) enum SecretVerb {
    /// Keep a secret
    Add(SecretAdd),
    /// List secrets, never their values
    #[command(
        after_help = "Examples:\n  holdfast secret list\n  holdfast secret list --in \"Brain scans\"\n  holdfast secret list --trashed"
    )]
    List {
        /// The project; your own secrets if absent
        #[arg(long = "in", value_name = "PROJECT")]
        project: Option<String>,
        /// Those in the trash
        #[arg(long)]
        trashed: bool,
    },
    /// Show a secret
    #[command(
        after_help = "Examples:\n  holdfast secret show \"GitHub token\"\n  holdfast secret show \"GitHub token\" --in \"Brain scans\" --reveal\n  holdfast secret show \"GitHub token\" --version 3 --reveal     # as it was\n  holdfast secret show \"Brain scans/GitHub token\" --reveal --json | jq -r '.fields[0].value'"
    )]
    Show {
        /// Name or id, or PROJECT/NAME
        name: String,
        /// The project; your own secrets if absent
        #[arg(long = "in", value_name = "PROJECT")]
        project: Option<String>,
        /// With the hidden values
        #[arg(long)]
        reveal: bool,
        /// An older version, by number or id; `secret history` lists them
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
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
    /// Make an old version the newest, or take a secret out of the trash
    #[command(
        after_help = "Examples:\n  holdfast secret restore \"GitHub token\"                 # out of the trash\n  holdfast secret restore \"GitHub token\" --version 3     # as it was; nothing is lost"
    )]
    Restore {
        /// Name or id, or PROJECT/NAME
        name: String,
        /// The project; your own secrets if absent
        #[arg(long = "in", value_name = "PROJECT")]
        project: Option<String>,
        /// Make this version the newest, by number or id
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
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
    /// Remove for good what is in the trash: one secret, or all of them
    #[command(
        after_help = "Examples:\n  holdfast secret purge \"GitHub token\"\n  holdfast secret purge --in \"Brain scans\" --yes\n\nNobody can bring it back. A terminal is asked first, unless --yes; without a terminal, --yes is needed.\nWhat has been in the trash for 30 days goes by itself."
    )]
    Purge {
        /// Name or id; all that are in the trash if absent
        name: Option<String>,
        /// The project; your own secrets if absent
        #[arg(long = "in", value_name = "PROJECT")]
        project: Option<String>,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Make a password of words or characters, or a PIN
    Generate(SecretGenerate),
    /// Look for weak passwords, values used more than once, and what expires
    #[command(
        after_help = "Examples:\n  holdfast secret check\n  holdfast secret check \"GitHub token\" --in \"Brain scans\"\n\nValues are compared on this computer, in memory; nothing of it is stored or sent."
    )]
    Check {
        /// Name or id; all of them if absent
        name: Option<String>,
        /// The project; your own secrets if absent
        #[arg(long = "in", value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Import from a .env file or another program's export
    Import(SecretImport),
    /// Take an import back
    #[command(
        after_help = "Examples:\n  holdfast secret import-undo 0123456789abcdef0123456789abcdef\n\nWhat it made goes into the trash; what it replaced is as it was before."
    )]
    ImportUndo {
        /// The id that the import ended with
        import: String,
        /// The project it was into; looked for everywhere if absent
        #[arg(long = "in", value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Write secrets into a file, encrypted under a passphrase of its own
    Export(SecretExport),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<FieldValue, String> {
        FieldArg::parse(text, None).map(|field| field.value)
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
        let website = |kind| FieldArg::parse("url=https://example.org", kind).is_ok();
        assert!(website(Some(TypeArg::Credentials)) && !website(Some(TypeArg::Database)) && !website(None));
        for text in ["hunter2", "=hunter2", "token=@"] {
            assert!(!value(text).unwrap_err().contains("hunter2"));
        }
    }

    #[test]
    fn each_type_names_its_fields_in_the_help() {
        for kind in TypeArg::value_variants() {
            for field in kind.fields() {
                assert!(ADD.contains(field.name), "{}", field.name);
            }
        }
    }
}
