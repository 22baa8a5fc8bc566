//! A server that alters what it keeps: every altered byte is noticed, and no file appears.

use std::fs;
use std::path::PathBuf;

use holdfast_engine::Error;
use holdfast_engine::transfer::{Stored, Uploaded, listing};
use holdfast_protocol::manifest::ChunkRef;

use crate::fakes::{World, files_of};
use crate::trees::{noise, write};

async fn small(world: &World) -> (Uploaded, Stored) {
    for name in ["a", "b", "c"] {
        write(&world.path("source").join(name), &noise(name.as_bytes()[0].into(), 200));
    }
    let uploaded = world.commit(&[world.path("source")]).await;
    let stored = world.stored(&uploaded);
    (uploaded, stored)
}

/// The download fails, says what is damaged, and leaves nothing behind.
async fn refused(world: &World, stored: &Stored, what: &str) -> String {
    let before = fs::read_dir(world.folder.path()).unwrap().count();
    let to = world.path("to");
    let outcome = world.download(stored, &to).await;
    let Err(Error::Damaged { what: named }) = outcome else {
        panic!("{what}: {:?}", outcome.map(|_| ()))
    };
    assert_eq!(
        fs::read_dir(world.folder.path()).unwrap().count(),
        before,
        "{what}: something was left"
    );
    named
}

#[tokio::test(flavor = "multi_thread")]
async fn every_altered_byte_is_noticed() {
    let world = World::new();
    let (uploaded, stored) = small(&world).await;
    let pack = uploaded.added[0].id;
    let used = stored.manifest.offset + stored.manifest.length;
    assert_eq!(stored.manifest.pack, pack);
    for position in 0..used as usize {
        world
            .memory
            .tamper(pack, |bytes| bytes[position] ^= 1 << (position % 8));
        refused(&world, &stored, &format!("byte {position}")).await;
        world
            .memory
            .tamper(pack, |bytes| bytes[position] ^= 1 << (position % 8));
    }
    // What lies behind is padding.
    world.memory.tamper(pack, |bytes| bytes[used as usize] ^= 1);
    world.download(&stored, &world.path("to")).await.unwrap();
}

fn bounds(chunk: &ChunkRef) -> std::ops::Range<usize> {
    chunk.offset as usize..(chunk.offset + chunk.length) as usize
}

#[tokio::test(flavor = "multi_thread")]
async fn the_damaged_file_is_named() {
    let world = World::new();
    let (_, stored) = small(&world).await;
    let records = listing(&world.server, &stored, &world.cancel).await.unwrap();
    let chunk = |name: &[u8]| records.iter().find(|record| record.path == name).unwrap().chunks[0].clone();
    let (a, b) = (chunk(b"a"), chunk(b"b"));
    let whole = world.memory.contents(a.pack);

    world.memory.tamper(a.pack, |bytes| bytes[bounds(&b).start + 20] ^= 1);
    assert_eq!(refused(&world, &stored, "one byte").await, "b");
    world.memory.tamper(a.pack, |bytes| bytes.clone_from(&whole));

    // Both are good boxes of this item, each in the other's place: only the tag in the listing tells.
    world.memory.tamper(a.pack, |bytes| {
        bytes[bounds(&a)].copy_from_slice(&whole[bounds(&b)]);
        bytes[bounds(&b)].copy_from_slice(&whole[bounds(&a)]);
    });
    assert_eq!(refused(&world, &stored, "swapped").await, "a");
    world.memory.tamper(a.pack, |bytes| bytes.clone_from(&whole));

    world.memory.tamper(a.pack, |bytes| bytes[bounds(&a)].fill(0));
    assert_eq!(refused(&world, &stored, "zeros").await, "a");
    world.memory.tamper(a.pack, |bytes| bytes.clone_from(&whole));

    world.memory.tamper(a.pack, |bytes| bytes.truncate(100));
    refused(&world, &stored, "cut short").await;
    world.memory.tamper(a.pack, Vec::clear);
    refused(&world, &stored, "emptied").await;
    world.memory.packs.lock().unwrap().clear();
    refused(&world, &stored, "gone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_with_one_bad_chunk_does_not_appear_beside_good_ones() {
    let world = World::new();
    write(&world.path("source/good"), b"good");
    write(&world.path("source/large"), &noise(5, 20 << 20));
    let uploaded = world.commit(&[world.path("source")]).await;
    let stored = world.stored(&uploaded);
    let records = listing(&world.server, &stored, &world.cancel).await.unwrap();
    let last = records
        .iter()
        .find(|record| record.path == b"large")
        .unwrap()
        .chunks
        .last()
        .unwrap()
        .clone();
    world
        .memory
        .tamper(last.pack, |bytes| bytes[bounds(&last).end - 1] ^= 1);
    assert_eq!(refused(&world, &stored, "the last byte").await, "large");

    // Into a folder that is there: what was in it stays as it is, and nothing is added.
    write(&world.path("there/mine"), b"mine");
    let outcome = world.download(&stored, &world.path("there")).await;
    assert!(matches!(outcome, Err(Error::Damaged { .. })));
    let names: Vec<PathBuf> = fs::read_dir(world.path("there"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(names, [world.path("there/mine")]);
}

/// A manifest opens as what it was sealed for and as nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn another_versions_manifest_is_refused() {
    let mut world = World::new();
    let (first, stored) = small(&world).await;
    world.next_version(&first);
    write(&world.path("source/d"), b"d");
    let second = world.commit(&[world.path("source")]).await;
    let unnamed = Stored {
        packs: Vec::new(),
        ..stored.clone()
    };
    refused(&world, &unnamed, "packs that it does not name").await;
    let mixed = Stored {
        manifest: files_of(&second.content).0,
        packs: files_of(&second.content).1,
        ..stored.clone()
    };
    refused(&world, &mixed, "manifest of another version").await;
    let mixed = Stored {
        item: holdfast_protocol::id::ItemId([9; 16]),
        ..stored.clone()
    };
    refused(&world, &mixed, "another item").await;
    let mixed = Stored {
        space: holdfast_protocol::id::SpaceId([9; 32]),
        ..stored
    };
    refused(&world, &mixed, "another space").await;
}
