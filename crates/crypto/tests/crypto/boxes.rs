//! The box: what opens, and that nothing else does.

use std::collections::HashSet;

use holdfast_crypto::{
    Error, Key32, MAX_PLAINTEXT, MAX_SEALED, OVERHEAD_MAX, OVERHEAD_MIN, open, open_in_place, seal, sealed_len, tag_of,
};

use crate::support::TestRng;

fn key(byte: u8) -> Key32 {
    Key32::from_slice(&[byte; 32]).unwrap()
}

/// Both ways to open refuse, with the one error, and leave nothing behind.
fn assert_closed(key: &Key32, context: &[u8], sealed: &[u8]) {
    assert!(matches!(open(key, context, sealed), Err(Error::Open)));
    let mut buffer = sealed.to_vec();
    assert_eq!(open_in_place(key, context, &mut buffer), Err(Error::Open));
    assert!(buffer.is_empty());
}

#[test]
fn opens_to_what_was_sealed_at_every_length() {
    let mut rng = TestRng::new(10);
    let mut overheads = Vec::new();
    for length in (0..=130).chain([4095, 4096, 4097, 100_000]) {
        let plaintext: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let sealed = seal(&key(1), b"context", &plaintext, &mut rng);
        assert_eq!(sealed.len(), sealed_len(length));
        overheads.push(sealed.len() - length);
        assert_eq!(*open(&key(1), b"context", &sealed).unwrap(), plaintext);
        let mut buffer = sealed;
        open_in_place(&key(1), b"context", &mut buffer).unwrap();
        assert_eq!(buffer, plaintext);
    }
    assert_eq!(overheads.iter().min(), Some(&OVERHEAD_MIN));
    assert_eq!(overheads.iter().max(), Some(&OVERHEAD_MAX));
}

#[test]
fn every_flipped_bit_is_refused() {
    let sealed = seal(
        &key(1),
        b"context",
        b"forty bytes of plaintext, in three blocks",
        &mut TestRng::new(11),
    );
    assert_eq!(sealed.len(), 96);
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_closed(&key(1), b"context", &flipped);
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let sealed = seal(&key(1), b"context", &[5; 50], &mut TestRng::new(12));
    for length in 0..sealed.len() {
        assert_closed(&key(1), b"context", &sealed[..length]);
        assert_closed(&key(1), b"context", &sealed[length + 1..]);
    }
    for extra in 1..=33 {
        assert_closed(&key(1), b"context", &[&sealed[..], &vec![0; extra]].concat());
    }
}

#[test]
fn other_keys_and_contexts_are_refused() {
    let sealed = seal(&key(1), b"context", b"plaintext", &mut TestRng::new(13));
    for context in [&b""[..], b"Context", b"contex", b"context\0", b"contextcontext"] {
        assert_closed(&key(1), context, &sealed);
    }
    let mut rng = TestRng::new(14);
    for _ in 0..1000 {
        assert_closed(&Key32::random(&mut rng), b"context", &sealed);
    }
    for bit in 0..256 {
        let mut near = [1; 32];
        near[bit / 8] ^= 1 << (bit % 8);
        assert_closed(&Key32::from_slice(&near).unwrap(), b"context", &sealed);
    }
}

/// Bytes moved between context and box would be a second reading of one MAC input: the lengths in it forbid that.
#[test]
fn context_and_box_do_not_run_into_each_other() {
    let sealed = seal(&key(1), b"context", &[0; 64], &mut TestRng::new(15));
    let longer_context = [b"context", &sealed[..16]].concat();
    assert_closed(&key(1), &longer_context, &sealed[16..]);
}

#[test]
fn boxes_cannot_be_swapped_or_spliced() {
    let mut rng = TestRng::new(16);
    let names = ["dataset 1", "dataset 2", "model 1", "secret 1"];
    let boxes: Vec<Vec<u8>> = names
        .iter()
        .map(|name| seal(&key(1), name.as_bytes(), &[9; 40], &mut rng))
        .collect();
    for (n, name) in names.iter().enumerate() {
        for (m, sealed) in boxes.iter().enumerate() {
            assert_eq!(open(&key(1), name.as_bytes(), sealed).is_ok(), n == m);
            if n != m {
                let head = sealed.len() - 32;
                assert_closed(&key(1), name.as_bytes(), &[&boxes[n][..head], &sealed[head..]].concat());
                assert_closed(&key(1), name.as_bytes(), &[&sealed[..16], &boxes[n][16..]].concat());
            }
        }
    }
}

#[test]
fn the_largest_box_opens_and_a_larger_one_is_not_read() {
    let plaintext = vec![3; MAX_PLAINTEXT];
    let mut sealed = seal(&key(1), b"", &plaintext, &mut TestRng::new(17));
    assert_eq!(sealed.len(), MAX_SEALED);
    assert_eq!(*open(&key(1), b"", &sealed).unwrap(), plaintext);
    sealed.extend_from_slice(&[0; 16]);
    assert_closed(&key(1), b"", &sealed);
}

#[test]
#[should_panic(expected = "at most MAX_PLAINTEXT")]
fn sealing_more_than_fits_is_a_mistake_of_the_caller() {
    let _ = seal(&key(1), b"", &vec![0; MAX_PLAINTEXT + 1], &mut TestRng::new(18));
}

#[test]
fn no_iv_comes_twice() {
    let mut rng = TestRng::new(19);
    let (key, mut ivs) = (key(1), HashSet::new());
    for _ in 0..100_000 {
        let sealed = seal(&key, b"", b"", &mut rng);
        assert!(ivs.insert(<[u8; 16]>::try_from(&sealed[..16]).unwrap()));
    }
}

#[test]
fn equal_plaintexts_give_unlike_boxes() {
    let mut rng = TestRng::new(20);
    let (one, other) = (
        seal(&key(1), b"", &[0; 64], &mut rng),
        seal(&key(1), b"", &[0; 64], &mut rng),
    );
    for (left, right) in one.chunks(16).zip(other.chunks(16)) {
        assert_ne!(left, right);
    }
    let blocks: HashSet<&[u8]> = one[16..80].chunks(16).collect();
    assert_eq!(blocks.len(), 4, "a chain hides repetition inside a box");
}

#[test]
fn the_tag_is_the_last_32_bytes() {
    let sealed = seal(&key(1), b"", b"", &mut TestRng::new(21));
    assert_eq!(tag_of(&sealed).unwrap(), sealed[sealed.len() - 32..]);
    assert_eq!(tag_of(&sealed[1..]), None);
    assert_eq!(tag_of(&[]), None);
}
