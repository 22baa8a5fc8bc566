//! The body of KDBX is cut into blocks: in version 4 each with an HMAC, in version 3 each with a hash.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::header::Cursor;
use super::{Bytes, damaged, hmac_sha256, sha256, sha512};
use crate::error::Error;

/// HMAC under the key of block `index`.
pub(super) fn mac(mac_key: &[u8; 64], index: u64, parts: &[&[u8]]) -> [u8; 32] {
    let key = sha512(&[&index.to_le_bytes(), mac_key]);
    hmac_sha256(&*key, parts)
}

pub(super) fn join_4(bytes: &[u8], mac_key: &[u8; 64]) -> Result<Bytes, Error> {
    let mut cursor = Cursor { bytes, at: 0 };
    let mut joined = Zeroizing::new(Vec::with_capacity(bytes.len()));
    for index in 0_u64.. {
        let stored = cursor.take(32)?;
        let length = cursor.number()?;
        let block = cursor.take(length as usize)?;
        let made = mac(mac_key, index, &[&index.to_le_bytes(), &length.to_le_bytes(), block]);
        if !bool::from(made.ct_eq(stored)) {
            return Err(damaged());
        }
        if block.is_empty() {
            break;
        }
        joined.extend_from_slice(block);
    }
    Ok(joined)
}

pub(super) fn join_3(bytes: &[u8]) -> Result<Bytes, Error> {
    let mut cursor = Cursor { bytes, at: 0 };
    let mut joined = Zeroizing::new(Vec::with_capacity(bytes.len()));
    for index in 0_u32.. {
        if cursor.number()? != index {
            return Err(damaged());
        }
        let stored = cursor.take(32)?;
        let length = cursor.number()?;
        let block = cursor.take(length as usize)?;
        if block.is_empty() {
            break;
        }
        if sha256(&[block]).as_slice() != stored {
            return Err(damaged());
        }
        joined.extend_from_slice(block);
    }
    Ok(joined)
}
