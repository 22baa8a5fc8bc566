//! Benches of the key pair: deriving it from a seed, and finding it again under its modulus.
//!
//! Both run the example `rsa_bench` of `holdfast-crypto`. It starts from a seed, not from a phrase:
//! scrypt is a price we ask for on purpose, and has no peer in `openssl genrsa`.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use super::measure::measure;
use super::{Bout, version_of};

/// 48 bytes in hex. Fixed: prime search has a long tail, and other seeds would be another race.
fn seed(index: usize) -> String {
    format!("{:096x}", index + 1)
}

/// A 2048-bit pair from each of 20 seeds, beside as many of openssl's; process start counts on both sides.
pub(super) fn keygen(bout: &mut Bout) -> Result<()> {
    let ours = bout.release_example("holdfast-crypto", "rsa_bench")?;
    bout.keep("peer", json!(version_of("openssl", "version")?));
    let outcome = bout.pairs(["holdfast derive 2048", "openssl genrsa 2048"], 20, |pair| {
        let mut derive = Command::new(&ours);
        derive.args(["derive", "2048", &seed(pair)]);
        let mut genrsa = Command::new("openssl");
        genrsa.args(["genrsa", "-out", "/dev/null", "2048"]);
        Ok([derive, genrsa])
    })?;
    bout.gate("wall time by openssl's", outcome.wall_ratio(), 1.0);
    Ok(())
}

/// The most that unlocking may add to scrypt.
const UNLOCK_MS: f64 = 80.0;

/// Finds 20 known 8192-bit pairs again. No peer does this: the gate is a budget.
pub(super) fn unlock(bout: &mut Bout) -> Result<()> {
    let ours = bout.release_example("holdfast-crypto", "rsa_bench")?;
    let count = bout.wanted_pairs.unwrap_or(20);
    println!("  deriving {count} pairs of 8192 bits first, which takes a while");
    let sample = measure(Command::new(ours).args(["unlock", "8192", &count.to_string()]))?;
    let said = sample.stdout.trim();
    println!("  {said}");
    let figure = |name| figure(said, name).with_context(|| format!("no {name} in: {said}"));
    let (median, p95) = (figure("median")?, figure("p95")?);
    bout.keep("unlock_ms", json!({ "count": count, "median": median, "p95": p95 }));
    bout.gate("median in ms", median, UNLOCK_MS);
    bout.gate("p95 in ms", p95, UNLOCK_MS);
    Ok(())
}

/// The number behind `name` in what `rsa_bench` prints: `n 20 median 7.70 ms, p95 48.00 ms, ...`
fn figure(said: &str, name: &str) -> Option<f64> {
    let mut words = said.split_whitespace().skip_while(|word| *word != name);
    words.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_and_have_48_bytes() {
        assert_eq!(seed(0).len(), 96);
        assert_ne!(seed(0), seed(1));
    }

    #[test]
    fn reads_what_the_example_prints() {
        let said = "n 20 median 7.70 ms, p95 48.00 ms, max 51.20 ms";
        assert_eq!(figure(said, "median"), Some(7.7));
        assert_eq!(figure(said, "p95"), Some(48.0));
        assert_eq!(figure(said, "mean"), None);
    }
}
