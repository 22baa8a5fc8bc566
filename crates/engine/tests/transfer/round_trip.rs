//! What goes up comes down.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use holdfast_engine::ports::{Progress, Stage, Step};
use holdfast_engine::transfer::{Overwrite, Reason, Skipped, download, listing};
use holdfast_engine::{Error, rng};
use holdfast_protocol::id::VersionId;

use crate::fakes::World;
use crate::trees::{awkward, noise, snapshot, write};

#[tokio::test(flavor = "multi_thread")]
async fn an_awkward_tree_comes_back_byte_for_byte() {
    let world = World::new();
    let source = world.path("source");
    awkward(&source);
    if fs::File::open(source.join("mode 0")).is_err() {
        // Only root reads those.
        ["mode 0", "mode 111"]
            .iter()
            .for_each(|name| fs::remove_file(source.join(name)).unwrap());
    }
    let uploaded = world.commit(std::slice::from_ref(&source)).await;
    assert_eq!(uploaded.report.skipped, []);
    let added: std::collections::HashSet<_> = uploaded.added.iter().map(|pack| pack.id).collect();
    assert_eq!(
        added,
        world.memory.pack_ids(),
        "the commit names every pack that is there"
    );
    let to = world.path("new/folder");
    let downloaded = world.download(&world.stored(&uploaded), &to).await.unwrap();
    assert_eq!(downloaded.skipped, []);
    assert_eq!(
        (downloaded.files, downloaded.bytes),
        (uploaded.report.files, uploaded.report.bytes)
    );
    let (before, after) = (snapshot(&source), snapshot(&to));
    assert!(before.len() > 5_050);
    for (path, shape) in &before {
        assert_eq!(after.get(path), Some(shape), "{}", String::from_utf8_lossy(path));
    }
    assert_eq!(before.len(), after.len());
    assert_eq!(
        fs::read_dir(to.parent().unwrap()).unwrap().count(),
        1,
        "nothing else was left"
    );
    // 9 MB twice and 9 MiB of zeros: the second copy and all but two kinds of zeros cost nothing. But the server had none
    // of it before.
    assert_eq!((uploaded.report.chunks_reused, uploaded.report.bytes_reused), (0, 0));
    assert!(uploaded.report.bytes_sent < 19 << 20, "{}", uploaded.report.bytes_sent);
}

#[tokio::test]
async fn sources_stand_where_they_should() {
    let mut world = World::new();
    let (file, folder) = (world.path("one.csv"), world.path("set"));
    write(&file, b"1,2");
    write(&folder.join("x/y"), b"y");
    symlink("y", folder.join("x/z")).unwrap();
    let mut cases = vec![
        (vec![file.clone()], vec!["one.csv"]),
        (vec![folder.clone()], vec!["x", "x/y", "x/z"]),
    ];
    cases.push((
        vec![folder.clone(), file.clone()],
        vec!["one.csv", "set", "set/x", "set/x/y", "set/x/z"],
    ));
    cases.push((
        vec![folder.join("x/.."), file.clone()],
        vec!["one.csv", "set", "set/x", "set/x/y", "set/x/z"],
    ));
    for (sources, expected) in cases {
        world.target.version = VersionId::random(&mut rng());
        let uploaded = world.commit(&sources).await;
        let records = listing(&world.server, &world.stored(&uploaded), &world.cancel)
            .await
            .unwrap();
        let paths: Vec<_> = records
            .iter()
            .map(|record| String::from_utf8_lossy(&record.path).into_owned())
            .collect();
        assert_eq!(paths, expected, "{sources:?}");
    }
    write(&world.path("other/set/q"), b"q");
    let requests = world.memory.requests.load(SeqCst);
    let same = world.upload(&[folder, world.path("other/set")]).await;
    assert!(matches!(same, Err(Error::Invalid(_))));
    assert!(matches!(
        world.upload(&[world.path("nowhere")]).await,
        Err(error) if error.code() == "not-found"
    ));
    assert_eq!(world.memory.requests.load(SeqCst), requests, "nothing was sent");
}

#[tokio::test]
async fn special_and_hidden_files_are_listed_as_skipped() {
    let mut world = World::new();
    let source = world.path("source");
    write(&source.join("good"), b"good");
    write(&source.join(".git/config"), b"x");
    let status = std::process::Command::new("mkfifo")
        .arg(source.join("pipe"))
        .status()
        .unwrap();
    assert!(status.success());
    let _socket = std::os::unix::net::UnixListener::bind(source.join("socket")).unwrap();
    world.options.include_hidden = false;
    let uploaded = world.commit(&[source]).await;
    let mut skipped = uploaded.report.skipped;
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    let expected = [
        (".git", Reason::Hidden),
        ("pipe", Reason::Special),
        ("socket", Reason::Special),
    ];
    assert_eq!(
        skipped,
        expected.map(|(path, reason)| Skipped {
            path: path.into(),
            reason
        })
    );
    assert_eq!(uploaded.report.files, 1);
}

#[tokio::test]
async fn an_empty_folder_is_a_version_too() {
    let world = World::new();
    fs::create_dir(world.path("source")).unwrap();
    let uploaded = world.commit(&[world.path("source")]).await;
    let downloaded = world
        .download(&world.stored(&uploaded), &world.path("to"))
        .await
        .unwrap();
    assert_eq!(downloaded.files, 0);
    assert!(world.path("to").is_dir());
}

#[tokio::test]
async fn parts_can_be_selected_and_read() {
    let world = World::new();
    let source = world.path("source");
    write(&source.join("a/1"), b"one");
    write(&source.join("a/2"), b"two");
    write(&source.join("ab"), b"not in a");
    let large = noise(9, 7_000_000);
    write(&source.join("large"), &large);
    let uploaded = world.commit(&[source]).await;
    let stored = world.stored(&uploaded);
    for (selection, expected) in [
        (vec!["a"], vec!["a", "a/1", "a/2"]),
        (vec!["a/2", "ab"], vec!["a", "a/2", "ab"]),
    ] {
        let selection: Vec<Vec<u8>> = selection.into_iter().map(|path| path.as_bytes().to_vec()).collect();
        let to = tempfile::tempdir().unwrap();
        let to = to.path().join("to");
        let get = |selection| {
            let (world, stored, to) = (&world, &stored, &to);
            async move {
                let refuse = Overwrite::Refuse;
                download(
                    &world.server,
                    stored,
                    to,
                    Some(selection),
                    refuse,
                    &world.progress,
                    &world.cancel,
                )
                .await
            }
        };
        get(&selection[..]).await.unwrap();
        let paths: Vec<Vec<u8>> = snapshot(&to).into_keys().collect();
        assert_eq!(
            paths,
            expected.iter().map(|path| path.as_bytes().to_vec()).collect::<Vec<_>>()
        );
        assert!(matches!(get(&[b"nothing".to_vec()]).await, Err(Error::NotFound { .. })));
    }
}

/// Keeps what it is told.
#[derive(Default)]
struct Steps(Mutex<Vec<Step>>);

impl Progress for Steps {
    fn report(&self, step: Step) {
        self.0.lock().unwrap().push(step);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_only_moves_forward_and_ends_at_the_total() {
    let mut world = World::new();
    let steps = Arc::new(Steps::default());
    world.progress = steps.clone();
    for number in 0..40 {
        write(&world.path(&format!("source/{number}")), &noise(number, 1_300_000));
    }
    let uploaded = world.commit(&[world.path("source")]).await;
    world
        .download(&world.stored(&uploaded), &world.path("to"))
        .await
        .unwrap();
    let steps = steps.0.lock().unwrap();
    for stage in [Stage::Sending, Stage::Receiving] {
        let of_stage: Vec<&Step> = steps
            .iter()
            .filter(|step| step.stage == stage && step.total > 0)
            .collect();
        let last = of_stage.iter().max_by_key(|step| step.done).unwrap();
        assert_eq!((last.done, last.total), (40 * 1_300_000, 40 * 1_300_000), "{stage:?}");
        assert_eq!(
            of_stage.iter().map(|step| (step.files, step.files_total)).max(),
            Some((40, 40))
        );
        assert!(of_stage.len() > 40);
    }
    assert!(
        steps
            .iter()
            .any(|step| step.stage == Stage::Checking && step.done == step.total && step.total > 0)
    );
}
