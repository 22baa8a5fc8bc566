//! Many runs on two nodes, one of which is ended again and again: none is lost, none counts twice.
//!
//! `HOLDFAST_RUNS` says how many; a thousand is the figure that is meant, fewer are for every day.
#![allow(clippy::print_stderr, reason = "the figures are what people want to see")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_engine::ports::{Progress, Silent};
use holdfast_engine::{NewRun, RunState, Session, UploadRequest};
use holdfast_protocol::bundle::SignedBundle;
use holdfast_protocol::entry::{NodeScope, Op, SignedEntry};
use holdfast_protocol::id::{PrincipalId, SpaceId};
use holdfast_protocol::item::ItemKind;
use holdfast_protocol::replay::{Authority, Bundles, Outcome};
use holdfast_protocol::run::End;
use holdfast_tests::{Node, Person, Server, small_run};
use tokio_util::sync::CancellationToken;

use crate::stage::on_another_device;

const RUNS: usize = 60;
const PATIENCE: Duration = Duration::from_secs(240);

/// A task that does nothing, as an item with its one version.
async fn idle_task(session: &Session, space: SpaceId, root: &std::path::Path) -> NewRun {
    let folder = root.join("idle");
    std::fs::create_dir_all(&folder).expect("a folder");
    let manifest = "format = 1\nname = \"Idle\"\nruntime = \"shell\"\nentry = \"main.sh\"\n";
    std::fs::write(folder.join("holdfast-task.toml"), manifest).expect("a manifest");
    std::fs::write(folder.join("main.sh"), "exit 0\n").expect("a script");
    let request = UploadRequest {
        kind: ItemKind::Task,
        name: "idle".into(),
        note: String::new(),
        sources: vec![folder.join("holdfast-task.toml"), folder.join("main.sh")],
        spool: root.join("spool"),
        include_hidden: false,
    };
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let uploaded = session
        .upload(space, request, &progress, &CancellationToken::new())
        .await
        .expect("it is uploaded");
    let view = session.view(space).await.expect("the project");
    let version = view.space.contents().items()[&uploaded.item].versions[0].id;
    let task = (uploaded.item, version);
    small_run(PrincipalId([0; 16]), task, session.now_ms() + 3_600_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_run_is_lost_and_none_counts_twice_however_often_a_node_dies() {
    if !holdfast_tests::walls() {
        return;
    }
    let runs = std::env::var("HOLDFAST_RUNS").map_or(RUNS, |text| text.parse().expect("a number"));
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let mut nodes = [
        Node::enrol(&ana, &server.url(), "box-1"),
        Node::enrol(&ana, &server.url(), "box-2"),
    ];
    let session = on_another_device(&server, root.path(), &ana).await;
    let space = session
        .create_project("Lab", true)
        .await
        .expect("a project")
        .authority()
        .space();
    let until_ms = session.now_ms() + 7_200_000;
    let mut ids = Vec::new();
    for node in &nodes {
        let person = session
            .authorise_node(space, node.name(), NodeScope::Runs, until_ms)
            .await
            .expect("it is authorised");
        ids.push(person.bundle.bundle.principal);
    }
    let new = idle_task(&session, space, root.path()).await;
    for node in &mut nodes {
        node.start(&[]);
    }
    let begun = Instant::now();
    let mut ordered = Vec::new();
    for number in 0..runs {
        let new = NewRun {
            node: ids[number % 2],
            ..new.clone()
        };
        ordered.push(session.start_run(space, &new).await.expect("it is ordered"));
    }
    eprintln!("{runs} runs ordered in {:.1?}", begun.elapsed());

    // Three times the first node is ended in the middle of its work.
    let mut deaths = 0;
    let mut over = 0;
    while over < runs {
        assert!(
            begun.elapsed() < PATIENCE * u32::try_from(runs / 60 + 1).expect("few"),
            "{over} of {runs} are over"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (done, trouble) = session.adopt_results(space).await.expect("results");
        assert!(trouble.is_empty(), "{trouble:?}");
        let view = session.view(space).await.expect("the project");
        let state = view.space.authority().runs();
        over = state
            .values()
            .filter(|run| matches!(run.outcome, Outcome::Adopted(_)))
            .count();
        if deaths < 3 && over > runs * (deaths + 1) / 5 {
            nodes[0].kill();
            nodes[0].start(&[]);
            deaths += 1;
        }
        if !done.is_empty() {
            eprintln!("{over} of {runs} after {:.1?}, {deaths} deaths", begun.elapsed());
        }
    }
    assert_eq!(deaths, 3);
    let took = begun.elapsed();
    let view = session.view(space).await.expect("the project");
    for status in session.runs(&view.space).await.expect("runs") {
        assert_eq!(status.state(), RunState::Done);
        let result = &status.adopted().expect("a result").result;
        assert_eq!(
            (result.end, result.exit_code),
            (End::Succeeded, Some(0)),
            "{}",
            result.sentence
        );
    }
    // Beyond the task's own time, of which there is none: from its lease to its result, as the node's clock has it, and all in all.
    let mut each: Vec<u64> = view
        .space
        .contents()
        .runs()
        .values()
        .filter_map(|run| run.adopted.as_ref())
        .map(|adopted| adopted.result.ended_ms - adopted.result.started_ms)
        .collect();
    each.sort_unstable();
    eprintln!(
        "median of a run {} ms, 95 % under {} ms; {:.0} ms for each, ordering and adopting included",
        each[each.len() / 2],
        each[each.len() * 95 / 100],
        took.as_secs_f64() * 1000.0 / runs as f64
    );
    count(&server, space, &ordered);
}

/// Counts from the log alone, as the server has it on its disk.
fn count(server: &Server, space: SpaceId, ordered: &[holdfast_protocol::id::RunId]) {
    let (entries, chains) = tokio::task::block_in_place(|| {
        let mut data = holdfast_tests::Tamper::new(server.data());
        (data.all_entries(&space.to_string()), data.all_bundles())
    });
    let mut bundles = Bundles::default();
    for signed in chains {
        let bundle = SignedBundle::from_bytes(&signed)
            .expect("a bundle")
            .verify(None)
            .expect("it verifies");
        bundles.insert_chain([bundle]);
    }
    let mut state: Option<Authority> = None;
    let mut adoptions: BTreeMap<_, usize> = BTreeMap::new();
    for bytes in entries {
        let entry = SignedEntry::from_bytes(&bytes).expect("an entry");
        match &mut state {
            None => state = Some(Authority::genesis(space, &entry, &bundles).expect("a genesis")),
            Some(state) => state.apply(&entry, &bundles).expect("it follows"),
        }
        if let Op::Adopt { run, .. } = &entry.entry.op {
            *adoptions.entry(*run).or_default() += 1;
        }
    }
    assert_eq!(adoptions.len(), ordered.len());
    assert!(ordered.iter().all(|run| adoptions.get(run) == Some(&1)));
}
