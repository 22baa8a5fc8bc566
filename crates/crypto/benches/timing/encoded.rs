//! RSA-OAEP with SHA-256 (RFC 8017 7.1) taken apart: encoded messages that are wrong in one place, and a decoder that tells
//! which. For measurements: the product has neither.

use holdfast_crypto::sha256;

use crate::chance::Chance;

const HASH: usize = 32;

/// In which way an encoded message is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// Nothing is.
    None,
    /// The first byte is not zero.
    LeadingByte,
    /// The label is another one.
    Label,
    /// Something else than zero stands before the byte that ends the padding.
    Padding,
    /// There is no byte that ends the padding.
    Separator,
}

/// An encoded message of `length` bytes with `message` in it, wrong as told.
pub(crate) fn encode(length: usize, context: &[u8], message: &[u8], flaw: Flaw, rng: &mut Chance) -> Vec<u8> {
    let mut block = match flaw {
        Flaw::Label => rng.bytes::<HASH>(),
        _ => label_hash(context),
    }
    .to_vec();
    block.resize(length - 1 - HASH - message.len() - 1, 0);
    if flaw == Flaw::Padding {
        let place = HASH + rng.below(block.len() - HASH);
        block[place] = 2 + u8::try_from(rng.below(254)).expect("below 254");
    }
    if flaw == Flaw::Separator {
        block.resize(length - 1 - HASH, 0);
    } else {
        block.push(1);
        block.extend_from_slice(message);
    }
    let mut seed = rng.bytes::<HASH>();
    mask(&mut block, &seed);
    mask(&mut seed, &block);
    // Below 0x80: the number has to stay below the modulus.
    let first = match flaw {
        Flaw::LeadingByte => 1 + u8::try_from(rng.below(0x7f)).expect("below 0x7f"),
        _ => 0,
    };
    [&[first], seed.as_slice(), &block].concat()
}

/// How OAEP must not be decoded: each step at once says what it found.
pub(crate) fn leaking_decode(encoded: &[u8], context: &[u8]) -> Flaw {
    if encoded[0] != 0 {
        return Flaw::LeadingByte;
    }
    let (mut seed, mut block) = (encoded[1..=HASH].to_vec(), encoded[1 + HASH..].to_vec());
    mask(&mut seed, &block);
    mask(&mut block, &seed);
    if block[..HASH] != label_hash(context) {
        return Flaw::Label;
    }
    match block[HASH..].iter().find(|byte| **byte != 0) {
        Some(1) => Flaw::None,
        Some(_) => Flaw::Padding,
        None => Flaw::Separator,
    }
}

/// The hash of the label: the SHA-256 of the context in hexadecimal digits (docs/spec/keys.md).
fn label_hash(context: &[u8]) -> [u8; HASH] {
    sha256(&[hex::encode(sha256(&[context])).as_bytes()])
}

/// MGF1 with SHA-256, laid over `bytes`.
fn mask(bytes: &mut [u8], seed: &[u8]) {
    for (counter, part) in (0_u32..).zip(bytes.chunks_mut(HASH)) {
        let pad = sha256(&[seed, &counter.to_be_bytes()]);
        part.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
    }
}
