//! Plain little-endian limbs for candidates, and their way to and from bytes.

use zeroize::Zeroizing;

/// A non-negative integer, least significant 64 bits first, wiped when dropped.
pub(super) type Limbs = Zeroizing<Vec<u64>>;

/// Reads a big-endian integer; the result has just enough limbs for `bytes`.
pub(super) fn from_be_bytes(bytes: &[u8]) -> Limbs {
    let mut limbs = Zeroizing::new(Vec::with_capacity(bytes.len().div_ceil(8)));
    for chunk in bytes.rchunks(8) {
        limbs.push(chunk.iter().fold(0, |limb, &byte| limb << 8 | u64::from(byte)));
    }
    limbs
}

/// Writes big-endian bytes without leading zeros.
pub(super) fn to_be_bytes(limbs: &[u64]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(limbs.len() * 8));
    for limb in limbs.iter().rev() {
        for byte in limb.to_be_bytes() {
            if byte != 0 || !bytes.is_empty() {
                bytes.push(byte);
            }
        }
    }
    bytes
}

/// The number of significant bits.
pub(super) fn bit_length(limbs: &[u64]) -> u32 {
    let top = limbs.iter().rposition(|&limb| limb != 0);
    top.map_or(0, |index| index as u32 * 64 + 64 - limbs[index].leading_zeros())
}

/// Whether bit `index` is set; bits beyond the end are zero.
pub(super) fn bit(limbs: &[u64], index: u32) -> bool {
    limbs
        .get(index as usize / 64)
        .is_some_and(|limb| limb >> (index % 64) & 1 == 1)
}
