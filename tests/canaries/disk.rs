//! Every file below some folders, and what may lie in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::GzEncoder;
use holdfast_tests::eye::{Canaries, Class, Material, Searcher};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};

/// Which canaries lie where: labels by path.
pub(crate) type Lying = BTreeMap<PathBuf, BTreeSet<String>>;

/// A place where some canaries are expected.
pub(crate) struct Expected {
    /// A file, or a folder with all that is below it.
    pub(crate) at: PathBuf,
    /// Beginnings of their labels.
    pub(crate) labels: Vec<&'static str>,
    /// Why they are there.
    pub(crate) why: &'static str,
}

/// Says what is expected somewhere.
pub(crate) fn expect(at: impl Into<PathBuf>, labels: &[&'static str], why: &'static str) -> Expected {
    Expected {
        at: at.into(),
        labels: labels.to_vec(),
        why,
    }
}

/// Looks through every file below these folders, through the names of all that is there, and through where links lead to.
pub(crate) fn lying(folders: &[&Path], canaries: &Canaries) -> Lying {
    let mut material = Material::default();
    let mut count = 0;
    for entry in folders.iter().flat_map(walkdir::WalkDir::new) {
        // What programs at work take away meanwhile is not there.
        let Ok(entry) = entry else { continue };
        let path = entry.path();
        let origin = path.to_str().expect("a path that is text");
        let name = path.file_name().unwrap_or_default();
        material.add(origin, name.as_encoded_bytes().to_vec());
        let bytes = match entry.file_type() {
            kind if kind.is_file() => std::fs::read(path).unwrap_or_default(),
            kind if kind.is_symlink() => std::fs::read_link(path)
                .map(|to| to.into_os_string().into_encoded_bytes())
                .unwrap_or_default(),
            _ => continue,
        };
        count += 1;
        material.add(origin, bytes);
    }
    let all = canaries.all();
    let places = material.places(&Searcher::new(&all));
    eprintln!("looked through {count} files, {} bytes", material.len());
    let named = |at: &usize| all[*at].label.clone();
    let place =
        |(path, found): (&str, holdfast_tests::eye::Found)| (PathBuf::from(path), found.keys().map(named).collect());
    places.into_iter().map(place).collect()
}

/// Requires that canaries lie where they are expected, each of them, and nowhere else.
pub(crate) fn require(lying: &Lying, expected: &[Expected]) {
    let wrong = wrong(lying, expected);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn wrong(lying: &Lying, expected: &[Expected]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut met = BTreeSet::new();
    for (path, labels) in lying {
        for label in labels {
            let mut known = false;
            for (number, one) in expected.iter().enumerate().filter(|(_, one)| path.starts_with(&one.at)) {
                for (which, _) in one
                    .labels
                    .iter()
                    .enumerate()
                    .filter(|(_, known)| label.starts_with(**known))
                {
                    met.insert((number, which));
                    known = true;
                }
            }
            if !known {
                wrong.push(format!("{label}: in {}", path.display()));
            }
        }
    }
    for (number, one) in expected.iter().enumerate() {
        for (which, label) in one.labels.iter().enumerate() {
            if !met.contains(&(number, which)) {
                wrong.push(format!(
                    "{label}: expected in {}, not there ({})",
                    one.at.display(),
                    one.why
                ));
            }
        }
    }
    wrong
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// A database with a text in a row that was removed, another in its WAL, which is not taken over.
async fn database(path: &Path, removed: &str, waiting: &str) -> sqlx::SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("secure_delete", "OFF");
    let mut database = options.connect().await.expect("a database");
    for (statement, value) in [
        ("CREATE TABLE rows (value TEXT)", None),
        ("INSERT INTO rows VALUES (?1)", Some(removed)),
        ("DELETE FROM rows", None),
        ("PRAGMA wal_checkpoint(TRUNCATE)", None),
        ("INSERT INTO rows VALUES (?1)", Some(waiting)),
    ] {
        let mut query = sqlx::query(statement);
        if let Some(value) = value {
            query = query.bind(value);
        }
        query.execute(&mut database).await.expect("it works");
    }
    database
}

/// The control: whatever is planted is found, in each encoding, and a file with something else in it is none.
#[tokio::test]
async fn the_sweep_finds_what_was_planted_in_every_encoding_and_nothing_else() {
    let root = tempfile::tempdir().expect("a folder");
    let canaries = Canaries::new();
    let mut planted: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let key = holdfast_crypto::sha256(&[b"a key", &canaries.seed().to_be_bytes()]);
    canaries.adopt(Class::Unsent, "key", &key);
    let plant = |name: &str, bytes: &[u8]| {
        let path = root.path().join(name);
        std::fs::write(&path, [&b"before "[..], bytes, b" after"].concat()).expect("a file");
        path
    };
    let text = |name: &str| canaries.make(Class::Sealed, name);
    let long = |text: &str| format!("{}{text}{}", "before ".repeat(50), " after".repeat(50)).into_bytes();
    type Form = Box<dyn Fn(&[u8]) -> Vec<u8>>;
    let mut forms: Vec<(String, Form)> = vec![
        ("raw".into(), Box::new(|bytes: &[u8]| bytes.to_vec())),
        ("hex".into(), Box::new(|bytes: &[u8]| hex::encode(bytes).into())),
        ("HEX".into(), Box::new(|bytes: &[u8]| hex::encode_upper(bytes).into())),
        (
            "array".into(),
            Box::new(|bytes: &[u8]| serde_json::to_vec(bytes).expect("JSON")),
        ),
    ];
    for before in 0..3 {
        forms.push((
            format!("base64 {before}"),
            Box::new(move |bytes: &[u8]| STANDARD.encode([&b"xy"[..before], bytes, b"z"].concat()).into()),
        ));
        forms.push((
            format!("base64url {before}"),
            Box::new(move |bytes: &[u8]| URL_SAFE_NO_PAD.encode([&b"xy"[..before], bytes, b"z"].concat()).into()),
        ));
    }
    for (name, form) in &forms {
        let path = plant(&format!("text as {name}"), &form(text(name).as_bytes()));
        planted.insert(path, BTreeSet::from([name.clone()]));
        planted.insert(
            plant(&format!("key as {name}"), &form(&key)),
            BTreeSet::from(["key".into()]),
        );
    }
    let wide: Vec<u8> = text("UTF-16").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let escaped = text("JSON").replace('é', "\\u00e9");
    for (name, bytes) in [
        ("UTF-16", wide),
        ("JSON", escaped.into_bytes()),
        ("gzip", gzip(&long(&text("gzip")))),
        ("zstd", zstd::encode_all(&long(&text("zstd"))[..], 3).expect("memory")),
        (
            "base64 in gzip",
            gzip(STANDARD.encode(long(&text("base64 in gzip"))).as_bytes()),
        ),
    ] {
        planted.insert(plant(&format!("text as {name}"), &bytes), BTreeSet::from([name.into()]));
    }
    let name = root.path().join(text("name"));
    std::fs::create_dir(&name).expect("a folder");
    let link = root.path().join("link");
    std::os::unix::fs::symlink(text("target"), &link).expect("a link");
    planted.insert(name, BTreeSet::from(["name".into()]));
    planted.insert(link, BTreeSet::from(["target".into()]));
    let file = root.path().join("some.db");
    let open = database(&file, &text("removed row"), &text("waiting row")).await;
    planted.insert(file, BTreeSet::from(["removed row".into()]));
    planted.insert(root.path().join("some.db-wal"), BTreeSet::from(["waiting row".into()]));
    plant("something else", text("never planted").to_uppercase().as_bytes());
    plant(
        "its hash",
        &holdfast_crypto::sha256(&[text("never planted").as_bytes()]),
    );

    let found = lying(&[root.path()], &canaries);
    open.close().await.expect("it closes");
    assert_eq!(found, planted);
    // And what is found is a failure where nobody expects it, as what is expected and missing is.
    let all: Vec<Expected> = planted.keys().map(|path| expect(path, &[""], "planted")).collect();
    require(&found, &all);
    assert_eq!(wrong(&found, &all[1..]).len(), 1);
    assert_eq!(
        wrong(&found, &[expect(root.path(), &["", "of nobody"], "not there")]).len(),
        1
    );
}
