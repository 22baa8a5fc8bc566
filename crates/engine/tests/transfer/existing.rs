//! Downloads into places where something is already.

use std::fs;

use holdfast_engine::Error;
use holdfast_engine::transfer::{Overwrite, Reason};

use crate::fakes::World;
use crate::forge::{Forge, folder};
use crate::trees::{snapshot, write};

#[tokio::test]
async fn what_is_there_is_refused_kept_or_replaced() {
    let world = World::new();
    let mut forge = Forge::new(&world);
    let mut private = folder(b"new");
    private.mode = 0o500;
    let records = [
        forge.file(b"a", b"new a"),
        folder(b"d"),
        forge.file(b"d/b", b"new b"),
        private,
        forge.file(b"new/c", b"c"),
    ];
    let stored = forge.version(&records);
    let prepare = |name: &str| {
        write(&world.path(name).join("a"), b"old a");
        write(&world.path(name).join("d/mine"), b"mine");
        world.path(name)
    };
    let to = prepare("refuse");
    let before = snapshot(&to);
    assert!(matches!(
        world.download(&stored, &to).await,
        Err(Error::AlreadyExists(_))
    ));
    assert_eq!(
        snapshot(&to).into_keys().collect::<Vec<_>>(),
        before.into_keys().collect::<Vec<_>>()
    );

    let to = prepare("keep");
    let downloaded = world.download_over(&stored, &to, Overwrite::Keep).await.unwrap();
    assert_eq!((downloaded.files, downloaded.skipped.len()), (2, 1));
    assert_eq!(downloaded.skipped[0].reason, Reason::Exists);
    assert_eq!(fs::read(to.join("a")).unwrap(), b"old a");
    assert_eq!(fs::read(to.join("d/b")).unwrap(), b"new b");

    let to = prepare("replace");
    let downloaded = world.download_over(&stored, &to, Overwrite::Replace).await.unwrap();
    assert_eq!((downloaded.files, downloaded.skipped.len()), (3, 0));
    assert_eq!(fs::read(to.join("a")).unwrap(), b"new a");
    assert_eq!(fs::read(to.join("d/mine")).unwrap(), b"mine");
    assert_eq!(fs::read(to.join("new/c")).unwrap(), b"c");
    let names = snapshot(&to);
    assert_eq!(names.len(), 6, "{:?}", names.keys());
    assert_eq!(names[&b"new"[..]].mode & 0o777, 0o500);

    // A folder is never replaced by a file, nor a file by a folder.
    let to = world.path("crossed");
    write(&to.join("a/inside"), b"inside");
    write(&to.join("d"), b"a file");
    let downloaded = world.download_over(&stored, &to, Overwrite::Replace).await.unwrap();
    let reasons: Vec<_> = downloaded
        .skipped
        .into_iter()
        .map(|skip| (skip.path, skip.reason))
        .collect();
    let expected = [
        ("a", Reason::Exists),
        ("d", Reason::Exists),
        ("d/b", Reason::NotInFolder),
    ];
    assert_eq!(
        reasons,
        expected.map(|(path, reason)| (path.as_bytes().to_vec(), reason))
    );
    assert_eq!(fs::read(to.join("d")).unwrap(), b"a file");
}

#[tokio::test]
async fn an_empty_folder_is_filled_and_a_file_is_in_the_way() {
    let world = World::new();
    let mut forge = Forge::new(&world);
    let records = [forge.file(b"a", b"a")];
    let stored = forge.version(&records);
    fs::create_dir(world.path("empty")).unwrap();
    world.download(&stored, &world.path("empty")).await.unwrap();
    assert_eq!(snapshot(&world.path("empty")).len(), 1);
    write(&world.path("file"), b"x");
    assert!(matches!(
        world.download(&stored, &world.path("file")).await,
        Err(Error::AlreadyExists(_))
    ));
    assert_eq!(fs::read(world.path("file")).unwrap(), b"x");
}

#[tokio::test]
async fn what_a_killed_download_left_is_cleared_away() {
    let world = World::new();
    let mut forge = Forge::new(&world);
    let records = [forge.file(b"a", b"a")];
    let stored = forge.version(&records);
    let left = world.path(".to.holdfast-partial");
    write(&left.join("lock"), b"");
    write(&left.join("tree/half"), b"hal");
    let lock = fs::File::open(left.join("lock")).unwrap();
    lock.lock().unwrap();
    let second = world.download(&stored, &world.path("to")).await;
    assert!(matches!(second, Err(Error::Conflict(_))), "one is under way");
    drop(lock);
    world.download(&stored, &world.path("to")).await.unwrap();
    assert!(!left.exists());
    // Something of that name that is not ours is left alone.
    write(&world.path(".other.holdfast-partial/precious"), b"x");
    let stranger = world.download(&stored, &world.path("other")).await;
    assert!(matches!(stranger, Err(Error::AlreadyExists(_))));
    assert!(world.path(".other.holdfast-partial/precious").exists());
}
