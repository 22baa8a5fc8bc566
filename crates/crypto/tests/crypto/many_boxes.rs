//! Sealing many boxes at once gives the very bytes of sealing them one after the other.

use holdfast_crypto::{Key32, SealJob, open, seal, seal_many, seal_many_into};
use proptest::prelude::*;

use crate::support::TestRng;

struct Owned {
    key: Key32,
    context: Vec<u8>,
    plaintext: Vec<u8>,
}

fn owned(lengths: &[usize]) -> Vec<Owned> {
    let make = |(n, &length): (usize, &usize)| {
        let mut rng = TestRng::new(n as u64);
        let key = Key32::random(&mut rng);
        let plaintext = (0..length)
            .map(|at| key.expose()[at % 32] ^ u8::try_from(at % 256).unwrap())
            .collect();
        Owned {
            key,
            context: vec![7; n],
            plaintext,
        }
    };
    lengths.iter().enumerate().map(make).collect()
}

fn jobs(owned: &[Owned]) -> Vec<SealJob<'_>> {
    owned
        .iter()
        .map(|job| SealJob {
            key: &job.key,
            context: &job.context,
            plaintext: &job.plaintext,
        })
        .collect()
}

fn check(lengths: &[usize], seed: u64) {
    let owned = owned(lengths);
    let many = seal_many(&jobs(&owned), &mut TestRng::new(seed));
    let mut rng = TestRng::new(seed);
    let single: Vec<Vec<u8>> = jobs(&owned)
        .iter()
        .map(|job| seal(job.key, job.context, job.plaintext, &mut rng))
        .collect();
    assert_eq!(many, single);
    for (job, sealed) in owned.iter().zip(&many) {
        assert_eq!(*open(&job.key, &job.context, sealed).unwrap(), job.plaintext);
    }
}

#[test]
fn any_count_and_lengths() {
    for count in 0..=20 {
        check(&vec![100; count], 1);
        check(&(0..count).map(|n| n * 37 % 200).collect::<Vec<_>>(), 2);
    }
    check(&[0, 100_000, 0, 1, 15, 16, 17, 31, 32, 33, 50_000, 3], 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn many_is_one_by_one(lengths in prop::collection::vec(0usize..5000, 0..30), seed: u64) {
        check(&lengths, seed);
    }
}

#[test]
fn buffers_are_used_again() {
    let owned = owned(&[1000, 0, 50]);
    let mut buffers = vec![vec![0xee; 3000], Vec::new(), vec![0xee; 10]];
    let place = buffers[0].as_ptr();
    seal_many_into(&jobs(&owned), &mut buffers, &mut TestRng::new(4));
    assert_eq!(buffers, seal_many(&jobs(&owned), &mut TestRng::new(4)));
    assert_eq!(buffers[0].as_ptr(), place, "a buffer with room is not allocated again");
}

#[test]
#[should_panic(expected = "one buffer for each job")]
fn a_missing_buffer_is_a_mistake_of_the_caller() {
    let owned = owned(&[1, 2]);
    seal_many_into(&jobs(&owned), &mut [Vec::new()], &mut TestRng::new(5));
}

/// Not a check: prints GB/s, run with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn throughput() {
    let mut rng = TestRng::new(6);
    let plaintext = vec![1u8; 1 << 20];
    for (count, name) in [(1, "one at a time"), (8, "8 at a time"), (16, "16 at a time")] {
        let keys: Vec<Key32> = (0..count).map(|_| Key32::random(&mut rng)).collect();
        let jobs: Vec<SealJob<'_>> = keys
            .iter()
            .map(|key| SealJob {
                key,
                context: b"chunk",
                plaintext: &plaintext,
            })
            .collect();
        let mut out = vec![Vec::new(); count];
        let start = std::time::Instant::now();
        let rounds = 256 / count;
        for _ in 0..rounds {
            seal_many_into(&jobs, &mut out, &mut rng);
        }
        let bytes = (rounds * count) as f64 * f64::from(1 << 20);
        eprintln!("{name}: {:.2} GB/s", bytes / start.elapsed().as_secs_f64() / 1e9);
    }
    let start = std::time::Instant::now();
    for _ in 0..256 {
        std::hint::black_box(holdfast_crypto::hazmat::hmac_sha256(&[1; 32], &plaintext));
    }
    eprintln!(
        "MAC alone: {:.2} GB/s",
        256.0 * f64::from(1 << 20) / start.elapsed().as_secs_f64() / 1e9
    );
}
