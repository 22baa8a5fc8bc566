//! Prints the table of `tests/vectors/phrase-to-key.json`: phrases to public keys at every size.
//!
//! The table was made once, by a release build, and never changes; `tests/phrase_table.rs` makes it again in every build.
#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use std::error::Error;

use holdfast_crypto::rsa::{Bits, PrivateKey};
use holdfast_crypto::{KdfRecord, Phrase, Prk};

const PHRASES: [&str; 2] = ["correct horse battery staple unicycle penguin", "Zürich ﬁle 🦭 Ⅸ"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut rows = Vec::new();
    for (number, phrase) in (0u8..).zip(PHRASES) {
        let record = KdfRecord::new(17, [number; 32])?;
        let prk = Prk::derive(&Phrase::new(phrase)?, &record)?;
        for bits in [2048, 3072, 4096, 8192] {
            let bits = Bits::from_u32(bits).ok_or("a size that is offered")?;
            let key = PrivateKey::derive(&prk.rsa_seed(bits), bits)?;
            rows.push(serde_json::json!({
                "phrase": phrase,
                "kdf": hex::encode(record.encode()),
                "bits": bits.get(),
                "rsa_spki": hex::encode(key.public().to_spki_der()),
                "ed25519": hex::encode(prk.sign_key().public().as_bytes()),
            }));
        }
    }
    println!("{}", serde_json::to_string_pretty(&rows)?);
    Ok(())
}
