//! Boxes, and export files made of them. `docs/spec/box.md`, `docs/spec/export.md`.

use holdfast_crypto::{
    KdfRecord, Key32, MAX_SEALED, MIN_LOG2_N, OVERHEAD_MAX, OVERHEAD_MIN, SealJob, open, open_in_place, seal,
    seal_many, sealed_len, tag_of,
};
use holdfast_import::{Source, read, write_plain};
use holdfast_protocol::export::{Export, ExportError};
use holdfast_protocol::{cbor, context, limits};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::cast::{self, Repeating};
use crate::input::Input;

/// A box that may be one, or one that was made here and then changed.
pub fn sealed(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let key = cast::key(5);
    let key = key.key();
    if mode & 1 == 0 {
        let given = input.rest();
        assert!(open(key, b"fuzz", given).is_err(), "nobody sealed that");
        assert_eq!(tag_of(given).is_some(), given.len() >= 64);
        let mut place = given.to_vec();
        assert!(
            open_in_place(key, b"fuzz", &mut place).is_err() && place.is_empty(),
            "nothing is let out"
        );
        return;
    }
    let (at, bit, other) = (usize::from(input.number()), input.byte() % 8, input.part());
    let (context, plain) = (input.part(), input.rest());
    let made = seal(key, context, plain, &mut Repeating::new(6));
    let overhead = made.len() - plain.len();
    assert!((OVERHEAD_MIN..=OVERHEAD_MAX).contains(&overhead) && made.len() == sealed_len(plain.len()));
    assert!(made.len().is_multiple_of(16) && made.len() <= MAX_SEALED);
    let same = |opened: Result<zeroize::Zeroizing<Vec<u8>>, _>| opened.is_ok_and(|opened| opened.as_slice() == plain);
    assert!(same(open(key, context, &made)) && tag_of(&made).is_some_and(|tag| made.ends_with(&tag)));
    let job = SealJob {
        key,
        context,
        plaintext: plain,
    };
    assert_eq!(
        seal_many(&[job, job], &mut Repeating::new(6))[0],
        made,
        "many are sealed like one"
    );
    let mut place = made.clone();
    assert!(open_in_place(key, context, &mut place).is_ok() && place == plain);
    // Any bit, any length, another key, another context.
    let mut flipped = made.clone();
    flipped[at % made.len()] ^= 1 << bit;
    assert!(open(key, context, &flipped).is_err());
    assert!(open(key, context, &made[..at % made.len()]).is_err());
    assert!(open(key, context, &[&made[..], b"\0"].concat()).is_err());
    assert!(other == context || open(key, other, &made).is_err());
    assert!(open(cast::key(6).key(), context, &made).is_err());
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct File {
    #[n(1)]
    magic: String,
    #[n(2)]
    format: u32,
    #[n(3)]
    kdf: ByteVec,
    #[n(4)]
    boxes: Vec<ByteVec>,
}

fn record() -> KdfRecord {
    KdfRecord::new(MIN_LOG2_N, [0x5A; 32]).expect("it is within the limits")
}

/// The key of a file with this record, or of one with any other. The derivation has vectors of its own, and takes half a second.
fn key_of(known: bool) -> Key32 {
    Key32::fill_with(|bytes| bytes.fill(if known { 7 } else { 8 }))
}

/// An export file: as it is; its content alone; its content cut and sealed anew.
pub fn export(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (mode, cut) = (input.byte(), input.byte());
    let given = input.rest();
    let content: Result<Export, _> = cbor::decode(given, limits::EXPORT);
    if let Ok(export) = &content {
        assert!(cbor::encode(export) == given);
        let plain = write_plain(export).expect("it is small");
        let import = read(Source::Holdfast, &plain, "file", None);
        assert!(
            import.is_ok_and(|import| import.in_clear),
            "what is written in clear is read"
        );
    }
    let parts = usize::from(cut % 4) + 1;
    let file = match mode % 3 {
        0 => given.to_vec(),
        1 => return,
        _ => {
            let kdf = record().encode();
            let size = given.len().div_ceil(parts).max(1);
            let count = u32::try_from(given.chunks(size).count()).expect("a few");
            let (key, mut rng) = (key_of(true), Repeating::new(7));
            let boxes = (0..)
                .zip(given.chunks(size))
                .map(|(at, part)| seal(&key, &context::export(&kdf, at, count), part, &mut rng).into());
            cbor::encode(&File {
                magic: "holdfast-export".into(),
                format: 1,
                boxes: boxes.collect(),
                kdf: kdf.into(),
            })
        }
    };
    let mut derived = false;
    let opened = Export::open_with(&file, |asked| {
        derived = true;
        Ok(key_of(*asked == record()))
    });
    let form = cbor::decode::<File>(&file, limits::EXPORT);
    let is_one = form.as_ref().is_ok_and(|form| {
        let record = KdfRecord::decode(&form.kdf).ok();
        let counted = (1..=limits::EXPORT / limits::EXPORT_PART).contains(&form.boxes.len());
        let marked = form.magic == "holdfast-export" && form.format == 1;
        marked && counted && record.is_some_and(|record| !record.takes_second())
    });
    assert_eq!(derived, is_one, "nothing is derived before the form is right");
    match (opened, mode % 3) {
        (Ok(export), 2) => {
            // There is one way to cut: what is shorter than 4 MiB is one part.
            assert!(content.is_ok_and(|content| content == export));
            assert!(form.is_ok_and(|form| form.boxes.len() == 1));
        }
        (Ok(_), _) => panic!("nobody sealed that"),
        (Err(refusal), _) => assert!(matches!(refusal, ExportError::Malformed | ExportError::Open)),
    }
}
