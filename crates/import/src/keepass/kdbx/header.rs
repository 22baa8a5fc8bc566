//! The headers of KDBX: the outer one in clear, the inner one of version 4 in front of the document.

use zeroize::Zeroizing;

use super::{Bytes, THIS, cut_short, damaged};
use crate::error::Error;

/// KDBX of any version. (`KeePass` 1 ends in 65, 4b.)
pub(super) const SIGNATURE: [u8; 8] = [0x03, 0xd9, 0xa2, 0x9a, 0x67, 0xfb, 0x4b, 0xb5];

const AES_256: [u8; 16] = *b"\x31\xc1\xf2\xe6\xbf\x71\x43\x50\xbe\x58\x05\x21\x6a\xfc\x5a\xff";
const CHACHA20: [u8; 16] = *b"\xd6\x03\x8a\x2b\x8b\x6f\x4c\xb5\xa5\x24\x33\x9a\x31\xdb\xb5\x9a";
const KDF_AES: [u8; 16] = *b"\xc9\xd9\xf3\x9a\x62\x8a\x44\x60\xbf\x74\x0d\x08\xc1\x8a\x4f\xea";
const KDF_ARGON2D: [u8; 16] = *b"\xef\x63\x6d\xdf\x8c\x29\x44\x4b\x91\xf7\xa9\xa4\x03\xe3\x0a\x0c";
const KDF_ARGON2ID: [u8; 16] = *b"\x9e\x29\x8b\x19\x56\xdb\x47\x73\xb2\x3d\xfc\x3e\xc6\xf0\xa1\xe6";

/// What the document is enciphered with.
#[derive(Clone, Copy)]
pub(super) enum Cipher {
    Aes256,
    ChaCha20,
}

/// How the key comes from the passphrase, as the file says it. Not judged yet.
pub(super) enum Kdf {
    Aes {
        seed: Vec<u8>,
        rounds: u64,
    },
    Argon2 {
        id: bool,
        salt: Vec<u8>,
        memory: u64,
        iterations: u64,
        lanes: u32,
        version: u32,
    },
}

/// The outer header.
pub(super) struct Header {
    pub(super) major: u16,
    pub(super) cipher: Cipher,
    pub(super) packed: bool,
    pub(super) master_seed: Vec<u8>,
    pub(super) iv: Vec<u8>,
    pub(super) kdf: Kdf,
    /// Version 3 only.
    pub(super) stream_key: Vec<u8>,
    pub(super) stream_start: Vec<u8>,
    pub(super) stream_id: u32,
    /// Where it ends.
    pub(super) end: usize,
}

/// The value of each field, the last one of its number.
#[derive(Default)]
struct Fields<'f>([Option<&'f [u8]>; 13]);

impl<'f> Fields<'f> {
    fn get(&self, id: usize) -> Result<&'f [u8], Error> {
        self.0[id].ok_or_else(damaged)
    }

    fn number(&self, id: usize) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(exact(self.get(id)?)?))
    }
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let major = u16::from_le_bytes(exact(bytes.get(10..12).ok_or_else(cut_short)?)?);
        if !matches!(major, 3 | 4) {
            return Err(Error::Unsupported(format!(
                "it is KDBX version {major}; 3 and 4 are known"
            )));
        }
        let mut cursor = Cursor { bytes, at: 12 };
        let mut fields = Fields::default();
        loop {
            let id = usize::from(cursor.take(1)?[0]);
            let length = if major == 4 {
                cursor.number()? as usize
            } else {
                usize::from(u16::from_le_bytes(exact(cursor.take(2)?)?))
            };
            let value = cursor.take(length)?;
            if id == 0 {
                break;
            }
            *fields.0.get_mut(id).ok_or_else(damaged)? = Some(value);
        }
        let cipher = match exact(fields.get(2)?)? {
            AES_256 => Cipher::Aes256,
            CHACHA20 => Cipher::ChaCha20,
            _ => {
                return Err(Error::Unsupported(
                    "its cipher is neither AES nor ChaCha20; change it in KeePass under Database settings".into(),
                ));
            }
        };
        let kdf = if major == 4 {
            kdf(fields.get(11)?)?
        } else {
            Kdf::Aes {
                seed: fields.get(5)?.to_vec(),
                rounds: u64::from_le_bytes(exact(fields.get(6)?)?),
            }
        };
        let of_version_3 = |id: usize| {
            if major == 3 {
                fields.get(id).map(<[u8]>::to_vec)
            } else {
                Ok(Vec::new())
            }
        };
        Ok(Self {
            major,
            cipher,
            packed: match fields.number(3)? {
                0 => false,
                1 => true,
                _ => return Err(damaged()),
            },
            master_seed: fields.get(4)?.to_vec(),
            iv: fields.get(7)?.to_vec(),
            kdf,
            stream_key: of_version_3(8)?,
            stream_start: of_version_3(9)?,
            stream_id: if major == 3 { fields.number(10)? } else { 0 },
            end: cursor.at,
        })
    }
}

/// The inner header of version 4: number and key of the stream, and where the document begins. Attachments are passed over.
pub(super) fn inner(body: &[u8]) -> Result<(u32, Bytes, usize), Error> {
    let mut cursor = Cursor { bytes: body, at: 0 };
    let (mut id, mut key) = (None, None);
    loop {
        let field = cursor.take(1)?[0];
        let length = cursor.number()? as usize;
        let value = cursor.take(length)?;
        match field {
            0 => break,
            1 => id = Some(u32::from_le_bytes(exact(value)?)),
            2 => key = Some(Zeroizing::new(value.to_vec())),
            _ => {}
        }
    }
    Ok((id.ok_or_else(damaged)?, key.ok_or_else(damaged)?, cursor.at))
}

/// A dictionary of parameters: `type, length, name, length, value`, up to type 0.
fn kdf(bytes: &[u8]) -> Result<Kdf, Error> {
    let mut cursor = Cursor { bytes, at: 0 };
    cursor.take(2)?;
    let mut parameters: Vec<(&[u8], &[u8])> = Vec::new();
    while cursor.take(1)?[0] != 0 {
        let length = cursor.number()? as usize;
        let name = cursor.take(length)?;
        let length = cursor.number()? as usize;
        parameters.push((name, cursor.take(length)?));
    }
    let get = |name: &[u8]| {
        parameters
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
            .ok_or_else(damaged)
    };
    let long = |name: &[u8]| Ok::<_, Error>(u64::from_le_bytes(exact(get(name)?)?));
    let short = |name: &[u8]| Ok::<_, Error>(u32::from_le_bytes(exact(get(name)?)?));
    match exact(get(b"$UUID")?)? {
        KDF_AES => Ok(Kdf::Aes {
            seed: get(b"S")?.to_vec(),
            rounds: long(b"R")?,
        }),
        which @ (KDF_ARGON2D | KDF_ARGON2ID) => Ok(Kdf::Argon2 {
            id: which == KDF_ARGON2ID,
            salt: get(b"S")?.to_vec(),
            memory: long(b"M")?,
            iterations: long(b"I")?,
            lanes: short(b"P")?,
            version: short(b"V")?,
        }),
        _ => Err(Error::Unsupported("its key derivation is not known".into())),
    }
}

/// Bytes from the front, as long as there are any.
pub(super) struct Cursor<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) at: usize,
}

impl<'b> Cursor<'b> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'b [u8], Error> {
        let end = self.at.checked_add(length).ok_or_else(cut_short)?;
        let taken = self.bytes.get(self.at..end).ok_or_else(cut_short)?;
        self.at = end;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(exact(self.take(4)?)?))
    }
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Error> {
    bytes
        .try_into()
        .map_err(|_| Error::not_this(THIS, "its header is damaged"))
}
