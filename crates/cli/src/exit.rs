//! The one table of exit codes. Scripts rely on it: it changes only with a major version.

use holdfast_commands::Ending;

/// All of it is done.
pub(crate) const DONE: u8 = 0;
/// A failure that has no code of its own.
pub(crate) const OTHER: u8 = 1;
/// Arguments that make no sense.
pub(crate) const USAGE: u8 = 2;

/// Error codes, and what the program ends with. What is not here ends with [`OTHER`].
const CODES: [(&str, u8); 43] = [
    ("usage", USAGE),
    ("invalid", USAGE),
    ("ambiguous", USAGE),
    ("wrong-master-key", 10),
    ("sign-in-refused", 10),
    ("locked", 11),
    ("no-account", 11),
    ("not-found", 12),
    ("not-allowed", 13),
    ("already-exists", 14),
    ("profile-taken", 14),
    ("partial", 15),
    ("full", 16),
    ("quota", 16),
    ("disk-full", 16),
    ("weak-phrase", 17),
    ("bad-phrase", 17),
    ("damaged", 20),
    ("history", 21),
    ("keys-changed", 21),
    ("directory-rollback", 21),
    ("directory-fork", 21),
    ("directory-unlogged", 21),
    ("directory-unwitnessed", 21),
    ("server-certificate-changed", 21),
    ("server-certificate-unknown", 21),
    ("conflict", 22),
    ("unreachable", 30),
    ("needs-https", 30),
    ("cancelled", 130),
    ("second-secret-needed", USAGE),
    ("bad-second-secret", USAGE),
    ("second-secret-dropped", 21),
    ("passphrase-needed", USAGE),
    ("passphrase-wrong", OTHER),
    ("unreadable", OTHER),
    ("internal", OTHER),
    ("io", OTHER),
    ("not-shown", OTHER),
    ("busy", OTHER),
    ("cannot-move", OTHER),
    ("run-failed", OTHER),
    ("workflow-failed", OTHER),
];

/// What a failure with this code ends with.
pub(crate) fn of_code(code: &str) -> u8 {
    // Every rule of the log that an entry can break: what the server shows is not what was signed.
    if code.starts_with("log-") {
        return of_code("damaged");
    }
    CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map_or(OTHER, |(_, exit)| *exit)
}

/// What a command that did not fail ends with.
pub(crate) fn of_ending(ending: Ending) -> u8 {
    match ending {
        Ending::Done => DONE,
        Ending::Partial => of_code("partial"),
        Ending::Conflict => of_code("conflict"),
        Ending::Alarm => of_code("keys-changed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_engine::ports::Unreachable;
    use holdfast_engine::{DirectoryFault, Error};
    use holdfast_protocol::Refusal;
    use holdfast_protocol::id::Hash;

    #[test]
    fn each_error_has_the_promised_exit_code() {
        let text = String::new;
        let directory = |fault| Error::Directory {
            fault,
            sentence: String::new(),
        };
        let all = [
            (Error::WrongMasterKey, 10),
            (Error::SignInRefused, 10),
            (Error::SecondSignInRefused, 10),
            (Error::SecondSecretNeeded, 2),
            (Error::BadSecondSecret(""), 2),
            (Error::SecondSecretDropped, 21),
            (Error::WeakPhrase { bits: 1, floor: 70 }, 17),
            (Error::BadPhrase(""), 17),
            (Error::Locked, 11),
            (Error::NoAccount, 11),
            (Error::ProfileTaken(text()), 14),
            (
                Error::NotFound {
                    what: "project",
                    name: text(),
                },
                12,
            ),
            (Error::NoSuchKit, 12),
            (
                Error::Ambiguous {
                    name: text(),
                    candidates: text(),
                },
                2,
            ),
            (Error::NotAllowed(text()), 13),
            (Error::AlreadyExists(text()), 14),
            (Error::Invalid(text()), 2),
            (Error::damaged("x"), 20),
            (Error::Refused(Refusal::Signature), 20),
            (Error::Refused(Refusal::PurgeDenied), 20),
            (Error::History(text()), 21),
            (Error::KeysChanged(text()), 21),
            (directory(DirectoryFault::Rollback), 21),
            (directory(DirectoryFault::Fork), 21),
            (directory(DirectoryFault::Unlogged), 21),
            (directory(DirectoryFault::Unwitnessed), 21),
            (Error::Conflict(text()), 22),
            (Error::CannotMove(text()), 1),
            (Error::Unreachable(Unreachable::silent("")), 30),
            (Error::Unreachable(Unreachable::unsent("")), 30),
            (Error::Unreachable(Unreachable::needs_tls()), 30),
            (Error::Unreachable(Unreachable::unknown("", Hash::ZERO, "")), 21),
            (Error::Unreachable(Unreachable::changed("", Hash::ZERO)), 21),
            (Error::Missing(text()), 12),
            (Error::NotAllowed(text()).advise("x"), 13),
            (
                Error::Server {
                    code: "rate-limited".into(),
                    message: text(),
                },
                1,
            ),
            (Error::Full(text()), 16),
            (Error::NotShown(text()), 1),
            (Error::Cancelled, 130),
            (
                Error::Io {
                    path: text(),
                    reason: text(),
                },
                1,
            ),
            (Error::NoDialog, 1),
            (Error::Unreadable(text()), 1),
            (Error::PassphraseNeeded, 2),
            (Error::PassphraseWrong, 1),
            (Error::Internal(text()), 1),
        ];
        for (error, exit) in all {
            assert_eq!(of_code(error.code()), exit, "{}", error.code());
        }
    }

    #[test]
    fn what_the_server_says_itself_is_mapped_too() {
        assert_eq!(of_code("quota"), 16);
        assert_eq!(of_code("disk-full"), 16);
        assert_eq!(of_code("never-heard-of"), 1);
    }

    #[test]
    fn endings_are_told_apart() {
        assert_eq!(
            [Ending::Done, Ending::Partial, Ending::Conflict, Ending::Alarm].map(of_ending),
            [0, 15, 22, 21]
        );
    }

    #[test]
    fn no_code_stands_twice() {
        let mut codes: Vec<_> = CODES.iter().map(|(code, _)| code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CODES.len());
    }
}
