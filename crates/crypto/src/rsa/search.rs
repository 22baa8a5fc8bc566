//! The search for `p` and `q`: one ordered queue of candidates, several workers, the order decides and never the clock.
//!
//! The generator is sequential and cheap, the tests are independent and dear. So each worker draws the next candidates under a
//! lock, tests them outside of it, and reports the primes with their positions. Nobody draws once two primes are reported; when
//! all workers have returned, every candidate drawn has its verdict, and the two lowest positions win. Tests beyond the
//! second prime were made in advance and go to waste, or serve if the pair is refused.

use std::sync::{Mutex, PoisonError};

use super::drbg::Candidates;
use super::numbers::Limbs;
use super::pair::Pair;
use super::primality::Primality;
use super::sieve::{LARGEST, Sieve};
use crate::Error;

/// After `TRIES * bits` candidates without a prime something is broken (the chance is below 2^-80, det-keygen's own limit).
pub(super) const TRIES: usize = 10;

/// More threads than this only burn power.
const MOST_WORKERS: usize = 64;

struct Queue {
    candidates: Candidates,
    drawn: usize,
    /// Primes and their positions, in the order in which they were reported.
    primes: Vec<(usize, Limbs)>,
}

/// Finds the pair of `seed`, testing on `workers` threads (`None`: as many as there are processors).
pub(super) fn search(seed: &[u8], bits: u32, workers: Option<usize>, judge: &dyn Primality) -> Result<Pair, Error> {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let workers = workers.unwrap_or_else(processors).clamp(1, MOST_WORKERS);
    let queue = Mutex::new(Queue {
        candidates: Candidates::new(seed, bits)?,
        drawn: 0,
        primes: Vec::new(),
    });
    loop {
        let limit = lock(&queue).drawn + 2 * TRIES * bits as usize;
        std::thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(|| work(&queue, limit, bits, judge));
            }
            work(&queue, limit, bits, judge);
        });
        let mut state = lock(&queue);
        if state.primes.len() < 2 {
            return Err(Error::SelfCheck("no prime among the candidates"));
        }
        state.primes.sort_by_key(|&(position, _)| position);
        let (p, q) = (&state.primes[0].1, &state.primes[1].1);
        if let Some(pair) = Pair::assemble(p, q) {
            return Ok(pair);
        }
        // Both are refused; what was found beyond them are the next ones.
        state.primes.drain(..2);
    }
}

fn work(queue: &Mutex<Queue>, limit: usize, bits: u32, judge: &dyn Primality) {
    let sieve = Sieve::get();
    let bound = sieve_bound(bits);
    let mut batch: Vec<Limbs> = Vec::with_capacity(judge.lanes());
    let mut positions = Vec::with_capacity(judge.lanes());
    loop {
        let (position, candidate) = {
            let mut state = lock(queue);
            if state.primes.len() >= 2 || state.drawn >= limit {
                break;
            }
            state.drawn += 1;
            (state.drawn, state.candidates.draw())
        };
        if sieve.has_factor(&candidate, bound) {
            continue;
        }
        batch.push(candidate);
        positions.push(position);
        if batch.len() == judge.lanes() {
            settle(queue, &mut batch, &mut positions, judge);
        }
    }
    // What is left in a half-filled batch may lie before the primes already found.
    if !batch.is_empty() {
        settle(queue, &mut batch, &mut positions, judge);
    }
}

fn settle(queue: &Mutex<Queue>, batch: &mut Vec<Limbs>, positions: &mut Vec<usize>, judge: &dyn Primality) {
    let verdicts = judge.judge(batch);
    for ((candidate, position), prime) in batch.drain(..).zip(positions.drain(..)).zip(verdicts) {
        if prime {
            lock(queue).primes.push((position, candidate));
        }
    }
}

/// Up to which prime to divide: while dividing by one more costs less than the tests it saves. The strong test costs half a
/// millisecond or more, a prime of the table a few nanoseconds, so nearly the whole table pays even at the smallest size.
fn sieve_bound(bits: u32) -> u32 {
    if bits < 3072 { LARGEST / 2 } else { LARGEST }
}

/// A worker that panicked left plain data behind, and the panic itself goes on through the scope.
fn lock(queue: &Mutex<Queue>) -> std::sync::MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::primality::Portable;
    use super::*;

    fn modulus(workers: usize, judge: &dyn Primality) -> Vec<u8> {
        search(&[9; 48], 2048, Some(workers), judge).unwrap().modulus().to_vec()
    }

    /// A vector kernel as the search sees it: eight candidates per call.
    struct EightAtOnce(AtomicUsize);

    impl Primality for EightAtOnce {
        fn lanes(&self) -> usize {
            8
        }

        fn judge(&self, candidates: &[Limbs]) -> Vec<bool> {
            assert!(candidates.len() <= 8);
            self.0.fetch_max(candidates.len(), Ordering::Relaxed);
            Portable.judge(candidates)
        }
    }

    #[test]
    fn the_width_of_the_kernel_never_changes_a_key() {
        let expected = modulus(1, &Portable);
        for workers in [1, 2, 5] {
            let judge = EightAtOnce(AtomicUsize::new(0));
            assert_eq!(modulus(workers, &judge), expected);
            assert_eq!(judge.0.into_inner(), 8, "whole batches were tested");
        }
    }

    /// The verdict on one number comes late, as if its worker had lost its processor.
    struct Late(Limbs);

    impl Primality for Late {
        fn judge(&self, candidates: &[Limbs]) -> Vec<bool> {
            if candidates.contains(&self.0) {
                std::thread::sleep(Duration::from_millis(500));
            }
            Portable.judge(candidates)
        }
    }

    #[test]
    fn a_late_verdict_on_the_first_prime_still_counts_first() {
        let pair = search(&[9; 48], 2048, Some(1), &Portable).unwrap();
        for prime in [&pair.p, &pair.q] {
            let late = Late(zeroize::Zeroizing::new(prime.as_words().to_vec()));
            assert_eq!(modulus(4, &late), *pair.modulus());
        }
    }

    struct Never;

    impl Primality for Never {
        fn judge(&self, candidates: &[Limbs]) -> Vec<bool> {
            vec![false; candidates.len()]
        }
    }

    #[test]
    fn a_search_without_primes_ends() {
        assert_eq!(
            search(&[9; 48], 2048, Some(2), &Never).err(),
            Some(Error::SelfCheck("no prime among the candidates"))
        );
    }
}
