//! What can go wrong, as people and programs are told: a code, a sentence and a next step.

use holdfast_protocol::Refusal;
use holdfast_protocol::bundle::BundleError;

use crate::ports::{Cause, StoreError, Unreachable};

/// The engine's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with a server's log of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryFault {
    /// It is shorter than it was.
    Rollback,
    /// It is another one than was seen before, here or by somebody else.
    Fork,
    /// It does not have a bundle that the server gives out.
    Unlogged,
    /// Too few of the witnesses that this device relies on have seen it, or that part of it.
    Unwitnessed,
}

/// The engine's errors. [`Error::code`] is stable.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The phrase does not derive the pinned keys. Nothing was sent.
    #[error("That Master Key doesn't match.")]
    WrongMasterKey,
    /// The server takes no sign-in with this handle and this phrase, and does not say which of them is wrong.
    #[error("The server knows no account with this handle and this Master Key.")]
    SignInRefused,
    /// The same where a second secret went into the signature.
    #[error("The server knows no account with this handle, this Master Key and this second secret.")]
    SecondSignInRefused,
    /// The account's keys take a second secret that this device does not have. Nothing was derived.
    #[error("This account has a second secret beside the Master Key, and this computer does not have it.")]
    SecondSecretNeeded,
    /// There is a second secret, and the server shows a record that takes none. Nothing was derived or sent.
    #[error("The server does not ask for the second secret that this account has. Nothing was sent.")]
    SecondSecretDropped,
    /// What was typed as a second secret is none.
    #[error("That is not a second secret: {0}.")]
    BadSecondSecret(&'static str),
    /// The system's keychain does not open the profile, and why.
    #[error("{0}")]
    Keychain(String),
    /// The system's dialog for files did not come up.
    #[error("This system's file dialog did not open.")]
    NoDialog,
    /// The phrase is too easy to guess.
    #[error("That phrase is too easy to guess: about {bits} bits, and {floor} are needed.")]
    WeakPhrase {
        /// What the meter says.
        bits: u32,
        /// What is needed.
        floor: u32,
    },
    /// The phrase can't be used.
    #[error("That phrase can't be used: {0}.")]
    BadPhrase(&'static str),
    /// No key in memory.
    #[error("This profile is locked.")]
    Locked,
    /// Nobody has signed up or in here.
    #[error("There is no account in this profile.")]
    NoAccount,
    /// There is one already.
    #[error("This profile already belongs to {0}.")]
    ProfileTaken(String),
    /// Nothing with this name.
    #[error("{}", not_found(what, name))]
    NotFound {
        /// For example `project`.
        what: &'static str,
        /// As the user wrote it; empty where nobody named it.
        name: String,
    },
    /// It was there once, or is where it can't be used: a sentence says so.
    #[error("{0}")]
    Missing(String),
    /// No account whose box this kit opens.
    #[error("This Recovery Kit opens no account on this server.")]
    NoSuchKit,
    /// More than one thing with this name.
    #[error("\"{name}\" is not unique: {candidates}.")]
    Ambiguous {
        /// As the user wrote it.
        name: String,
        /// The ids, comma-separated.
        candidates: String,
    },
    /// The role does not allow it.
    #[error("Not allowed: {0}")]
    NotAllowed(String),
    /// It is already there.
    #[error("{0}")]
    AlreadyExists(String),
    /// Arguments that make no sense.
    #[error("{0}")]
    Invalid(String),
    /// Sealed data does not fit what was signed.
    #[error("{what} was altered or damaged. Nothing was written.")]
    Damaged {
        /// What.
        what: String,
    },
    /// An entry breaks a rule of the log.
    #[error("The server's data is not acceptable: {0}.")]
    Refused(#[from] Refusal),
    /// The server's history does not fit what this device saw.
    #[error("{0}")]
    History(String),
    /// Somebody's keys changed in a way that must be looked at.
    #[error("{0}")]
    KeysChanged(String),
    /// The log of keys is not what it has to be.
    #[error("{sentence}")]
    Directory {
        /// In which way.
        fault: DirectoryFault,
        /// What was seen, and when.
        sentence: String,
    },
    /// Somebody else was quicker and what was asked may no longer be wanted.
    #[error("{0}")]
    Conflict(String),
    /// The account can't go to another server, and why.
    #[error("{0}")]
    CannotMove(String),
    /// The server did not answer.
    #[error("{}", not_reached(.0))]
    Unreachable(Unreachable),
    /// The server said no, in its own words.
    #[error("The server refused: {message}")]
    Server {
        /// Its code.
        code: String,
        /// Its sentence.
        message: String,
    },
    /// No room at the server.
    #[error("There is no room left: {0}. Nothing was half done.")]
    Full(String),
    /// A preview could not be made; the file itself is as good as before.
    #[error("This file can't be shown: {0}. It can still be downloaded.")]
    NotShown(String),
    /// The user stopped it.
    #[error("Stopped. It can be resumed.")]
    Cancelled,
    /// A file of this computer.
    #[error("{path}: {reason}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// A file to import that can't be read as what it was said to be. Nothing of it was taken.
    #[error("{0}.")]
    Unreadable(String),
    /// A file that opens with a passphrase of its own, and none was given.
    #[error("This file opens with its own passphrase.")]
    PassphraseNeeded,
    /// That passphrase does not open the file.
    #[error("The passphrase is wrong, or the file was altered.")]
    PassphraseWrong,
    /// A fault of this program or this computer.
    #[error("Something is wrong with this program or computer: {0}")]
    Internal(String),
    /// Another error, with a next step of its own where the usual one would lead nowhere.
    #[error("{error}")]
    Advised {
        /// The error.
        error: Box<Self>,
        /// What to do instead.
        next: String,
    },
}

fn not_reached(unreachable: &Unreachable) -> String {
    match unreachable.cause {
        Cause::Distrust(_) => unreachable.reason.clone(),
        Cause::NeedsTls => "This server speaks https, and its address begins with http. Nothing was lost.".into(),
        Cause::Network => format!("The server can't be reached ({unreachable}). Nothing was lost."),
    }
}

/// The command that lists what there is of that kind.
fn where_to_look(what: &str) -> &'static str {
    match what {
        "project" | "project in the trash" => "`holdfast project list` shows which there are.",
        "dataset" => "`holdfast dataset list PROJECT` shows which there are; with --trashed, those in the trash.",
        "model" => "`holdfast model list PROJECT` shows which there are; with --trashed, those in the trash.",
        "task" => "`holdfast task list PROJECT` shows which there are; with --trashed, those in the trash.",
        "artifact" => "`holdfast artifact list PROJECT` shows which there are; with --trashed, those in the trash.",
        "secret" => {
            "`holdfast secret list` shows your own, with --in PROJECT those of a project; with --trashed, those in the trash."
        }
        "field" => "`holdfast secret show NAME` lists its fields.",
        "version" => {
            "`holdfast dataset versions PROJECT/NAME` lists them; of a secret, `holdfast secret history NAME`."
        }
        "file" | "folder" => "`holdfast dataset files PROJECT/NAME` lists them.",
        "member" | "such member" => "`holdfast project members PROJECT` shows who is in.",
        "invitation" => "`holdfast project invitations PROJECT` shows which wait.",
        "node" => "`holdfast node list` shows which there are.",
        "run" => "`holdfast run list PROJECT` shows which there are.",
        "device" => "`holdfast device list` shows which there are.",
        "unfinished upload" => "`holdfast upload list` shows which wait.",
        _ => "`holdfast project list` shows your projects; each kind of thing in them has a `list` of its own.",
    }
}

fn not_found(what: &str, name: &str) -> String {
    if name.is_empty() {
        return format!("There is no {what}.");
    }
    format!("There is no {what} called \"{name}\".")
}

impl Error {
    /// The stable code, as in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::WrongMasterKey => "wrong-master-key",
            Self::SignInRefused | Self::SecondSignInRefused => "sign-in-refused",
            Self::SecondSecretNeeded => "second-secret-needed",
            Self::SecondSecretDropped => "second-secret-dropped",
            Self::BadSecondSecret(_) => "bad-second-secret",
            Self::Keychain(_) => "keychain",
            Self::NoDialog => "no-dialog",
            Self::WeakPhrase { .. } => "weak-phrase",
            Self::BadPhrase(_) => "bad-phrase",
            Self::Locked => "locked",
            Self::NoAccount => "no-account",
            Self::ProfileTaken(_) => "profile-taken",
            Self::NotFound { .. } | Self::Missing(_) | Self::NoSuchKit => "not-found",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NotAllowed(_) => "not-allowed",
            Self::AlreadyExists(_) => "already-exists",
            Self::Invalid(_) => "invalid",
            Self::Damaged { .. } => "damaged",
            Self::Refused(refusal) => refusal.code(),
            Self::History(_) => "history",
            Self::KeysChanged(_) => "keys-changed",
            Self::Directory { fault, .. } => match fault {
                DirectoryFault::Rollback => "directory-rollback",
                DirectoryFault::Fork => "directory-fork",
                DirectoryFault::Unlogged => "directory-unlogged",
                DirectoryFault::Unwitnessed => "directory-unwitnessed",
            },
            Self::Conflict(_) => "conflict",
            Self::CannotMove(_) => "cannot-move",
            Self::Unreachable(silent) => match &silent.cause {
                Cause::Network => "unreachable",
                Cause::NeedsTls => "needs-https",
                Cause::Distrust(distrust) => distrust.code(),
            },
            Self::Server { code, .. } => code,
            Self::Full(_) => "full",
            Self::NotShown(_) => "not-shown",
            Self::Cancelled => "cancelled",
            Self::Io { .. } => "io",
            Self::Unreadable(_) => "unreadable",
            Self::PassphraseNeeded => "passphrase-needed",
            Self::PassphraseWrong => "passphrase-wrong",
            Self::Internal(_) => "internal",
            Self::Advised { error, .. } => error.code(),
        }
    }

    /// The same with another next step.
    #[must_use]
    pub fn advise(self, next: impl Into<String>) -> Self {
        Self::Advised {
            error: Box::new(self),
            next: next.into(),
        }
    }

    /// What happened, without advice: what code that acts on errors looks at.
    #[must_use]
    pub fn bare(&self) -> &Self {
        match self {
            Self::Advised { error, .. } => error.bare(),
            other => other,
        }
    }

    /// What the user can do next.
    #[must_use]
    pub fn next(&self) -> &str {
        match self {
            Self::WrongMasterKey => {
                "Check Caps Lock and the keyboard layout and try again. If it was changed on another device, sign in again with the new one."
            }
            Self::SignInRefused => {
                "Check the handle, the server's address, and the Master Key (Caps Lock, keyboard layout). Nothing was changed."
            }
            Self::SecondSignInRefused => {
                "Nobody can tell which of them is wrong. Check the handle, the Master Key (Caps Lock, keyboard layout), and whether the second secret was renewed on another computer. Nothing was changed."
            }
            Self::SecondSecretNeeded => {
                "Sign in with it: `holdfast signin --second-secret-file FILE`, or type it when asked. It stands on the Recovery Kit, and `holdfast key second-secret` shows it on a computer that has it."
            }
            Self::SecondSecretDropped => {
                "If it was turned off on another computer, sign in with --without-second-secret. If not, type nothing: whoever runs the server may be after your Master Key."
            }
            Self::BadSecondSecret(_) => {
                "Look at the Recovery Kit again, or at a computer that has it: 32 characters in eight groups."
            }
            Self::Keychain(_) => "Use the Master Key: it always opens.",
            Self::NoDialog => "Use the command line for this: holdfast --help lists what it does.",
            Self::WeakPhrase { .. } => "Use more words, or let Holdfast make one (--generate).",
            Self::BadPhrase(_) => "Choose another phrase.",
            Self::Locked => "Run `holdfast unlock`, or give --master-key-file.",
            Self::NoAccount => "Run `holdfast signup` or `holdfast signin`.",
            Self::ProfileTaken(_) => "Use another folder with --profile.",
            Self::NotFound { what, .. } => where_to_look(what),
            Self::Missing(_) => "Check the name and where it should be.",
            Self::NoSuchKit => {
                "Check the server's address on the kit. A kit ends when the Master Key is changed or a newer kit is made: look for the newest one."
            }
            Self::Ambiguous { .. } => "Use one of these ids instead of the name.",
            Self::NotAllowed(_) => "Ask an owner of the project.",
            Self::AlreadyExists(_) => "Choose another name, or use what is there.",
            Self::Invalid(_) => "See `--help`.",
            Self::Damaged { .. } => "Tell whoever runs the server; another copy or a backup may be whole.",
            Self::Refused(_) => "Tell whoever runs the server. Your own data on this computer is untouched.",
            Self::History(_) => {
                "Don't enter anything new. Ask a teammate what they see, and tell whoever runs the server. Nothing on this computer was changed. If a backup was put back there, a new profile (--profile) that signs in takes it as it is; this one keeps what it has."
            }
            Self::KeysChanged(_) => {
                "If they are somebody else's keys, call and compare the six security words with `holdfast verify`; if they are yours, run `holdfast signin`."
            }
            Self::Directory {
                fault: DirectoryFault::Unlogged,
                ..
            } => "Don't use these keys. Tell whoever runs the server; it may have to be updated.",
            Self::Directory {
                fault: DirectoryFault::Unwitnessed,
                ..
            } => {
                "Try again in a minute; all else goes on meanwhile. If it stays, ask whoever runs the server, or a witness, what is wrong there. Where it is urgent, compare six words with whom it is about (`holdfast verify`): that takes no witness."
            }
            Self::Directory { .. } => {
                "Nobody new can be added until you decide. Compare the six words of those you share with (`holdfast verify`), and ask whoever runs the server whether a backup was put back. If that explains it, `holdfast monitor --accept` goes on; nothing is lost."
            }
            Self::Conflict(_) => "Look at what changed, then do it again if it is still what you want.",
            Self::CannotMove(_) => {
                "Nothing was changed. `holdfast relocate --dry-run` lists what would move and what would not."
            }
            Self::Unreachable(silent) => match &silent.cause {
                Cause::Distrust(distrust) => distrust.next(),
                Cause::NeedsTls => "Begin its address with https:// and do it again.",
                Cause::Network => "Check the network and the address, then do it again.",
            },
            Self::Server { .. } => "Try again later.",
            Self::Full(_) => "Make room, then do it again.",
            Self::NotShown(_) => "Download the file and open it with a program you trust.",
            Self::Cancelled => "Run the same command again to go on.",
            Self::Io { .. } => "Check the path and its permissions.",
            Self::Unreadable(_) => {
                "Check that it is the right file and the right program. Nothing of it was taken; nothing was changed."
            }
            Self::PassphraseNeeded => {
                "Give the passphrase it was saved with: --passphrase-file, or type it when asked."
            }
            Self::PassphraseWrong => "Check Caps Lock and the keyboard layout and try again.",
            Self::Internal(_) => "Please report this with the code.",
            Self::Advised { next, .. } => next,
        }
    }

    /// A sealed thing that does not open or does not hash to what was signed.
    #[must_use]
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    /// A file of this computer that could not be used. A full disk gets its own error.
    #[must_use]
    pub fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull || error.kind() == std::io::ErrorKind::QuotaExceeded {
            return Self::Full("the disk of this computer is full".into());
        }
        Self::Io {
            path: path.display().to_string(),
            reason: error.to_string(),
        }
    }
}

impl From<Unreachable> for Error {
    fn from(error: Unreachable) -> Self {
        Self::Unreachable(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull => Self::Full("the disk of this computer is full".into()),
            StoreError::Other(reason) => Self::Internal(reason),
        }
    }
}

impl From<BundleError> for Error {
    fn from(error: BundleError) -> Self {
        Self::KeysChanged(format!("The server showed keys that are not acceptable: {error}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_changes_the_next_step_alone() {
        let plain = Error::NotAllowed("the last owner can't leave".into());
        let advised = plain.clone().advise("Make somebody else an owner first.");
        assert_eq!((advised.code(), advised.to_string()), (plain.code(), plain.to_string()));
        assert_eq!(advised.next(), "Make somebody else an owner first.");
        assert!(matches!(advised.bare(), Error::NotAllowed(_)));
    }

    #[test]
    fn what_is_not_there_names_the_command_that_lists() {
        for (what, command) in [
            ("project", "holdfast project list"),
            ("task", "holdfast task list PROJECT"),
            ("run", "holdfast run list PROJECT"),
            ("anything else", "holdfast project list"),
        ] {
            let error = Error::NotFound { what, name: "x".into() };
            assert!(error.next().contains(command), "{what}: {}", error.next());
        }
    }

    #[test]
    fn what_nobody_named_has_no_name_in_the_sentence() {
        let told = |name: &str| {
            Error::NotFound {
                what: "project",
                name: name.into(),
            }
            .to_string()
        };
        assert_eq!(told("P"), "There is no project called \"P\".");
        assert_eq!(told(""), "There is no project.");
    }
}
