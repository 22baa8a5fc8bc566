//! Verbs about the user's own account and about other people's keys.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use holdfast_crypto::{DEFAULT_LOG2_N, MAX_LOG2_N, MIN_LOG2_N};
use holdfast_engine::{Error, parse_fingerprint};
use holdfast_protocol::id::Hash;

use crate::failure::Result;

const SIGN_UP: &str = "\
Examples:
  holdfast signup --server https://files.example.org --handle ana@example.org --generate
  holdfast signup --server http://127.0.0.1:7710 --handle ana@example.org --name Ana --kit kit.pdf
  holdfast signup --invitation-file from-ben.txt --handle ana@example.org --generate

The Master Key is the one phrase that opens everything. Nobody else has it and nobody can reset it.
With --generate it is shown once, before the account is made. The Recovery Kit (--kit) is a spare key on paper.

If you insist on a short Master Key: with --second-secret, this computer keeps 128 random bits that count beside it.
Whoever copies the server's data gets nowhere without them; a thief of this computer has them, and guesses. Signing in
on another computer takes both, so keep the kit, on which it stands.";

#[derive(Args)]
#[command(after_help = SIGN_UP)]
pub(crate) struct SignUp {
    /// The server's address; an invitation holds it already
    #[arg(long, value_name = "URL", required_unless_present = "invitation_file")]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    pub(crate) known: Known,
    /// What you sign in with, for example ana@example.org
    #[arg(long, value_name = "HANDLE")]
    pub(crate) handle: String,
    /// The name people know you by
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// Size of the key pair
    #[arg(long, value_enum, default_value_t = Size::B3072)]
    pub(crate) bits: Size,
    #[command(flatten)]
    pub(crate) fresh: Fresh,
    /// Keep a second secret on this computer, which counts beside the Master Key; that may be shorter then
    #[arg(long)]
    pub(crate) second_secret: bool,
    /// Write a Recovery Kit
    #[arg(long, value_name = "FILE.pdf")]
    pub(crate) kit: Option<PathBuf>,
    /// Accept the invitation in this file (`-`: standard input) right afterwards
    #[arg(long, value_name = "FILE")]
    pub(crate) invitation_file: Option<PathBuf>,
}

/// Whether the server is the right one, where its certificate does not say so.
#[derive(Args)]
pub(crate) struct Known {
    /// Trust the server whose certificate has this fingerprint, and no other: `holdfast serve` shows it. An invitation holds it
    /// already. `public` goes back to certificates that this computer trusts by itself
    #[arg(long, value_name = "FINGERPRINT", num_args = 1..=GROUPS)]
    server_fingerprint: Vec<String>,
}

/// As many pieces as a fingerprint has that is pasted in groups of four, and one more for `SHA256:`.
const GROUPS: usize = 17;

impl Known {
    /// What was said of it.
    pub(crate) fn trust(&self) -> Result<Option<Trust>> {
        let text = self.server_fingerprint.join(" ");
        Ok(match text.as_str() {
            "" => None,
            "public" => Some(Trust::Public),
            text => Some(Trust::Pinned(parse_fingerprint(text)?)),
        })
    }

    /// Whether it worked; a key that is not the one that was typed is told as that.
    pub(crate) fn told<T>(&self, done: std::result::Result<T, Error>) -> Result<T> {
        done.map_err(|error| match self.server_fingerprint.is_empty() {
            true => error.into(),
            false => error.of_typed_fingerprint().into(),
        })
    }
}

/// Which key a server may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The one with this fingerprint.
    Pinned(Hash),
    /// Any that this computer's own roots bear out.
    Public,
}

impl Trust {
    pub(crate) fn pin(self) -> Option<Hash> {
        match self {
            Self::Pinned(key) => Some(key),
            Self::Public => None,
        }
    }
}

/// How a new Master Key comes about.
#[derive(Args)]
pub(crate) struct Fresh {
    /// Make a Master Key of eight words and show it once
    #[arg(long)]
    pub(crate) generate: bool,
    /// Cost of guessing the Master Key: scrypt with N = 2^LOG2_N, which takes 2^(LOG2_N + 10) bytes of memory
    #[arg(long, value_name = "LOG2_N", default_value_t = DEFAULT_LOG2_N,
          value_parser = clap::value_parser!(u8).range(i64::from(MIN_LOG2_N)..=i64::from(MAX_LOG2_N)))]
    pub(crate) kdf_log2_n: u8,
}

/// Modulus sizes.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Size {
    #[value(name = "2048")]
    B2048,
    #[value(name = "3072")]
    B3072,
    #[value(name = "4096")]
    B4096,
    #[value(name = "8192")]
    B8192,
}

impl From<Size> for holdfast_crypto::rsa::Bits {
    fn from(size: Size) -> Self {
        match size {
            Size::B2048 => Self::B2048,
            Size::B3072 => Self::B3072,
            Size::B4096 => Self::B4096,
            Size::B8192 => Self::B8192,
        }
    }
}

const SIGN_IN: &str = "\
Examples:
  holdfast signin --server https://files.example.org --handle ana@example.org
  holdfast signin --server https://files.example.org --handle ana@example.org --master-key-file phrase.txt

With a second secret, that is asked for as well: it stands on the Recovery Kit, and `holdfast key second-secret` shows it
on a computer that has it. If there is one and nobody asks for it, stop, or name it with --second-secret-file: then a
server that pretends that there is none learns nothing.

Also after the Master Key was changed on another device: sign in here with the new one. And after the server
got another certificate: with --server-fingerprint, once whoever runs it has told you the new one.";

#[derive(Args)]
#[command(after_help = SIGN_IN)]
pub(crate) struct SignIn {
    /// The server's address
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) known: Known,
    /// What you sign in with
    #[arg(long, value_name = "HANDLE")]
    pub(crate) handle: String,
    /// Read the second secret from a file (`-`: standard input) instead of asking, and sign in with it or not at all
    #[arg(long, value_name = "FILE")]
    pub(crate) second_secret_file: Option<PathBuf>,
    /// The second secret that this computer has was turned off on another one
    #[arg(long, conflicts_with = "second_secret_file")]
    pub(crate) without_second_secret: bool,
}

const UNLOCK: &str = "\
Examples:
  holdfast unlock
  holdfast unlock --auto-lock-minutes 60
  holdfast unlock --master-key-file /run/keys/phrase && holdfast project list

The keys stay in one background process of yours until `holdfast lock`, or until no command came for a
while, also if the computer slept. Without it, every command asks for the Master Key.";

#[derive(Args)]
#[command(after_help = UNLOCK)]
pub(crate) struct Unlock {
    /// Lock again after so many minutes without a command
    #[arg(long, value_name = "MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=7 * 24 * 60))]
    pub(crate) auto_lock_minutes: u64,
}

const WORDS: &str = "\
Examples:
  holdfast words                     # mine, to read out on the phone
  holdfast words ben@example.org     # Ben's, as this device knows them";

#[derive(Args)]
#[command(after_help = WORDS)]
pub(crate) struct Words {
    /// Whose; your own if absent
    #[arg(value_name = "HANDLE")]
    pub(crate) handle: Option<String>,
}

const VERIFY: &str = "\
Examples:
  holdfast verify ben@example.org --words \"anvil maple quiet river tundra zebra\"

Call or meet Ben and let him read out the six words that `holdfast words` shows him. If they match, nobody
is sitting in between, and Ben is marked as checked. If not, the exit code is 21: share nothing with him.";

#[derive(Args)]
#[command(after_help = VERIFY)]
pub(crate) struct Verify {
    /// Whose words
    #[arg(value_name = "HANDLE")]
    pub(crate) handle: String,
    /// The six words you were told
    #[arg(long, value_name = "WORDS")]
    pub(crate) words: String,
}

const MONITOR: &str = "\
Examples:
  holdfast monitor                   # every key that was ever published in your name
  holdfast monitor --json | jq '.published[] | select(.known | not)'
  holdfast monitor --accept          # after a backup of the server was put back, and only then
  holdfast monitor --witness holdfast-witness/4f…+9c1e2a70+BHq… --witness witness.example.org/w1+…
  holdfast monitor --no-witnesses

The server keeps a log of all keys that it gives out, and nothing goes out of it unnoticed. If
there is a key in your name that this computer does not know, the exit code is 21.

A witness belongs to somebody else than the server does, and co-signs that log as it grows. Once
witnesses are named, this computer shares with somebody new only if enough of them have seen the
same keys (else: exit code 21), or if you have compared words. Nothing else waits for them.";

#[derive(Args)]
#[command(after_help = MONITOR)]
pub(crate) struct Monitor {
    /// Go on with the log that the server shows now, whatever this computer saw before
    #[arg(long)]
    pub(crate) accept: bool,
    /// Rely on this witness (and those in further ones of this option) from now on, in the place of those before
    #[arg(long = "witness", value_name = "KEY")]
    pub(crate) witnesses: Vec<String>,
    /// How many of the witnesses have to have co-signed [default: more than half]
    #[arg(long, value_name = "N", requires = "witnesses")]
    pub(crate) witnesses_needed: Option<u32>,
    /// Rely on no witness any more
    #[arg(long, conflicts_with = "witnesses")]
    pub(crate) no_witnesses: bool,
}

#[derive(Subcommand)]
pub(crate) enum KeyVerb {
    /// Give the account a new Master Key, another key size, or both
    Change(KeyChange),
    /// Get back in with the Recovery Kit and choose a new Master Key
    Recover(KeyRecover),
    /// Show the second secret again, to who types the Master Key anew
    #[command(
        after_help = "Examples:\n  holdfast key second-secret\n  holdfast key second-secret --json | jq -r .second_secret\n\nAnother computer takes it beside the Master Key: holdfast signin."
    )]
    SecondSecret,
}

const KEY_CHANGE: &str = "\
Examples:
  holdfast key change --kit new-kit.pdf
  holdfast key change --new-master-key-file new-phrase.txt --bits 4096 --kit new-kit.pdf
  holdfast key change --leaked --kit new-kit.pdf     # somebody may have the old one

  holdfast key change --second-secret --kit new-kit.pdf

The Recovery Kit you have ends with the change; --kit writes the next one. Data is not sent again.

With --second-secret, this computer keeps 128 random bits that count beside the Master Key (`holdfast help signup` says
more); one that there is already is made anew, as it is with --leaked. It counts for what is locked from now on: who has
an older copy of the server's data and guesses the Master Key of then still opens what is in that.";

#[derive(Args)]
#[command(after_help = KEY_CHANGE)]
pub(crate) struct KeyChange {
    /// Size of the new key pair; as before if absent
    #[arg(long, value_enum)]
    pub(crate) bits: Option<Size>,
    /// Read the new Master Key from a file (`-`: standard input) instead of asking
    #[arg(long, value_name = "FILE")]
    pub(crate) new_master_key_file: Option<PathBuf>,
    /// Somebody may have the old Master Key: renew the keys of your projects, too
    #[arg(long)]
    pub(crate) leaked: bool,
    /// Keep a new second secret on this computer, which counts beside the Master Key
    #[arg(long)]
    pub(crate) second_secret: bool,
    /// Have no second secret from now on
    #[arg(long, conflicts_with = "second_secret")]
    pub(crate) no_second_secret: bool,
    /// Write a new Recovery Kit
    #[arg(long, value_name = "FILE.pdf")]
    pub(crate) kit: Option<PathBuf>,
    /// Cost of guessing the new Master Key: scrypt with N = 2^LOG2_N
    #[arg(long, value_name = "LOG2_N", default_value_t = DEFAULT_LOG2_N,
          value_parser = clap::value_parser!(u8).range(i64::from(MIN_LOG2_N)..=i64::from(MAX_LOG2_N)))]
    pub(crate) kdf_log2_n: u8,
}

const KEY_RECOVER: &str = "\
Examples:
  holdfast key recover --server https://files.example.org --kit-code-file code.txt --kit next-kit.pdf
  holdfast key recover --server https://files.example.org --kit-code-file - --generate

The 24 words of the kit are asked for when no file is named. The kit that was used ends; --kit writes
the next one. On a device that has the account already, nothing that it knows is lost. A second secret is not
needed, and there is none from then on, unless --second-secret makes a new one.";

#[derive(Args)]
#[command(after_help = KEY_RECOVER)]
pub(crate) struct KeyRecover {
    /// The server's address, as it stands on the kit
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) known: Known,
    /// Read the kit's 24 words from a file (`-`: standard input) instead of asking
    #[arg(long, value_name = "FILE")]
    pub(crate) kit_code_file: Option<PathBuf>,
    /// Read the new Master Key from a file (`-`: standard input) instead of asking
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    pub(crate) new_master_key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) fresh: Fresh,
    /// Keep a new second secret on this computer, which counts beside the Master Key
    #[arg(long)]
    pub(crate) second_secret: bool,
    /// Size of the new key pair; as before if absent
    #[arg(long, value_enum)]
    pub(crate) bits: Option<Size>,
    /// Write the next Recovery Kit
    #[arg(long, value_name = "FILE.pdf")]
    pub(crate) kit: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum KitVerb {
    /// Make a new Recovery Kit; the one before it ends
    #[command(
        after_help = "Examples:\n  holdfast kit new --out kit.pdf\n\nPrint it and keep it like a passport: whoever holds it can open your data."
    )]
    New {
        /// The PDF to write
        #[arg(long, value_name = "FILE.pdf")]
        out: PathBuf,
    },
    /// Try whether a kit's 24 words would open the account; changes nothing
    #[command(after_help = "Examples:\n  holdfast kit test\n  holdfast kit test --kit-code-file code.txt")]
    Test {
        /// Read the 24 words from a file (`-`: standard input) instead of asking
        #[arg(long, value_name = "FILE")]
        kit_code_file: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum DeviceVerb {
    /// List signed-in devices
    #[command(after_help = "Examples:\n  holdfast device list\n  holdfast device list --json")]
    List,
    /// Sign a device out
    #[command(
        after_help = "Examples:\n  holdfast device remove 5f0c21\n\nThe beginning of the id is enough when it fits one device only. A device that has the\nMaster Key comes back with it at its next command. After a theft, change it: holdfast key change --leaked"
    )]
    Remove {
        /// Its id, or the beginning of it
        device: String,
    },
}
