//! A random walk: three people and two nodes do what they do, one step after another, and in most steps somebody between them
//! and the server alters, repeats, withholds or mixes up one thing that is said. After each step, with an honest server again,
//! what everybody sees is compared with a model: the step was taken, or it was not, and nothing else has happened.
//!
//! What must hold after each step whatever was done, and where it is looked at:
//!
//! - **I1**, nothing that was hidden is said: `nothing_was_told` searches every request, and the end of a walk the server's files.
//! - **I2**, what was altered is an error and not shown: `judge`, what `look` reads meanwhile, and `compare` afterwards. Each
//!   single value: `every_leaf.rs::no_leaf_of_any_answer_can_be_altered_unseen`.
//! - **I3**, no key for anybody who is not in: `nothing_was_told` reads every wrap that goes out, those for nodes, too.
//! - **I4**, heads, epochs and pins go forward: `nothing_moved_back`, and `heads_are_of_the_log` for what was shown during a lie.
//! - **I5**, no failure is told: `sent` takes apart every request: it is one of the messages there are, byte for byte, with no
//!   room for a kind of failure but the word by which a node refuses a run, one for all capsules that do not open. And `alike::boxes`
//!   spoils the same boxes in two ways, which must look alike to the person and to the server. A whole sweep of the ways:
//!   `objects.rs::o02_every_way_not_to_open_looks_alike`; that opening itself has one error: `every_failure_to_open_is_the_same_error`
//!   of the crypto crate.
//! - **I6**, no request depends on what a private key opens: `alike::wraps` gives one device new keys that open and others that do
//!   not, which an owner signed. What is asked for is the same for all that do not open and for an entry whose signature is bad, and
//!   but for one request the same where they open: a device asks about the head of the log of keys that a new entry names once it
//!   has taken the entry. It takes no entry that it can't open, so whoever is owner and server in one sees that, and nothing of why. That
//!   signing in opens nothing: `accounts.rs::a11_a_sign_in_that_is_no_challenge_gets_no_answer`.
//! - **I7**, nothing is written elsewhere: `disk` looks at all files around everybody and where the test runs. A server's own names
//!   for files: `crates/engine/tests/transfer/hostile.rs`. That nothing is started is no matter of a step:
//!   `disk::nothing_that_hears_a_server_starts_a_process` reads the sources.
//! - **I8**, nothing is signed that a server chose: `sent` verifies every signature that goes out over a statement that it makes
//!   itself or takes apart to the last field: whose, when, after which entry that somebody here wrote, about whose keys, and whether its
//!   author does such a thing in this step. A server's own words in it are a nonce of 32 bytes, in a sign-in, and the head of the
//!   log of keys, which that log signed. Sealed results of nodes are taken apart where they are taken over (`model`). Each type of
//!   statement offered as another: `accounts.rs::a12_a_sign_in_signs_nothing_but_a_sign_in`.
//!
//! Nodes besides: who may begin what (`run_is_rightly_taken`), each attempt once (`nodes`), and who holds which key
//! (`nodes_open_what_they_may`). They carry no task out: the walls around a task are tried in `tests/nodes`.
//!
//! `HOLDFAST_SEED` draws the same steps and the same mischief again, as far as requests that are under way at the same time come in
//! the same order; `HOLDFAST_STEPS` says how many steps, and `HOLDFAST_ROUNDS` how many walks, each with the next seed.

#[path = "walk/alike.rs"]
mod alike;
#[path = "walk/disk.rs"]
mod disk;
#[path = "walk/draw.rs"]
mod draw;
#[path = "walk/invariants.rs"]
mod invariants;
#[path = "walk/mischief.rs"]
mod mischief;
#[path = "walk/model.rs"]
mod model;
#[path = "walk/nodes.rs"]
mod nodes;
#[path = "walk/person.rs"]
mod person;
#[path = "walk/report.rs"]
mod report;
#[path = "walk/sent.rs"]
mod sent;
#[path = "walk/steps.rs"]
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_engine::Error;
use holdfast_engine::ports::{Request, Response};
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_tests::Dice;
use holdfast_tests::layer::{Attack, Course, Exchange, Layer, Seen as Said};

use self::disk::Disk;
use self::draw::{Names, draw, draw_towards, kinds};
use self::mischief::{Armed, Mischief, Operator};
use self::model::{Known, Seen, Shown, Stand, World};
use self::nodes::Node;
use self::person::Person;
use self::report::{Report, Took};
use self::sent::Sent;
use self::steps::{Done, Step, What};
use crate::rows::Rows;
use crate::scene::{Fork, Scene};

/// How many steps a walk has if nobody says.
const STEPS: usize = 150;
/// From how many on a walk has to have something of everything.
const LONG: usize = 100;
/// No step may take longer: most take some tenths of a second, and those with a new key some seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of a hundred steps, those with mischief.
const MISCHIEF: u64 = 75;
/// Steps after which the server's copy is made anew.
const COPY_EVERY: usize = 25;
/// Steps after which it is tried again what is seen of a device on which something does not open.
const ALIKE_EVERY: usize = 3;
const PEOPLE: [&str; 3] = ["ana@example.org", "ben@example.org", "carl@example.org"];

/// A server that nobody reaches.
struct Away;

impl Attack for Away {
    fn course(&self, _: &Request) -> Course {
        Course::Cut
    }

    fn answer(&self, said: Said<'_>) -> Response {
        said.honest
    }
}

/// What a device had seen of a project.
struct Last {
    seq: u64,
    head: Hash,
    epoch: u32,
}

struct Walk {
    scene: Scene,
    dice: Dice,
    /// Things that were given a name so far.
    made: usize,
    people: Vec<Person>,
    nodes: Vec<Node>,
    /// Of people, and then of nodes.
    ids: Vec<PrincipalId>,
    world: World,
    copy: Option<Fork>,
    /// Exchanges of each of them that were looked at.
    read: Vec<usize>,
    sent: Sent,
    disk: Disk,
    last: BTreeMap<(usize, SpaceId), Last>,
    /// Keys of projects that somebody was seen to have.
    held: BTreeMap<(usize, SpaceId), BTreeSet<[u8; 32]>>,
    /// Whose keys these are.
    owners: BTreeMap<Hash, usize>,
    /// How often somebody's keys had been changed, by what a device had of them.
    counters: BTreeMap<(usize, PrincipalId), u32>,
    /// What devices said that were copied to be tried something on.
    beside: Vec<(usize, Vec<Exchange>)>,
    report: Report,
}

impl Walk {
    async fn begin(seed: u64) -> Self {
        let scene = Scene::new().await;
        let rows = PEOPLE.map(|_| Arc::new(Rows::default()));
        let (ana, ben, carl) = tokio::join!(
            scene.desk_on(PEOPLE[0], rows[0].clone()),
            scene.desk_on(PEOPLE[1], rows[1].clone()),
            scene.desk_on(PEOPLE[2], rows[2].clone())
        );
        let mut people = Vec::new();
        for (number, (desk, rows)) in [ana, ben, carl].into_iter().zip(rows).enumerate() {
            let folder = scene.stage.folder().join(format!("of {}", desk.handle));
            std::fs::create_dir_all(&folder).expect("a folder");
            people.push(Person {
                number,
                handle: desk.handle,
                layer: desk.layer,
                rows,
                session: Arc::new(desk.session),
                changes: 0,
                folder,
            });
        }
        Self {
            ids: people.iter().map(|person| person.session.principal()).collect(),
            read: vec![0; people.len()],
            disk: Disk::new(),
            sent: Sent::new(scene.stage.url(), PEOPLE.map(str::to_owned)),
            owners: people.iter().map(|person| (person.bundle(), person.number)).collect(),
            scene,
            dice: Dice::new(seed),
            made: 0,
            people,
            nodes: Vec::new(),
            world: World::default(),
            copy: None,
            last: BTreeMap::new(),
            held: BTreeMap::new(),
            counters: BTreeMap::new(),
            beside: Vec::new(),
            report: Report::default(),
        }
    }

    /// The next step. A third of them go towards a kind that was not taken yet, so that each walk has all of them; and all do that are
    /// taken for the sake of what is lacking.
    fn draw(&mut self, lacking: &[&'static str]) -> Step {
        let (scene, number) = (&self.scene, self.ids.len());
        let mut names = Names {
            dice: &mut self.dice,
            made: &mut self.made,
            canary: &|label| scene.canary(label),
            nodes: &self.nodes,
            computer: &|name| Node::new(number, name.to_owned(), scene.way(), scene.stage.folder()),
        };
        let (report, world, people) = (&self.report, &self.world, self.people.len());
        let mut wanted: Vec<_> = kinds().filter(|kind| report.wants(kind)).collect();
        let mut is_wanted = names.dice.below(3) == 0;
        if !lacking.is_empty() {
            // Kinds among it; and whoever is given keys has to be in a project with somebody else first, and a node does nothing
            // once whoever let it in is no owner any more.
            wanted = kinds().filter(|kind| lacking.contains(kind)).collect();
            wanted.extend(["share", "upload", "authorise", "work"]);
            is_wanted = true;
        }
        let towards = (is_wanted && !wanted.is_empty()).then(|| names.dice.one_of(&wanted));
        towards
            .and_then(|kind| draw_towards(kind, world, people, &mut names))
            .unwrap_or_else(|| draw(world, people, &mut names))
    }

    /// The way of a person or a node to the server; or that of a computer that becomes one.
    fn way(&self, step: &Step, number: usize) -> Arc<Layer> {
        let nodes = self.nodes.iter().chain(step.computer());
        let nodes = nodes.map(|node| (node.number, &node.layer));
        let mut all = self
            .people
            .iter()
            .map(|person| (person.number, &person.layer))
            .chain(nodes);
        let found = all.find(|(who, _)| *who == number);
        found.map(|(_, layer)| layer.clone()).expect("one of them")
    }

    /// What will be done in a step, and to whom.
    fn plot(&mut self, step: &Step) -> Option<(usize, Arc<Mischief>)> {
        // Drawn in any case, so that the rest of the walk is the same with and without.
        let (chance, operators) = (self.dice.below(100), Operator::all());
        let operator = self.dice.one_of(&operators);
        let (seed, pass, second) = (self.dice.roll(), self.dice.roll(), self.dice.below(2) == 1);
        if matches!(step.what, What::Offline) || chance >= MISCHIEF {
            return None;
        }
        let victim = step.other().filter(|_| second).unwrap_or(step.who);
        let pass = usize::try_from(pass % self.report.length_of(step.kind)).ok()?;
        let others = (0..self.ids.len()).filter(|number| *number != victim);
        let heard: Vec<Exchange> = others
            .flat_map(|number| self.way(step, number).record().into_iter().rev().take(150))
            .collect();
        let copy = self.copy.as_ref().map(Fork::way);
        Some((victim, Mischief::new(operator, pass, Dice::new(seed), copy, heard)))
    }

    async fn step(&mut self, number: usize, lacking: &[&'static str]) {
        if number % COPY_EVERY == COPY_EVERY / 2 {
            self.copy = Some(self.scene.fork(&format!("copy-{number}")).await);
        }
        let step = self.draw(lacking);
        let plot = self.plot(&step);
        let by = match self.people.get(step.who) {
            Some(person) => &person.handle,
            None => &self.nodes[step.who - self.people.len()].name,
        };
        let told = format!("step {number}: {} by {by}", step.kind);
        let way = self.way(&step, step.who);
        let attacked = plot.as_ref().map(|(victim, _)| self.way(&step, *victim));
        if let (Some((_, mischief)), Some(attacked)) = (&plot, &attacked) {
            attacked.attack(Armed(mischief.clone()));
        }
        if matches!(step.what, What::Offline) {
            way.attack(Away);
        }
        let worlds = step.worlds(&self.world, &self.people);
        let before = way.record().len();
        // On a task of its own: a panic is told with what led to it.
        let taken = step
            .clone()
            .take(self.people.clone(), self.nodes.clone(), self.world.clone());
        let taken = tokio::time::timeout(PATIENCE, tokio::spawn(taken)).await;
        way.honest();
        attacked.iter().for_each(|attacked| attacked.honest());
        let done_to = plot.as_ref().and_then(|(_, mischief)| mischief.done());
        let told = match &done_to {
            Some(what) => format!("{told}, {what}"),
            None => told,
        };
        let done = match taken {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => panic!("{told}: a panic: {error}"),
            Err(_) => panic!("{told}: has no end"),
        };
        let ended = done.error.as_ref().map_or_else(|| "done".into(), Error::to_string);
        let told = format!("{told}, ended with: {ended}");
        println!("{told}");
        self.judge(&step, &done, done_to.is_some(), &told);
        self.run_is_rightly_taken(&done.worked, done_to.as_deref(), &told).await;
        let length = way.record().len() - before;
        self.report.note(Took {
            kind: step.kind,
            operator: plot.as_ref().map(|(_, mischief)| mischief.operator.name()),
            happened: done_to.is_some(),
            code: done.error.as_ref().map(|error| error.code().to_owned()),
            forbidden: step.is_forbidden(),
            length,
        });
        let mut worlds = worlds;
        let Done { error, heads, .. } = &done;
        let (heads, failed) = (heads.clone(), error.is_some());
        let signed = done.worked.signed.clone();
        let gone_on = match self.settle(&step, done).await {
            Ok(gone_on) => gone_on,
            Err(error) => panic!("{told}: afterwards, with an honest server: {} {error}", error.code()),
        };
        for world in &mut worlds {
            let signed = signed.iter().cloned();
            signed.for_each(|result| world.results.entry(result.run).or_default().push(result));
        }
        self.compare(&step, worlds, failed && !gone_on, &told).await;
        self.heads_are_of_the_log(&heads, &told).await;
        self.disk_is_in_order(&told);
        if matches!(step.what, What::TakeOver) && done_to.is_none() && !failed {
            self.nothing_was_left(&step, &told).await;
        }
        if number.is_multiple_of(ALIKE_EVERY) || !lacking.is_empty() {
            self.nothing_shows_what_opens(&told).await;
        }
    }

    /// Whether a step may end like this.
    fn judge(&self, step: &Step, done: &Done, happened: bool, told: &str) {
        match &done.error {
            None => assert!(!step.is_forbidden(), "{told}: it was not refused"),
            Some(error) => {
                assert!(
                    !matches!(error.bare(), Error::Internal(_)),
                    "{told}: a fault of the program"
                );
                let code = match step.what {
                    // What a node may still read stays where it is.
                    What::Relock if self.world.projects[&step.space].is_read_by_runs() => "conflict",
                    What::Overreach => "not-allowed",
                    What::Compare(_, false) => "keys-changed",
                    _ => "",
                };
                assert!(happened || error.code() == code, "{told}: nobody had done anything");
            }
        }
    }

    /// Clears up after a step, as people do who were told that something went wrong. Whether the step was gone on with to its end.
    async fn settle(&mut self, step: &Step, done: Done) -> Result<bool, Error> {
        let go_on = self.dice.below(2) == 0;
        if let Some(node) = done.worked.node {
            self.take_in(node);
        }
        let Some(person) = self.people.get_mut(step.who) else {
            return Ok(false);
        };
        if let Some((rows, session)) = &done.device {
            (person.rows, person.session) = (rows.clone(), session.clone());
            if matches!(step.what, What::Reinstall) {
                // It knows nobody.
                self.counters.retain(|(who, _), _| *who != step.who);
            }
        }
        match &step.what {
            What::ChangeKeys(_) if done.error.is_none() => person.changes += 1,
            What::ChangeKeys(_) => person.open_again().await?,
            _ => {}
        }
        for person in &mut self.people {
            // A server that says that a device was signed out has it locked, where a keychain opens it.
            if let Err(Error::Locked) = person.session.api().me().await {
                person.open_again().await?;
                self.report.locked += 1;
            }
        }
        let person = &self.people[step.who];
        match &step.what {
            What::Upload(..) | What::Overreach => return Box::pin(person.end_uploads(go_on)).await,
            What::Invite(whom, _) => {
                for waiting in person.session.waiting_invitations(step.space).await? {
                    person.session.withdraw_invitation(waiting.id).await?;
                }
                if done.error.is_some() {
                    self.look_at_each_other(step.who, *whom).await?;
                }
            }
            What::Compare(whom, true) if done.error.is_some() => self.look_at_each_other(step.who, *whom).await?,
            // What is due after an unlock, had it not been disturbed.
            What::Unlock | What::Reinstall | What::ChangeKeys(_) => drop(Box::pin(person.session.upkeep_all()).await?),
            _ => {}
        }
        Ok(false)
    }

    /// Has two people look each other up, so that their devices show what they know.
    async fn look_at_each_other(&self, one: usize, other: usize) -> Result<(), Error> {
        let [one, other] = [one, other].map(|who| &self.people[who]);
        one.session.person(&other.handle).await?;
        other.session.person(&one.handle).await.map(drop)
    }

    /// What a device shows with an honest server.
    async fn seen_by(&self, person: &Person) -> Result<(BTreeMap<SpaceId, Shown>, Vec<Known>), String> {
        let said = |error: Error| format!("{}, with an honest server: {} {error}", person.handle, error.code());
        let all = person.session.all_projects().await.map_err(said)?;
        if let Some(trouble) = all.trouble.into_iter().next() {
            return Err(said(trouble.error));
        }
        let projects = all
            .views
            .iter()
            .map(|view| (view.space.authority().space(), Shown::of(view)));
        let (known, wrong) = person.session.known_people().await.map_err(said)?;
        if let Some(error) = wrong.into_iter().next() {
            return Err(said(error));
        }
        let people = known.into_iter().map(|one| Known {
            principal: one.bundle.bundle.principal,
            bundle: one.bundle.hash,
            counter: one.bundle.bundle.counter,
            state: one.state,
        });
        Ok((projects.collect(), people.collect()))
    }

    /// Compares what everybody sees with the worlds that it can be.
    async fn compare(&mut self, step: &Step, worlds: Vec<World>, failed: bool, told: &str) {
        let mut seen = Seen {
            projects: Vec::new(),
            people: Vec::new(),
        };
        for person in &self.people {
            match self.seen_by(person).await {
                Ok((projects, people)) => {
                    seen.projects.push(projects);
                    seen.people.push(people);
                }
                Err(what) => panic!("{told}: {what}"),
            }
            let own = person.session.account().bundles().expect("the own keys");
            self.owners
                .extend(own.iter().map(|bundle| (bundle.hash, person.number)));
        }
        for node in &self.nodes {
            let own = node.session().account().bundles().expect("its own keys");
            self.owners.extend(own.iter().map(|bundle| (bundle.hash, node.number)));
        }
        let possible = if failed { 0 } else { worlds.len() - 1 };
        let mut why = String::new();
        let found = worlds[possible..].iter().find_map(|world| {
            let found = world.found(&seen, &self.ids, step.who);
            found.map_err(|what| why = format!("{why}\n  {what}")).ok()
        });
        let Some(world) = found else {
            panic!("{told}: it is neither done nor undone:{why}");
        };
        self.world = world;
        self.nothing_moved_back(&seen, told);
        self.nodes_open_what_they_may(&seen, told).await;
        self.nothing_was_told(step, &worlds, told);
        let data: Vec<String> = step.data();
        for (id, project) in &self.world.projects {
            let members: Vec<usize> = project.members.keys().copied().collect();
            let reader = members[usize::try_from(self.dice.below(members.len() as u64)).unwrap_or(0)];
            let any = self.dice.below(4 * project.data.len().max(1) as u64);
            let also = project.data.keys().nth(usize::try_from(any).unwrap_or(0)).cloned();
            let names: Vec<String> = data
                .iter()
                .filter(|name| project.data.contains_key(*name))
                .cloned()
                .chain(also)
                .collect();
            let shown = &seen.projects[reader][id];
            Box::pin(self.people[reader].reads(&self.world, shown, &names)).await;
        }
    }

    /// At the end everybody comes back on a device that knows nothing, and reads all there is.
    async fn come_home(&mut self) {
        let before = self.world.clone();
        for person in &mut self.people {
            let rows = Arc::new(Rows::default());
            let session = person.sign_in(&rows).await.expect("an honest server");
            (person.rows, person.session) = (rows, session);
        }
        self.counters.clear();
        for person in &self.people {
            let (projects, _) = self.seen_by(person).await.expect("an honest server");
            for (id, project) in before
                .projects
                .iter()
                .filter(|(_, project)| project.role(person.number).is_some())
            {
                let names: Vec<String> = project.data.keys().cloned().collect();
                Box::pin(person.reads(&before, &projects[id], &names)).await;
            }
        }
        let step = Step {
            kind: "come home",
            who: 0,
            space: SpaceId([0; 32]),
            what: What::Look,
        };
        self.compare(&step, vec![before], false, "at the end, on new devices")
            .await;
        let server = self.scene.stage.folder().join("server");
        for file in self
            .scene
            .kept_files()
            .into_iter()
            .filter(|file| file.starts_with(&server))
        {
            let bytes = std::fs::read(&file).unwrap_or_default();
            let found = self.scene.canaries_in(&bytes);
            assert!(found.is_empty(), "{} has {found:?}", file.display());
        }
    }
}

async fn walk(seed: u64, steps: usize) -> Report {
    let mut walk = Box::pin(Walk::begin(seed)).await;
    for number in 0..steps {
        Box::pin(walk.step(number, &[])).await;
    }
    // Chance may leave something out. A walk goes on for it then, and says so if that is in vain.
    let is_long = steps >= LONG;
    for number in steps..2 * steps {
        walk.report.signatures = walk.sent.signatures;
        let lacking = walk.report.lacks(steps);
        if !is_long || lacking.is_empty() {
            break;
        }
        Box::pin(walk.step(number, &lacking)).await;
    }
    Box::pin(walk.come_home()).await;
    let orders = walk.world.projects.values().flat_map(|project| project.runs.values());
    walk.report.adopted = orders.filter(|order| order.stand == Stand::TakenOver).count();
    walk.report.signatures = walk.sent.signatures;
    walk.report.is_worth_something(steps, is_long);
    walk.report
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_on_the_way_a_step_is_taken_or_not() {
    let (rounds, steps) = (number("HOLDFAST_ROUNDS", 1), number("HOLDFAST_STEPS", STEPS));
    let (seed, _) = Dice::printed();
    let began = Instant::now();
    let mut all = Report::default();
    let mut failed = Vec::new();
    for round in 0..rounds as u64 {
        let (since, seed) = (Instant::now(), seed.wrapping_add(round));
        // A task of its own: a walk that fails says so, and the others go on.
        match tokio::spawn(walk(seed, steps)).await {
            Ok(report) => all.add(report),
            Err(error) => failed.push(format!("HOLDFAST_SEED={seed}: {error}")),
        }
        println!("walk {} in {:.1?}, seed {seed}", round + 1, since.elapsed());
    }
    all.print(began.elapsed());
    all.keep(seed, rounds, steps);
    assert!(
        failed.is_empty(),
        "{} of {rounds} walks:\n{}",
        failed.len(),
        failed.join("\n")
    );
    super::every_leaf::are_explained(all.codes().filter(|code| !code.starts_with("http-")));
}
