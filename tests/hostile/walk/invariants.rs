//! What must hold after each step, whoever did what in it.

use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::id::{Hash, SpaceId};
use holdfast_protocol::replay::Outcome;
use holdfast_protocol::wire::RunState;
use holdfast_testkit::phrase;
use holdfast_tests::layer::Exchange;
use holdfast_tests::opener::raw_log;

use super::model::{Project, Seen, Shown, World};
use super::nodes::{Node, Worked};
use super::person::Person;
use super::sent::Sender;
use super::steps::{Step, What};
use super::{Last, Walk, alike};
use crate::scene::wrapped_to;

/// In the place of a vault, for who has none.
const NO_VAULT: SpaceId = SpaceId([0; 32]);

impl Walk {
    /// Heads and epochs only go forward, keys of people are theirs, and whoever was put out has no key of what is now.
    pub(super) fn nothing_moved_back(&mut self, seen: &Seen, told: &str) {
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
            for known in people {
                let owner = self.owners.get(&known.bundle).map(|owner| self.ids[*owner]);
                assert_eq!(
                    owner,
                    Some(known.principal),
                    "{told}: {who} has keys that are not theirs"
                );
                let before = self.counters.insert((who, known.principal), known.counter);
                assert!(
                    before.is_none_or(|before| before <= known.counter),
                    "{told}: {who} went back to earlier keys of {}",
                    known.principal
                );
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

    /// Looks through what was sent since the last time: nobody got a key who should not (I3), and everything is one of the messages
    /// there are (I5) and signed as that (I8), with nothing in it that was hidden (I1).
    pub(super) fn nothing_was_told(&mut self, step: &Step, worlds: &[World], told: &str) {
        let sender = |number, handle: &str, principal, vault, master_key| Sender {
            number,
            principal,
            handle: handle.to_owned(),
            vault,
            does: (number == step.who).then_some(step.kind),
            master_key,
        };
        let person = |person: &Person| {
            let vault = person.session.account().vault;
            let (principal, master_key) = (Some(self.ids[person.number]), person.key(person.changes));
            sender(person.number, &person.handle, principal, vault, master_key)
        };
        let people = self.people.iter().map(|one| (person(one), one.layer.clone()));
        let node = |node: &Node, principal| {
            let sender = sender(node.number, &node.name, principal, NO_VAULT, phrase(&node.name));
            (sender, node.layer.clone())
        };
        let nodes = self.nodes.iter().map(|one| node(one, Some(self.ids[one.number])));
        // One that did not become a node all the same said something.
        let left_out = step.computer().filter(|computer| computer.number == self.ids.len());
        let computer = left_out.map(|one| node(one, None));
        step.computer()
            .iter()
            .for_each(|computer| self.sent.knows(&computer.name));
        let mut news: Vec<(Sender, Vec<Exchange>)> = Vec::new();
        for (sender, layer) in people.chain(nodes).chain(computer) {
            let mut sent = layer.record();
            if let Some(read) = self.read.get_mut(sender.number) {
                sent = sent.split_off(*read);
                *read += sent.len();
            }
            news.push((sender, sent));
        }
        for (number, sent) in std::mem::take(&mut self.beside) {
            let mut sender = person(&self.people[number]);
            sender.does = None;
            news.push((sender, sent));
        }
        // Whom somebody puts out is not in any more where the new key is made.
        let worlds = match step.what {
            What::Remove(_) | What::WithdrawNode(_) => &worlds[worlds.len() - 1..],
            _ => worlds,
        };
        for (sender, exchange) in news
            .iter()
            .flat_map(|(sender, sent)| sent.iter().map(move |one| (sender, one)))
        {
            let place = exchange.request.path.split('/').nth(3);
            let space = place.and_then(|part| part.parse::<SpaceId>().ok());
            for bundle in wrapped_to(&exchange.request) {
                let owner = self.owners.get(&bundle);
                let owner = owner.unwrap_or_else(|| panic!("{told}: a key was wrapped to a stranger"));
                let is_in = |world: &World| space.is_some_and(|space| world.reads(space, *owner));
                let may = *owner == sender.number || worlds.iter().any(is_in);
                assert!(may, "{told}: a key was wrapped to somebody who is not in");
            }
        }
        let said = news
            .iter()
            .flat_map(|(sender, sent)| sent.iter().map(move |one| (sender, one)));
        if let Err(what) = self.sent.judge(said.collect()) {
            panic!("{told}: {what}");
        }
        if let Some(computer) = left_out {
            self.sent.forgets(computer.number);
        }
        let all: Vec<Exchange> = news.into_iter().flat_map(|(_, sent)| sent).collect();
        self.scene.nothing_is_in(&all, &self.owners.keys().copied().collect());
    }

    /// What was shown while somebody lied was some state of the real log all the same.
    pub(super) async fn heads_are_of_the_log(&self, heads: &[(SpaceId, u64, Hash)], told: &str) {
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

    /// Nothing was written but where somebody said (I7).
    pub(super) fn disk_is_in_order(&self, told: &str) {
        if let Err(what) = self.disk.judge(self.scene.stage.folder()) {
            panic!("{told}: {what}");
        }
    }

    /// Whatever does not open, and why: what is said and asked for is the same (I5, I6).
    pub(super) async fn nothing_shows_what_opens(&mut self, told: &str) {
        let dice = &mut self.dice;
        let drawn =
            |dice: &mut holdfast_tests::Dice, all: usize| usize::try_from(dice.below(all.max(1) as u64)).unwrap_or(0);
        let all = self.world.in_order();
        let there = |project: &Project| -> Vec<String> {
            let names = project.data.keys();
            names.filter(|name| !project.trashed.contains(*name)).cloned().collect()
        };
        let with_data: Vec<_> = all.iter().filter(|(_, project)| !there(project).is_empty()).collect();
        if let Some((id, project)) = with_data.get(drawn(dice, with_data.len())) {
            let members: Vec<usize> = project.members.keys().copied().collect();
            let reader = &self.people[members[drawn(dice, members.len())]];
            let names = there(project);
            let name = &names[drawn(dice, names.len())];
            let version = drawn(dice, project.data[name].len());
            let view = reader.session.view(*id).await.expect("an honest server");
            let shown = Shown::of(&view);
            if Box::pin(alike::boxes(reader, &shown, name, version, dice)).await {
                self.report.spoiled += 1;
            }
        }
        let shared: Vec<_> = all
            .iter()
            .filter(|(_, project)| project.encrypted && project.members.len() > 1)
            .collect();
        if let Some((id, project)) = shared.get(drawn(dice, shared.len())) {
            let members: Vec<usize> = project.members.keys().copied().collect();
            let owners: Vec<usize> = members
                .iter()
                .copied()
                .filter(|who| project.role(*who) == Some(Role::Owner))
                .collect();
            let owner = owners[drawn(dice, owners.len())];
            let others: Vec<usize> = members.into_iter().filter(|who| *who != owner).collect();
            let member = others[drawn(dice, others.len())];
            println!("{told}: afterwards {member} is given keys that do not open");
            let url = self.scene.stage.url();
            let (owner, person) = (&self.people[owner], &self.people[member]);
            let said = Box::pin(alike::wraps(owner, person, *id, &url)).await;
            self.beside.push((member, said));
            self.report.wrapped += 1;
        }
    }

    /// After somebody took results over, undisturbed, none is left.
    pub(super) async fn nothing_was_left(&self, step: &Step, told: &str) {
        let session = &self.people[step.who].session;
        let view = session.view(step.space).await.expect("an honest server");
        let runs = session.runs(&view.space).await.expect("an honest server");
        let left = runs.iter().find(|run| {
            let has_result = run.row.as_ref().is_some_and(|row| row.state == RunState::Ended);
            has_result && run.ordered.outcome == Outcome::Open
        });
        assert!(
            left.is_none(),
            "{told}: a result was left: {:?}",
            left.map(|run| run.ordered.run)
        );
    }

    /// A node as it is after a step.
    pub(super) fn take_in(&mut self, node: Node) {
        match self.nodes.iter_mut().find(|known| known.number == node.number) {
            Some(known) => *known = node,
            None => {
                let keys = node.session().keyring();
                self.owners.insert(keys.current().bundle().hash, node.number);
                self.ids.push(node.session().principal());
                self.read.push(0);
                self.nodes.push(node);
            }
        }
    }

    /// A run was taken by a node that may do it, whatever it was told, and refused for a reason that there is.
    pub(super) async fn run_is_rightly_taken(&mut self, worked: &Worked, done_to: Option<&str>, told: &str) {
        let (Some(node), Some((of, took))) = (&worked.node, &worked.took) else {
            return;
        };
        // As it was before this step.
        let before = &self.nodes[node.number - self.people.len()];
        let may = before.may_take(&self.world, &self.people, *of).await;
        match took {
            Ok(()) => {
                assert_eq!(may, Ok(()), "{told}: a run was taken that must not be");
                self.report.runs += 1;
            }
            Err(code) => {
                let is_right = done_to.is_some() || may == Err(code.as_str());
                assert!(is_right, "{told}: a run was refused as {code}, and it is {may:?}");
                let spoiled = done_to.is_some_and(|what| what.ends_with("in GET /v1/spaces/{}/runs/{}/capsule"));
                assert!(
                    !spoiled || may.is_err() || code == "run-capsule",
                    "{told}: a capsule does not open, and that is called {code}"
                );
            }
        }
    }

    /// Nodes that were given all of a project have its key, others have none, and one that was withdrawn has none of what is now.
    pub(super) async fn nodes_open_what_they_may(&mut self, seen: &Seen, told: &str) {
        for node in &self.nodes {
            for (id, project) in &self.world.projects {
                let inside = project.members.keys().next();
                let Some(shown) = inside.and_then(|who| seen.projects[*who].get(id)) else {
                    continue;
                };
                let place = (node.number, *id);
                let Some((scope, _)) = project.nodes.get(&node.number) else {
                    let seen = node.session().view(*id).await.ok();
                    let own = seen.and_then(|view| Shown::of(&view).key);
                    let mut held = self.held.get(&place).into_iter().flatten().chain(&own);
                    let has = shown.key.is_some_and(|key| held.any(|held| *held == key));
                    assert!(
                        !has || !project.encrypted,
                        "{told}: {} is out of {id} and has its key",
                        node.name
                    );
                    continue;
                };
                let view = node.session().view(*id).await;
                let view = view.unwrap_or_else(|error| panic!("{told}: {} sees {id}: {error}", node.name));
                let own = Shown::of(&view);
                assert!(
                    own.fresh && own.head == shown.head,
                    "{told}: {} sees another {id}",
                    node.name
                );
                let given = *scope == NodeScope::Project || !project.encrypted;
                assert_eq!(
                    own.key.is_some(),
                    given,
                    "{told}: {} has a key of {id} or not",
                    node.name
                );
                assert!(
                    own.key.is_none() || own.key == shown.key,
                    "{told}: {} has another key",
                    node.name
                );
                self.held.entry(place).or_default().extend(own.key);
            }
        }
    }
}
