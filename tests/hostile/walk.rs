//! A random walk: three people do what people do, one step after another, and in most steps somebody between them and the
//! server alters, repeats, withholds or mixes up one thing that is said. After each step, with an honest server again, what
//! everybody sees is compared with a model: the step was taken, or it was not, and nothing else has happened.
//!
//! `HOLDFAST_SEED` draws the same steps and the same mischief again, `HOLDFAST_STEPS` says how many steps, and `HOLDFAST_ROUNDS`
//! how many walks, each with the next seed.

#[path = "walk/mischief.rs"]
mod mischief;
#[path = "walk/model.rs"]
mod model;
#[path = "walk/person.rs"]
mod person;
#[path = "walk/report.rs"]
mod report;
#[path = "walk/steps.rs"]
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_engine::Error;
use holdfast_engine::ports::{Request, Response};
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_tests::Dice;
use holdfast_tests::layer::{Attack, Course, Exchange, Seen as Said};
use holdfast_tests::opener::raw_log;

use self::mischief::{Armed, Mischief, Operator};
use self::model::{Seen, Shown, World};
use self::person::Person;
use self::report::{Report, Took};
use self::steps::{Done, Names, Step, What, draw, draw_kind};
use crate::rows::Rows;
use crate::scene::{Fork, Scene, wrapped_to};

/// How many steps a walk has if nobody says.
const STEPS: usize = 150;
/// No step may take longer: most take some tenths of a second, and those with a new key some seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of a hundred steps, those with mischief.
const MISCHIEF: u64 = 75;
/// Steps after which the server's copy is made anew.
const COPY_EVERY: usize = 25;
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
    ids: Vec<PrincipalId>,
    world: World,
    copy: Option<Fork>,
    /// Exchanges of each person that were looked at.
    read: Vec<usize>,
    last: BTreeMap<(usize, SpaceId), Last>,
    /// Keys of projects that somebody was seen to have.
    held: BTreeMap<(usize, SpaceId), BTreeSet<[u8; 32]>>,
    /// Whose keys these are.
    owners: BTreeMap<Hash, usize>,
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
            owners: people.iter().map(|person| (person.bundle(), person.number)).collect(),
            scene,
            dice: Dice::new(seed),
            made: 0,
            people,
            world: World::default(),
            copy: None,
            last: BTreeMap::new(),
            held: BTreeMap::new(),
            report: Report::default(),
        }
    }

    /// The next step: the kinds in turn while there are some that were not seen, so that each walk has all of them.
    fn draw(&mut self) -> Step {
        let scene = &self.scene;
        let mut names = Names {
            dice: &mut self.dice,
            made: &mut self.made,
            canary: &|label| scene.canary(label),
        };
        let rare = names.dice.below(3) == 0;
        let (report, world, people) = (&self.report, &self.world, self.people.len());
        let mut unseen = Step::kinds().filter(|kind| rare && !report.has(kind));
        unseen
            .find_map(|kind| draw_kind(kind, world, people, &mut names))
            .unwrap_or_else(|| draw(world, people, &mut names))
    }

    /// What will be done in a step, and to whom.
    fn plot(&mut self, step: &Step) -> Option<(usize, Arc<Mischief>)> {
        // Drawn in any case, so that the rest of the walk is the same with and without.
        let (hour, operators) = (self.dice.below(100), Operator::all());
        let operator = self.dice.one_of(&operators);
        let (seed, pass, second) = (self.dice.roll(), self.dice.roll(), self.dice.below(2) == 1);
        if matches!(step.what, What::Offline) || hour >= MISCHIEF {
            return None;
        }
        let victim = step.other().filter(|_| second).unwrap_or(step.who);
        let pass = usize::try_from(pass % self.report.length_of(step.kind)).ok()?;
        let others = self.people.iter().filter(|person| person.number != victim);
        let heard: Vec<Exchange> = others
            .flat_map(|person| person.layer.record().into_iter().rev().take(150))
            .collect();
        let copy = self.copy.as_ref().map(Fork::way);
        Some((victim, Mischief::new(operator, pass, Dice::new(seed), copy, heard)))
    }

    async fn step(&mut self, number: usize) {
        if number % COPY_EVERY == COPY_EVERY / 2 {
            self.copy = Some(self.scene.fork(&format!("copy-{number}")).await);
        }
        let step = self.draw();
        let plot = self.plot(&step);
        let told = format!("step {number}: {} by {}", step.kind, self.people[step.who].handle);
        if let Some((victim, mischief)) = &plot {
            self.people[*victim].layer.attack(Armed(mischief.clone()));
        }
        if matches!(step.what, What::Offline) {
            self.people[step.who].layer.attack(Away);
        }
        let worlds = step.worlds(&self.world, &self.people);
        let before = self.people[step.who].layer.record().len();
        // On a task of its own: a panic is told with what led to it.
        let taken = tokio::spawn(step.clone().take(self.people.clone(), self.world.clone()));
        let taken = tokio::time::timeout(PATIENCE, taken).await;
        self.people.iter().for_each(|person| person.layer.honest());
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
        let length = self.people[step.who].layer.record().len() - before;
        self.report.note(Took {
            kind: step.kind,
            operator: plot.as_ref().map(|(_, mischief)| mischief.operator.name()),
            happened: done_to.is_some(),
            code: done.error.as_ref().map(|error| error.code().to_owned()),
            forbidden: step.is_forbidden(),
            length,
        });
        let gone_on = match self.settle(&step, &done).await {
            Ok(gone_on) => gone_on,
            Err(error) => panic!("{told}: afterwards, with an honest server: {} {error}", error.code()),
        };
        let heads = done.heads;
        let failed = done.error.is_some() && !gone_on;
        self.compare(&step, worlds, failed, &told).await;
        self.heads_are_of_the_log(&heads, &told).await;
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
                    What::Overreach => "not-allowed",
                    What::Compare(_, false) => "keys-changed",
                    _ => "",
                };
                assert!(happened || error.code() == code, "{told}: nobody had done anything");
            }
        }
    }

    /// Clears up after a step, as people do who were told that something went wrong. Whether the step was gone on with to its end.
    async fn settle(&mut self, step: &Step, done: &Done) -> Result<bool, Error> {
        let go_on = self.dice.below(2) == 0;
        let person = &mut self.people[step.who];
        if let Some((rows, session)) = &done.device {
            (person.rows, person.session) = (rows.clone(), session.clone());
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
    async fn seen_by(
        &self,
        person: &Person,
    ) -> Result<(BTreeMap<SpaceId, Shown>, Vec<(PrincipalId, Hash, model::State)>), String> {
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
        let people = known
            .into_iter()
            .map(|one| (one.bundle.bundle.principal, one.bundle.hash, one.state));
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
        self.nothing_was_told(&worlds, told);
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

    /// Heads and epochs only go forward, keys of people are theirs, and whoever was put out has no key of what is now.
    fn nothing_moved_back(&mut self, seen: &Seen, told: &str) {
        for (who, projects) in seen.projects.iter().enumerate() {
            for (id, shown) in projects {
                let now = Last {
                    seq: shown.seq,
                    head: shown.head,
                    epoch: shown.epoch,
                };
                if let Some(before) = self.last.insert((who, *id), now) {
                    let forward = shown.seq > before.seq || (shown.seq == before.seq && shown.head == before.head);
                    assert!(
                        forward && shown.epoch >= before.epoch,
                        "{told}: {who} went back in {id}"
                    );
                }
                self.held.entry((who, *id)).or_default().extend(shown.key);
            }
        }
        for (who, people) in seen.people.iter().enumerate() {
            for (principal, bundle, _) in people {
                let owner = self.owners.get(bundle).map(|owner| self.ids[*owner]);
                assert_eq!(owner, Some(*principal), "{told}: {who} has keys that are not theirs");
            }
        }
        for (id, project) in self.world.projects.iter().filter(|(_, project)| project.encrypted) {
            let now = seen
                .projects
                .iter()
                .enumerate()
                .find(|(who, _)| project.role(*who).is_some());
            let Some(key) = now.and_then(|(_, shown)| shown.get(id)?.key) else {
                continue;
            };
            for who in 0..self.people.len() {
                // Who went by himself keeps it until an owner writes.
                let put_out = project.role(who).is_none() && !self.world.left.contains(&(who, *id));
                let has = self.held.get(&(who, *id)).is_some_and(|held| held.contains(&key));
                assert!(!put_out || !has, "{told}: {who} was put out of {id} and has its key");
            }
        }
    }

    /// Looks through what was sent since the last time.
    fn nothing_was_told(&mut self, worlds: &[World], told: &str) {
        let mut sent: Vec<Exchange> = Vec::new();
        for person in &self.people {
            let news = person.layer.record().split_off(self.read[person.number]);
            self.read[person.number] += news.len();
            for exchange in &news {
                for bundle in wrapped_to(&exchange.request) {
                    let owner = self.owners.get(&bundle);
                    let owner = owner.unwrap_or_else(|| panic!("{told}: a key was wrapped to a stranger"));
                    let space = exchange
                        .request
                        .path
                        .split('/')
                        .nth(3)
                        .and_then(|part| part.parse::<SpaceId>().ok());
                    let is_in = |world: &World| space.is_some_and(|space| world.role(space, *owner).is_some());
                    let may = *owner == person.number || worlds.iter().any(is_in);
                    assert!(may, "{told}: a key was wrapped to somebody who is not in");
                }
            }
            sent.extend(news);
        }
        self.scene.nothing_is_in(&sent, &self.owners.keys().copied().collect());
    }

    /// What was shown while somebody lied was some state of the real log all the same.
    async fn heads_are_of_the_log(&self, heads: &[(SpaceId, u64, Hash)], told: &str) {
        for (space, seq, head) in heads {
            let Some(project) = self.world.projects.get(space) else {
                panic!("{told}: a project was shown that nobody made");
            };
            let Some(member) = project.members.keys().next() else {
                continue;
            };
            let log = raw_log(&self.people[*member].session, *space).await;
            let there = usize::try_from(*seq).ok().and_then(|seq| log.get(seq));
            assert_eq!(there.map(|entry| entry.hash), Some(*head), "{told}: that was never so");
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
        Box::pin(walk.step(number)).await;
    }
    Box::pin(walk.come_home()).await;
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
    all.is_worth_something(rounds * steps, steps >= 100);
}
