//! A server that deceives its nodes, and members who sign what no honest program would: the node refuses by a code, it stands in
//! the node's log, whoever ordered the run sees it, and nothing of the task was carried out. Then the node does honest runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use holdfast_crypto::Key32;
use holdfast_engine::{Error, Note, Session, rng};
use holdfast_protocol::bundle::VerifiedBundle;
use holdfast_protocol::entry::{Entry, FORMAT, NodeScope, Op, SignedEntry, seal_body};
use holdfast_protocol::id::{Hash, RunId, SpaceId};
use holdfast_protocol::item::Content;
use holdfast_protocol::replay::Space;
use holdfast_protocol::run::{
    self, Attempt, Capsule, FileGrant, Grant, Granted, Limits, NamedInput, Place, RunBody, RunSpec,
};
use holdfast_protocol::{KeyField, context};
use holdfast_tests::{Node, Person, Tamper};

use crate::stage::{Stage, files_of, on_another_device, soon, stage};

const SMALL: &str =
    "[limits]\nmemory = \"64 MiB\"\ndisk = \"8 MiB\"\nprocesses = 32\ntime = \"20 s\"\nlog = \"64 KiB\"\n";
const READS: &str = "[inputs.data]\nkind = \"dataset\"\n[limits]\nmemory = \"64 MiB\"\ndisk = \"8 MiB\"\n";
/// What every task here prints first.
const STARTED: &str = "the task has started";

/// A project with tasks and datasets, and which packs came with each of them.
struct Lab {
    stage: Stage,
    packs: BTreeMap<&'static str, PathBuf>,
}

fn lab() -> Lab {
    let stage = stage();
    let mut packs = BTreeMap::new();
    let folder = stage.server.data().join("packs");
    let mut noted = |name, upload: &dyn Fn()| {
        let before = files_of(&folder);
        upload();
        let mut came = files_of(&folder);
        came.retain(|path| !before.contains(path));
        assert_eq!(came.len(), 1, "{came:?}");
        packs.insert(name, came.remove(0));
    };
    for (name, item, text) in [
        ("first", "first", "one\n"),
        ("first again", "first", "one and two\n"),
        ("second", "second", "three\n"),
    ] {
        let folder = stage.root.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("rows.txt"), text).expect("a file");
        noted(name, &|| stage.upload("dataset", item, &folder));
    }
    noted("fine", &|| stage.script("fine", SMALL, &format!("echo {STARTED}\n")));
    noted("other", &|| {
        stage.script("other", SMALL, &format!("echo {STARTED}, another one\n"));
    });
    stage.script("reads", READS, &format!("echo {STARTED}\ncat /in/data/*\n"));
    Lab { stage, packs }
}

impl Lab {
    fn tamper(&self) -> Tamper {
        Tamper::new(self.stage.server.data())
    }

    /// One that is fine, to see that the node is healthy.
    fn works(&self) {
        let run = self.stage.start(&["Lab/fine", "--node", "box"]);
        let shown = self.stage.over(&run);
        assert_eq!(shown["state"], "succeeded", "{shown:#}");
        assert!(self.stage.log(&run).contains(STARTED));
    }

    /// The node says so in its log, and whoever ordered the run is told.
    fn refused(&self, node: &Node, run: &str, code: &str) {
        says(node, run, code, 1);
        let shown = self.stage.over(run);
        assert_eq!(
            (&shown["state"], &shown["sentence"]),
            (&"refused".into(), &code.into()),
            "{shown:#}"
        );
        assert!(!self.stage.log(run).contains(STARTED), "the task was started");
    }
}

/// Waits until the node's log says so many times that it refused a run for this reason.
fn says(node: &Node, run: &str, code: &str, times: usize) {
    let why = format!("({code})");
    soon(&format!("{why} in the log of the node"), || {
        let log = node.log();
        let refused = log
            .lines()
            .filter(|line| line.contains(run) && line.contains("refused"));
        refused.filter(|line| line.contains(&why)).count() == times
    });
}

/// How often a node began a run.
fn begun(node: &Node, run: &str) -> usize {
    let began = format!("run {run} began");
    node.log().lines().filter(|line| line.contains(&began)).count()
}

/// The entry that orders a run says another spec, or its sealed part is another one: its author did not sign that.
#[test]
fn tampered_run_spec() {
    if !holdfast_tests::walls() {
        return;
    }
    let lab = lab();
    let mut node = lab.stage.node("box", &[]);
    let space = lab.stage.project("Lab").to_string();
    for sealed in [false, true] {
        node.stop();
        let run = lab.stage.start(&["Lab/fine", "--node", "box"]);
        let mut tamper = lab.tamper();
        let cell = Tamper::entry(&space, tamper.head(&space));
        let whole = tamper.read(&cell);
        let entry = SignedEntry::from_bytes(&whole).expect("an entry").entry;
        let (Op::Run { spec, .. }, Some(body)) = (&entry.op, &entry.body) else {
            panic!("the newest entry is no run");
        };
        let part = if sealed { body } else { spec.as_bytes() };
        let at = memchr::memmem::find(&whole, part).expect("a part of the entry");
        let mut altered = whole.clone();
        altered[at + part.len() / 2] ^= 1;
        tamper.write(&cell, &altered);
        node.start(&[]);
        says(&node, &run, "log-signature", 1);
        // She has what she signed, and hears that the server shows something else.
        let answer = lab.stage.ana.run(&["project", "show", "Lab"]);
        assert!([20, 21].contains(&answer.code), "{}", answer.stdout);
        tamper.write(&cell, &whole);
        lab.refused(&node, &run, "log-signature");
    }
    lab.works();
}

/// The packs of another item, of another version, and of another task lie where those of the run's input and task should.
#[test]
fn swapped_input() {
    if !holdfast_tests::walls() {
        return;
    }
    let lab = lab();
    let mut node = lab.stage.node("box", &[]);
    let reads = ["Lab/reads", "--node", "box", "--input", "data=Lab/first@1"];
    let fine = ["Lab/fine", "--node", "box"];
    for (args, pack, other) in [
        (&reads[..], "first", "second"),
        (&reads, "first", "first again"),
        (&fine, "fine", "other"),
    ] {
        node.stop();
        let run = lab.stage.start(args);
        let whole = std::fs::read(&lab.packs[pack]).expect("a pack");
        std::fs::copy(&lab.packs[other], &lab.packs[pack]).expect("another one in its place");
        node.start(&[]);
        lab.refused(&node, &run, "run-input");
        std::fs::write(&lab.packs[pack], whole).expect("it again");
    }
    let run = lab.stage.start(&reads);
    assert_eq!(lab.stage.over(&run)["state"], "succeeded");
    assert!(lab.stage.log(&run).contains("one"));
}

/// A run that was done is offered again: while nobody has taken its result over, also to a node that was started anew, and
/// afterwards.
#[test]
fn repeated_run_id() {
    if !holdfast_tests::walls() {
        return;
    }
    let lab = lab();
    let mut node = lab.stage.node("box", &[]);
    let run = lab.stage.start(&["Lab/fine", "--node", "box"]);
    // Nobody is there who takes the result over.
    lab.stage.ana.run(&["lock"]).ok();
    let mut tamper = lab.tamper();
    soon("the end of the run", || tamper.run_state(&run).0 == "ended");
    tamper.offer_again(&run);
    says(&node, &run, "run-repeated", 1);
    soon("the refusal at the server", || tamper.run_state(&run).0 == "refused");
    node.stop();
    node.start(&[]);
    tamper.offer_again(&run);
    says(&node, &run, "run-repeated", 2);
    soon("the refusal at the server", || tamper.run_state(&run).0 == "refused");
    node.kill();
    tamper.offer_again(&run);
    node.start(&[]);
    says(&node, &run, "run-repeated", 3);
    let shown = lab.stage.over(&run);
    assert_eq!(
        (&shown["state"], &shown["sentence"]),
        (&"refused".into(), &"run-repeated".into()),
        "{shown:#}"
    );
    assert_eq!(begun(&node, &run), 1);

    let run = lab.stage.start(&["Lab/fine", "--node", "box"]);
    assert_eq!(lab.stage.over(&run)["state"], "succeeded");
    tamper.offer_again(&run);
    says(&node, &run, "run-withdrawn", 1);
    // What is in the log counts more than what the server says.
    assert_eq!(lab.stage.over(&run)["state"], "succeeded");
    assert_eq!(begun(&node, &run), 1);
    lab.works();
}

/// A server that leases one attempt many times at the same moment: one of them begins, and nothing is noted of the others.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_leased_at_once_begins_once() {
    const TABLE: &str = "tries";
    let stage = stage();
    let space = stage.project("Lab");
    let session = Arc::new(on_another_device(&stage.server, stage.root.path(), &stage.ana).await);
    let run = RunId::random(&mut rng());
    for attempt in 1..=10 {
        let of = Attempt { space, run, attempt };
        let mut tries = tokio::task::JoinSet::new();
        for number in 0..8_u8 {
            let session = session.clone();
            tries.spawn(async move {
                let key = [u8::try_from(attempt).expect("few"), number];
                let beside = Note {
                    table: TABLE,
                    key: &key,
                    row: Some(b"begun"),
                };
                session.begin_attempt(of, beside).await
            });
        }
        let begun = tries.join_all().await.into_iter().filter(Result::is_ok).count();
        assert_eq!(begun, 1);
        let notes = session.notes(TABLE).await.expect("notes");
        assert_eq!(notes.len(), attempt as usize);
    }
    let earlier = Attempt { space, run, attempt: 9 };
    let beside = Note {
        table: TABLE,
        key: b"late",
        row: Some(b"begun"),
    };
    assert!(matches!(
        session.begin_attempt(earlier, beside).await,
        Err(Error::AlreadyExists(_))
    ));
}

/// What was given for a run of one project is offered with a run of another one: by the server in place of the right one, by a
/// member who signs for it, and a member signs the key of one project as that of another.
#[tokio::test(flavor = "multi_thread")]
async fn another_projects_grant() {
    if !holdfast_tests::walls() {
        return;
    }
    let lab = lab();
    let stage = &lab.stage;
    let mut node = stage.node("box", &["--whole-project"]);
    stage.ana.run(&["project", "create", "Other"]).ok();
    stage.ana.run(&["node", "authorise", "Other", "box"]).ok();
    stage.script_in("Other", "fine", SMALL, &format!("echo {STARTED}\n"));
    node.stop();
    let (first, second) = (stage.project("Lab"), stage.project("Other"));
    let ana = on_another_device(&stage.server, stage.root.path(), &stage.ana).await;
    let person = stage.authorised(&ana, first).await;
    let wrap_of = |space: SpaceId| {
        let entries = tokio::task::block_in_place(|| lab.tamper().all_entries(&space.to_string()));
        let mut wraps = entries.iter().flat_map(|bytes| {
            let entry = SignedEntry::from_bytes(bytes).expect("an entry").entry;
            entry.op.wraps().to_vec()
        });
        wraps.rfind(|wrap| wrap.bundle == person.hash)
    };
    let wrap = wrap_of(first).expect("the node has the key of the first project");
    assert!(wrap_of(second).is_none());

    // The server's doing: each has the capsule of the other one.
    stage.ana.run(&["node", "withdraw", "Lab", "box"]).ok();
    stage.ana.run(&["node", "authorise", "Lab", "box"]).ok();
    let here = stage.start(&["Lab/fine", "--node", "box"]);
    let there = stage.start(&["Other/fine", "--node", "box"]);
    tokio::task::block_in_place(|| lab.tamper().give_capsule(&here, &there));
    node.start(&[]);
    lab.refused(&node, &there, "run-capsule");
    assert_eq!(stage.over(&here)["state"], "succeeded");
    node.stop();

    // A member's doing: the capsule is the one that the entry names, and it is not this run's.
    let capsule = tokio::task::block_in_place(|| lab.tamper().all_capsules(&first.to_string())).remove(0);
    let forged = Forged::new(&ana, second, &person, "fine").await;
    let run = forged.order_with(capsule).await;
    node.start(&[]);
    lab.refused(&node, &run, "run-capsule");
    node.stop();

    // And a key that is another project's: it opens nothing here.
    let authorise = Op::AuthoriseNode {
        principal: person.bundle.principal,
        bundle: person.hash,
        fingerprint: person.fingerprint,
        scope: NodeScope::Project,
        until_ms: ana.now_ms() + 3_600_000,
        wrap: Some(wrap),
    };
    append(&ana, second, authorise, None).await;
    let run = stage.start(&["Other/fine", "--node", "box"]);
    node.start(&[]);
    lab.refused(&node, &run, "log-commitment");
    lab.works();
}

/// A member whose entry says one thing to the team, and whose capsule says another to the node.
#[tokio::test(flavor = "multi_thread")]
async fn a_capsule_that_says_something_else_than_the_log() {
    if !holdfast_tests::walls() {
        return;
    }
    let lab = lab();
    let stage = &lab.stage;
    let mut node = stage.node("box", &[]);
    node.stop();
    let space = stage.project("Lab");
    let ana = on_another_device(&stage.server, stage.root.path(), &stage.ana).await;
    let person = stage.authorised(&ana, space).await;

    let forged = Forged::new(&ana, space, &person, "reads")
        .await
        .with_input("first")
        .await;
    let mut other = forged.spec.clone();
    other.limits.seconds += 1;
    let run = forged.order(&other, forged.files.clone()).await;
    node.start(&[]);
    lab.refused(&node, &run, "run-spec");

    let forged = Forged::new(&ana, space, &person, "reads")
        .await
        .with_input("first")
        .await;
    let mut files = forged.files.clone();
    let state = forged.state().await;
    files[1] = granted(&state, "second").1;
    let run = forged.order(&forged.spec, files).await;
    lab.refused(&node, &run, "run-input");

    let forged = Forged::new(&ana, space, &person, "reads")
        .await
        .with_input("first")
        .await;
    let run = forged.order(&forged.spec, forged.files.clone()).await;
    let shown = stage.over(&run);
    assert_eq!(shown["state"], "succeeded", "the forger's honest run: {shown:#}");
    tokio::task::block_in_place(|| {
        node.stop();
        let run = stage.start(&["Lab/fine", "--node", "box"]);
        lab.tamper().spoil_capsule(&run);
        node.start(&[]);
        lab.refused(&node, &run, "run-capsule");
        lab.works();
    });
}

/// Somebody who ordered a run and, before the node began it, was made a reader, was put out, or was put out and let in again.
#[test]
fn revoked_author() {
    if !holdfast_tests::walls() {
        return;
    }
    let lab = lab();
    let (ana, server) = (&lab.stage.ana, &lab.stage.server);
    let mut node = lab.stage.node("box", &[]);
    let ben = Person::sign_up(lab.stage.root.path(), &server.url(), "ben@example.org");
    let share = ["project", "share", "Lab", ben.handle(), "--role", "contributor"];
    let remove = ["project", "remove", "Lab", ben.handle()];
    let role = |role| {
        ana.run(&["project", "role", "Lab", ben.handle(), "--role", role]).ok();
    };
    ana.run(&share).ok();
    let revoke: [&dyn Fn(); 3] = [
        &|| role("reader"),
        &|| {
            ana.run(&remove).ok();
            ana.run(&share).ok();
        },
        &|| {
            ana.run(&remove).ok();
        },
    ];
    for (number, revoke) in revoke.into_iter().enumerate() {
        if number == 1 {
            role("contributor");
        }
        node.stop();
        let started = ben.run(&["run", "start", "Lab/fine", "--node", "box"]).ok();
        let run = started["id"].as_str().expect("an id").to_owned();
        revoke();
        node.start(&[]);
        lab.refused(&node, &run, "run-author");
    }
    lab.works();
}

/// The time of a run, or of the node, is over, and the server offers the run all the same.
#[tokio::test(flavor = "multi_thread")]
async fn expired_run_and_expired_grant() {
    if !holdfast_tests::walls() {
        return;
    }
    let lab = lab();
    let stage = &lab.stage;
    let mut node = stage.node("box", &[]);
    node.stop();
    let space = stage.project("Lab");
    let ana = on_another_device(&stage.server, stage.root.path(), &stage.ana).await;
    let person = stage.authorised(&ana, space).await;
    for (of_node, code) in [(false, "run-expired"), (true, "run-not-authorised")] {
        let until_ms = ana.now_ms() + 15_000;
        if of_node {
            let name = &person.bundle.handle;
            let authorised = ana.authorise_node(space, name, NodeScope::Runs, until_ms).await;
            authorised.expect("it is authorised");
        }
        let mut forged = Forged::new(&ana, space, &person, "fine").await;
        forged.spec.until_ms = until_ms;
        let run = forged.order(&forged.spec, forged.files.clone()).await;
        while ana.now_ms() <= until_ms {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::task::block_in_place(|| {
            lab.tamper().offer_again(&run);
            node.start(&[]);
            lab.refused(&node, &run, code);
            node.stop();
        });
    }
    stage.ana.run(&["node", "authorise", "Lab", "box"]).ok();
    node.start(&[]);
    lab.works();
}

impl Stage {
    /// The keys of the one node that a project has.
    async fn authorised(&self, session: &Session, space: SpaceId) -> VerifiedBundle {
        let person = session
            .authorise_node(
                space,
                "box",
                self.scope(session, space).await,
                session.now_ms() + 7_200_000,
            )
            .await;
        person.expect("it is authorised").bundle
    }

    async fn scope(&self, session: &Session, space: SpaceId) -> NodeScope {
        let view = session.view(space).await.expect("the project").space;
        let nodes: Vec<_> = view.authority().nodes().values().map(|node| node.scope).collect();
        nodes[0]
    }

    fn script_in(&self, project: &str, name: &str, manifest: &str, script: &str) {
        let folder = self.root.path().join(project).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        write_task(&folder, name, manifest, script);
        let file = |name: &str| folder.join(name).display().to_string();
        let (task, main) = (file("holdfast-task.toml"), file("main.sh"));
        self.ana
            .run(&["task", "upload", project, &task, &main, "--name", name])
            .ok();
    }
}

fn write_task(folder: &Path, name: &str, manifest: &str, script: &str) {
    let manifest = format!("format = 1\nname = \"{name}\"\nruntime = \"shell\"\nentry = \"main.sh\"\n{manifest}");
    std::fs::write(folder.join("holdfast-task.toml"), manifest).expect("a manifest");
    std::fs::write(folder.join("main.sh"), script).expect("a script");
}

/// What a spec names of an item's first version, and what opens it.
fn granted(state: &Space, item: &str) -> (Granted, FileGrant) {
    let mut items = state.contents().items().values();
    let item = items.find(|known| known.name == item).expect("the item");
    let version = &item.versions[0];
    let Content::Files { manifest, packs, .. } = &version.content else {
        panic!("{} has no files", item.name);
    };
    let named = Granted {
        item: item.id,
        version: version.id,
        manifest: manifest.hash,
    };
    let file = FileGrant {
        manifest: manifest.clone(),
        packs: packs.clone(),
    };
    (named, file)
}

/// Appends an entry that no honest program makes: nothing is checked here.
async fn append(session: &Session, space: SpaceId, op: Op, body: Option<RunBody>) {
    let state = session.view(space).await.expect("the project").space;
    let authority = state.authority();
    let (seq, prev, epoch) = (authority.seq() + 1, authority.head(), authority.epoch());
    let place = context::entry_body(space, epoch, seq, prev);
    let keyring = session.keyring();
    let key = state.current_key().expect("its key").clone();
    let entry = Entry {
        format: FORMAT,
        space,
        seq,
        prev,
        auth: authority.auth_head(),
        epoch,
        author: session.principal(),
        author_bundle: keyring.current().bundle().hash,
        time_ms: session.now_ms(),
        op,
        body: body.map(|body| seal_body(&body, key.key(), &place, &mut rng())),
        head: None,
    };
    let signed = entry.sign(keyring.current().sign_key()).expect("an entry");
    session
        .api()
        .append(space, signed.as_bytes())
        .await
        .expect("the server takes it");
}

/// A run that is ordered by hand.
struct Forged<'a> {
    session: &'a Session,
    space: SpaceId,
    node: &'a VerifiedBundle,
    key: KeyField,
    spec: RunSpec,
    files: Vec<FileGrant>,
}

impl<'a> Forged<'a> {
    async fn new(session: &'a Session, space: SpaceId, node: &'a VerifiedBundle, task: &str) -> Self {
        let state = session.view(space).await.expect("the project").space;
        let (task, file) = granted(&state, task);
        let spec = RunSpec {
            format: run::FORMAT,
            space,
            run: RunId::random(&mut rng()),
            node: node.fingerprint,
            task,
            runtime: "shell".into(),
            entry: "main.sh".into(),
            image: None,
            parameters: Vec::new(),
            inputs: Vec::new(),
            secrets: Vec::new(),
            outputs: Vec::new(),
            limits: Limits {
                seconds: 20,
                memory: 64 << 20,
                milli_cpus: 1000,
                processes: 32,
                disk: 8 << 20,
                log: 1 << 16,
            },
            hosts: Vec::new(),
            until_ms: session.now_ms() + 3_600_000,
            attempts: 1,
            workflow: None,
        };
        Self {
            session,
            space,
            node,
            key: KeyField::new(Key32::random(&mut rng())),
            spec,
            files: vec![file],
        }
    }

    async fn with_input(mut self, item: &str) -> Self {
        let state = self.state().await;
        let (granted, file) = granted(&state, item);
        self.spec.inputs.push(NamedInput {
            name: "data".into(),
            granted,
        });
        self.files.push(file);
        self
    }

    async fn state(&self) -> Arc<Space> {
        self.session.view(self.space).await.expect("the project").space
    }

    /// Orders it, with a capsule that gives the node `spec` and `files`.
    async fn order(&self, spec: &RunSpec, files: Vec<FileGrant>) -> String {
        let grant = Grant::new(spec, self.key.clone(), files, Vec::new(), Vec::new());
        let place = Place {
            space: self.space,
            run: self.spec.run,
            node: self.node.hash,
            author: self.session.keyring().current().bundle().hash,
        };
        let capsule = Capsule::seal(&grant, place, &self.node.rsa, &mut rng()).expect("a capsule");
        self.order_with(capsule.to_bytes()).await
    }

    /// Orders it with any capsule at all.
    async fn order_with(&self, capsule: Vec<u8>) -> String {
        let hash = Hash::of(&capsule);
        let kept = self.session.api().put_capsule(self.space, self.spec.run, capsule).await;
        kept.expect("the server takes it");
        let op = Op::Run {
            run: self.spec.run,
            node: self.node.bundle.principal,
            node_bundle: self.node.hash,
            spec: self.spec.hash(),
            capsule: Some(hash),
            until_ms: self.spec.until_ms,
            attempts: self.spec.attempts,
        };
        append(
            self.session,
            self.space,
            op,
            Some(RunBody::new(&self.spec, self.key.clone())),
        )
        .await;
        self.spec.run.to_string()
    }
}
