//! One file out of a zip, never more than a bound of it.

use std::io::{Cursor, Read};

use zeroize::Zeroizing;
use zip::ZipArchive;

use crate::MAX_FILE;
use crate::error::Error;

/// Whether this is a zip.
pub(crate) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Unpacks the file of this name.
pub(crate) fn file(bytes: &[u8], name: &str, expected: &'static str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let broken = |_| Error::not_this(expected, "the zip is damaged");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let file = match archive.by_name(name) {
        Ok(file) => file,
        Err(zip::result::ZipError::FileNotFound) => {
            return Err(Error::not_this(expected, format!("there is no {name} in the zip")));
        }
        Err(zip::result::ZipError::UnsupportedArchive(_)) => {
            return Err(Error::not_this(
                expected,
                "the zip is encrypted or packed in an unknown way",
            ));
        }
        Err(error) => return Err(broken(error)),
    };
    // What the zip says about its size is its own business; the bound is ours. Room from the start, as far as it is believable.
    let said = usize::try_from(file.size()).unwrap_or(MAX_FILE).min(MAX_FILE);
    let mut unpacked = Zeroizing::new(Vec::with_capacity(said + 1));
    file.take(MAX_FILE as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|_| Error::not_this(expected, "the zip is damaged"))?;
    if unpacked.len() > MAX_FILE {
        return Err(Error::TooLarge);
    }
    Ok(unpacked)
}
