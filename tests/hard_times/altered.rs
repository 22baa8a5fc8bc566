//! A server that does not hold what it was given: packs, manifests, entries and bundles altered on its disk, logs cut
//! short. Code 20 for what was altered, 21 for a history that does not fit, and nothing is written.

use std::path::{Path, PathBuf};

use holdfast_tests::{Person, Server, Tamper, difference};

use super::text;

/// A server with a person and a project `Scans`, and the project's id.
fn begin(root: &Path) -> (Server, Person, String) {
    let server = Server::start(&root.join("server"));
    let ana = Person::sign_up(root, &server.url(), "ana@example.org");
    let project = ana.run(&["project", "create", "Scans"]).ok();
    let id = project["id"].as_str().expect("an id").to_owned();
    (server, ana, id)
}

fn upload(ana: &Person, root: &Path) -> PathBuf {
    let source = root.join("source");
    std::fs::create_dir_all(source.join("b")).expect("a folder");
    std::fs::write(source.join("a"), "what is in a").expect("a file");
    std::fs::write(source.join("b/c"), "what is in c").expect("a file");
    ana.run(&["dataset", "upload", "Scans", text(&source), "--name", "d"])
        .ok();
    source
}

fn parts(server: &Server) -> Vec<PathBuf> {
    walkdir::WalkDir::new(server.data().join("packs"))
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Stripe after stripe of the only pack of a version: chunks, the list of files, the manifest. Each is seen, nothing is
/// written; what is behind them is padding that nobody reads.
#[test]
fn every_stripe_of_a_pack_counts_up_to_its_padding() {
    const STRIPE: usize = 48;
    let root = tempfile::tempdir().expect("a folder");
    let (server, ana, _) = begin(root.path());
    let source = upload(&ana, root.path());
    let part = parts(&server).pop().expect("one part");
    let whole = std::fs::read(&part).expect("the part");
    let got = root.path().join("to").join("got");
    let download = || ana.run(&["dataset", "download", "Scans/d", "--to", text(&got)]);
    let mut seen = 0;
    loop {
        let mut altered = whole.clone();
        altered[seen * STRIPE + seen % STRIPE] ^= 1 << (seen % 8);
        std::fs::write(&part, &altered).expect("the part");
        let answer = download();
        if answer.code == 0 {
            break;
        }
        let said = answer.fails(20);
        assert_eq!(said["code"], "damaged");
        assert!(!got.exists(), "something was written");
        assert_eq!(std::fs::read_dir(root.path().join("to")).map_or(0, Iterator::count), 0);
        seen += 1;
        assert!(seen * STRIPE < 16 << 10, "padding is read");
    }
    // Two chunks, the list and the manifest: none of them is shorter than its tag and its blocks.
    assert!(seen * STRIPE > 4 * 64, "only the first {} bytes count", seen * STRIPE);
    assert_eq!(difference(&source, &got), "");
    println!("{} bytes in {seen} stripes, each seen", seen * STRIPE);

    // A pack that is gone, or too short, is damage as well, and no reason to write anything.
    std::fs::remove_dir_all(&got).expect("removing");
    std::fs::write(&part, &whole[..1000]).expect("the part");
    assert_ne!(download().code, 0);
    assert!(!got.exists());
    std::fs::remove_file(&part).expect("removing");
    assert_ne!(download().code, 0);
    assert!(!got.exists());
}

/// An entry with one bit turned, at many places. A device that has not seen it refuses it and keeps what it had; one that
/// had seen it and asks for it again says that history does not fit.
#[test]
fn an_altered_entry_is_refused() {
    let root = tempfile::tempdir().expect("a folder");
    let (server, ana, project) = begin(root.path());
    let laptop = ana.second_device();
    laptop
        .run(&["signin", "--server", &server.url(), "--handle", ana.handle()])
        .ok();
    laptop.run(&["unlock"]).ok();
    assert_eq!(laptop.run(&["project", "list"]).ok()[0]["name"], "Scans");
    upload(&ana, root.path());
    ana.run(&["project", "rename", "Scans", "Scans 2"]).ok();

    let mut tamper = Tamper::new(server.data());
    let head = tamper.head(&project);
    for seq in [head - 1, head] {
        let cell = Tamper::entry(&project, seq);
        let whole = tamper.read(&cell);
        for place in (0..whole.len()).step_by(whole.len() / 12) {
            let mut altered = whole.clone();
            altered[place] ^= 1 << (place % 8);
            tamper.write(&cell, &altered);
            let answer = laptop.run(&["project", "show", &project]);
            assert!(
                [20, 21].contains(&answer.code),
                "bit at {place}: {} {}",
                answer.stdout,
                answer.stderr
            );
            if seq == head {
                // Hers was another one; where it is no entry at all any more, that is what she is told.
                for args in [
                    &["project", "show", &project][..],
                    &["project", "rename", &project, "Other"],
                ] {
                    let answer = ana.run(args);
                    assert!([20, 21].contains(&answer.code), "bit at {place}: {}", answer.stdout);
                }
            }
        }
        tamper.write(&cell, &whole);
    }
    // Nothing of it was kept: with the entries back, all is well.
    assert_eq!(
        laptop.run(&["project", "show", &project]).ok()["project"]["name"],
        "Scans 2"
    );
    assert_eq!(
        ana.run(&["project", "show", &project]).ok()["project"]["name"],
        "Scans 2"
    );
}

/// An entry taken from another log, and two that changed places.
#[test]
fn entries_in_the_wrong_place_are_refused() {
    let root = tempfile::tempdir().expect("a folder");
    let (server, ana, project) = begin(root.path());
    let other = ana.run(&["project", "create", "Other"]).ok()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for name in ["1", "2", "3"] {
        ana.run(&["project", "rename", &project, name]).ok();
        ana.run(&["project", "rename", &other, &format!("other {name}")]).ok();
    }
    let mut tamper = Tamper::new(server.data());
    let cells = [
        Tamper::entry(&project, 1),
        Tamper::entry(&project, 2),
        Tamper::entry(&other, 1),
    ];
    let whole: Vec<_> = cells.iter().map(|cell| tamper.read(cell)).collect();
    for (number, swap) in [[1, 0, 2], [2, 1, 0], [0, 0, 2]].into_iter().enumerate() {
        for (cell, from) in cells.iter().zip(swap) {
            tamper.write(cell, &whole[from]);
        }
        // A device that has seen nothing yet; the vault is whole, so that it can come in.
        let fresh = Person::nobody(root.path(), &server.url(), &format!("fresh-{number}"));
        std::fs::copy(ana.key_file(), fresh.key_file()).expect("the key");
        let signed_in = fresh.run(&["signin", "--server", &server.url(), "--handle", ana.handle()]);
        assert!(
            [0, 20, 21].contains(&signed_in.code),
            "{} {}",
            signed_in.stdout,
            signed_in.stderr
        );
        if signed_in.code == 0 {
            let answer = fresh.run(&["project", "show", &project]);
            assert!(
                [20, 21].contains(&answer.code),
                "{swap:?}: {} {}",
                answer.stdout,
                answer.stderr
            );
        }
    }
}

/// Keys that were altered: whoever looks them up is told, and uses nothing of them.
#[test]
fn an_altered_bundle_is_refused() {
    let root = tempfile::tempdir().expect("a folder");
    let (server, ana, _) = begin(root.path());
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    let mut tamper = Tamper::new(server.data());
    let cell = Tamper::bundle(ana.handle());
    let whole = tamper.read(&cell);
    ben.run(&["project", "create", "Ben's"]).ok();
    for place in (0..whole.len()).step_by(whole.len() / 16) {
        let mut altered = whole.clone();
        altered[place] ^= 1 << (place % 8);
        tamper.write(&cell, &altered);
        let answer = ben.run(&["project", "share", "Ben's", ana.handle(), "--role", "reader"]);
        assert!(
            [20, 21].contains(&answer.code),
            "bit at {place}: {} {}",
            answer.stdout,
            answer.stderr
        );
        assert_eq!(
            ben.run(&["project", "members", "Ben's"]).ok().as_array().map(Vec::len),
            Some(1)
        );
        // Her own new device does not take them either, and nothing of a profile is left.
        if place % 4 == 0 {
            let fresh = Person::nobody(root.path(), &server.url(), &format!("fresh-{place}"));
            std::fs::copy(ana.key_file(), fresh.key_file()).expect("the key");
            let answer = fresh.run(&["signin", "--server", &server.url(), "--handle", ana.handle()]);
            assert!(
                [10, 20, 21].contains(&answer.code),
                "bit at {place}: {} {}",
                answer.stdout,
                answer.stderr
            );
            fresh.run(&["whoami"]).fails(11);
        }
    }
    tamper.write(&cell, &whole);
    ben.run(&["project", "share", "Ben's", ana.handle(), "--role", "reader"])
        .ok();
    // A valid bundle, but of somebody else.
    let others = tamper.read(&Tamper::bundle(ben.handle()));
    tamper.write(&cell, &others);
    let carl = Person::sign_up(root.path(), &server.url(), "carl@example.org");
    carl.run(&["project", "create", "Carl's"]).ok();
    let answer = carl.run(&["project", "share", "Carl's", ana.handle(), "--role", "reader"]);
    assert!([20, 21].contains(&answer.code), "{} {}", answer.stdout, answer.stderr);
    ben.run(&["words", ana.handle()]).fails(21);
    tamper.write(&cell, &whole);
    let words = ben.run(&["words", ana.handle()]);
    assert_eq!(
        words.ok()["words"],
        ana.run(&["words"]).ok()["words"],
        "Ben lost the keys he knew"
    );
}

/// A log whose end, or whose middle, is missing.
#[test]
fn a_log_with_entries_missing_is_refused() {
    let root = tempfile::tempdir().expect("a folder");
    let (mut server, ana, project) = begin(root.path());
    let laptop = ana.second_device();
    laptop
        .run(&["signin", "--server", &server.url(), "--handle", ana.handle()])
        .ok();
    let source = upload(&ana, root.path());
    for name in ["Scans 2", "Scans 3", "Scans 4"] {
        ana.run(&["project", "rename", &project, name]).ok();
    }
    let got = root.path().join("got");
    let copy = root.path().join("copy");
    server.kill();
    assert!(
        std::process::Command::new("cp")
            .arg("-a")
            .args([server.data(), &copy])
            .status()
            .is_ok_and(|s| s.success())
    );
    let head = Tamper::new(server.data()).head(&project);

    Tamper::new(server.data()).cut_log(&project, head - 1);
    server.restart();
    let download = format!("{project}/d");
    ana.run(&["dataset", "download", &download, "--to", text(&got)])
        .fails(21);
    assert!(!got.exists());
    ana.run(&["project", "rename", &project, "Scans 5"]).fails(21);

    server.kill();
    std::fs::remove_dir_all(server.data()).expect("removing");
    std::fs::rename(&copy, server.data()).expect("the copy");
    Tamper::new(server.data()).remove_entry(&project, head - 1);
    server.restart();
    // Ana has what is missing; the laptop has not.
    let answer = laptop.run(&["dataset", "download", &download, "--to", text(&got)]);
    assert!([20, 21].contains(&answer.code), "{} {}", answer.stdout, answer.stderr);
    assert!(!got.exists());
    ana.run(&["dataset", "download", &download, "--to", text(&got)]).ok();
    assert_eq!(difference(&source, &got), "");
}
