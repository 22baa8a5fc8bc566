//! What is said of the key that a server's certificate shows: its fingerprint as people read it out, and why it is not taken.
//!
//! The rule is that of `docs/spec/device.md`: a pinned key is the only one that is taken; without a pin, a certificate that this
//! computer's own roots bear out is. Everything else is asked of a person.

use holdfast_protocol::id::Hash;

use crate::error::{Error, Result};
use crate::ports::{Cause, Unreachable};

/// Why a server was not spoken to. Nothing but a handshake has taken place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distrust {
    /// The fingerprint of the key it showed.
    pub seen: Hash,
    /// Whether another one is pinned; else there is no pin, and nobody else vouches for this one.
    pub changed: bool,
    next: String,
}

impl Distrust {
    /// What can be done next.
    #[must_use]
    pub fn next(&self) -> &str {
        &self.next
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.changed {
            true => "server-certificate-changed",
            false => "server-certificate-unknown",
        }
    }
}

impl Unreachable {
    /// The server showed another key than the pinned one.
    #[must_use]
    pub fn changed(server: &str, seen: Hash) -> Self {
        let shown = fingerprint_text(seen);
        let next = format!(
            "Somebody may be in between. Ask whoever runs the server, not by way of it, for its fingerprint. Only if it is {shown}, \
             go on with: holdfast signin --server {server} --handle HANDLE --server-fingerprint {seen}"
        );
        Self::distrusted(
            format!(
                "{server} shows another certificate than the one that is known here. Nothing was sent. Its fingerprint is {shown}."
            ),
            Distrust {
                seen,
                changed: true,
                next,
            },
        )
    }

    /// The server's certificate is not one that this computer trusts by itself, and why; nothing is pinned.
    #[must_use]
    pub fn unknown(server: &str, seen: Hash, why: &str) -> Self {
        let shown = fingerprint_text(seen);
        let next = format!(
            "Ask whoever runs the server for its fingerprint. If it is the same, run this command again with: \
             --server-fingerprint {seen}"
        );
        Self::distrusted(
            format!(
                "{server} shows a certificate that nobody vouches for ({why}). Nothing was sent. Its fingerprint is {shown}."
            ),
            Distrust {
                seen,
                changed: false,
                next,
            },
        )
    }

    /// The server showed another key than the one whose fingerprint a person gave just now.
    fn mistyped(seen: Hash) -> Self {
        Self::distrusted(
            format!(
                "That fingerprint is not this server's. Nothing was sent. The server shows {}.",
                fingerprint_text(seen)
            ),
            Distrust {
                seen,
                changed: true,
                next: "Compare what you typed with what whoever runs the server told you. If it is the same, somebody may be in between: \
                       go no further, and tell them."
                    .into(),
            },
        )
    }

    fn distrusted(reason: String, distrust: Distrust) -> Self {
        Self {
            cause: Cause::Distrust(Box::new(distrust)),
            ..Self::unsent(reason)
        }
    }
}

impl Error {
    /// The same, where the key to expect was typed with this very command: it may be the typing that is wrong.
    #[must_use]
    pub fn of_typed_fingerprint(self) -> Self {
        match self.bare() {
            Self::Unreachable(Unreachable {
                cause: Cause::Distrust(distrust),
                ..
            }) if distrust.changed => Unreachable::mistyped(distrust.seen).into(),
            _ => self,
        }
    }
}

/// A fingerprint in groups of four, as people read it out.
#[must_use]
pub fn fingerprint_text(fingerprint: Hash) -> String {
    let digits = fingerprint.to_string();
    let mut text = String::with_capacity(digits.len() * 5 / 4);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Reads a fingerprint as it is written here or elsewhere: hexadecimal, with or without spaces, colons and `SHA256:`.
///
/// # Errors
/// [`Error::Invalid`].
pub fn parse_fingerprint(text: &str) -> Result<Hash> {
    let text = text.trim().to_ascii_lowercase();
    let digits: String = text
        .strip_prefix("sha256:")
        .unwrap_or(&text)
        .chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, ':' | '-'))
        .collect();
    digits.parse().map_err(|_| {
        Error::Invalid(
            "A server's fingerprint has 64 digits and letters from a to f. `holdfast serve` shows it.".into(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_shown() {
        let fingerprint = Hash::of(b"a key");
        let shown = fingerprint_text(fingerprint);
        assert_eq!((shown.len(), shown.split(' ').count()), (79, 16));
        for text in [
            shown.clone(),
            shown.to_uppercase(),
            shown.replace(' ', ":"),
            format!(" SHA256:{fingerprint}\n"),
        ] {
            assert_eq!(parse_fingerprint(&text).unwrap(), fingerprint, "{text}");
        }
        for text in ["", "ab12", &shown[1..], &format!("{shown}0"), &shown.replace('a', "g")] {
            assert_eq!(parse_fingerprint(text).unwrap_err().code(), "invalid", "{text}");
        }
    }

    #[test]
    fn a_distrusted_server_has_heard_nothing_and_has_codes_of_its_own() {
        let seen = Hash::of(b"a key");
        for (unreachable, code) in [
            (Unreachable::changed("https://x", seen), "server-certificate-changed"),
            (
                Unreachable::unknown("https://x", seen, "why"),
                "server-certificate-unknown",
            ),
        ] {
            assert!(!unreachable.sent);
            let error = Error::from(unreachable);
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains(&fingerprint_text(seen)) && error.next().contains(&seen.to_string()));
        }
        let typed = Error::from(Unreachable::changed("https://x", seen)).of_typed_fingerprint();
        assert_eq!(typed.code(), "server-certificate-changed");
        assert!(typed.to_string().contains("not this server's") && !typed.next().contains("signin"));
        let unknown = Error::from(Unreachable::unknown("https://x", seen, "why")).of_typed_fingerprint();
        assert_eq!(unknown.code(), "server-certificate-unknown");
    }
}
