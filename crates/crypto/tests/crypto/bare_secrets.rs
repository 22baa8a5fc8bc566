//! Types that hold secrets can't be printed, copied or serialized: a test that does not compile when one of them can.

use std::fmt::{Debug, Display};

use holdfast_crypto::{Key32, Phrase, Prk, RecoveryKey, SecondSecret, Secret, SignKey, rsa};
use serde::Serialize;

/// Compiles only when the type lacks the trait: with it, two implementations of `Lacks` fit and inference fails.
macro_rules! lacks {
    ($type:ty: $($bound:path),+) => {$(
        const _: fn() = || {
            trait Lacks<Marker> { fn proof() {} }
            impl<T: ?Sized> Lacks<()> for T {}
            #[allow(dead_code)]
            struct Has;
            impl<T: ?Sized + $bound> Lacks<Has> for T {}
            let _ = <$type as Lacks<_>>::proof;
        };
    )+};
}

lacks!(Key32: Debug, Display, Clone, Serialize, ToString, AsRef<[u8]>, std::hash::Hash, PartialOrd);
lacks!(Secret<48>: Debug, Display, Clone, Serialize);
lacks!(Phrase: Debug, Display, Clone, Serialize, PartialEq);
lacks!(Prk: Debug, Display, Clone, Serialize);
lacks!(RecoveryKey: Debug, Display, Clone, Serialize);
lacks!(SecondSecret: Debug, Display, Clone, Serialize, ToString, AsRef<[u8]>);
lacks!(SignKey: Debug, Display, Clone, Serialize);
lacks!(rsa::PrivateKey: Debug, Display, Clone, Serialize);

#[test]
fn secrets_compare_by_value_and_copy_only_on_request() {
    let one = Key32::from_slice(&[7; 32]).unwrap();
    let mut other = one.duplicate();
    assert!(one == other);
    other = Key32::from_slice(&[8; 32]).unwrap();
    assert!(one != other);
    assert!(Key32::from_slice(&[7; 31]).is_none());
    assert!(Key32::from_slice(&[7; 33]).is_none());
}

#[test]
fn taking_bytes_over_wipes_the_source() {
    let mut bytes = [9u8; 32];
    let key = Key32::take(&mut bytes);
    assert_eq!(bytes, [0; 32]);
    assert_eq!(key.expose(), &[9; 32]);
}
