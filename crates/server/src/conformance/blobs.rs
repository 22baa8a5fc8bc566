//! The bytes of packs.

use std::time::Duration;

use bytes::Bytes;

use crate::ports::{BlobId, Blobs, StoreError};

/// Everything about [`Blobs`].
///
/// # Panics
/// Where the adapter differs from what the port says.
pub async fn blobs(blobs: &dyn Blobs) {
    let (one, two) = (BlobId([1; 16]), BlobId([0x2a; 16]));
    assert!(blobs.list().await.expect("a list").is_empty());
    assert_eq!(blobs.read(one, 0, 0, 1).await, Err(StoreError::Missing));
    blobs.delete(one).await.expect("nothing there is no error");

    blobs
        .write_part(one, 0, Bytes::from_static(b"first part"))
        .await
        .expect("written");
    blobs
        .write_part(one, 10, Bytes::from_static(b"tenth"))
        .await
        .expect("written");
    blobs
        .write_part(two, 0, Bytes::from_static(b"other"))
        .await
        .expect("written");
    assert_eq!(blobs.read(one, 0, 6, 4).await.expect("bytes"), "part");
    assert_eq!(blobs.read(one, 10, 0, 5).await.expect("bytes"), "tenth");
    assert_eq!(blobs.read(two, 0, 0, 5).await.expect("bytes"), "other");
    assert_eq!(
        blobs.read(one, 0, 7, 4).await,
        Err(StoreError::Missing),
        "shorter than that"
    );
    assert_eq!(
        blobs.read(one, 1, 0, 1).await,
        Err(StoreError::Missing),
        "not that part"
    );

    blobs
        .write_part(one, 0, Bytes::from_static(b"new"))
        .await
        .expect("written");
    assert_eq!(blobs.read(one, 0, 0, 3).await.expect("bytes"), "new");
    assert_eq!(
        blobs.read(one, 0, 0, 4).await,
        Err(StoreError::Missing),
        "replaced whole"
    );

    let mut listed = blobs.list().await.expect("a list");
    listed.sort();
    assert_eq!(listed, [one, two]);
    blobs.tidy(Duration::ZERO).await.expect("tidied");
    assert_eq!(
        blobs.read(one, 10, 0, 5).await.expect("bytes"),
        "tenth",
        "what is whole stays"
    );
    blobs.delete(one).await.expect("deleted");
    assert_eq!(blobs.read(one, 10, 0, 5).await, Err(StoreError::Missing));
    assert_eq!(blobs.list().await.expect("a list"), [two]);
}
