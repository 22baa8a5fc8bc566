//! What would be uploaded, and what became of what was begun.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use holdfast_engine::Error;
use holdfast_engine::transfer::{Reason, pending, plan, so_far};
use rustix::process::geteuid;

use crate::fakes::World;
use crate::trees::{noise, write};

fn shown(paths: &[Vec<u8>]) -> Vec<String> {
    paths
        .iter()
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_and_says_what_is_left_out() {
    let world = World::new();
    let source = world.path("source");
    for (path, size) in [
        ("train.csv", 1000),
        ("sub/model.bin", 5000),
        ("sub/cache/a.tmp", 10),
        ("sub/b.tmp", 20),
        ("build/out", 30),
        (".hidden/x", 40),
        (".env", 50),
        ("sub/keep.tmp", 60),
        ("locked", 70),
    ] {
        write(&source.join(path), &noise(1, size));
    }
    write(&source.join(".gitignore"), b"*.tmp\n/build\n");
    write(&source.join("sub/.gitignore"), b"!keep.tmp\n");
    fs::set_permissions(source.join("locked"), fs::Permissions::from_mode(0o000)).unwrap();
    std::os::unix::fs::symlink("train.csv", source.join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(source.join("socket")).unwrap();

    let sources = [source.clone()];
    let all = plan(&sources, true, &world.cancel).await.unwrap();
    // Root reads everything.
    let locked = u64::from(!geteuid().is_root());
    assert_eq!((all.files, all.folders, all.links), (11 - locked, 4, 1));
    assert_eq!(
        all.bytes,
        1000 + 5000 + 10 + 20 + 30 + 40 + 50 + 60 + 70 * (1 - locked) + 13 + 10
    );
    assert_eq!(all.largest, Some((b"sub/model.bin".to_vec(), 5000)));
    assert_eq!(shown(&all.ignored), ["build/out", "sub/b.tmp", "sub/cache/a.tmp"]);
    assert_eq!(all.ignored_bytes, 60);
    let special = all.skipped.iter().filter(|skipped| skipped.reason == Reason::Special);
    assert_eq!(
        special.map(|skipped| &skipped.path[..]).collect::<Vec<_>>(),
        [b"socket"]
    );
    assert_eq!(all.skipped.len() as u64, 1 + locked);

    let visible = plan(&sources, false, &world.cancel).await.unwrap();
    assert_eq!(visible.files, all.files - 4);
    let hidden = visible
        .skipped
        .iter()
        .filter(|skipped| skipped.reason == Reason::Hidden);
    let hidden: Vec<Vec<u8>> = hidden.map(|skipped| skipped.path.clone()).collect();
    assert_eq!(shown(&hidden), [".env", ".gitignore", ".hidden", "sub/.gitignore"]);

    // It is what an upload then does.
    let uploaded = world.commit(&sources).await;
    assert_eq!((uploaded.report.files, uploaded.report.bytes), (all.files, all.bytes));

    let twice = [source.join("train.csv"), world.path("other/train.csv")];
    write(&twice[1], b"x");
    assert!(matches!(
        plan(&twice, true, &world.cancel).await,
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        plan(&[source.clone(), source.join("none")], true, &world.cancel).await,
        Err(error) if error.code() == "not-found"
    ));
    let one = plan(&twice[..1], true, &world.cancel).await.unwrap();
    assert_eq!((one.files, one.bytes, one.ignored.len()), (1, 1000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_upload_says_how_far_it_came() {
    let world = World::new();
    for number in 0..40 {
        write(&world.path(&format!("source/{number:02}")), &noise(number, 900 << 10));
    }
    let sources = [world.path("source")];
    assert_eq!(
        so_far(&world.journal, world.target.version).await.unwrap(),
        Default::default()
    );
    // Everything was sent and nothing committed.
    let uploaded = world.upload(&sources).await.unwrap();
    assert_eq!(pending(&world.journal).await.unwrap().len(), 1);
    let far = so_far(&world.journal, world.target.version).await.unwrap();
    assert_eq!((far.files, far.bytes), (40, 40 * (900 << 10)));
    assert_eq!(
        far.bytes_sent,
        uploaded.added.iter().map(|pack| pack.bytes).sum::<u64>()
    );
}

/// No download would make such a link: whoever uploads is told, who can mend it.
#[tokio::test(flavor = "multi_thread")]
async fn links_that_lead_out_are_left_out() {
    let world = World::new();
    let source = world.path("source");
    write(&source.join("sub/file"), b"content");
    for (name, target) in [
        ("inside", "sub/file"),
        ("sub/up", "../inside"),
        ("absolute", "/etc/passwd"),
        ("sub/out", "../../elsewhere"),
    ] {
        std::os::unix::fs::symlink(target, source.join(name)).unwrap();
    }
    let uploaded = world.commit(&[source]).await;
    let left: Vec<_> = uploaded
        .report
        .skipped
        .iter()
        .map(|left| (&left.path[..], &left.reason))
        .collect();
    assert_eq!(
        left,
        [
            (&b"absolute"[..], &Reason::LinkOutside),
            (b"sub/out", &Reason::LinkOutside)
        ]
    );
    let to = world.path("to");
    let downloaded = world.download(&world.stored(&uploaded), &to).await.unwrap();
    assert_eq!(downloaded.skipped, []);
    assert_eq!(fs::read(to.join("sub/up")).unwrap(), b"content");
}
