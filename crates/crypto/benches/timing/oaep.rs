//! Opening a wrapped key: does the time of a refusal tell what was wrong? Whoever learned that the leading byte was
//! not zero, and no more, could open any wrap with some thousand questions (Manger, 2001).

use std::error::Error;
use std::hint::black_box;

use holdfast_crypto::Secret;
use holdfast_crypto::rsa::{Bits, PrivateKey};
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};

use crate::Expected::{Leak, Same, Told};
use crate::encoded::{Flaw, encode, leaking_decode};
use crate::{Chance, Class, Pair, as_said, measure, report};

/// The smallest size: its private operation takes the least time, so whatever follows it stands out the most.
const BITS: Bits = Bits::B2048;
/// Wraps of each class.
const WRAPS: usize = 256;
const SAMPLES: usize = 20_000;
const CONTEXT: &[u8] = b"timing";
const KEY: usize = 32;

const RIGHT: usize = 0;
const LEADING: usize = 1;
const LABEL: usize = 2;
const PADDING: usize = 3;
const SEPARATOR: usize = 4;
const LENGTH: usize = 5;
const ANYTHING: usize = 6;
const LEADING_AGAIN: usize = 7;

const PAIRS: [Pair; 9] = [
    (LEADING, LABEL, Same),
    (LEADING, PADDING, Same),
    (LEADING, SEPARATOR, Same),
    (LEADING, ANYTHING, Same),
    (LABEL, PADDING, Same),
    (LABEL, SEPARATOR, Same),
    (LEADING, LEADING_AGAIN, Same),
    // Right is right; and what holds another length than a key was encoded by somebody who knows that.
    (RIGHT, LEADING, Told),
    (LENGTH, LEADING, Told),
];

pub(crate) fn run(times: usize, rng: &mut Chance, json: bool) -> Result<(), Box<dyn Error>> {
    let private = PrivateKey::derive(&Secret::fill_with(|seed| rng.fill(seed)), BITS)?;
    let public = RsaPublicKey::from_public_key_der(private.public().to_spki_der())?;
    let encoded = encoded(rng)?;
    let classes: Vec<Class> = encoded.iter().map(|class| wrapped(class, &public)).collect();
    as_said(&classes, RIGHT, |wrap| private.unwrap_key(CONTEXT, wrap).is_ok())?;
    let took = measure(&classes, SAMPLES * times, rng, |wrap| {
        let _ = black_box(private.unwrap_key(CONTEXT, wrap));
    });
    report("opening a wrap", &classes, &took, &PAIRS, json);

    // The same operation, and behind it a decoder that stops at once. Its input is the encoded message, for the product
    // hands out no bare RSA; the wrap that is opened before it is always the same one.
    let chosen: Vec<Class> = encoded
        .into_iter()
        .enumerate()
        .filter(|(number, _)| [LEADING, LABEL].contains(number))
        .map(|(_, class)| class)
        .collect();
    let wrap = &classes[RIGHT].inputs[0];
    let took = measure(&chosen, SAMPLES * times, rng, |message| {
        let _ = black_box(private.unwrap_key(CONTEXT, wrap));
        black_box(leaking_decode(message, CONTEXT));
    });
    report(
        "control, a decoder that stops early",
        &chosen,
        &took,
        &[(0, 1, Leak)],
        json,
    );
    Ok(())
}

/// Encoded messages of every class, each held against the decoder.
fn encoded(rng: &mut Chance) -> Result<Vec<Class>, Box<dyn Error>> {
    let kinds: [(&str, Flaw, usize); 6] = [
        ("right", Flaw::None, KEY),
        ("wrong leading byte", Flaw::LeadingByte, KEY),
        ("wrong label", Flaw::Label, KEY),
        ("wrong padding", Flaw::Padding, KEY),
        ("endless padding", Flaw::Separator, KEY),
        ("31 bytes inside", Flaw::None, KEY - 1),
    ];
    let mut classes = Vec::new();
    for (name, flaw, length) in kinds {
        classes.push(class(name, flaw, length, rng)?);
    }
    let anything = (0..WRAPS).map(|_| {
        let mut number = rng.bytes::<{ BITS.bytes() }>().to_vec();
        number[0] &= 0x7f;
        number
    });
    classes.push(Class {
        name: "anything",
        inputs: anything.collect(),
    });
    classes.push(class("wrong leading byte, again", Flaw::LeadingByte, KEY, rng)?);
    Ok(classes)
}

fn class(name: &'static str, flaw: Flaw, length: usize, rng: &mut Chance) -> Result<Class, Box<dyn Error>> {
    let inputs: Vec<Vec<u8>> = (0..WRAPS)
        .map(|_| {
            let message = rng.bytes::<KEY>();
            encode(BITS.bytes(), CONTEXT, &message[..length], flaw, rng)
        })
        .collect();
    match inputs.iter().find(|one| leaking_decode(one, CONTEXT) != flaw) {
        None => Ok(Class { name, inputs }),
        Some(_) => Err(format!("the class `{name}` is not what it says").into()),
    }
}

/// The bare public operation over every input of a class.
fn wrapped(class: &Class, public: &RsaPublicKey) -> Class {
    let inputs = class.inputs.iter().map(|message| {
        let number = BigUint::from_bytes_be(message).modpow(public.e(), public.n());
        let bytes = number.to_bytes_be();
        [vec![0; BITS.bytes() - bytes.len()], bytes].concat()
    });
    Class {
        name: class.name,
        inputs: inputs.collect(),
    }
}
