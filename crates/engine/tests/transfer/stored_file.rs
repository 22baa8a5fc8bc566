//! Files read here and there: the right bytes, only the windows that hold them, nothing that was altered.

use std::sync::atomic::Ordering::SeqCst;

use holdfast_engine::Error;
use holdfast_engine::transfer::{Stored, StoredFile, listing};
use holdfast_protocol::limits::WINDOW;
use holdfast_protocol::manifest::FileRecord;

use crate::fakes::World;
use crate::forge::Forge;
use crate::trees::{noise, write};

const LARGE: usize = 24_000_001;
const NO_LIMIT: u64 = u64::MAX;

async fn record(world: &World, stored: &Stored, path: &[u8]) -> FileRecord {
    let records = listing(&world.server, stored, &world.cancel).await.unwrap();
    records.into_iter().find(|record| record.path == path).unwrap()
}

fn open(world: &World, stored: &Stored, record: FileRecord, budget: u64) -> StoredFile {
    StoredFile::new(&world.server, stored, record, budget, &world.cancel)
}

/// A version with one large file among small ones, and the large one's bytes.
async fn large() -> (World, Stored, Vec<u8>) {
    let world = World::new();
    let bytes = noise(9, LARGE);
    write(&world.path("source/large"), &bytes);
    write(&world.path("source/small"), b"small");
    write(&world.path("source/empty"), b"");
    let uploaded = world.commit(&[world.path("source")]).await;
    let stored = world.stored(&uploaded);
    (world, stored, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn any_range_is_what_the_file_holds() {
    let (world, stored, bytes) = large().await;
    for says_lengths in [true, false] {
        let mut record = record(&world, &stored, b"large").await;
        assert!(record.chunks.iter().all(|chunk| chunk.plain.is_some()));
        if !says_lengths {
            record.chunks.iter_mut().for_each(|chunk| chunk.plain = None);
        }
        let mut file = open(&world, &stored, record, NO_LIMIT);
        for (offset, length) in [
            (0, 10),
            (13_000_000, 100),
            (LARGE - 8, 8),
            (LARGE - 8, 100),
            (3_999_999, 5_000_000),
            (LARGE, 1),
            (usize::MAX, 1),
            (5, 0),
            (0, LARGE),
        ] {
            let got = file.read_at(offset as u64, length).await.unwrap();
            let start = offset.min(LARGE);
            let end = offset.saturating_add(length).min(LARGE);
            assert!(got[..] == bytes[start..end], "{offset} {length}");
        }
    }
    for (path, content) in [(&b"small"[..], &b"small"[..]), (b"empty", b"")] {
        let record = record(&world, &stored, path).await;
        let got = open(&world, &stored, record, NO_LIMIT).read_at(0, 100).await.unwrap();
        assert_eq!(&got[..], content);
    }
}

/// Chunks are at most 4 MiB, so that a byte costs at most that and two windows for its ends.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_windows_that_are_needed_are_read() {
    let (world, stored, _) = large().await;
    let record = record(&world, &stored, b"large").await;
    for offset in [0, LARGE as u64 / 2, LARGE as u64 - 1] {
        let mut file = open(&world, &stored, record.clone(), NO_LIMIT);
        world.memory.read.store(0, SeqCst);
        file.read_at(offset, 1).await.unwrap();
        let read = world.memory.read.load(SeqCst);
        let starts: Vec<u64> = record
            .chunks
            .iter()
            .scan(0, |end, chunk| {
                let start = *end;
                *end += chunk.plain.unwrap();
                Some(start)
            })
            .collect();
        let chunk = &record.chunks[starts.partition_point(|start| *start <= offset) - 1];
        let windows = (chunk.offset + chunk.length).div_ceil(WINDOW) - chunk.offset / WINDOW;
        assert_eq!(read, windows * WINDOW, "one byte at {offset}");
        assert_eq!(file.received(), read);
        // Its neighbours are in memory now.
        file.read_at(offset.saturating_sub(10), 10.min(offset as usize))
            .await
            .unwrap();
        file.read_at(offset, 1).await.unwrap();
        assert!(world.memory.read.load(SeqCst) <= read + (4 << 20) + 2 * WINDOW);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_kept() {
    let (world, stored, _) = large().await;
    let record = record(&world, &stored, b"large").await;
    let mut file = open(&world, &stored, record, 6 << 20);
    world.memory.read.store(0, SeqCst);
    file.read_at(0, 10).await.unwrap();
    assert!(matches!(file.read_at(0, LARGE).await, Err(Error::NotShown(_))));
    assert!(matches!(file.read_at(8 << 20, 8 << 20).await, Err(Error::NotShown(_))));
    assert!(world.memory.read.load(SeqCst) <= 6 << 20);
    file.read_at(0, 10).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_and_missing_bytes_are_seen_where_they_are_read() {
    let (world, stored, bytes) = large().await;
    let record = record(&world, &stored, b"large").await;
    let bad = &record.chunks[record.chunks.len() / 2];
    let start: u64 = record.chunks[..record.chunks.len() / 2]
        .iter()
        .map(|chunk| chunk.plain.unwrap())
        .sum();
    let middle = (bad.offset + bad.length / 2) as usize;
    world.memory.tamper(bad.pack, |pack| pack[middle] ^= 1);
    let mut file = open(&world, &stored, record.clone(), NO_LIMIT);
    assert!(file.read_at(0, 1000).await.unwrap()[..] == bytes[..1000]);
    assert!(matches!(file.read_at(start, 1).await, Err(Error::Damaged { .. })));
    world.memory.packs.lock().unwrap().remove(&record.chunks[0].pack);
    let mut file = open(&world, &stored, record, NO_LIMIT);
    assert!(matches!(file.read_at(0, 1).await, Err(Error::Damaged { .. })));
}

/// An author may say anything; what does not fit the boxes is refused with the listing, what does not fit the content when it is read.
#[tokio::test]
async fn lengths_that_lie_are_refused() {
    let world = World::new();
    let lie = |plain: u64, size: u64| {
        let mut forge = Forge::new(&world);
        let mut file = forge.file(b"a", b"0123456789");
        file.chunks[0].plain = Some(plain);
        file.size = size;
        forge.version(&[file])
    };
    for (plain, size) in [(0, 10), (9, 10), (11, 10), (16, 16), (u64::MAX, 10), (1 << 40, 1 << 40)] {
        let refused = listing(&world.server, &lie(plain, size), &world.cancel).await;
        assert!(matches!(refused, Err(Error::Damaged { .. })), "{plain} {size}");
    }
    // Ten bytes and eleven give boxes of one length: the listing says nothing against it.
    let stored = lie(11, 11);
    let record = record(&world, &stored, b"a").await;
    let read = open(&world, &stored, record, NO_LIMIT).read_at(0, 5).await;
    assert!(matches!(read, Err(Error::Damaged { .. })));
    assert!(matches!(
        world.download(&stored, &world.path("to")).await,
        Err(Error::Damaged { .. })
    ));
}
