//! Witnesses of the log of keys: whoever says, with a signature of his own, that a head goes on from all that he saw of the log before
//! (C2SP tlog-cosignature, Ed25519), and how he is asked (C2SP tlog-witness). `docs/spec/transparency.md`, "Witnesses".

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_crypto::{SignKey, VerifyKey, sha256};

use crate::cbor::Malformed;
use crate::id::Hash;
use crate::limits;
use crate::transparency::{ED25519, Head, continues, empty_root, key_id, origin};

/// The type byte of a timestamped cosignature in a key id.
const COSIGNATURE: u8 = 4;
/// What a verifier accepts at most as a time: 2^63 - 1.
const LAST: u64 = i64::MAX as u64;

/// A name and a key, as they are told in one line: C2SP signed-note, "verifier keys".
fn shown(name: &str, kind: u8, key: &[u8; 32]) -> String {
    let id = key_id(name, kind, key).map(|byte| format!("{byte:02x}")).concat();
    format!("{name}+{id}+{}", STANDARD.encode([&[kind][..], key].concat()))
}

fn read(text: &str, kind: u8) -> Result<(String, [u8; 32]), Malformed> {
    let (name, rest) = text.split_once('+').ok_or(Malformed)?;
    let (_, key) = rest.split_once('+').ok_or(Malformed)?;
    let bytes = STANDARD.decode(key).map_err(|_| Malformed)?;
    let Some((&given, key)) = bytes.split_first() else {
        return Err(Malformed);
    };
    let key: [u8; 32] = key.try_into().map_err(|_| Malformed)?;
    let named = !name.is_empty()
        && name.len() <= limits::KEY_NAME
        && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    // Made anew and compared: one spelling for each key, and the id in it is right.
    if given == kind && named && VerifyKey::from_bytes(&key).is_ok() && shown(name, kind, &key) == text {
        Ok((name.to_owned(), key))
    } else {
        Err(Malformed)
    }
}

/// The key of a log of keys as a witness is told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogKey(pub [u8; 32]);

impl fmt::Display for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&origin(&self.0), ED25519, &self.0))
    }
}

impl FromStr for LogKey {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (name, key) = read(text, ED25519)?;
        if name == origin(&key) {
            Ok(Self(key))
        } else {
            Err(Malformed)
        }
    }
}

/// Somebody who co-signs heads, as those know him who rely on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    name: String,
    key: [u8; 32],
}

impl Witness {
    /// The witness with this key, under the name that follows from it.
    #[must_use]
    pub fn of(key: &SignKey) -> Self {
        let key = *key.public().as_bytes();
        let name = format!("holdfast-witness/{}", hex::encode(&sha256(&[&key])[..16]));
        Self { name, key }
    }

    /// The name in its signature lines.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its Ed25519 key: two names for one key are one witness.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.name, COSIGNATURE, &self.key))
    }
}

impl FromStr for Witness {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (name, key) = read(text, COSIGNATURE)?;
        Ok(Self { name, key })
    }
}

/// That a witness saw a head at a time, and nothing of the log that the head does not go on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// When, in **seconds** since 1970-01-01 UTC, by the witness's clock.
    pub time: u64,
    signature: [u8; 64],
}

fn message(head: &Head, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{}", head.note()).into_bytes()
}

impl Cosignature {
    /// Signs a head that was found to go on from all that was seen before.
    #[must_use]
    pub fn sign(head: &Head, time: u64, key: &SignKey) -> Self {
        let time = time.min(LAST);
        let signature = key.sign_note(&message(head, time));
        Self { time, signature }
    }

    /// Its line in a checkpoint, with the line feed.
    #[must_use]
    pub fn line(&self, by: &Witness) -> String {
        let id = key_id(&by.name, COSIGNATURE, &by.key);
        let bytes = [&id[..], &self.time.to_be_bytes(), &self.signature].concat();
        format!("\u{2014} {} {}\n", by.name, STANDARD.encode(bytes))
    }

    /// The newest one of a witness over a head among signature lines. Lines of others are passed over, and so is one that does not
    /// verify: what it is good for is counted, not taken on trust.
    #[must_use]
    pub fn find(lines: &str, head: &Head, by: &Witness) -> Option<Self> {
        let key = VerifyKey::from_bytes(&by.key).ok()?;
        // Not `lines()`, which takes a carriage return before the line feed for a part of the line's end: there is one spelling.
        let own = lines.split('\n').filter_map(|line| {
            let (name, bytes) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
            let bytes = STANDARD.decode(bytes).ok()?;
            let (id, rest) = bytes.split_first_chunk::<4>()?;
            let (time, signature) = rest.split_first_chunk::<8>()?;
            let time = u64::from_be_bytes(*time);
            let signature: [u8; 64] = signature.try_into().ok()?;
            let its = name == by.name && *id == key_id(&by.name, COSIGNATURE, &by.key) && time <= LAST;
            let verifies = its && key.verify_note(&message(head, time), &signature).is_ok();
            verifies.then_some(Self { time, signature })
        });
        own.max_by_key(|found| found.time)
    }
}

/// The request for a cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Number of leaves of the head that the witness co-signed last.
    pub old: u64,
    /// The proof that the new head goes on from there (RFC 6962, section 2.1.2).
    pub proof: Vec<Hash>,
    /// The new head, as the log signed it.
    pub checkpoint: String,
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for AddCheckpoint {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(Malformed)?;
        let mut lines = head.split('\n');
        let old = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .ok_or(Malformed)?;
        let request = Self {
            old: old.parse().map_err(|_| Malformed)?,
            proof: lines
                .map(|line| Hash::from_slice(&STANDARD.decode(line).ok()?))
                .collect::<Option<_>>()
                .ok_or(Malformed)?,
            checkpoint: checkpoint.to_owned(),
        };
        let fits = request.proof.len() <= limits::PROOF_LINES && checkpoint.len() <= limits::CHECKPOINT;
        // Numbers and hashes have one spelling.
        if fits && request.to_string() == text {
            Ok(request)
        } else {
            Err(Malformed)
        }
    }
}

/// Why a witness does not co-sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSigned {
    /// The request makes no sense (400).
    Malformed,
    /// Not one of the logs that it knows (404).
    UnknownLog,
    /// The log did not sign it (403).
    Unsigned,
    /// It co-signed another size last, which is named (409).
    OldSize(u64),
    /// Two heads of one size and different roots, both signed by the log (409).
    Fork(u64),
    /// The proof does not hold (422).
    Inconsistent,
}

impl AddCheckpoint {
    /// Judges the request as a witness must who knows these logs, and has co-signed the heads that `seen` tells.
    ///
    /// # Errors
    /// See [`NotSigned`].
    pub fn judge(&self, logs: &[LogKey], seen: impl Fn(&LogKey) -> Option<Head>) -> Result<(LogKey, Head), NotSigned> {
        let first = self.checkpoint.lines().next().ok_or(NotSigned::Malformed)?;
        let log = logs.iter().find(|log| origin(&log.0) == first);
        let log = *log.ok_or(NotSigned::UnknownLog)?;
        let head = Head::from_checkpoint(&self.checkpoint, &log.0).map_err(|_| NotSigned::Unsigned)?;
        if self.old > head.size {
            return Err(NotSigned::Malformed);
        }
        let before = seen(&log).map_or((0, empty_root()), |head| (head.size, head.root));
        if self.old != before.0 {
            return Err(NotSigned::OldSize(before.0));
        }
        if head.size == before.0 && head.root != before.1 {
            return Err(NotSigned::Fork(before.0));
        }
        if !continues(before, (head.size, head.root), &self.proof) {
            return Err(NotSigned::Inconsistent);
        }
        Ok((log, head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of golang.org/x/mod/sumdb/note.
    #[test]
    fn a_verifier_key_of_others_is_read() {
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let (name, key) = read(text, ED25519).unwrap();
        assert_eq!(name, "PeterNeumann");
        assert_eq!(shown(&name, ED25519, &key), text);
        assert_eq!(read(text, COSIGNATURE), Err(Malformed));
    }
}
