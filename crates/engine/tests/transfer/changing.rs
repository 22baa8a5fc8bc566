//! Files that change while they are read are never stored half old, half new.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use holdfast_engine::ports::{Progress, Stage, Step};
use holdfast_engine::transfer::{Reason, Skipped};

use crate::fakes::World;
use crate::trees::write;

/// Writes to a file each time something is reported, so many times. Zeros are cut into equal chunks, and each but the first
/// is reported from within the reading.
struct Meddler {
    file: PathBuf,
    times: AtomicI64,
    replace: bool,
}

impl Progress for Meddler {
    fn report(&self, step: Step) {
        if step.stage == Stage::Sending && step.done > 0 && self.times.fetch_sub(1, SeqCst) > 0 {
            if self.replace {
                let other = self.file.with_extension("new");
                fs::copy(&self.file, &other).unwrap();
                fs::rename(other, &self.file).unwrap();
            } else {
                fs::File::options()
                    .append(true)
                    .open(&self.file)
                    .unwrap()
                    .write_all(b"more")
                    .unwrap();
            }
        }
    }
}

async fn meddle(times: i64, replace: bool) -> (World, Vec<Skipped>, u64) {
    let mut world = World::new();
    let file = world.path("source/growing");
    write(&file, &vec![0; 24 << 20]);
    write(&world.path("source/still"), b"still");
    world.progress = Arc::new(Meddler {
        file,
        times: AtomicI64::new(times),
        replace,
    });
    let uploaded = world.commit(&[world.path("source")]).await;
    world.progress = Arc::new(holdfast_engine::ports::Silent);
    world
        .download(&world.stored(&uploaded), &world.path("to"))
        .await
        .unwrap();
    assert_eq!(fs::read(world.path("to/still")).unwrap(), b"still");
    (world, uploaded.report.skipped, uploaded.report.files)
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_once_it_is_read_again() {
    for replace in [false, true] {
        let (world, skipped, files) = meddle(1, replace).await;
        assert_eq!((skipped, files), (Vec::new(), 2));
        let bytes = fs::read(world.path("to/growing")).unwrap();
        assert!(bytes == fs::read(world.path("source/growing")).unwrap());
        assert_eq!(bytes.len(), (24 << 20) + if replace { 0 } else { 4 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_all_the_time_it_is_left_out() {
    let (world, skipped, files) = meddle(i64::MAX, false).await;
    assert_eq!(
        skipped,
        [Skipped {
            path: b"growing".to_vec(),
            reason: Reason::Changed
        }]
    );
    assert_eq!(files, 1);
    assert!(!world.path("to/growing").exists());
}

/// Removed between the walk and the reading.
#[tokio::test(flavor = "multi_thread")]
async fn vanished_it_is_left_out() {
    struct Remove(PathBuf);
    impl Progress for Remove {
        fn report(&self, step: Step) {
            if step.stage == Stage::Sending {
                let _ = fs::remove_file(&self.0);
            }
        }
    }
    let mut world = World::new();
    write(&world.path("source/a"), b"a");
    write(&world.path("source/b"), b"b");
    world.progress = Arc::new(Remove(world.path("source/b")));
    let uploaded = world.commit(&[world.path("source")]).await;
    assert_eq!(uploaded.report.files, 1);
    assert!(matches!(&uploaded.report.skipped[..], [Skipped { path, reason: Reason::Unreadable(_) }] if path == b"b"));
}
