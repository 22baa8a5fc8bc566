//! AES-256-CBC over padded data: many chains encrypted side by side, one chain decrypted.
//!
//! A CBC chain waits for the cipher at every block, so a single one leaves most of the processor idle (about 1 GB/s on any
//! library). Up to [`LANES`] chains take turns here, one block each: the processor runs their rounds at the same time
//! because none depends on another. Every chain has a key of its own, so the cipher's own many-blocks call, which takes one key,
//! does not serve; instead the ciphers are set up once, nested, and then called in turn.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::consts::U16;
use aes::cipher::{
    Block, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt,
    BlockSizeUser, InnerIvInit, KeyInit, KeyIvInit,
};
use aes::{Aes256, Aes256Enc};

/// Chains that take turns.
pub(crate) const LANES: usize = 8;

type AesBlock = Block<Aes256Enc>;
/// One cipher, set up: encrypts a block in place.
type Encrypt<'a> = &'a dyn Fn(&mut AesBlock);

/// One chain to encrypt in place: whole blocks, the padding already written.
pub(crate) struct Chain<'a> {
    cipher: Aes256Enc,
    previous: u128,
    rest: &'a mut [AesBlock],
}

impl<'a> Chain<'a> {
    pub(crate) fn new(key: &[u8; 32], iv: &[u8; 16], padded: &'a mut [u8]) -> Self {
        let (blocks, odd) = AesBlock::slice_as_chunks_mut(padded);
        assert!(odd.is_empty(), "the caller pads to whole blocks");
        Self {
            cipher: Aes256Enc::new(key.into()),
            previous: u128::from_ne_bytes(*iv),
            rest: blocks,
        }
    }

    /// Encrypts what is left of this chain with nobody to take turns with.
    fn finish(&mut self) {
        let iv = AesBlock::from(self.previous.to_ne_bytes());
        ::cbc::Encryptor::inner_iv_init(&self.cipher, &iv).encrypt_blocks(core::mem::take(&mut self.rest));
    }
}

/// Encrypts every chain. As long as more than one is left, up to [`LANES`] of them advance together.
pub(crate) fn encrypt(mut waiting: Vec<Chain<'_>>) {
    // Longest last, where they are taken first: the lanes then stay full for longest.
    waiting.sort_by_key(|chain| chain.rest.len());
    let mut active: Vec<Chain<'_>> = Vec::with_capacity(LANES);
    loop {
        active.retain(|chain| !chain.rest.is_empty());
        while active.len() < LANES
            && let Some(next) = waiting.pop()
        {
            active.push(next);
        }
        match active.as_mut_slice() {
            [] => return,
            [last] => last.finish(),
            several => advance(several),
        }
    }
}

/// Encrypts, in turns, as many blocks of each chain as the shortest has left.
fn advance(chains: &mut [Chain<'_>]) {
    let steps = chains.iter().map(|chain| chain.rest.len()).min().unwrap_or(0);
    let mut ciphers = Vec::with_capacity(chains.len());
    let mut lanes = Vec::with_capacity(chains.len());
    for chain in chains {
        let (now, later) = core::mem::take(&mut chain.rest).split_at_mut(steps);
        chain.rest = later;
        ciphers.push(&chain.cipher);
        lanes.push((&mut chain.previous, now));
    }
    set_up(&ciphers, 0, [&|_| (); LANES], &mut |encrypts| {
        for step in 0..steps {
            for ((previous, blocks), encrypt) in lanes.iter_mut().zip(encrypts) {
                let block = &mut blocks[step];
                *block = AesBlock::from((u128::from_ne_bytes(block.0) ^ **previous).to_ne_bytes());
                encrypt(block);
                **previous = u128::from_ne_bytes(block.0);
            }
        }
    });
}

/// Sets up one cipher after the other, each inside the last one's call, and then runs `work` with all of them.
///
/// Which implementation runs (VAES, AES-NI, ARMv8, portable) is decided, and the round keys are spread out, in
/// `encrypt_with_backend`. Doing that for every block would cost several times the block itself.
fn set_up(ciphers: &[&Aes256Enc], at: usize, ready: [Encrypt<'_>; LANES], work: &mut dyn FnMut(&[Encrypt<'_>])) {
    match ciphers.get(at) {
        Some(cipher) => cipher.encrypt_with_backend(SetUp {
            ciphers,
            at,
            ready,
            work,
        }),
        None => work(&ready[..ciphers.len()]),
    }
}

struct SetUp<'a, 'b> {
    ciphers: &'a [&'a Aes256Enc],
    at: usize,
    ready: [Encrypt<'b>; LANES],
    work: &'a mut dyn FnMut(&[Encrypt<'_>]),
}

impl BlockSizeUser for SetUp<'_, '_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for SetUp<'_, '_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let encrypt = |block: &mut AesBlock| backend.encrypt_block(block.into());
        let mut ready: [Encrypt<'_>; LANES] = self.ready;
        ready[self.at] = &encrypt;
        set_up(self.ciphers, self.at + 1, ready, self.work);
    }
}

/// Decrypts whole blocks in place and returns the length without padding; `None` when length or padding are not PKCS#7.
pub(crate) fn decrypt(key: &[u8; 32], iv: &[u8], ciphertext: &mut [u8]) -> Option<usize> {
    let cipher = ::cbc::Decryptor::<Aes256>::new_from_slices(key, iv).ok()?;
    cipher.decrypt_padded::<Pkcs7>(ciphertext).map(<[u8]>::len).ok()
}
