//! KDBX 3.1 made around any content, so that the fuzzer gets past the cipher.

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use holdfast_crypto::sha256;

/// Opens all databases here, those of the import's own tests too.
pub const PASSPHRASE: &str = "correct horse # \"battery\" é🔑";

const SIGNATURE: [u8; 8] = [0x03, 0xd9, 0xa2, 0x9a, 0x67, 0xfb, 0x4b, 0xb5];
const AES_256: [u8; 16] = *b"\x31\xc1\xf2\xe6\xbf\x71\x43\x50\xbe\x58\x05\x21\x6a\xfc\x5a\xff";
const START: [u8; 32] = [0x11; 32];

/// A database with this behind its start bytes. No rounds, not packed, values not enciphered once more.
#[must_use]
pub fn version_3(blocks: &[u8]) -> Vec<u8> {
    let master = [0x22; 32];
    let fields: [(u8, &[u8]); 10] = [
        (2, &AES_256),
        (3, &[0; 4]),
        (4, &master),
        (5, &[0x33; 32]),
        (6, &[0; 8]),
        (7, &[0x44; 16]),
        (8, &[0x55; 32]),
        (9, &START),
        (10, &[2, 0, 0, 0]),
        (0, b"\r\n\r\n"),
    ];
    let mut file = [&SIGNATURE[..], &[1, 0, 3, 0]].concat();
    for (id, value) in fields {
        file.push(id);
        file.extend(u16::try_from(value.len()).expect("short").to_le_bytes());
        file.extend(value);
    }
    let composite = sha256(&[&sha256(&[PASSPHRASE.as_bytes()])]);
    let key = sha256(&[&master, &sha256(&[&composite])]);
    let plain = [&START[..], blocks].concat();
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(&key, &[0x44; 16]).expect("lengths are right");
    let mut sealed = vec![0; plain.len() + 16];
    let length = cipher
        .encrypt_padded_b2b::<Pkcs7>(&plain, &mut sealed)
        .expect("there is room")
        .len();
    file.extend(&sealed[..length]);
    file
}

/// Content as blocks with their hashes.
pub(super) fn blocks(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let length = |block: &[u8]| u32::try_from(block.len()).expect("short").to_le_bytes();
    if !content.is_empty() {
        out.extend([0; 4]);
        out.extend(sha256(&[content]));
        out.extend(length(content));
        out.extend(content);
    }
    out.extend([u8::from(!content.is_empty()), 0, 0, 0]);
    out.extend([0; 32]);
    out.extend([0; 4]);
    out
}

/// Whether a database asks for no more work than those of the tests: what is let pass above that takes seconds, by intention.
pub(super) fn asks_for_little(file: &[u8]) -> bool {
    let number = |at: &[u8]| {
        at.iter()
            .take(8)
            .rev()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    // Version 3: field 6 is the rounds. Version 4: a dictionary with R, or M (bytes) and I.
    let version_3 = file.get(10..12) == Some(&[3, 0]);
    let rounds = file
        .windows(3)
        .enumerate()
        .filter(|(_, at)| **at == [6, 8, 0])
        .map(|(at, _)| &file[at + 3..]);
    let named = |name: u8| {
        let key = [1, 0, 0, 0, name, 8, 0, 0, 0];
        let found = file.windows(9).enumerate().filter(move |(_, at)| **at == key);
        found.map(|(at, _)| number(&file[at + 9..])).collect::<Vec<_>>()
    };
    if version_3 {
        return rounds.map(number).all(|rounds| rounds <= 100_000);
    }
    let least = |name, most| named(name).iter().all(|number| *number <= most);
    least(b'R', 100_000) && least(b'M', 1 << 20) && least(b'I', 20)
}
