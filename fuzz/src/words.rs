//! What people hand to each other outside of the server and type: invitations, six words, fingerprints, phrases, identifiers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_crypto::{KdfRecord, MAX_PHRASE_BYTES, Phrase, SecondSecret, parse_words, word_list};
use holdfast_engine::{Invitation, fingerprint_text, parse_fingerprint};
use holdfast_protocol::id::{Hash, ItemId};

use crate::input::Input;

/// An invitation as text, or made of any CBOR. `docs/spec/accounts.md`: white space around it is allowed, and nothing else.
pub fn invitation(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let given = input.rest();
    let text = if mode & 1 == 0 {
        String::from_utf8_lossy(given).into_owned()
    } else {
        format!("\n holdfast-invitation:{}\t", URL_SAFE_NO_PAD.encode(given))
    };
    match Invitation::parse(&text) {
        Ok(invitation) => {
            let again = invitation.text();
            assert_eq!(
                again.as_str(),
                text.trim(),
                "base64url without padding and deterministic CBOR have one spelling"
            );
            assert!(Invitation::parse(&again).is_ok_and(|again| again.id == invitation.id));
            assert!(
                URL_SAFE_NO_PAD
                    .decode(&again["holdfast-invitation:".len()..])
                    .is_ok_and(|cbor| cbor.len() <= 1024)
            );
        }
        Err(error) => assert_eq!(error.code(), "invalid"),
    }
}

/// Six words, fingerprints, phrases in files, records, second secrets, identifiers. `docs/spec/keys.md`.
pub fn typed(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let given = input.rest();
    let text = String::from_utf8_lossy(given);
    match mode % 4 {
        0 => {
            if let Some(words) = parse_words(&text) {
                assert!(words.iter().all(|word| word_list().contains(word)));
                assert_eq!(parse_words(&words.join(" ")), Some(words), "what is read is read again");
                assert_eq!(
                    parse_words(&words.join(", ").to_uppercase()),
                    Some(words),
                    "in any case, with commas"
                );
            }
        }
        1 => match parse_fingerprint(&text) {
            Ok(hash) => {
                let shown = fingerprint_text(hash);
                assert!(parse_fingerprint(&shown).is_ok_and(|again| again == hash));
                let digits = text.chars().filter(char::is_ascii_hexdigit).count();
                assert!(digits >= 64, "no digit is made up");
            }
            Err(error) => assert_eq!(error.code(), "invalid"),
        },
        2 => match Phrase::from_file_bytes(given) {
            Ok(_) => {
                let line = given.strip_suffix(b"\n").unwrap_or(given);
                let line = line
                    .strip_suffix(b"\r")
                    .filter(|_| given.ends_with(b"\n"))
                    .unwrap_or(line);
                let text = std::str::from_utf8(line).expect("a phrase is text");
                assert!(!text.is_empty() && text.len() <= 4 * MAX_PHRASE_BYTES && !text.contains(char::is_control));
                assert!(Phrase::new(text).is_ok(), "a file holds what is typed");
            }
            Err(error) => assert!(matches!(error, holdfast_crypto::Error::Phrase(_))),
        },
        _ => {
            if let Ok(record) = KdfRecord::decode(given) {
                assert!(
                    (17..=21).contains(&record.log2_n()) && record.encode() == given,
                    "there is one spelling of it"
                );
            }
            match SecondSecret::parse(&text) {
                Ok(second) => {
                    let shown = second.text();
                    assert!(SecondSecret::parse(&shown).is_ok_and(|again| again == second));
                    let typed = text.chars().filter(|one| !one.is_whitespace() && *one != '-');
                    assert_eq!(typed.count(), 32, "no character is made up");
                }
                Err(error) => assert!(matches!(error, holdfast_crypto::Error::SecondSecret(_))),
            }
            if let Ok(hash) = text.parse::<Hash>() {
                assert_eq!(hash.to_string(), text, "lowercase, and nothing around it");
            }
            if let Ok(item) = text.parse::<ItemId>() {
                assert_eq!(item.to_string(), text);
            }
        }
    }
}
