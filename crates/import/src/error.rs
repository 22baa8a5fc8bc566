//! Why a file can't be read. A sentence each, which names the place and never a value.

/// The file was not taken; nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Larger than [`MAX_FILE`](crate::MAX_FILE), or unpacks to more.
    #[error("The file is too large: at most 64 MiB are read, packed or unpacked")]
    TooLarge,
    /// More than [`MAX_ENTRIES`](crate::MAX_ENTRIES).
    #[error("There are more than 10,000 entries in the file")]
    TooMany,
    /// Not what that program writes.
    #[error("This is not {expected}: {reason}")]
    NotThis {
        /// For example `a Bitwarden export`.
        expected: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A place in the file that makes no sense.
    #[error("{place}: {reason}")]
    At {
        /// For example `Line 3`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// Encrypted in a way that only its own program opens: what to do instead.
    #[error("{0}")]
    Encrypted(&'static str),
    /// It opens with a passphrase, and none was given.
    #[error("This file opens with its own passphrase")]
    PassphraseNeeded,
    /// The passphrase is wrong, or the file was altered.
    #[error("The passphrase is wrong, or the file was altered")]
    PassphraseWrong,
    /// It asks for more work or memory than is given to a file, or uses what this program does not know.
    #[error("The file can't be opened here: {0}")]
    Unsupported(String),
}

impl Error {
    pub(crate) fn line(number: usize, reason: impl Into<String>) -> Self {
        Self::At {
            place: format!("Line {number}"),
            reason: reason.into(),
        }
    }

    pub(crate) fn not_this(expected: &'static str, reason: impl Into<String>) -> Self {
        Self::NotThis {
            expected,
            reason: reason.into(),
        }
    }
}
