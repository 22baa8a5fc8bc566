//! Secret bytes of a fixed length: the only shape in which keys travel through Holdfast.
//!
//! A [`Secret`] lives on the heap (moving it copies a pointer, not the key), is zeroized when dropped, compares in
//! constant time, and has neither `Debug`, `Clone` nor serde: every copy and every look is spelled out with
//! [`Secret::expose`], which a reviewer can search for.

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// `N` secret bytes on the heap, wiped when dropped.
pub struct Secret<const N: usize>(Box<Zeroizing<[u8; N]>>);

/// A 256-bit key.
pub type Key32 = Secret<32>;

impl<const N: usize> Secret<N> {
    /// Makes a secret by filling `N` zero bytes in place, so that no copy is left on the stack.
    pub fn fill_with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut bytes = Box::new(Zeroizing::new([0u8; N]));
        fill(&mut bytes);
        Self(bytes)
    }

    /// Draws `N` random bytes.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self::fill_with(|bytes| rng.fill_bytes(bytes))
    }

    /// Copies a slice; `None` when it is not exactly `N` bytes long. The caller still owns (and wipes) the source.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == N).then(|| Self::fill_with(|own| own.copy_from_slice(bytes)))
    }

    /// Takes an array over and wipes the caller's copy.
    pub fn take(bytes: &mut [u8; N]) -> Self {
        let secret = Self::fill_with(|own| own.copy_from_slice(bytes));
        bytes.zeroize();
        secret
    }

    /// The bytes themselves. Search for this word in a review.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// A second copy, spelled out because each copy is one more place to wipe.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::fill_with(|own| own.copy_from_slice(self.expose()))
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}
