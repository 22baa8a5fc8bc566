//! What a node can read: nothing without an authorisation, one run's inputs with it, everything with the whole project, and
//! nothing more after it was withdrawn.

use std::sync::Arc;

use holdfast_crypto::Phrase;
use holdfast_device::{HttpTransport, SqliteStore, SystemClock};
use holdfast_engine::{Error, Host, Session};
use holdfast_protocol::entry::{Op, SignedEntry};
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::replay::{UnwrapKeys as _, WrapFor};
use holdfast_protocol::run::{Capsule, Place};
use holdfast_tests::scan::{Canary, Found, processes, scan};
use holdfast_tests::{Node, Tamper};

use crate::stage::{Stage, files_of, stage};

const COUNT: &str = "[inputs.data]\nkind = \"dataset\"\n[outputs.lines]\nkind = \"artifact\"\n[limits]\nmemory = \"64 MiB\"\ndisk = \"8 MiB\"\n";
const SCRIPT: &str = "mkdir -p /out/lines\ncat /in/data/* | wc -l > /out/lines/count\ncat /out/lines/count\n";

/// Datasets, and a task that counts the lines of one.
fn lab() -> Stage {
    let stage = stage();
    for (name, text) in [
        ("first", "one\ntwo\nthree\n"),
        ("second", "DATASET-CANARY-second-7f3a\n"),
    ] {
        let folder = stage.root.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("rows.txt"), text).expect("a file");
        stage.upload("dataset", name, &folder);
    }
    stage.script("count", COUNT, SCRIPT);
    stage
}

/// The keys of somebody, on a device that knows nothing yet but the account.
async fn session_of(stage: &Stage, store: &std::path::Path, secret: &std::path::Path) -> Session {
    let host = Host {
        transport: Arc::new(HttpTransport::new(&stage.server.url()).expect("an address")),
        store: Arc::new(SqliteStore::open(store).await.expect("a store")),
        clock: Arc::new(SystemClock),
    };
    let text = std::fs::read_to_string(secret).expect("a secret");
    Session::unlock(host, &Phrase::new(text.trim()).expect("a phrase"))
        .await
        .expect("it opens")
}

/// A copy of a node's own store: whoever has its computer has its keys, and tries all that can be tried with them.
async fn as_node(stage: &Stage, node: &Node) -> Session {
    let copy = stage.root.path().join(format!("{}-copy", node.name()));
    let database = node.home().join("profile").join("data").join("holdfast.db");
    let found = walk(&node.home().join("profile"), "db")
        .into_iter()
        .next()
        .unwrap_or(database);
    for suffix in ["", "-wal"] {
        let from = std::path::PathBuf::from(format!("{}{suffix}", found.display()));
        if from.exists() {
            std::fs::copy(&from, format!("{}{suffix}", copy.display())).expect("a copy");
        }
    }
    session_of(stage, &copy, &node.secret_file()).await
}

fn walk(folder: &std::path::Path, ending: &str) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(walk(&path, ending));
        } else if path.extension().is_some_and(|known| known == ending) {
            all.push(path);
        }
    }
    all
}

/// How many wraps and capsules of everything that the server has open with the node's keys, after entry `from`.
async fn opened(stage: &Stage, session: &Session, space: SpaceId, from: u64) -> (usize, usize) {
    let (entries, capsules) = tokio::task::block_in_place(|| {
        let mut data = Tamper::new(stage.server.data());
        (
            data.all_entries(&space.to_string()),
            data.all_capsules(&space.to_string()),
        )
    });
    let keyring = session.keyring();
    let (mut wraps, mut open_capsules) = (0, 0);
    for bytes in &entries {
        let entry = SignedEntry::from_bytes(bytes).expect("an entry").entry;
        if entry.seq < from {
            continue;
        }
        if let Op::Run { run, .. } = &entry.op {
            let place = Place {
                space,
                run: *run,
                node: keyring.current().bundle().hash,
                author: entry.author_bundle,
            };
            let mine = capsules.iter().filter_map(|bytes| Capsule::from_bytes(bytes).ok());
            open_capsules += mine.filter(|capsule| session.opens(capsule, place)).count();
        }
        for mut wrap in entry.op.wraps().iter().cloned() {
            // Addressed to somebody else: tried all the same, as if it were the node's.
            wrap.bundle = keyring.current().bundle().hash;
            let tried = WrapFor {
                epoch: entry.epoch,
                author_bundle: entry.author_bundle,
                wrap,
            };
            wraps += usize::from(keyring.unwrap_epoch_key(space, &tried).is_some());
        }
    }
    (wraps, open_capsules)
}

/// The first requirement, word for word: a node that was configured with a secret is authorised for the encrypted project, and a
/// run from inside that project works. The same node before, and after it was withdrawn, can't read one byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_reads_what_it_was_authorised_for_and_not_before_or_after() {
    if !holdfast_tests::walls() {
        return;
    }
    let stage = lab();
    let space = stage.project("Lab");
    let mut node = Node::enrol_unchecked(&stage.ana, &stage.server.url(), "box");
    node.start(&[]);

    // Not checked, so not authorised; not authorised, so nothing runs.
    let refused = stage
        .ana
        .run(&["node", "authorise", "Lab", "box", "--whole-project"])
        .fails(13);
    assert_eq!(refused["code"], "not-allowed");
    let run = [
        "run",
        "start",
        "Lab/count",
        "--node",
        "box",
        "--input",
        "data=Lab/first",
    ];
    stage.ana.run(&run).fails(12);
    let thief = as_node(&stage, &node).await;
    assert!(matches!(thief.view(space).await, Err(Error::NotFound { .. })));
    assert_eq!(opened(&stage, &thief, space, 0).await, (0, 0));
    drop(thief);

    stage.ana.run(&["node", "verify", "box", "--words", node.words()]).ok();
    stage
        .ana
        .run(&["node", "authorise", "Lab", "box", "--whole-project"])
        .ok();
    let id = stage.start(&run[2..]);
    let shown = stage.over(&id);
    assert_eq!(
        (&shown["state"], &shown["exit_code"]),
        (&"succeeded".into(), &0.into()),
        "{shown:#}"
    );
    assert!(stage.log(&id).contains('3'));
    let got = stage.root.path().join("got");
    stage
        .ana
        .run(&["run", "artifacts", &id, "--to", got.to_str().expect("a path")])
        .ok();
    let count = files_of(&got)
        .into_iter()
        .find(|path| path.ends_with("count"))
        .expect("the count");
    assert_eq!(std::fs::read_to_string(count).expect("it").trim(), "3");
    let reader = as_node(&stage, &node).await;
    let seen = reader.view(space).await.expect("the project").space;
    assert_eq!(seen.contents().name(), "Lab");
    let before = seen.authority().seq();

    let gone = stage.ana.run(&["node", "withdraw", "Lab", "box"]).ok();
    assert!(
        gone.to_string().contains("first") && gone.to_string().contains("second"),
        "{gone:#}"
    );
    let later = stage.root.path().join("later");
    std::fs::create_dir_all(&later).expect("a folder");
    std::fs::write(later.join("rows.txt"), "later\n").expect("a file");
    stage.upload("dataset", "later", &later);
    stage.ana.run(&run).fails(12);
    assert_eq!(opened(&stage, &reader, space, before + 1).await, (0, 0));
    match reader.view(space).await {
        Ok(view) => assert!(view.space.contents().items().values().all(|item| item.name != "later")),
        Err(error) => assert!(matches!(error, Error::NotFound { .. } | Error::History(_)), "{error}"),
    }
}

/// With the default grant the node gets one run's inputs: neither its memory nor its disk ever holds the project's key, and with
/// all that it has it opens no other dataset.
#[tokio::test(flavor = "multi_thread")]
async fn one_run_gives_a_node_that_run_and_nothing_else() {
    if !holdfast_tests::walls() {
        return;
    }
    let stage = lab();
    let space = stage.project("Lab");
    let node = stage.node("box", &[]);
    let id = stage.start(&["Lab/count", "--node", "box", "--input", "data=Lab/first"]);
    let shown = stage.over(&id);
    assert_eq!(
        (&shown["state"], &shown["exit_code"]),
        (&"succeeded".into(), &0.into()),
        "{shown:#}"
    );

    let owner = stage.ana.second_device();
    owner
        .run(&["signin", "--server", &stage.server.url(), "--handle", "ana@example.org"])
        .ok();
    let database = walk(&owner.profile(), "db").into_iter().next().expect("her store");
    let copy = stage.root.path().join("owner-copy");
    std::fs::copy(&database, &copy).expect("a copy");
    let wal = std::path::PathBuf::from(format!("{}-wal", database.display()));
    if wal.exists() {
        std::fs::copy(&wal, format!("{}-wal", copy.display())).expect("a copy");
    }
    let hers = session_of(&stage, &copy, &owner.key_file()).await;
    let view = hers.view(space).await.expect("the project");
    let key = *view.space.current_key().expect("its key").key().expose();
    let canaries = [
        Canary::bytes("project key", &key),
        Canary::text("another dataset", "DATASET-CANARY-second-7f3a"),
    ];
    if rustix::process::geteuid().is_root() {
        let found: Vec<Found> = processes(node.pid().expect("it works"))
            .iter()
            .flat_map(|process| scan(process, &canaries))
            .collect();
        assert!(found.is_empty(), "{found:#?}");
        // The look finds what is there: the node's own words are in the log it wrote and the status it keeps.
        let own = [Canary::text("its name", "holdfast")];
        let seen: Vec<Found> = processes(node.pid().expect("it works"))
            .iter()
            .flat_map(|process| scan(process, &own))
            .collect();
        assert!(!seen.is_empty());
    }
    for path in files_of(node.home()) {
        let bytes = std::fs::read(&path).unwrap_or_default();
        assert!(memchr::memmem::find(&bytes, &key).is_none(), "{}", path.display());
        assert!(
            memchr::memmem::find(&bytes, b"DATASET-CANARY").is_none(),
            "{}",
            path.display()
        );
    }
    // Its keys open one capsule of what the server has, no wrap, and nothing of the project's contents.
    let thief = as_node(&stage, &node).await;
    assert_eq!(opened(&stage, &thief, space, 0).await, (0, 1));
    let seen = thief.view(space).await.expect("it may read the log").space;
    assert!(seen.contents().items().is_empty() && seen.contents().name().is_empty());
}
