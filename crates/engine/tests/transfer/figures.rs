//! The promises in figures: requests for many small files, bytes for few changes.

use std::sync::atomic::Ordering::SeqCst;

use crate::fakes::World;
use crate::trees::{noise, snapshot, write};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_small_files_take_few_requests_and_one_percent_changed_few_bytes() {
    let mut world = World::new();
    let source = world.path("source");
    for number in 0..10_000 {
        write(
            &source.join(format!("{:03}/sample_{number:05}.bin", number / 100)),
            &noise(number, 4096),
        );
    }
    let first = world.commit(std::slice::from_ref(&source)).await;
    let requests = world.memory.requests.swap(0, SeqCst);
    assert!(requests < 200, "{requests} requests");
    for number in (0..10_000).step_by(100) {
        // Spread evenly, which is the worst case for the listing.
        write(
            &source.join(format!("{:03}/sample_{number:05}.bin", number / 100)),
            &noise(number + 1_000_000, 4096),
        );
    }
    world.next_version(&first);
    let second = world.commit(std::slice::from_ref(&source)).await;
    let again = world.memory.requests.swap(0, SeqCst);
    assert_eq!((second.report.chunks, second.report.chunks_reused), (10_000, 9_900));
    assert_eq!(second.report.bytes - second.report.bytes_reused, 100 * 4096);
    let (all, few) = (first.report.bytes_sent, second.report.bytes_sent);
    println!(
        "{requests} requests, {all} bytes; then {again} requests, {few} bytes ({:.1} %)",
        few as f64 * 100.0 / all as f64
    );
    assert!(few * 20 < all, "{few} bytes of {all}");
    assert!(again < 50, "{again} requests");
    world.download(&world.stored(&second), &world.path("to")).await.unwrap();
    let down = world.memory.requests.load(SeqCst);
    assert!(down < 200, "{down} requests");
    assert_eq!(snapshot(&world.path("to")), snapshot(&source));

    // Nothing changed at all: a manifest, and no more.
    world.next_version(&second);
    let third = world.commit(&[source]).await;
    assert_eq!(third.report.bytes_sent, 256 << 10);
    assert_eq!(third.report.chunks_reused, 10_000);
    assert_eq!(third.report.bytes_reused, third.report.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insertion_into_a_large_file_sends_little() {
    let mut world = World::new();
    let file = world.path("large");
    let mut bytes = noise(1, 40 << 20);
    write(&file, &bytes);
    let first = world.commit(std::slice::from_ref(&file)).await;
    assert!(first.report.chunks > 20);
    bytes.splice(11 << 20..11 << 20, *b"a few bytes in the middle");
    write(&file, &bytes);
    world.next_version(&first);
    let second = world.commit(std::slice::from_ref(&file)).await;
    assert!(second.report.bytes_sent < 9 << 20, "{}", second.report.bytes_sent);
    world.download(&world.stored(&second), &world.path("to")).await.unwrap();
    assert!(std::fs::read(world.path("to/large")).unwrap() == bytes);

    // Chunks in packs that are no longer live are sent again.
    world.next_version(&second);
    if let Some(previous) = world.target.previous.as_mut() {
        previous
            .live
            .retain(|pack| second.added.iter().any(|added| added.id == *pack));
    }
    let third = world.commit(&[file]).await;
    assert!(third.report.bytes_sent > 30 << 20, "{}", third.report.bytes_sent);
}

#[tokio::test]
async fn an_unreadable_previous_version_does_not_stop_the_next_one() {
    let mut world = World::new();
    write(&world.path("source/a"), b"a");
    let first = world.commit(&[world.path("source")]).await;
    world.memory.packs.lock().unwrap().clear();
    world.next_version(&first);
    let second = world.commit(&[world.path("source")]).await;
    assert_eq!(second.report.chunks_reused, 0);
    world.download(&world.stored(&second), &world.path("to")).await.unwrap();
}
