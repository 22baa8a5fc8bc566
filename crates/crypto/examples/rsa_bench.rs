//! Measures the RSA pair by itself, without scrypt, for comparison with other programs.
//!
//! `derive BITS SEEDHEX` derives one pair and prints the SHA-256 of its public key: time it as a process.
//! `unlock BITS COUNT` derives COUNT pairs, then prints the milliseconds of each unlock: median, p95, maximum.
//! `search BITS COUNT` prints the milliseconds of COUNT derivations inside one process in the same way.
#![expect(clippy::print_stdout, reason = "a measuring program")]

use std::error::Error;
use std::time::Instant;

use holdfast_crypto::Secret;
use holdfast_crypto::rsa::{Bits, PrivateKey};
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, bits, last] = arguments.as_slice() else {
        return Err("usage: derive|unlock|search BITS SEEDHEX|COUNT".into());
    };
    let bits = Bits::from_u32(bits.parse()?).ok_or("BITS is 2048, 3072, 4096 or 8192")?;
    match command.as_str() {
        "derive" => {
            let seed = Secret::from_slice(&hex::decode(last)?).ok_or("SEEDHEX is 96 digits")?;
            let key = PrivateKey::derive(&seed, bits)?;
            println!("{}", hex::encode(Sha256::digest(key.public().to_spki_der())));
        }
        "search" => {
            let times = (0..last.parse()?).map(|number| timed(|| PrivateKey::derive(&seed(number), bits).map(drop)));
            report(times.collect::<Result<_, _>>()?);
        }
        "unlock" => {
            let mut times = Vec::new();
            for number in 0..last.parse()? {
                let derived = PrivateKey::derive(&seed(number), bits)?;
                times.push(timed(|| PrivateKey::unlock(&seed(number), derived.public()).map(drop))?);
            }
            report(times);
        }
        _ => return Err("usage: derive|unlock|search BITS SEEDHEX|COUNT".into()),
    }
    Ok(())
}

/// The fixed seed with this number.
fn seed(number: u32) -> Secret<48> {
    Secret::fill_with(|bytes| {
        let digest = Sha256::digest(number.to_be_bytes());
        bytes[..32].copy_from_slice(&digest);
        bytes[32..].copy_from_slice(&digest[..16]);
    })
}

fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<f64, E> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn report(mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        times
            .get(((times.len() as f64 * share).ceil() as usize).saturating_sub(1))
            .copied()
            .unwrap_or(f64::NAN)
    };
    println!(
        "n {} median {:.2} ms, p95 {:.2} ms, max {:.2} ms",
        times.len(),
        at(0.5),
        at(0.95),
        at(1.0)
    );
}
