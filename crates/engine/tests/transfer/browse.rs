//! Folders and differences from listings alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::Ordering::SeqCst;

use holdfast_engine::Error;
use holdfast_engine::transfer::{Change, all_files, changes, find_record, folder, listing};
use holdfast_protocol::manifest::FileType;

use crate::fakes::World;
use crate::forge::{self, Forge};
use crate::trees::{noise, write};

fn names(entries: &[holdfast_engine::transfer::Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| String::from_utf8_lossy(&entry.name).into_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_shows_what_stands_in_it_and_sums_up_the_rest() {
    let world = World::new();
    for (path, size) in [
        ("readme", 3),
        ("a-b", 5),
        ("a/x", 10),
        ("a/y", 20),
        ("a/deep/z", 40),
        ("b/only", 7),
    ] {
        write(&world.path("source").join(path), &noise(1, size));
    }
    fs::create_dir(world.path("source/none")).unwrap();
    std::os::unix::fs::symlink("readme", world.path("source/link")).unwrap();
    let uploaded = world.commit(&[world.path("source")]).await;
    let records = listing(&world.server, &world.stored(&uploaded), &world.cancel)
        .await
        .unwrap();

    let top = folder(&records, b"").unwrap();
    assert_eq!(names(&top), ["a", "b", "none", "a-b", "link", "readme"]);
    let sums: Vec<_> = top.iter().map(|entry| (entry.kind, entry.files, entry.bytes)).collect();
    assert_eq!(
        sums,
        [
            (FileType::Directory, 3, 70),
            (FileType::Directory, 1, 7),
            (FileType::Directory, 0, 0),
            (FileType::File, 0, 5),
            (FileType::Link, 0, 0),
            (FileType::File, 0, 3),
        ]
    );
    assert_eq!(top[4].target.as_deref(), Some(&b"readme"[..]));
    assert!(
        top.iter()
            .all(|entry| entry.mode.is_some() && entry.modified_ns.is_some())
    );
    let a = folder(&records, b"a").unwrap();
    assert_eq!(names(&a), ["deep", "x", "y"]);
    assert_eq!(a[0].path, b"a/deep");
    assert_eq!(names(&folder(&records, b"none").unwrap()), [""; 0]);
    for missing in [&b"nothing"[..], b"readme", b"a/", b"/", b"a/x"] {
        assert!(
            folder(&records, missing).is_none(),
            "{}",
            String::from_utf8_lossy(missing)
        );
    }
    let flat = names(&all_files(&records, b"a"));
    assert_eq!(flat, ["a/deep/z", "a/x", "a/y"]);
    assert_eq!(all_files(&records, b"").len(), 7);
}

#[tokio::test]
async fn names_that_are_no_text_are_found_by_how_they_are_shown() {
    let world = World::new();
    let mut forge = Forge::new(&world);
    let records = vec![
        forge.file(b"a\xff", b"1"),
        forge.file(b"b\xfe", b"2"),
        forge.file(b"b\xff", b"3"),
        forge.file("c\u{fffd}".as_bytes(), b"4"),
        forge.file(b"c\xff", b"5"),
    ];
    assert_eq!(find_record(&records, "a\u{fffd}").unwrap().path, b"a\xff");
    assert!(matches!(
        find_record(&records, "b\u{fffd}"),
        Err(Error::Ambiguous { .. })
    ));
    assert_eq!(
        find_record(&records, "c\u{fffd}").unwrap().path,
        "c\u{fffd}".as_bytes(),
        "the exact one wins"
    );
    assert!(matches!(find_record(&records, "d"), Err(Error::NotFound { .. })));
}

/// Folders that a hostile listing only names in paths are shown all the same.
#[tokio::test]
async fn a_listing_without_folders_has_folders() {
    let world = World::new();
    let mut forge = Forge::new(&world);
    let records = vec![
        forge.file(b"a/b/c", b"1"),
        forge.file(b"a/b/d", b"22"),
        forge::folder(b"e"),
    ];
    let top = folder(&records, b"").unwrap();
    assert_eq!(names(&top), ["a", "e"]);
    assert_eq!((top[0].files, top[0].bytes, top[0].mode), (2, 3, None));
    assert_eq!(names(&folder(&records, b"a").unwrap()), ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_is_told_without_reading_content() {
    let mut world = World::new();
    let source = world.path("source");
    let large = noise(1, 9_000_000);
    for (path, bytes) in [
        ("same", &b"same"[..]),
        ("touched", b"touched"),
        ("content", b"one"),
        ("mode", b"mode"),
        ("gone", b"gone"),
        ("old/large", &large[..]),
        ("twin 1", b"twin"),
        ("x/twin 2", b"twin"),
        ("becomes a link", b"file"),
        ("empty file", b""),
    ] {
        write(&source.join(path), bytes);
    }
    fs::create_dir(source.join("empty folder")).unwrap();
    let first = world.commit(std::slice::from_ref(&source)).await;
    let before = listing(&world.server, &world.stored(&first), &world.cancel)
        .await
        .unwrap();

    write(&source.join("touched"), b"touched");
    write(&source.join("content"), b"two");
    fs::set_permissions(source.join("mode"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::remove_file(source.join("gone")).unwrap();
    fs::create_dir(source.join("new")).unwrap();
    fs::rename(source.join("old/large"), source.join("new/larger")).unwrap();
    fs::rename(source.join("x/twin 2"), source.join("twin 2")).unwrap();
    fs::rename(source.join("twin 1"), source.join("x/one")).unwrap();
    fs::remove_file(source.join("becomes a link")).unwrap();
    std::os::unix::fs::symlink("same", source.join("becomes a link")).unwrap();
    fs::rename(source.join("empty file"), source.join("still empty")).unwrap();
    fs::remove_dir(source.join("empty folder")).unwrap();
    write(&source.join("added"), b"added");
    world.next_version(&first);
    let second = world.commit(&[source]).await;
    let after = listing(&world.server, &world.stored(&second), &world.cancel)
        .await
        .unwrap();

    world.memory.read.store(0, SeqCst);
    let all = changes(&before, &after);
    assert_eq!(world.memory.read.load(SeqCst), 0);
    let said: Vec<(Change, String, Option<String>)> = all
        .changed
        .iter()
        .map(|changed| {
            let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
            (changed.change, text(&changed.path), changed.was.as_deref().map(text))
        })
        .collect();
    let said: Vec<_> = said
        .iter()
        .map(|(change, path, was)| (*change, path.as_str(), was.as_deref()))
        .collect();
    assert_eq!(
        said,
        [
            (Change::Added, "added", None),
            (Change::Content, "becomes a link", None),
            (Change::Content, "content", None),
            (Change::Removed, "empty file", None),
            (Change::Removed, "empty folder", None),
            (Change::Removed, "gone", None),
            (Change::Mode, "mode", None),
            (Change::Renamed, "new/larger", Some("old/large")),
            // Emptied by the rename.
            (Change::Added, "old", None),
            (Change::Added, "still empty", None),
            (Change::Renamed, "twin 2", Some("x/twin 2")),
            (Change::Renamed, "x/one", Some("twin 1")),
        ]
        .into_iter()
        .filter(|(_, path, _)| *path != "old")
        .collect::<Vec<_>>()
    );
    assert_eq!(all.unchanged, 2);
    let back = changes(&after, &before);
    assert_eq!(back.unchanged, 2);
    assert!(
        back.changed
            .iter()
            .any(|changed| changed.change == Change::Renamed && changed.path == b"old/large")
    );
    assert!(changes(&after, &after).changed.is_empty());
}

#[test]
fn a_hundred_thousand_files_are_folded_quickly_enough_to_be_tested() {
    let record = |number: u32| {
        let mut record = forge::folder(format!("d{:03}/f{number:06}", number / 1000).as_bytes());
        (record.kind, record.size) = (FileType::File, 3);
        record
    };
    let records: Vec<_> = (0..100_000).map(record).collect();
    let top = folder(&records, b"").unwrap();
    assert_eq!((top.len(), top[99].files, top[99].bytes), (100, 1000, 3000));
    assert_eq!(folder(&records, b"d050").unwrap().len(), 1000);
    assert_eq!(changes(&records[..50_000], &records).changed.len(), 50_000);
}
