//! `holdfast secret import` and `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use holdfast_commands::{ImportSource, OnClash};
use holdfast_crypto::{DEFAULT_LOG2_N, MAX_LOG2_N, MIN_LOG2_N};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceArg {
    /// A .env file: one set of variables
    Dotenv,
    /// Bitwarden or Vaultwarden: JSON (not encrypted), zip or CSV
    Bitwarden,
    /// 1Password: 1PUX or CSV
    #[value(name = "1password")]
    OnePassword,
    /// KeePass or KeePassXC: .kdbx with its passphrase, or XML
    Keepass,
    /// An export of Holdfast
    Holdfast,
}

impl From<SourceArg> for ImportSource {
    fn from(source: SourceArg) -> Self {
        match source {
            SourceArg::Dotenv => Self::Dotenv,
            SourceArg::Bitwarden => Self::Bitwarden,
            SourceArg::OnePassword => Self::OnePassword,
            SourceArg::Keepass => Self::Keepass,
            SourceArg::Holdfast => Self::Holdfast,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnClashArg {
    /// The new one gets a number behind its name
    KeepBoth,
    /// The new one becomes the newest version of the old one
    Replace,
    /// The new one is left out
    Skip,
}

impl From<OnClashArg> for OnClash {
    fn from(choice: OnClashArg) -> Self {
        match choice {
            OnClashArg::KeepBoth => Self::KeepBoth,
            OnClashArg::Replace => Self::Replace,
            OnClashArg::Skip => Self::Skip,
        }
    }
}

const IMPORT: &str = "\
Examples:
  holdfast secret import --from dotenv .env --in Shop --name \"Shop production\"
  holdfast secret import --from bitwarden bitwarden.json --preview      # what it would do
  holdfast secret import --from keepass passwords.kdbx --on-clash replace
  holdfast secret import-undo 0123456789abcdef0123456789abcdef          # as if it had not been

What is there already with the same content is left out. What can't be taken (attachments, passkeys) is
listed, and the exit code is 15. An encrypted Bitwarden export opens only in Bitwarden: export .json there.";

#[derive(Args)]
#[command(after_help = IMPORT)]
pub(crate) struct SecretImport {
    /// Which program wrote the file
    #[arg(long, value_enum)]
    pub(crate) from: SourceArg,
    /// The file
    pub(crate) file: PathBuf,
    /// Into which project; your own secrets if absent
    #[arg(long = "in", value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// What a .env file is called as a secret [default: the file's name]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What happens to a secret whose name is taken
    #[arg(long, value_enum, default_value_t = OnClashArg::KeepBoth)]
    pub(crate) on_clash: OnClashArg,
    /// Say what it would do, and do nothing
    #[arg(long)]
    pub(crate) preview: bool,
    /// Read the file's own passphrase from this file (`-`: standard input) instead of asking
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

const EXPORT: &str = "\
Examples:
  holdfast secret export --out secrets.holdfast
  holdfast secret export --in Shop --out shop.holdfast --passphrase-file passphrase.txt
  holdfast secret export --plain --out secrets.json       # asks you to type EXPORT
  holdfast secret import --from holdfast secrets.holdfast

The passphrase is the file's own: it opens without an account, and after your Master Key has changed. The newest
version of each secret is in it. With --plain, whoever has the file has the secrets.";

#[derive(Args)]
#[command(after_help = EXPORT)]
pub(crate) struct SecretExport {
    /// The file to write; never one that is there
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The project; your own secrets if absent
    #[arg(long = "in", value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// Read the file's passphrase from this file (`-`: standard input) instead of asking
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Not encrypted, as JSON
    #[arg(long)]
    pub(crate) plain: bool,
    /// Mean it, where there is no terminal to type EXPORT at
    #[arg(long, requires = "plain")]
    pub(crate) yes_plain: bool,
    /// Cost of guessing the passphrase: scrypt with N = 2^LOG2_N
    #[arg(long, value_name = "LOG2_N", default_value_t = DEFAULT_LOG2_N,
          value_parser = clap::value_parser!(u8).range(i64::from(MIN_LOG2_N)..=i64::from(MAX_LOG2_N)))]
    pub(crate) kdf_log2_n: u8,
}
