//! The comparison of a box's tag: does a refusal take longer when more of the tag is right?

use std::error::Error;
use std::hint::black_box;

use holdfast_crypto::hazmat::hmac_sha256;
use holdfast_crypto::{Key32, open, seal};

use crate::Expected::{Leak, Same, Told};
use crate::{Chance, Class, Pair, as_said, measure, report};

/// Boxes of each class.
const BOXES: usize = 256;
const SAMPLES: usize = 200_000;
const TAG: usize = 32;
const CONTEXT: &[u8] = b"timing";
/// What lies in a box: short, so that the comparison is a large part of the whole.
const CONTENT: usize = 64;

const RIGHT: usize = 0;
const FIRST: usize = 1;
const MIDDLE: usize = 2;
const LAST: usize = 3;
const ALL: usize = 4;
const FIRST_AGAIN: usize = 5;

const PAIRS: [Pair; 6] = [
    (FIRST, LAST, Same),
    (FIRST, MIDDLE, Same),
    (FIRST, ALL, Same),
    (LAST, ALL, Same),
    (FIRST, FIRST_AGAIN, Same),
    (RIGHT, LAST, Told),
];

pub(crate) fn run(times: usize, rng: &mut Chance, json: bool) -> Result<(), Box<dyn Error>> {
    let key = Key32::random(rng);
    let classes = classes(&key, rng);
    as_said(&classes, RIGHT, |sealed| open(&key, CONTEXT, sealed).is_ok())?;
    let took = measure(&classes, SAMPLES * times, rng, |sealed| {
        let _ = black_box(open(&key, CONTEXT, sealed));
    });
    report("opening a box, its tag", &classes, &took, &PAIRS, json);

    // The same over a comparison that stops at the first byte that differs.
    let classes = bare(&key, rng);
    let took = measure(&classes, SAMPLES * times, rng, |sealed| {
        black_box(leaking(&key, sealed));
    });
    report(
        "control, a comparison that stops early",
        &classes,
        &took,
        &[(0, 1, Leak)],
        json,
    );
    Ok(())
}

/// Boxes whose tags are wrong in several places.
fn classes(key: &Key32, rng: &mut Chance) -> Vec<Class> {
    let wrong_at: [(&str, &[usize]); 6] = [
        ("right", &[]),
        ("wrong in its first byte", &[0]),
        ("wrong in the middle", &[TAG / 2]),
        ("wrong in its last byte", &[TAG - 1]),
        ("wrong in every byte", &EVERY),
        ("wrong in its first byte, again", &[0]),
    ];
    let class = |(name, places): (&'static str, &[usize])| {
        let inputs = (0..BOXES).map(|_| {
            let mut sealed = seal(key, CONTEXT, &rng.bytes::<CONTENT>(), rng);
            spoil(&mut sealed, places, rng);
            sealed
        });
        Class {
            name,
            inputs: inputs.collect(),
        }
    };
    wrong_at.into_iter().map(class).collect()
}

const EVERY: [usize; TAG] = {
    let mut places = [0; TAG];
    let mut place = 0;
    while place < TAG {
        places[place] = place;
        place += 1;
    }
    places
};

/// Content and a bare HMAC, wrong in its first and in its last byte.
fn bare(key: &Key32, rng: &mut Chance) -> Vec<Class> {
    let wrong_at: [(&str, usize); 2] = [("wrong in its first byte", 0), ("wrong in its last byte", TAG - 1)];
    let class = |(name, place): (&'static str, usize)| {
        let inputs = (0..BOXES).map(|_| {
            let content = rng.bytes::<CONTENT>();
            let mut sealed = [content.as_slice(), &hmac_sha256(key.expose(), &content)].concat();
            spoil(&mut sealed, &[place], rng);
            sealed
        });
        Class {
            name,
            inputs: inputs.collect(),
        }
    };
    wrong_at.into_iter().map(class).collect()
}

/// Changes bytes of the tag at these places, each into any other.
fn spoil(sealed: &mut [u8], places: &[usize], rng: &mut Chance) {
    let start = sealed.len() - TAG;
    for place in places {
        sealed[start + place] ^= 1 + u8::try_from(rng.below(255)).expect("below 255");
    }
}

/// How a tag must not be compared.
fn leaking(key: &Key32, sealed: &[u8]) -> bool {
    let (content, tag) = sealed.split_at(sealed.len() - TAG);
    let right = hmac_sha256(key.expose(), content);
    for (is, ought) in tag.iter().zip(&right) {
        // Byte by byte: without this the compiler compares all 32 at once.
        if black_box(*is) != *ought {
            return false;
        }
    }
    true
}
