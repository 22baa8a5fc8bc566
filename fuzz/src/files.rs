//! Versions of files as a teammate with a client of his own writes them, and packs as a server gives them out. Everything goes
//! through what a client reads them with: [`listing`], [`StoredFile`], [`download`]. `docs/spec/packs.md`.

mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use holdfast_engine::ports::{Progress, Silent};
use holdfast_engine::transfer::{
    self, Overwrite, PackServer, StoredFile, all_files, changes, download as fetch_to, find_record, folder,
};
use holdfast_protocol::cbor;
use holdfast_protocol::limits::WINDOW;
use holdfast_protocol::manifest::{FileRecord, FileType, Manifest};
use tokio_util::sync::CancellationToken;

use crate::cast::wait;
use crate::input::Input;
pub use world::{Forge, file, other};

fn list(server: &Arc<dyn PackServer>, stored: &transfer::Stored) -> Option<Vec<FileRecord>> {
    match wait(transfer::listing(server, stored, &CancellationToken::new())) {
        Ok(records) => Some(records),
        Err(error) => {
            assert_eq!(error.code(), "damaged", "{error}");
            None
        }
    }
}

/// What the rules of a listing promise.
fn check(records: &[FileRecord]) {
    assert!(
        records.windows(2).all(|pair| pair[0].path < pair[1].path),
        "strictly sorted"
    );
    for record in records {
        let (file, link) = (record.kind == FileType::File, record.kind == FileType::Link);
        assert!(record.target.is_some() == link && (file || (record.size == 0 && record.chunks.is_empty())));
        assert!(!file || (record.size == 0) == record.chunks.is_empty());
        let said: Option<u64> = record.chunks.iter().map(|chunk| chunk.plain).sum();
        assert!(said.is_none_or(|said| said == record.size));
    }
}

/// A manifest, sealed anew beside an honest listing.
pub fn manifest(bytes: &[u8]) {
    let mut forge = Forge::new();
    let records = [
        file(&mut forge, b"a/one", b"first"),
        other(b"b", FileType::Directory, None),
    ];
    let honest = forge.manifest_of(&records);
    let mut given = bytes.to_vec();
    let mut sent = None;
    if let Ok(mut manifest) = cbor::decode::<Manifest>(bytes, bytes.len()) {
        assert!(cbor::encode(&manifest) == bytes);
        // References into this very pack, so that something is found there.
        for (chunk, known) in manifest.listing.iter_mut().zip(&honest.listing) {
            (chunk.pack, chunk.tag, chunk.id) = (known.pack, known.tag, known.id);
            chunk.key = known.key.clone();
        }
        given = cbor::encode(&manifest);
        sent = Some(manifest);
    }
    let (server, stored) = forge.version(&given);
    let Some(read) = list(&server, &stored) else {
        assert!(sent.is_none_or(|sent| sent != honest), "an honest version is read");
        return;
    };
    let sent = sent.expect("what is no manifest is not read");
    check(&read);
    assert!(read == records && sent.format == 1);
    assert_eq!(
        (sent.files, sent.bytes, sent.listing_bytes),
        (honest.files, honest.bytes, honest.listing_bytes)
    );
}

/// A listing, the index of a version, sealed anew under a manifest that counts right.
pub fn index(bytes: &[u8]) {
    let mut rest = bytes;
    let (mut records, mut whole) = (Vec::new(), true);
    while !rest.is_empty() {
        match cbor::decode_next::<FileRecord>(rest) {
            Ok((record, used)) => {
                assert!(used > 0 && cbor::encode(&record) == rest[..used]);
                records.push(record);
                rest = &rest[used..];
            }
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    let mut forge = Forge::new();
    for chunk in records.iter_mut().flat_map(|record| &mut record.chunks) {
        chunk.pack = forge.pack;
    }
    let listing: Vec<u8> = if whole {
        records.iter().flat_map(cbor::encode).collect()
    } else {
        bytes.to_vec()
    };
    let manifest = forge.manifest_over(&listing, &records);
    let (server, stored) = forge.version(&cbor::encode(&manifest));
    let Some(read) = list(&server, &stored) else { return };
    assert!(whole && read == records, "nothing is left out in silence");
    check(&read);
    let same = changes(&read, &read);
    assert!(same.changed.is_empty());
    let plain = read.iter().filter(|record| record.kind != FileType::Directory);
    assert_eq!(
        (same.unchanged, all_files(&read, b"").len()),
        (plain.clone().count() as u64, plain.count())
    );
    let everything = changes(&[], &read);
    assert!(
        everything
            .changed
            .iter()
            .all(|one| one.bytes_before.is_none() && one.bytes.is_some())
    );
    for record in &read {
        if let Ok(path) = std::str::from_utf8(&record.path) {
            assert!(find_record(&read, path).is_ok_and(|found| found == record));
        }
    }
    let top = folder(&read, b"").expect("there is always a top");
    let names: BTreeSet<_> = top
        .iter()
        .map(|entry| (entry.kind == FileType::Directory, &entry.name))
        .collect();
    assert_eq!(names.len(), top.len(), "each name once");
    let files = read.iter().filter(|record| record.kind == FileType::File);
    let total = files.fold(0_u64, |sum, file| sum.saturating_add(file.size));
    assert_eq!(
        top.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.bytes)),
        total
    );
}

/// A pack that was changed, and references that point elsewhere: read is what was signed, or damage is said.
pub fn pack(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut forge = Forge::new();
    let contents: [&[u8]; 3] = [&[b'a'; 100], &[b'b'; 5_000], &[b'c'; 17]];
    let honest = contents.map(|content| forge.chunk(content));
    let mut record = file(&mut forge, b"data", b"");
    let (mut sound, mut plain) = (true, Vec::new());
    for _ in 0..=input.byte() % 4 {
        let (which, what) = (usize::from(input.byte()) % 3, input.byte());
        let mut chunk = honest[which].clone();
        let by = u64::from(input.byte());
        match what % 8 {
            1 => chunk.offset = chunk.offset.wrapping_add(by).wrapping_sub(8),
            2 => chunk.length = chunk.length.wrapping_add(by).wrapping_sub(8),
            3 => chunk.plain = None,
            4 => chunk.plain = chunk.plain.map(|plain| plain.wrapping_add(by).wrapping_sub(8)),
            5 => chunk.tag.0[usize::from(what >> 3)] ^= input.byte(),
            6 => (chunk.offset, chunk.length) = (input.long(), input.long()),
            7 => chunk.id.0[usize::from(what >> 3)] ^= input.byte(),
            _ => {}
        }
        let known = &honest[which];
        sound &= (chunk.offset, chunk.length, chunk.tag, chunk.id) == (known.offset, known.length, known.tag, known.id)
            && (chunk.plain.is_none() || chunk.plain == known.plain);
        plain.extend_from_slice(contents[which]);
        record.chunks.push(chunk);
    }
    let said = record.chunks.iter().filter_map(|chunk| chunk.plain);
    record.size = if sound {
        plain.len() as u64
    } else {
        said.fold(0, u64::wrapping_add)
    };
    let records = [record.clone()];
    let manifest = forge.manifest_of(&records);
    let (at, flip) = (u64::from(input.number()) % forge.used(), input.byte());
    let (from, length) = (u64::from(input.number()), usize::from(input.number()));
    let boxes = honest[2].offset + honest[2].length;
    let (server, stored) = forge.version_with(&cbor::encode(&manifest), |pack| {
        pack[usize::try_from(at).expect("small")] ^= flip;
    });
    let hit = flip != 0
        && at < boxes
        && record
            .chunks
            .iter()
            .any(|chunk| (chunk.offset..chunk.offset.saturating_add(chunk.length)).contains(&at));
    let listing_hit = flip != 0 && at >= boxes;
    let Some(read) = list(&server, &stored) else {
        assert!(!sound || listing_hit, "an honest listing is read");
        return;
    };
    check(&read);
    assert!(read == records);
    let mut opened = StoredFile::new(&server, &stored, read[0].clone(), 1 << 20, &CancellationToken::new());
    match wait(opened.read_at(from, length)) {
        Ok(got) => {
            let end = from.saturating_add(length as u64).min(read[0].size);
            assert_eq!(got.len() as u64, end.saturating_sub(from), "as much as was asked for");
            if sound {
                let start = usize::try_from(from).expect("small").min(plain.len());
                assert!(plain[start..].starts_with(&got), "other bytes than were signed");
            }
        }
        Err(error) => {
            assert!(matches!(error.code(), "damaged" | "not-shown"), "{error}");
            assert!(!sound || hit, "an honest file is read: {error}");
        }
    }
    assert!(opened.received() <= (1 << 20) + 4 * WINDOW, "no more than the budget");
}

/// Names and links of somebody else, written into a folder: nothing outside of it is touched.
pub fn download(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let mut forge = Forge::new();
    let mut records = Vec::new();
    while !input.is_empty() && records.len() < 12 {
        let kind = input.byte();
        let (path, target) = (input.part(), input.part());
        records.push(match kind % 3 {
            0 => file(&mut forge, path, &path[..path.len().min(usize::from(kind))]),
            1 => other(path, FileType::Directory, None),
            _ => other(path, FileType::Link, Some(target)),
        });
    }
    records.sort_by(|a, b| a.path.cmp(&b.path));
    records.dedup_by(|a, b| a.path == b.path);
    let manifest = forge.manifest_of(&records);
    let (server, stored) = forge.version(&cbor::encode(&manifest));
    let root = tempfile::tempdir_in(world::memory()).expect("a folder");
    let (to, outside) = (root.path().join("to"), root.path().join("outside"));
    fs::create_dir(&outside).expect("a folder");
    fs::write(outside.join("kept"), "kept").expect("a file");
    let overwrite = [Overwrite::Refuse, Overwrite::Keep, Overwrite::Replace][usize::from(mode % 3)];
    if mode & 4 != 0 {
        fs::create_dir_all(to.join("a")).expect("a folder");
        fs::write(to.join("a/b"), "mine").expect("a file");
    }
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let done = wait(fetch_to(
        &server,
        &stored,
        &to,
        None,
        overwrite,
        &progress,
        &CancellationToken::new(),
    ));
    let mut found = BTreeSet::new();
    walk(&to, &to, &mut found);
    match done {
        Ok(done) => {
            let left_out: BTreeSet<_> = done.skipped.iter().map(|skipped| skipped.path.clone()).collect();
            for record in &records {
                let there = found.contains(&record.path);
                assert!(
                    there || left_out.contains(&record.path),
                    "left out, and not named: {:?}",
                    record.path
                );
            }
            assert!(done.files <= manifest.files && done.bytes <= manifest.bytes);
        }
        Err(error) => {
            assert!(
                matches!(error.code(), "already-exists" | "io" | "invalid"),
                "{} {error}",
                error.code()
            );
            assert!(mode & 4 != 0 || !to.exists(), "whole or not at all");
        }
    }
    let beside: Vec<_> = fs::read_dir(root.path())
        .expect("it is there")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        beside.iter().all(|name| name == "to" || name == "outside"),
        "something lies beside the folder: {beside:?}"
    );
    assert_eq!(fs::read_dir(&outside).expect("it is there").count(), 1);
    assert_eq!(fs::read(outside.join("kept")).expect("it is there"), b"kept");
}

/// What stands below a folder. A link is not followed, and leads nowhere but below it.
fn walk(folder: &Path, top: &Path, found: &mut BTreeSet<Vec<u8>>) {
    use std::os::unix::ffi::OsStrExt as _;
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let below = path.strip_prefix(top).expect("it is below");
        found.insert(below.as_os_str().as_bytes().to_vec());
        let kind = entry.file_type().expect("it has one");
        if kind.is_symlink() {
            let target = fs::read_link(&path).expect("a link");
            let mut depth = below.components().count() - 1;
            assert!(target.is_relative(), "a link to {}", target.display());
            for part in target.components() {
                match part {
                    std::path::Component::ParentDir => depth = depth.checked_sub(1).expect("a link leads out"),
                    std::path::Component::Normal(_) => depth += 1,
                    _ => {}
                }
            }
        } else if kind.is_dir() {
            walk(&path, top, found);
        }
    }
}
