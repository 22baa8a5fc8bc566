//! Labels, hashing and key derivation: the three tools every other file of this crate is built with.
//!
//! A label is `holdfast/v1/` + name + one zero byte. It begins every key-derivation info, signed message and MAC input,
//! so that bytes made for one purpose can never stand in for another.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};

use crate::secret::{Key32, Secret};

const PREFIX: &[u8] = b"holdfast/v1/";

/// Returns the label of a name: `holdfast/v1/` + name + `0x00`.
///
/// Names are constants of the program: printable ASCII without spaces, so the zero byte always ends the label.
#[must_use]
pub fn label(name: &str) -> Vec<u8> {
    labelled(name, &[])
}

/// Returns the label of a name followed by the parts, joined without separators.
///
/// Parts of variable length need their length in front of them, or two different lists give the same bytes.
#[must_use]
pub fn labelled(name: &str, parts: &[&[u8]]) -> Vec<u8> {
    debug_assert!(
        name.bytes().all(|byte| byte.is_ascii_graphic()),
        "label names are printable ASCII: {name:?}"
    );
    let length = PREFIX.len() + name.len() + 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(PREFIX);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// SHA-256 (RFC 6234) of the parts, joined without separators.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// HKDF-Expand with SHA-256 (RFC 5869) to 32 bytes. `info` starts with a [`label`].
#[must_use]
pub fn hkdf_expand(prk: &Key32, info: &[u8]) -> Key32 {
    expand(prk, info)
}

/// HKDF-Expand to any length up to 8,160 bytes, straight into the secret's own memory.
pub(crate) fn expand<const N: usize>(prk: &Key32, info: &[u8]) -> Secret<N> {
    const { assert!(N <= 255 * 32, "HKDF-SHA-256 gives at most 255 blocks") };
    let hkdf = Hkdf::<Sha256>::from_prk(prk.expose()).expect("32 bytes are a whole SHA-256 output");
    Secret::fill_with(|okm| {
        hkdf.expand(info, okm).expect("N was checked at compile time");
    })
}
