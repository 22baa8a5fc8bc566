//! Listings by people who mean harm: nothing is written outside the folder, whatever they say.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use holdfast_engine::Error;
use holdfast_engine::transfer::{Overwrite, Reason, Stored};
use holdfast_protocol::manifest::{FORMAT, FileRecord, FileType, Manifest};

use crate::fakes::World;
use crate::forge::{Forge, folder, link};
use crate::trees::{snapshot, write};

fn sorted(mut records: Vec<FileRecord>) -> Vec<FileRecord> {
    records.sort_by(|a, b| a.path.cmp(&b.path));
    records
}

/// Downloads into `sandbox/to` and says what was skipped; everything around it has to stay as it is.
async fn inside_only(world: &World, stored: &Stored, there_already: bool) -> Vec<(String, Reason)> {
    write(&world.path("sandbox/canary"), b"alive");
    if there_already {
        write(&world.path("sandbox/to/mine"), b"mine");
    }
    let downloaded = world.download(stored, &world.path("sandbox/to")).await.unwrap();
    let mut around = snapshot(&world.path("sandbox"));
    around.retain(|path, _| path != b"to" && !path.starts_with(b"to/"));
    assert_eq!(around.into_keys().collect::<Vec<_>>(), [b"canary".to_vec()]);
    assert_eq!(fs::read(world.path("sandbox/canary")).unwrap(), b"alive");
    let mut names: Vec<_> = fs::read_dir(world.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.retain(|name| name != "spool");
    assert_eq!(names, ["sandbox"]);
    downloaded
        .skipped
        .into_iter()
        .map(|skip| (String::from_utf8_lossy(&skip.path).into_owned(), skip.reason))
        .collect()
}

#[tokio::test]
async fn names_that_leave_the_folder_are_refused() {
    for there_already in [false, true] {
        let world = World::new();
        let mut forge = Forge::new(&world);
        let outside = world.path("absolute").to_str().unwrap().to_owned();
        let hostile = [
            "",
            "/",
            &outside,
            "../canary",
            "..",
            ".",
            "a/../../canary",
            "a/./b",
            "a//b",
            "a/",
            "x\0y",
            "../../absolute",
            "./canary",
            ".holdfast-partial/tree/x",
            ".holdfast-partial",
        ];
        let mut records: Vec<FileRecord> = hostile
            .iter()
            .map(|path| forge.file(path.as_bytes(), b"evil"))
            .collect();
        records.push(forge.file(&[b'x'; 256], b"too long"));
        records.push(forge.file(b"good", b"good"));
        records.push(forge.file(b"deep/good", b"deep"));
        let stored = forge.version(&sorted(records));
        let skipped = inside_only(&world, &stored, there_already).await;
        assert_eq!(skipped.len(), hostile.len() + 1);
        // "a/" and "" are files to their like; everything else is a bad name.
        assert!(
            skipped.iter().all(|(_, reason)| matches!(reason, Reason::UnsafeName)),
            "{skipped:?}"
        );
        let to = world.path("sandbox/to");
        assert_eq!(fs::read(to.join("good")).unwrap(), b"good");
        assert_eq!(fs::read(to.join("deep/good")).unwrap(), b"deep");
        assert_eq!(snapshot(&to).len(), 3 + usize::from(there_already));
    }
}

#[tokio::test]
async fn links_that_lead_out_and_paths_through_links_are_refused() {
    for there_already in [false, true] {
        let world = World::new();
        let mut forge = Forge::new(&world);
        let records = sorted(vec![
            link(b"abs", b"/etc"),
            link(b"climb", b".."),
            link(b"d/climb", b"../.."),
            link(b"d/trick", b"x/../../.."),
            link(b"d/up", b".."),
            link(b"chain", b"d/up/.."),
            link(b"empty", b""),
            link(b"nul", b"a\0b"),
            link(b"fine", b"d"),
            forge.file(b"fine/through", b"evil"),
            forge.file(b"abs/passwd", b"evil"),
            forge.file(b"climb/canary", b"evil"),
            forge.file(b"d/up/canary", b"evil"),
            forge.file(b"d/real", b"real"),
            forge.file(b"plain", b"plain"),
            forge.file(b"plain/below", b"evil"),
            folder(b"fine/folder"),
        ]);
        let stored = forge.version(&records);
        let mut skipped = inside_only(&world, &stored, there_already).await;
        skipped.sort_by(|a, b| a.0.cmp(&b.0));
        let paths = |wanted: Reason| {
            skipped
                .iter()
                .filter(|(_, reason)| *reason == wanted)
                .map(|(path, _)| path.as_str())
                .collect::<Vec<_>>()
        };
        let outside = ["abs", "chain", "climb", "d/climb", "d/trick", "empty", "nul"];
        assert_eq!(paths(Reason::LinkOutside), outside);
        let through = [
            "abs/passwd",
            "climb/canary",
            "d/up/canary",
            "fine/folder",
            "fine/through",
            "plain/below",
        ];
        assert_eq!(paths(Reason::NotInFolder), through);
        assert_eq!(skipped.len(), outside.len() + through.len());
        let to = world.path("sandbox/to");
        assert_eq!(fs::read(to.join("fine/real")).unwrap(), b"real", "good links work");
        assert!(!to.join("d/through").exists());
    }
}

#[tokio::test]
async fn only_permission_bits_are_taken_over() {
    let world = World::new();
    let mut forge = Forge::new(&world);
    let mut tool = forge.file(b"tool", b"#!/bin/sh");
    tool.mode = 0o106_777;
    let mut open = folder(b"dir");
    open.mode = 0o3_755;
    let stored = forge.version(&[open, tool]);
    assert_eq!(inside_only(&world, &stored, false).await, []);
    assert_eq!(
        fs::metadata(world.path("sandbox/to/tool")).unwrap().mode() & 0o7_777,
        0o777
    );
    assert_eq!(
        fs::metadata(world.path("sandbox/to/dir")).unwrap().mode() & 0o7_777,
        0o755
    );
}

#[tokio::test]
async fn listings_that_break_the_rules_are_refused_whole() {
    let world = World::new();
    let refuse = async |name: &str, stored: Stored| {
        let outcome = world.download(&stored, &world.path("to")).await;
        assert!(
            matches!(outcome, Err(Error::Damaged { .. })),
            "{name}: {:?}",
            outcome.map(|_| ())
        );
        assert!(!world.path("to").exists(), "{name}");
    };
    let two = |change: &dyn Fn(&mut Vec<FileRecord>)| {
        let mut forge = Forge::new(&world);
        let mut records = vec![forge.file(b"a", b"first"), forge.file(b"b", b"second")];
        change(&mut records);
        forge.version(&records)
    };
    refuse("unsorted", two(&|records| records.reverse())).await;
    refuse("one path twice", two(&|records| records[1].path = b"a".to_vec())).await;
    refuse("longer than its chunks", two(&|records| records[1].size += 1)).await;
    refuse("shorter than its chunks", two(&|records| records[1].size -= 1)).await;
    refuse("empty with chunks", two(&|records| records[1].size = 0)).await;
    refuse(
        "a file with a target",
        two(&|records| records[1].target = Some(b"a".to_vec())),
    )
    .await;
    refuse(
        "a folder with chunks",
        two(&|records| records[1].kind = FileType::Directory),
    )
    .await;
    refuse(
        "a link to nothing",
        two(&|records| {
            records[1] = FileRecord {
                target: None,
                ..link(b"b", b"")
            }
        }),
    )
    .await;
    refuse(
        "a box at the end of the world",
        two(&|records| records[1].chunks[0].offset = u64::MAX),
    )
    .await;
    refuse(
        "a box beyond any pack",
        two(&|records| records[1].chunks[0].offset = 1 << 40),
    )
    .await;
    refuse("a box of no length", two(&|records| records[1].chunks[0].length = 0)).await;
    refuse("a box of 1 GiB", two(&|records| records[1].chunks[0].length = 1 << 30)).await;
    refuse("a shifted box", two(&|records| records[1].chunks[0].offset += 16)).await;
    refuse(
        "another chunk's place",
        two(&|records| records[1].chunks[0].offset = records[0].chunks[0].offset),
    )
    .await;
    refuse("a wrong tag", two(&|records| records[1].chunks[0].tag.0[31] ^= 1)).await;
    refuse("a wrong id", two(&|records| records[1].chunks[0].id.0[0] ^= 1)).await;

    let count = |change: &dyn Fn(&mut Manifest)| {
        let mut forge = Forge::new(&world);
        let plain = holdfast_protocol::cbor::encode(&forge.file(b"a", b"first"));
        let listing = vec![forge.chunk(&plain)];
        let listing_bytes = plain.len() as u64;
        let mut manifest = Manifest {
            format: FORMAT,
            files: 1,
            bytes: 5,
            listing_bytes,
            listing,
        };
        change(&mut manifest);
        forge.manifest(&manifest)
    };
    refuse("another format", count(&|manifest| manifest.format = 2)).await;
    refuse("another number of files", count(&|manifest| manifest.files = 2)).await;
    refuse("another number of bytes", count(&|manifest| manifest.bytes = 6)).await;
    refuse("a longer listing", count(&|manifest| manifest.listing_bytes += 1)).await;
    refuse(
        "the listing twice",
        count(&|manifest| manifest.listing.push(manifest.listing[0].clone())),
    )
    .await;
    refuse("no listing", count(&|manifest| manifest.listing.clear())).await;
    refuse(
        "a huge box of the listing",
        count(&|manifest| manifest.listing[0].length = 1 << 20),
    )
    .await;
    world.download(&count(&|_| ()), &world.path("to")).await.unwrap();
}

/// A folder of this computer that a link was put into by its owner is not walked through.
#[tokio::test]
async fn links_that_are_there_already_are_not_followed() {
    let world = World::new();
    let mut forge = Forge::new(&world);
    let records = [
        forge.file(b"data/file", b"new"),
        forge.file(b"file", b"new"),
        forge.file(b"other", b"new"),
    ];
    let stored = forge.version(&records);
    write(&world.path("elsewhere/file"), b"old");
    fs::create_dir(world.path("to")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", world.path("to/data")).unwrap();
    std::os::unix::fs::symlink("../elsewhere/file", world.path("to/file")).unwrap();
    assert!(matches!(
        world.download(&stored, &world.path("to")).await,
        Err(Error::AlreadyExists(_))
    ));
    let downloaded = world
        .download_over(&stored, &world.path("to"), Overwrite::Replace)
        .await
        .unwrap();
    assert_eq!(downloaded.skipped.len(), 1);
    assert_eq!(downloaded.skipped[0].reason, Reason::NotInFolder);
    assert_eq!(
        fs::read(world.path("elsewhere/file")).unwrap(),
        b"old",
        "not through a link"
    );
    assert!(
        fs::symlink_metadata(world.path("to/file")).unwrap().is_file(),
        "the link itself was replaced"
    );
    assert_eq!(fs::read(world.path("to/other")).unwrap(), b"new");
}
