//! Where content is cut: FastCDC (v2020, normalization 1) by content, so that an insertion moves no other cut.
//!
//! The cuts are those of the crate `fastcdc`, found faster: its hash at a byte depends on the 64 bytes up to there alone,
//! so four stretches can be hashed side by side while one alone would mostly wait for its own last step.

use std::sync::LazyLock;

use fastcdc::v2020::{Normalization, get_gear_with_seed, select_masks};

/// Files of at most this many bytes are one chunk.
pub(super) const WHOLE: u64 = 1 << 20;
/// For files above [`WHOLE`].
pub(super) const FILES: Cutter = Cutter {
    min: 256 << 10,
    mean: 1 << 20,
    max: 4 << 20,
};
/// For listings.
pub(super) const LISTING: Cutter = Cutter {
    min: 2 << 10,
    mean: 8 << 10,
    max: 64 << 10,
};

/// Bytes that a hash depends on: each step shifts it by one bit of 64.
const WINDOW: usize = 64;
/// Bytes of one stretch.
const STRETCH: usize = 1024;

static GEAR: LazyLock<[u64; 256]> = LazyLock::new(|| {
    get_gear_with_seed(0)
        .0
        .as_ref()
        .try_into()
        .expect("there is a number for each byte")
});

/// Sizes of chunks, in bytes. All even.
#[derive(Clone, Copy)]
pub(super) struct Cutter {
    min: usize,
    mean: usize,
    /// A cut depends on this many bytes at most.
    pub(super) max: usize,
}

impl Cutter {
    /// The length of the first chunk of `bytes`, which hold at least [`Cutter::max`] bytes or all that is left.
    pub(super) fn first(self, bytes: &[u8]) -> usize {
        let bytes = &bytes[..bytes.len().min(self.max)];
        if bytes.len() <= self.min {
            return bytes.len();
        }
        let (strict, loose) = select_masks(self.mean, Normalization::Level1);
        // The reference looks at bytes in pairs, so never at the last one of an odd length.
        let end = bytes.len() & !1;
        let center = self.mean.min(end);
        // The hash begins at zero: the first window is not full.
        let full = (self.min + WINDOW).min(end);
        let mut hash = 0;
        for (at, byte) in bytes[..full].iter().enumerate().skip(self.min) {
            hash = roll(&GEAR, hash, *byte);
            if hash & (if at < center { strict } else { loose }) == 0 {
                return at;
            }
        }
        let (middle, rest) = (full..center.max(full), center.max(full)..end);
        find(bytes, middle, strict)
            .or_else(|| find(bytes, rest, loose))
            .unwrap_or(bytes.len())
    }

    /// The chunks of something that is in memory whole.
    pub(super) fn all(self, mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut chunks = Vec::new();
        while !bytes.is_empty() {
            let (chunk, rest) = bytes.split_at(self.first(bytes));
            chunks.push(chunk);
            bytes = rest;
        }
        chunks
    }
}

#[inline(always)]
fn roll(gear: &[u64; 256], hash: u64, byte: u8) -> u64 {
    (hash << 1).wrapping_add(gear[usize::from(byte)])
}

/// The hash of a full window that ends before `end`.
fn window(gear: &[u64; 256], bytes: &[u8], end: usize) -> u64 {
    bytes[end - WINDOW..end]
        .iter()
        .fold(0, |hash, byte| roll(gear, hash, *byte))
}

/// The first position in `range` whose hash has no bit of the mask. Before it there is a full window.
fn find(bytes: &[u8], mut range: std::ops::Range<usize>, mask: u64) -> Option<usize> {
    let gear: &[u64; 256] = &GEAR;
    while range.len() >= 4 * STRETCH {
        let starts = [0, 1, 2, 3].map(|number| range.start + number * STRETCH);
        let [mut a, mut b, mut c, mut d] = starts.map(|start| window(gear, bytes, start));
        let [ab, bb, cb, db] = starts.map(|start| &bytes[start..start + STRETCH]);
        let hit = ab.iter().zip(bb).zip(cb.iter().zip(db)).any(|((ab, bb), (cb, db))| {
            (a, b, c, d) = (
                roll(gear, a, *ab),
                roll(gear, b, *bb),
                roll(gear, c, *cb),
                roll(gear, d, *db),
            );
            (a & mask == 0) | (b & mask == 0) | (c & mask == 0) | (d & mask == 0)
        });
        if hit {
            range.end = range.start + 4 * STRETCH;
            break;
        }
        range.start += 4 * STRETCH;
    }
    if range.is_empty() {
        return None;
    }
    let mut hash = window(gear, bytes, range.start);
    range.into_iter().find(|at| {
        hash = roll(gear, hash, bytes[*at]);
        hash & mask == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theirs(cutter: Cutter, bytes: &[u8]) -> Vec<usize> {
        let chunks = fastcdc::v2020::FastCDC::new(bytes, cutter.min, cutter.mean, cutter.max);
        chunks.map(|chunk| chunk.length).collect()
    }

    /// Pins the cuts: other ones would make every later version of an item re-send everything.
    #[test]
    fn cuts_are_those_of_the_reference() {
        let mut noise = vec![0; 12_000_001];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let small = Cutter {
            min: 64,
            mean: 256,
            max: 1024,
        };
        let medium = Cutter {
            min: 8 << 10,
            mean: 64 << 10,
            max: 256 << 10,
        };
        let text: Vec<u8> = (0..400_000)
            .flat_map(|n: u32| format!("{n},{}\n", n % 7).into_bytes())
            .collect();
        for cutter in [FILES, LISTING, small, medium] {
            for bytes in [&noise[..], &text, &vec![0; 9_000_001]] {
                let ours: Vec<usize> = cutter.all(bytes).iter().map(|chunk| chunk.len()).collect();
                assert_eq!(ours, theirs(cutter, bytes));
                assert!(ours.len() > 2);
            }
        }
        for length in (0..3000).chain((1 << 18) - 2..(1 << 18) + 70) {
            for cutter in [FILES, LISTING, small] {
                let ours: Vec<usize> = cutter.all(&noise[..length]).iter().map(|chunk| chunk.len()).collect();
                assert_eq!(ours, theirs(cutter, &noise[..length]), "{length}");
            }
        }
    }
}
