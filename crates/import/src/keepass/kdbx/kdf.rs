//! From the passphrase to the key. What a file asks for is bounded: it may come from anybody.

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize, Zeroizing};

use super::header::Kdf;
use super::{Key, damaged, sha256};
use crate::error::Error;

/// Rounds of AES: half a minute on a slow computer. `KeePass` takes what one second allows.
const MAX_ROUNDS: u64 = 500_000_000;
/// Memory of Argon2 in KiB: 1 GiB. The default of `KeePassXC` is 64 MiB.
const MAX_MEMORY_KIB: u64 = 1 << 20;
/// Memory in KiB times passes: 16 GiB touched, some twenty seconds.
const MAX_WORK: u64 = 16 << 20;
const MAX_LANES: u32 = 64;

pub(super) fn transform(kdf: &Kdf, composite: &Key) -> Result<Key, Error> {
    match kdf {
        Kdf::Aes { seed, rounds } => aes(seed, *rounds, composite),
        Kdf::Argon2 {
            id,
            salt,
            memory,
            iterations,
            lanes,
            version,
        } => {
            let kib = memory / 1024;
            let work = kib.saturating_mul(*iterations);
            if kib > MAX_MEMORY_KIB || work > MAX_WORK || *lanes > MAX_LANES {
                return Err(too_much());
            }
            let version = Version::try_from(*version).map_err(|_| damaged())?;
            let number = |number: u64| u32::try_from(number).map_err(|_| too_much());
            let params = Params::new(number(kib)?, number(*iterations)?, *lanes, Some(32)).map_err(|_| damaged())?;
            let algorithm = if *id { Algorithm::Argon2id } else { Algorithm::Argon2d };
            argon2(&Argon2::new(algorithm, version, params), salt, composite)
        }
    }
}

fn aes(seed: &[u8], rounds: u64, composite: &Key) -> Result<Key, Error> {
    if rounds > MAX_ROUNDS {
        return Err(too_much());
    }
    let cipher = Aes256::new_from_slice(seed).map_err(|_| damaged())?;
    let (first, second) = composite.split_at(16);
    let mut blocks: [aes::Block; 2] = [
        first.try_into().map_err(|_| damaged())?,
        second.try_into().map_err(|_| damaged())?,
    ];
    for _ in 0..rounds {
        cipher.encrypt_blocks(&mut blocks);
    }
    let key = sha256(&[&blocks[0], &blocks[1]]);
    blocks.iter_mut().for_each(|block| block.as_mut_slice().zeroize());
    Ok(key)
}

fn argon2(argon2: &Argon2<'_>, salt: &[u8], composite: &Key) -> Result<Key, Error> {
    let count = argon2.params().block_count();
    let mut memory: Vec<Block> = Vec::new();
    // An error where the system has no room, and not the end of the process.
    memory.try_reserve_exact(count).map_err(|_| too_much())?;
    memory.resize(count, Block::default());
    let mut key = Zeroizing::new([0; 32]);
    let done = argon2.hash_password_into_with_memory(&**composite, salt, &mut *key, &mut memory);
    memory.iter_mut().for_each(Zeroize::zeroize);
    done.map_err(|_| damaged())?;
    Ok(key)
}

fn too_much() -> Error {
    Error::Unsupported(
        "opening it takes more memory or time than a file is given; lower the key derivation in KeePass under Database settings"
            .into(),
    )
}
