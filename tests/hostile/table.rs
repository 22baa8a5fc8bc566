//! The list of known attacks, and that each has the test it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Rows of each part of the list: accounts, people, objects, clients.
const ROWS: [(char, u32); 4] = [('A', 19), ('K', 12), ('O', 19), ('C', 15)];
const PAGE: &str = "docs/hostile-server.md";

struct Row {
    id: String,
    cells: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(root().join(PAGE)).expect("the page");
    let lines = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split('|').map(|cell| cell.trim().to_owned());
        let id = cells.next()?;
        let numbered = id.len() == 3 && id[1..].bytes().all(|byte| byte.is_ascii_digit());
        numbered.then(|| Row {
            id,
            cells: cells.collect(),
        })
    });
    lines.collect()
}

/// Names of all functions of a file that are tests, also those that a macro is given.
fn tests_in(path: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut found = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        if let Some((_, rest)) = line.split_once("fn ") {
            let name: String = rest
                .chars()
                .take_while(|one| one.is_alphanumeric() || *one == '_')
                .collect();
            if std::mem::take(&mut is_test) {
                found.insert(name);
            }
        }
        // `Variant refuses_this module::case;`
        let mut words = line.split(' ');
        if let (Some(_), Some(name), Some(case), None) = (words.next(), words.next(), words.next(), words.next())
            && name.starts_with("refuses_")
            && case.ends_with(';')
        {
            found.insert(name.to_owned());
        }
    }
    found
}

/// Every row is there once, in order, says what it is, and names tests that exist; or says why it does not apply.
#[test]
fn every_known_attack_has_a_test_that_exists() {
    let expected: Vec<_> = ROWS
        .into_iter()
        .flat_map(|(part, rows)| (1..=rows).map(move |row| format!("{part}{row:02}")))
        .collect();
    let rows = rows();
    let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
    assert_eq!(ids, expected);
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut named = 0;
    for Row { id, cells } in rows {
        let [what, tests, said, end] = cells.as_slice() else {
            panic!("{id} has {} cells", cells.len());
        };
        assert!(
            end.is_empty() && what.len() > 20 && !said.is_empty(),
            "{id} says too little"
        );
        if let Some(why) = tests.strip_prefix("does not apply: ") {
            assert!(why.len() > 30, "{id}: why does it not apply?");
            continue;
        }
        let all: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!all.is_empty(), "{id} names no test");
        for test in all {
            let (path, name) = test
                .split_once("::")
                .unwrap_or_else(|| panic!("{id}: {test} is no file::test"));
            let there = known.entry(path.to_owned()).or_insert_with(|| tests_in(path));
            assert!(there.contains(name), "{id}: there is no test {name} in {path}");
            named += 1;
        }
    }
    println!("{} attacks, {named} tests", expected.len());
}

/// The tests that are here for a row are named in it.
#[test]
fn every_test_of_a_row_is_named_there() {
    let rows: BTreeMap<_, _> = rows()
        .into_iter()
        .map(|row| (row.id.to_lowercase(), row.cells))
        .collect();
    for file in ["accounts", "people", "objects", "client"] {
        for test in tests_in(&format!("tests/hostile/{file}.rs")) {
            let id = test.split('_').next().unwrap_or_default();
            let cells = rows.get(id).unwrap_or_else(|| panic!("{test} is of no row"));
            let full = format!("`tests/hostile/{file}.rs::{test}`");
            assert!(cells[1].contains(&full), "{id} does not name {test}");
        }
    }
}
