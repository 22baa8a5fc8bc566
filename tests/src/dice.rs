//! Drawn numbers that a printed seed brings back.

use std::time::{SystemTime, UNIX_EPOCH};

/// SplitMix64 (Steele, Lea, Flood 2014): no secret ever comes from it.
pub struct Dice(u64);

impl Dice {
    /// The numbers of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed from `HOLDFAST_SEED`, else from the clock, printed so that the run can be repeated; and its numbers.
    ///
    /// # Panics
    /// When `HOLDFAST_SEED` is no number.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "whoever repeats a run needs it")]
    pub fn printed() -> (u64, Self) {
        let seed = match std::env::var("HOLDFAST_SEED") {
            Ok(text) => text.parse().expect("HOLDFAST_SEED is a number"),
            Err(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                now.as_secs() * 1_000_000 + u64::from(now.subsec_micros())
            }
        };
        println!("HOLDFAST_SEED={seed}");
        (seed, Self::new(seed))
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap_or(0)]
    }

    /// Bytes that nothing can compress.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for eight in bytes.chunks_mut(8) {
            let drawn = self.roll().to_le_bytes();
            eight.copy_from_slice(&drawn[..eight.len()]);
        }
    }

    /// Writes a file of `bytes` such bytes.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn file(&mut self, path: &std::path::Path, bytes: u64) {
        use std::io::Write as _;
        let folder = path.parent().expect("a file in a folder");
        std::fs::create_dir_all(folder).expect("a folder");
        let mut file = std::fs::File::create(path).expect("a file");
        let mut block = vec![0; 1 << 20];
        let mut left = bytes;
        while left > 0 {
            let length = usize::try_from(left.min(1 << 20)).unwrap_or(0);
            self.fill(&mut block[..length]);
            file.write_all(&block[..length]).expect("room on the disk");
            left -= length as u64;
        }
    }
}
