//! Undoes compression wherever it may have begun.

use std::io::Read;

/// More than this is not read out of one compressed stream.
const MOST: usize = 16 << 20;
/// Less than this holds no canary.
const LEAST: usize = 8;

/// What comes out of every gzip, zlib and zstd stream that begins anywhere in `data`. What is cut off or damaged gives
/// what was readable before that.
pub(super) fn inflated(data: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for at in 0..data.len() {
        let rest = &data[at..];
        // A cheap look at one byte first: this runs over everything.
        match data[at] {
            0x1f if rest.starts_with(&[0x1f, 0x8b, 8]) => read(flate2::read::MultiGzDecoder::new(rest), &mut found),
            0x78 if rest.len() > 1 && matches!(rest[1], 0x01 | 0x5e | 0x9c | 0xda) => {
                read(flate2::read::ZlibDecoder::new(rest), &mut found);
            }
            0x28 if rest.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => {
                if let Ok(decoder) = zstd::stream::read::Decoder::with_buffer(rest) {
                    read(decoder, &mut found);
                }
            }
            _ => {}
        }
    }
    found
}

/// What comes out when `data` as a whole is a raw deflate stream, which has no mark to know it by.
pub(super) fn deflated(data: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    read(flate2::read::DeflateDecoder::new(data), &mut found);
    found
}

fn read(mut from: impl Read, found: &mut Vec<Vec<u8>>) {
    let mut out = Vec::new();
    let mut buffer = vec![0; 16 << 10];
    while out.len() < MOST {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => out.extend_from_slice(&buffer[..read]),
        }
    }
    if out.len() >= LEAST {
        found.push(out);
    }
}
