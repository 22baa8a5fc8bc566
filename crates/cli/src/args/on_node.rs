//! Verbs of the computer that is a node.

use std::path::PathBuf;

use clap::Args;

use super::account::Known;
use holdfast_crypto::{DEFAULT_LOG2_N, MAX_LOG2_N, MIN_LOG2_N};

use super::account::Size;

const ENROL: &str = "\
Examples:
  holdfast node enrol --server https://files.example.org --token hfn_... --name gpu-box --secret-file node.secret \\
    --generate --operator ana@example.org --operator-words \"...\"

Run it on the computer that is to do the work, as a user of its own. Whoever invited the node (`holdfast node
invite`) gives you the token, and reads you six words: type those, not what the server shows. Then read the
node's own six words back.";

/// Make this profile a node
#[derive(Args)]
#[command(after_help = ENROL)]
pub(crate) struct NodeEnrol {
    /// The server's address
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) known: Known,
    /// What `holdfast node invite` printed; good once
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: String,
    /// The node's name: lowercase, without spaces
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// The node secret, from which its keys are made (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: PathBuf,
    /// Make a node secret and write it into that file, which must not be there
    #[arg(long)]
    pub(crate) generate: bool,
    /// Whose authorisations the node follows
    #[arg(long, value_name = "HANDLE", requires = "operator_words")]
    pub(crate) operator: Option<String>,
    /// That person's six words, as he or she told them
    #[arg(long, value_name = "WORDS", requires = "operator")]
    pub(crate) operator_words: Option<String>,
    /// Size of the key pair
    #[arg(long, value_enum, default_value_t = Size::B3072)]
    pub(crate) bits: Size,
    /// Cost of guessing the node secret: scrypt with N = 2^LOG2_N, which takes 2^(LOG2_N + 10) bytes of memory
    #[arg(long, value_name = "LOG2_N", default_value_t = DEFAULT_LOG2_N,
          value_parser = clap::value_parser!(u8).range(i64::from(MIN_LOG2_N)..=i64::from(MAX_LOG2_N)))]
    pub(crate) kdf_log2_n: u8,
}

const TRUST: &str = "\
Examples:
  holdfast node trust ben@example.org --words \"...\" --secret-file node.secret

The node does runs of a project only while somebody it trusts authorised it there and owns the project. Stop
the node first.";

/// Follow what somebody authorises
#[derive(Args)]
#[command(after_help = TRUST)]
pub(crate) struct NodeTrust {
    /// Who: handle or id
    pub(crate) handle: String,
    /// The six words that person told
    #[arg(long, value_name = "WORDS")]
    pub(crate) words: String,
    /// The node secret (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: PathBuf,
}

const START: &str = "\
Examples:
  holdfast node start --secret-file node.secret
  holdfast node start --secret-file /run/credentials/holdfast-node.service/secret --slots 2

Works until Ctrl-C or SIGTERM. As a service: docs/operating-a-node.md has a unit for systemd, which hands the
secret over as a credential.";

/// Do runs, until it is stopped
#[derive(Args)]
#[command(after_help = START)]
pub(crate) struct NodeStart {
    /// The node secret (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: PathBuf,
    /// Runs at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) slots: u32,
    /// Where tasks and inputs lie while they are used; best in memory (tmpfs) or on an encrypted disk
    #[arg(long, value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,
    /// Let runs reach hosts in this computer's own network, where their task names them
    #[arg(long)]
    pub(crate) private_hosts: bool,
    /// The most memory one run may ask for, such as `16 GiB`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory: Option<u64>,
    /// The longest one run may take, such as `12h`
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) time: Option<std::time::Duration>,
}

/// Show the node's six words, and how it is
#[derive(Args)]
#[command(after_help = "Examples:\n  holdfast node status\n  holdfast node status --json | jq -r .words")]
pub(crate) struct NodeStatus {}

fn size(text: &str) -> Result<u64, &'static str> {
    holdfast_task::bytes(text).ok_or("write it like `512 MiB` or `16 GiB`")
}

fn time(text: &str) -> Result<std::time::Duration, &'static str> {
    holdfast_task::duration(text).ok_or("write it like `90 s`, `15 min` or `12h`")
}
