//! Uploads that are stopped at every point there is, and gone on with.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use holdfast_engine::ports::{Progress, Step};
use holdfast_engine::transfer::{abandon, pending};
use holdfast_engine::{Error, Result};
use tokio_util::sync::CancellationToken;

use crate::fakes::World;
use crate::trees::{noise, snapshot, write};

/// Two packs and a bit: 40 files of 900 KiB.
fn some_files(world: &World) -> PathBuf {
    let source = world.path("source");
    for number in 0..40 {
        write(&source.join(format!("file {number:02}")), &noise(number, 900 << 10));
    }
    source
}

/// Runs an upload until the trip stops it, and then drops it, as the end of the process would. `None`: it came to its end.
async fn until_stopped(world: &World, source: &Path) -> Option<Result<()>> {
    let sources = [source.to_path_buf()];
    tokio::select! {
        done = world.upload(&sources) => Some(done.map(|_| ())),
        () = world.trip.tripped.notified() => None,
    }
}

/// The threads of an upload that was dropped write into the spool for a moment longer, and hold its lock until they end.
fn until_nobody_writes(world: &World) {
    let path = world.options.spool.join(format!("{}.lock", world.target.version));
    let lock = fs::File::open(path).unwrap();
    lock.lock().unwrap();
}

async fn check(world: &World, source: &Path, name: &str) {
    let uploaded = world.commit(&[source.to_path_buf()]).await;
    let mut added: Vec<_> = uploaded.added.iter().map(|pack| pack.id).collect();
    added.sort();
    let mut there: Vec<_> = world.memory.pack_ids().into_iter().collect();
    there.sort();
    assert_eq!(
        added, there,
        "{name}: the server has what the commit names and nothing else"
    );
    let to = world.path("to");
    world.download(&world.stored(&uploaded), &to).await.unwrap();
    assert_eq!(snapshot(&to), snapshot(source), "{name}");
    fs::remove_dir_all(to).unwrap();
}

/// The server in memory fails the test when a part that it has is sent once more.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_at_every_call_it_goes_on() {
    let mut world = World::new();
    let source = some_files(&world);
    let mut points = 0;
    for call in 0.. {
        let mut ended = false;
        for after_effect in [false, true] {
            let fresh = World::new();
            world = World {
                folder: world.folder,
                options: world.options,
                ..fresh
            };
            world.trip.set(call, after_effect);
            let stopped = until_stopped(&world, &source).await;
            world.trip.set(i64::MAX, false);
            if stopped.is_some() {
                ended = true;
                fs::remove_dir_all(&world.options.spool).unwrap();
                break;
            }
            points += 1;
            check(&world, &source, &format!("call {call}, after effect: {after_effect}")).await;
        }
        if ended {
            break;
        }
    }
    assert!(points >= 24, "{points} points");
}

/// Again and again, each time a little further.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_many_times_it_still_arrives() {
    let world = World::new();
    let source = some_files(&world);
    let mut stops = 0;
    loop {
        world.trip.set(6 + stops % 4, stops % 2 == 0);
        if let Some(done) = until_stopped(&world, &source).await {
            done.unwrap();
            break;
        }
        stops += 1;
        assert!(stops < 60, "it makes no way");
    }
    assert!(stops >= 2, "{stops}");
    world.trip.set(i64::MAX, false);
    check(&world, &source, "many stops").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_files_are_not_read_again_and_changed_ones_are() {
    let world = World::new();
    let source = some_files(&world);
    let uploaded = world.upload(std::slice::from_ref(&source)).await.unwrap();
    assert_eq!((uploaded.report.files_resumed, uploaded.report.bytes_reused), (0, 0));
    // Everything was sent, nothing was committed.
    write(&source.join("file 07"), &noise(1_007, 900 << 10));
    fs::remove_file(source.join("file 08")).unwrap();
    write(&source.join("file 99"), b"new");
    let again = world.upload(std::slice::from_ref(&source)).await.unwrap();
    assert_eq!((again.report.files, again.report.files_resumed), (40, 38));
    assert!(again.report.bytes_sent < 2 << 20, "{}", again.report.bytes_sent);
    assert_eq!(again.report.bytes - again.report.bytes_reused, (900 << 10) + 3);
    check(&world, &source, "changed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_spool_and_lost_packs_are_sealed_again() {
    let mut world = World::new();
    let source = some_files(&world);
    for (name, call) in [("spool", 4), ("lost", 12)] {
        let fresh = World::new();
        world = World {
            folder: world.folder,
            options: world.options,
            ..fresh
        };
        world.trip.set(call, true);
        assert!(until_stopped(&world, &source).await.is_none());
        world.trip.set(i64::MAX, false);
        until_nobody_writes(&world);
        for entry in fs::read_dir(&world.options.spool)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if entry.extension().is_some_and(|extension| extension == "pack") {
                let mut bytes = fs::read(&entry).unwrap();
                let middle = bytes.len() / 2;
                // One that was only just begun is empty.
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 1;
                }
                fs::write(&entry, bytes).unwrap();
            }
        }
        if name == "lost" {
            world.memory.packs.lock().unwrap().clear();
        }
        let stray = world
            .options
            .spool
            .join(format!("{}-{}.pack", "0".repeat(32), "1".repeat(32)));
        write(&stray, b"of an upload that nobody knows");
        check(&world, &source, name).await;
        assert!(!stray.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_asked_again_and_then_given_up_for_now() {
    let world = World::new();
    let source = some_files(&world);
    world.memory.deaf.store(3, SeqCst);
    check(&world, &source, "three times silent").await;

    let world = World {
        folder: world.folder,
        ..World::new()
    };
    world.memory.deaf.store(1_000, SeqCst);
    let given_up = world.upload(std::slice::from_ref(&source)).await;
    assert!(matches!(given_up, Err(Error::Unreachable(_))));
    let waiting = pending(&world.journal).await.unwrap();
    assert_eq!(waiting.len(), 1);
    let waiting = &waiting[0];
    assert_eq!(
        (waiting.version, waiting.item, waiting.space),
        (world.target.version, world.target.item, world.target.space)
    );
    assert_eq!(
        (&waiting.sources[..], &waiting.memo[..]),
        (&[source.clone()][..], &b"memo"[..])
    );
    world.memory.deaf.store(0, SeqCst);
    let other = world.upload(&[source.join("file 01")]).await;
    assert!(
        matches!(other, Err(Error::Invalid(_))),
        "it is bound to what it was begun with"
    );
    check(&world, &source, "silent for long").await;

    let world = World {
        folder: world.folder,
        ..World::new()
    };
    world.memory.full.store(true, SeqCst);
    assert!(matches!(
        world.upload(std::slice::from_ref(&source)).await,
        Err(Error::Full(_))
    ));
    world.memory.full.store(false, SeqCst);
    check(&world, &source, "full for a while").await;
}

/// Stops at the first byte that is done.
struct StopAt(CancellationToken);

impl Progress for StopAt {
    fn report(&self, step: Step) {
        if step.done > 0 {
            self.0.cancel();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_it_can_be_resumed_or_abandoned() {
    let mut world = World::new();
    let source = some_files(&world);
    let cancel = world.cancel.clone();
    world.progress = Arc::new(StopAt(cancel));
    assert!(matches!(
        world.upload(std::slice::from_ref(&source)).await,
        Err(Error::Cancelled)
    ));
    assert!(!world.memory.pack_ids().is_empty());
    abandon(
        &world.server,
        &world.journal,
        world.target.version,
        &world.options.spool,
    )
    .await
    .unwrap();
    assert!(world.rows.rows.lock().unwrap().is_empty());
    assert!(world.memory.pack_ids().is_empty());
    assert_eq!(fs::read_dir(&world.options.spool).unwrap().count(), 0);

    world.cancel = CancellationToken::new();
    world.progress = Arc::new(StopAt(world.cancel.clone()));
    assert!(matches!(
        world.upload(std::slice::from_ref(&source)).await,
        Err(Error::Cancelled)
    ));
    world.cancel = CancellationToken::new();
    world.progress = Arc::new(holdfast_engine::ports::Silent);
    check(&world, &source, "cancelled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_upload_is_not_run_twice_at_the_same_time() {
    let world = World::new();
    let source = some_files(&world);
    world.trip.set(5, true);
    let sources = [source.clone()];
    let mut first = std::pin::pin!(world.upload(&sources));
    tokio::select! {
        _ = &mut first => panic!("it is stopped by the trip"),
        () = world.trip.tripped.notified() => {}
    }
    world.trip.set(i64::MAX, false);
    assert!(matches!(world.upload(&sources).await, Err(Error::Conflict(_))));
}
