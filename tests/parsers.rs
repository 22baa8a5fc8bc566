//! Every file of the fuzzer's corpus through the functions that the fuzzer runs, on a stable compiler: what was once found stays
//! mended, no parser of the table in `fuzz/README.md` is without a target, and no parser without a row in it.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unused_imports)]
mod holdfast_fuzz;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use holdfast_fuzz::{TARGETS, cast, input, shape};
use holdfast_protocol::run::RunSpec;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz().join(folder)).unwrap();
    entries
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// Targets by the parsers that they are for: the rows of the table whose first cell is one file or more.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(fuzz().join("README.md")).unwrap();
    let words = |cell: &str| {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut parsers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `crates/")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').collect();
        let [parser, targets] = [cells[0], cells[1]].map(words);
        for parser in parser {
            parsers.entry(parser).or_default().extend(targets.clone());
        }
    }
    parsers
}

#[test]
fn every_parser_has_a_target_and_every_target_a_corpus() {
    let all: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        names_in("fuzz_targets"),
        all,
        "each target is one that the fuzzer can run"
    );
    assert_eq!(
        names_in("corpus"),
        all,
        "each target has a folder in the corpus, and no folder is left over"
    );
    for name in &all {
        let seeds = fs::read_dir(fuzz().join("corpus").join(name)).unwrap().count();
        assert!(seeds > 0, "the corpus of {name} is empty");
    }
    let table = table();
    assert!(table.len() > 20, "the table of fuzz/README.md was not read");
    let mut named = BTreeSet::new();
    for (parser, targets) in table {
        assert!(fuzz().join("..").join(&parser).exists(), "{parser} is not there");
        assert!(!targets.is_empty(), "{parser} has no target");
        named.extend(targets);
    }
    assert_eq!(named, all, "the table names each target, and no other");
}

/// Where something is read that needs no row, and why.
const WITHOUT_A_ROW: &[(&str, &str)] = &[
    (
        "crates/protocol/src/cbor.rs",
        "every message of the table is read through it",
    ),
    (
        "crates/crypto/src/rsa/numbers.rs",
        "any bytes are a number; what is asked of one, rsa/public.rs asks",
    ),
    ("crates/crypto/src/secret.rs", "any bytes of one length"),
    (
        "crates/import/src/lib.rs",
        "hands what it is given to one of the imports",
    ),
    (
        "crates/engine/src/files.rs",
        "the device's own rows, which nobody else writes",
    ),
    (
        "crates/engine/src/transfer/cut.rs",
        "looks for the place to cut a file at; any bytes are a file",
    ),
    (
        "crates/engine/src/transfer/pack.rs",
        "names in the device's own spool, which nobody else writes",
    ),
];

/// Whether there is a function in it that by its name makes something of what it is given, and that is bytes or text; or, in the
/// protocol, anything that can be decoded.
fn reads(path: &str, source: &str) -> bool {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let function = |rest: &str| {
        let name = rest
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap_or_default();
        let starts = ["parse", "decode", "from_", "try_from", "read", "open"];
        let taken = rest.split_once('(').map_or("", |(_, rest)| rest);
        let taken = taken.split(')').next().unwrap_or_default().split([',', '\n']);
        let mut kinds = taken
            .filter_map(|one| one.split_once(": "))
            .map(|(_, kind)| kind.trim());
        let whole = |kind: &str| ["&[u8]", "&str", "String", "Vec<u8>", "&mut Vec<u8>"].contains(&kind);
        (name == "find" || starts.iter().any(|start| name.starts_with(start)))
            && kinds.any(|kind| whole(kind) || kind.starts_with("[u8; "))
    };
    code.split("fn ").skip(1).any(function) || path.starts_with("crates/protocol/") && code.contains("Decode")
}

#[test]
fn every_parser_has_a_row() {
    let top = fuzz().join("..");
    let table = table();
    let mut without = BTreeSet::new();
    for part in ["protocol", "crypto", "preview", "import", "task", "engine"] {
        let (mut files, mut found) = (0, 0);
        for file in walkdir::WalkDir::new(top.join("crates").join(part).join("src")) {
            let file = file.unwrap();
            if file.path().extension().is_none_or(|end| end != "rs") {
                continue;
            }
            let parts = file
                .path()
                .strip_prefix(&top)
                .unwrap()
                .iter()
                .map(|part| part.to_str().unwrap());
            let path = parts.collect::<Vec<_>>().join("/");
            files += 1;
            if reads(&path, &fs::read_to_string(file.path()).unwrap()) {
                found += 1;
                if !table.contains_key(&path) {
                    without.insert(path);
                }
            }
        }
        assert!(
            files > 2 && found > 0,
            "{part}: {found} of {files} files read something"
        );
    }
    let excused: BTreeSet<String> = WITHOUT_A_ROW.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(
        without, excused,
        "a file that reads something has a row in fuzz/README.md, or a reason here why not; and no reason is left over"
    );
}

#[test]
fn every_file_of_the_corpus_is_as_the_specification_has_it() {
    // Two halves side by side: some of it is RSA.
    let half = |odd: usize| {
        for (name, target) in TARGETS.iter().skip(odd).step_by(2) {
            let mut files: Vec<_> = fs::read_dir(fuzz().join("corpus").join(name))
                .unwrap()
                .flatten()
                .collect();
            files.sort_by_key(fs::DirEntry::path);
            for file in files {
                let bytes = fs::read(file.path()).unwrap();
                let judged = std::panic::catch_unwind(|| target(&bytes));
                assert!(judged.is_ok(), "{} is not taken as it should be", file.path().display());
            }
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        half(0);
        other.join().unwrap();
    });
}

/// A fuzzer that stops at a signature has seen nothing.
#[test]
fn entries_of_the_corpus_get_past_the_signature() {
    let files = fs::read_dir(fuzz().join("corpus/replay")).unwrap().flatten();
    let taken: Vec<usize> = files
        .map(|file| holdfast_fuzz::logs::steps_taken(&fs::read(file.path()).unwrap()))
        .collect();
    let (some, deep) = (taken.iter().filter(|taken| **taken > 0).count(), taken.iter().max());
    assert!(some * 4 > taken.len(), "only {some} of {} are taken", taken.len());
    assert!(deep >= Some(&4), "no log goes on for long: {deep:?}");
}

/// A fuzzer that changes bytes blindly has broken lengths most of the time. The blind part of it is a single bit here.
#[test]
fn inputs_that_are_changed_stay_inputs() {
    let blind = |data: &mut [u8], size: usize, most: usize| {
        if let Some(first) = data.first_mut() {
            *first ^= 1;
        }
        size.min(most)
    };
    let (mut changed, mut read) = (0_u32, 0_u32);
    for file in fs::read_dir(fuzz().join("corpus/run_spec")).unwrap().flatten() {
        let bytes = fs::read(file.path()).unwrap();
        if RunSpec::from_bytes(&bytes).is_err() {
            continue;
        }
        for seed in 0..300 {
            let mut data = bytes.clone();
            data.resize(bytes.len() + 500, 0);
            let size = shape::cbor(0).change(&mut data, bytes.len(), bytes.len() + 500, seed, blind);
            changed += u32::from(data[..size] != bytes);
            read += u32::from(data[..size] != bytes && RunSpec::from_bytes(&data[..size]).is_ok());
        }
    }
    assert!(
        changed > 200 && read * 10 > changed,
        "{read} of {changed} are still specs"
    );
    let steps = shape::steps(2, 2, 2);
    let bytes = [vec![0, 1, 2, 0], input::part(&[0x81, 0x18, 0x20]), input::part(b"")].concat();
    let mut lengths = BTreeSet::new();
    for seed in 0..300 {
        let mut data = bytes.clone();
        data.resize(200, 0);
        lengths.insert(steps.change(&mut data, bytes.len(), 200, seed, blind));
        assert!(
            steps.change(&mut data, bytes.len(), 3, seed, blind) <= 3,
            "no longer than is allowed"
        );
    }
    assert!(lengths.len() > 3, "parts become longer and shorter: {lengths:?}");
}
