//! One round: a project, a storm, and what is left of it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holdfast_engine::{RunState, Session, find_item};
use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::item::ItemKind;
use holdfast_tests::Dice;

use crate::actors::{Kept, Order, Storm, lock, secret, upload, write_folder, write_task};
use crate::town::{Killer, Resident, Town};
use crate::verdict::{Looked, Out, all_read, is_refused, opens_nothing_after, replays};
use holdfast_tests::opener::{laid_out, raw_log};

/// How long the last runs may take to come in.
const PATIENCE: Duration = Duration::from_secs(90);

/// Who has what to lose in a round.
#[derive(Debug)]
struct Fates {
    /// Put out, by number.
    removed: BTreeSet<usize>,
    /// Goes by himself.
    leaves: Option<usize>,
    /// Nodes that are withdrawn.
    withdrawn: BTreeSet<usize>,
    rotations: u64,
}

impl Fates {
    fn draw(dice: &mut Dice) -> Self {
        // Somebody who writes, somebody who reads, and anybody but the first owner.
        let mut removed = BTreeSet::from([pick(dice, 2..7), pick(dice, 7..10)]);
        removed.insert(pick(dice, 1..10));
        let leaves = (dice.below(2) == 0)
            .then(|| pick(dice, 2..10))
            .filter(|who| !removed.contains(who));
        let withdrawn = BTreeSet::from([pick(dice, 0..3), pick(dice, 0..3)]);
        Self {
            removed,
            leaves,
            withdrawn,
            rotations: 1 + dice.below(2),
        }
    }

    fn out(&self) -> BTreeSet<usize> {
        self.removed.iter().copied().chain(self.leaves).collect()
    }

    fn orders(&self, dice: &mut Dice) -> VecDeque<Order> {
        let mut orders: Vec<Order> = self.removed.iter().map(|who| Order::Remove(*who)).collect();
        orders.extend(self.withdrawn.iter().map(|node| Order::Withdraw(*node)));
        orders.extend((0..self.rotations).map(|_| Order::Rotate));
        for at in (1..orders.len()).rev() {
            orders.swap(at, usize::try_from(dice.below(at as u64 + 1)).expect("a small number"));
        }
        orders.into()
    }
}

fn pick(dice: &mut Dice, from: std::ops::Range<usize>) -> usize {
    from.start + usize::try_from(dice.below(from.len() as u64)).expect("a small number")
}

/// What a round was like.
pub(crate) struct Figures {
    kills: usize,
    people: usize,
    nodes: usize,
    epochs: u32,
    uploads: usize,
    crossed: usize,
    ended: usize,
    crashes: usize,
    runs: usize,
    looked: Looked,
}

const HEADINGS: &str =
    "round  kills people nodes epochs uploads crossed ended crashes runs   keys  boxes of-runs   time  seed";

impl Figures {
    fn row(&self, round: u64, seconds: f64, seed: u64) -> String {
        let Self {
            kills,
            people,
            nodes,
            epochs,
            uploads,
            crossed,
            ended,
            crashes,
            runs,
            looked,
        } = self;
        format!(
            "{round:>5} {kills:>6} {people:>6} {nodes:>5} {epochs:>6} {uploads:>7} {crossed:>7} {ended:>5} {crashes:>7} {runs:>4} \
             {:>6} {:>6} {:>7} {seconds:>5.1}s  {seed}",
            looked.keys, looked.boxes, looked.from_runs
        )
    }
}

/// A project with everybody in it and something to read; nobody is disturbed yet.
async fn set_up(town: &Arc<Town>, folder: &std::path::Path, name: &str, dice: &mut Dice) -> Arc<Storm> {
    let ana = town.people[0].session();
    let project = ana.create_project(name, true).await.expect("a project");
    let space = project.authority().space();
    for (number, person) in town.people.iter().enumerate().skip(1) {
        let role = match number {
            1 => Role::Owner,
            2..7 => Role::Contributor,
            _ => Role::Reader,
        };
        ana.share(space, &person.handle, role).await.expect("sharing");
    }
    for (number, node) in town.nodes.iter().enumerate() {
        let scope = if number == 1 {
            NodeScope::Runs
        } else {
            NodeScope::Project
        };
        let until = ana.now_ms() + 3_600_000;
        ana.authorise_node(space, node.name(), scope, until)
            .await
            .expect("authorising");
    }
    let storm = Arc::new(Storm {
        town: town.clone(),
        space,
        folder: folder.to_owned(),
        kept: Mutex::default(),
        secrets: Mutex::default(),
        runs: Mutex::default(),
        crossed: AtomicUsize::new(0),
        ended: AtomicUsize::new(0),
        crashes: AtomicUsize::new(0),
    });
    let (base, task) = (folder.join("base"), folder.join("task"));
    write_folder(&base, dice, 1_200_000);
    write_task(&task);
    for (kind, name, source) in [(ItemKind::Dataset, "base", &base), (ItemKind::Task, "sums", &task)] {
        let spool = &town.people[0].spool;
        let kept = upload(&ana, space, kind, name, source, spool).await.expect("uploading");
        lock(&storm.kept).push(Kept {
            item: kept.item,
            number: kept.number,
            source: source.clone(),
        });
    }
    let item = ana
        .add_secret(space, secret("from before", "old"))
        .await
        .expect("a secret");
    lock(&storm.secrets).push((item, "old".into()));
    // Everybody has seen it, so everybody has its key.
    for person in &town.people {
        let view = person.session().view(space).await.expect("the project");
        assert!(view.space.current_key().is_some(), "{}", person.handle);
    }
    storm
}

/// The storm itself: ends when everybody is done with what he wanted, or may no longer.
async fn blow(storm: &Arc<Storm>, fates: &Fates, dice: &mut Dice) -> usize {
    let out = fates.out();
    let doomed = |who: usize| out.contains(&who);
    let mut fresh = || Dice::new(dice.roll());
    let killer = Killer::start(&storm.town.server, fresh());
    let crasher = usize::try_from(2 + fresh().below(5)).expect("a small number");
    let mut at_work = Vec::new();
    for who in 2..7 {
        // Two of them write the same one.
        let name = if who < 4 {
            "common".to_owned()
        } else {
            format!("data-{who}")
        };
        let uploads = storm.clone().uploads(who, name, fresh(), doomed(who), who == crasher);
        at_work.push(tokio::spawn(uploads));
    }
    for who in [3, 5] {
        at_work.push(tokio::spawn(storm.clone().secrets(who, fresh(), doomed(who))));
    }
    if storm.town.runs {
        let view = storm.town.people[0].session().view(storm.space).await;
        let what = view.ok().map(|view| {
            let version = |kind, name| {
                let item = find_item(&view.space, &[kind], name, false).expect("it is there");
                (item.id, item.versions[0].id)
            };
            [version(ItemKind::Task, "sums"), version(ItemKind::Dataset, "base")]
        });
        for (who, node) in [(2, 0), (4, 1)] {
            if let Some(what) = what {
                at_work.push(tokio::spawn(storm.clone().order_run(who, node, what, fresh())));
            }
        }
    }
    if let Some(who) = fates.leaves {
        at_work.push(tokio::spawn(storm.clone().leave(who, fresh())));
    }
    let orders = Arc::new(Mutex::new(fates.orders(&mut fresh())));
    let owners = [0, 1].map(|who| tokio::spawn(storm.clone().owner(who, orders.clone(), fresh())));
    let stop = Arc::new(AtomicBool::new(false));
    let adopter = tokio::spawn(storm.clone().adopt(stop.clone()));
    let mut failed = Vec::new();
    for work in owners.into_iter().chain(at_work) {
        failed.extend(work.await.err());
    }
    // The second owner may have been put out with something in her hands.
    let rest = tokio::spawn(storm.clone().owner(0, orders, fresh())).await;
    stop.store(true, Ordering::SeqCst);
    failed.extend(rest.err());
    failed.extend(adopter.await.err());
    let kills = killer.stop().await;
    assert!(failed.is_empty(), "{failed:?}");
    kills
}

/// Afterwards life goes on: what was interrupted is finished, and everybody who may writes something.
async fn settle(storm: &Storm, rightful: &[Arc<Resident>], dice: &mut Dice) -> Vec<String> {
    let ana = rightful[0].session();
    let (_, trouble) = ana.upkeep_each().await.expect("upkeep");
    assert!(trouble.is_empty(), "{} projects in trouble", trouble.len());
    let mut names = Vec::new();
    for (number, person) in rightful.iter().enumerate() {
        let session = person.session();
        let view = session.view(storm.space).await.expect("the project");
        if view.space.authority().role(session.principal()) < Some(Role::Contributor) {
            continue;
        }
        let name = format!("after-{number}");
        let source = storm.folder.join(&name);
        write_folder(&source, dice, 1_100_000);
        let kept = upload(&session, storm.space, ItemKind::Dataset, &name, &source, &person.spool)
            .await
            .expect("uploading");
        lock(&storm.kept).push(Kept {
            item: kept.item,
            number: kept.number,
            source,
        });
        let value = format!("new {}", dice.roll());
        let secret = secret(&format!("secret-{name}"), &value);
        let item = session.add_secret(storm.space, secret).await.expect("a secret");
        lock(&storm.secrets).push((item, value));
        names.extend([format!("secret-{name}"), name]);
    }
    names
}

/// Every run on a node that is in still comes to an end, and its result into the project.
async fn runs_end(storm: &Storm, ana: &Session, fates: &Fates) -> usize {
    let begun = Instant::now();
    let mut gone = BTreeSet::new();
    for node in &fates.withdrawn {
        gone.insert(storm.node_id(ana, *node).await.expect("the node"));
    }
    loop {
        let (_, trouble) = ana.adopt_results(storm.space).await.expect("results");
        assert!(trouble.is_empty(), "{trouble:?}");
        let view = ana.view(storm.space).await.expect("the project");
        let all = ana.runs(&view.space).await.expect("runs");
        let open: Vec<_> = all
            .iter()
            .filter(|run| !run.is_over() && !gone.contains(&run.ordered.node))
            .map(|run| (run.ordered.run, run.state()))
            .collect();
        if open.is_empty() {
            let done: Vec<_> = all.iter().filter(|run| run.state() == RunState::Done).collect();
            return done.len();
        }
        assert!(begun.elapsed() < PATIENCE, "runs that do not end: {open:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

pub(crate) async fn round(town: Arc<Town>, number: u64, seed: u64) -> Figures {
    let mut dice = Dice::new(seed);
    let fates = Fates::draw(&mut dice);
    let folder = town.root.path().join(format!("round-{number}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let storm = set_up(&town, &folder, &format!("Lab {number}"), &mut dice).await;
    let kills = blow(&storm, &fates, &mut dice).await;
    let out = fates.out();
    let rightful: Vec<Arc<Resident>> = (0..town.people.len())
        .filter(|who| !out.contains(who))
        .map(|who| town.people[who].clone())
        .collect();
    let ana = rightful[0].session();
    let runs = match town.runs {
        true => runs_end(&storm, &ana, &fates).await,
        false => 0,
    };
    let after = settle(&storm, &rightful, &mut dice).await;
    all_read(&storm, &rightful).await;

    let log = raw_log(&ana, storm.space).await;
    let state = replays(&ana, storm.space, &log).await;
    let view = ana.view(storm.space).await.expect("the project");
    assert_eq!(state.head(), view.space.authority().head());
    assert_eq!(state.members(), view.space.authority().members());
    let expected: BTreeSet<_> = rightful.iter().map(|person| person.principal()).collect();
    assert_eq!(state.members().keys().copied().collect::<BTreeSet<_>>(), expected);
    let laid = laid_out(&ana, &view.space).await;
    let mut looked = Looked::default();
    let mut add = |one: Looked| {
        looked.keys += one.keys;
        looked.boxes += one.boxes;
        looked.from_runs += one.from_runs;
    };
    for who in &out {
        let person = &town.people[*who];
        is_refused(&storm, person, &after).await;
        let (session, whose) = (person.session(), Out::Person(person.principal()));
        add(opens_nothing_after(&session, &person.store, whose, (&log, &laid, &view.space), true).await);
    }
    for node in 0..town.nodes.len() {
        let copy = folder.join(format!("node-{node}.db"));
        let thief = town.as_node(node, &copy).await;
        if fates.withdrawn.contains(&node) {
            // What it may see of the log until then, so that it has every key it could have.
            let _ = thief.view(storm.space).await;
            let whose = Out::Node(thief.principal());
            add(opens_nothing_after(&thief, &copy, whose, (&log, &laid, &view.space), node != 1).await);
        } else {
            let seen = thief.view(storm.space).await.expect("the project").space;
            let same = seen.current_key().map(|key| key.key().expose())
                == view.space.current_key().map(|key| key.key().expose());
            assert_eq!(same, node != 1, "{}", town.nodes[node].name());
        }
    }
    let uploads = lock(&storm.kept).len();
    std::fs::remove_dir_all(&folder).expect("the folder can go");
    Figures {
        kills,
        people: out.len(),
        nodes: fates.withdrawn.len(),
        epochs: state.epoch(),
        uploads,
        crossed: storm.crossed.load(Ordering::SeqCst),
        ended: storm.ended.load(Ordering::SeqCst),
        crashes: storm.crashes.load(Ordering::SeqCst),
        runs,
        looked,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[allow(clippy::print_stderr, reason = "the table is what people want to see")]
async fn who_is_out_reads_nothing_new_and_everybody_else_everything() {
    let rounds: u64 = std::env::var("HOLDFAST_ROUNDS").map_or(1, |text| text.parse().expect("a number"));
    let (seed, _) = Dice::printed();
    let begun = Instant::now();
    let town = Arc::new(Town::new().await);
    eprintln!("ten people and three nodes after {:.1?}", begun.elapsed());
    eprintln!("{HEADINGS}");
    let (mut good, mut kills, mut put_out) = (0, 0, 0);
    for number in 0..rounds {
        let (begun, seed) = (Instant::now(), seed.wrapping_add(number));
        // On a task of its own: a round that fails says so, and the others go on.
        match tokio::spawn(round(town.clone(), number, seed)).await {
            Ok(figures) => {
                good += 1;
                kills += figures.kills;
                put_out += figures.people + figures.nodes;
                eprintln!("{}", figures.row(number + 1, begun.elapsed().as_secs_f64(), seed));
            }
            Err(error) => eprintln!(
                "{:>3} FAILED {:>5.1?} HOLDFAST_SEED={seed}: {error}",
                number + 1,
                begun.elapsed()
            ),
        }
    }
    eprintln!(
        "{good} of {rounds} rounds good, {kills} kills, {put_out} put out, {:.0?}",
        begun.elapsed()
    );
    assert_eq!(good, rounds);
}
