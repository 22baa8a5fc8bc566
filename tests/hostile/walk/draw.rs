//! Which step is next.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_tests::Dice;

use super::model::{Order, Project, Stand, World};
use super::nodes::Node;
use super::steps::{Step, What};

/// Most projects at a time.
const PROJECTS: usize = 4;
/// Most nodes.
const NODES: usize = 2;
/// Most versions of a dataset, and datasets of a project.
const DATA: usize = 3;

/// Names of all of them, with how often they are drawn.
const KINDS: [(&str, u64); 28] = [
    ("create", 5),
    ("share", 8),
    ("upload", 9),
    ("enrol", 4),
    ("authorise", 5),
    ("order", 14),
    ("work", 9),
    ("take over", 7),
    ("invite", 4),
    ("secret", 6),
    ("change secret", 8),
    ("trash", 4),
    ("restore", 3),
    ("rename", 4),
    ("remove", 5),
    ("set role", 5),
    ("leave", 2),
    ("rotate", 5),
    ("relock", 4),
    ("look", 9),
    ("compare words", 5),
    ("overreach", 5),
    ("lock, unlock", 4),
    ("new device", 3),
    ("change keys", 1),
    ("offline", 2),
    ("withdraw run", 3),
    ("withdraw node", 2),
];

/// The names of all kinds.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().map(|(kind, _)| kind)
}

/// Where the names and contents of new things come from.
pub(super) struct Names<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) made: &'a mut usize,
    pub(super) canary: &'a dyn Fn(&str) -> String,
    /// Those that there are.
    pub(super) nodes: &'a [Node],
    /// A computer that is none yet.
    pub(super) computer: &'a dyn Fn(&str) -> Node,
}

impl Names<'_> {
    fn next(&mut self, what: &str) -> String {
        *self.made += 1;
        (self.canary)(&format!("{what} {}", self.made))
    }

    fn one<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        let at = usize::try_from(self.dice.below(all.len().max(1) as u64)).ok()?;
        all.get(at).cloned()
    }

    fn role(&mut self) -> Role {
        self.dice.one_of(&[Role::Reader, Role::Contributor, Role::Owner])
    }
}

/// The next step that somebody can take in this world.
pub(super) fn draw(world: &World, people: usize, names: &mut Names<'_>) -> Step {
    loop {
        let all: u64 = KINDS.iter().map(|(_, weight)| weight).sum();
        let mut drawn = names.dice.below(all);
        let found = KINDS.iter().find(|(_, weight)| match drawn.checked_sub(*weight) {
            Some(left) => {
                drawn = left;
                false
            }
            None => true,
        });
        let kind = found.map_or("look", |(kind, _)| kind);
        if let Some(step) = draw_kind(kind, world, people, names) {
            return step;
        }
    }
}

/// What has to be there before somebody can take a step of a kind.
fn comes_after(kind: &str) -> Option<&'static str> {
    match kind {
        "take over" => Some("work"),
        "work" | "withdraw run" => Some("order"),
        "order" | "withdraw node" => Some("authorise"),
        "authorise" => Some("enrol"),
        // There are enough of them: then it is something to work on that is wanting.
        "enrol" | "trash" => Some("upload"),
        "restore" => Some("trash"),
        "change secret" => Some("secret"),
        "overreach" => Some("share"),
        _ => None,
    }
}

/// A step of this kind, or one on the way to it: mostly the next one, and now and then one before, for what is there may have come
/// to nothing.
pub(super) fn draw_towards(kind: &'static str, world: &World, people: usize, names: &mut Names<'_>) -> Option<Step> {
    if let Some(step) = draw_kind(kind, world, people, names) {
        return Some(step);
    }
    let mut before = comes_after(kind)?;
    if names.dice.below(4) == 0 {
        before = comes_after(before).unwrap_or(before);
    }
    draw_towards(before, world, people, names)
}

/// A step of this kind; `None` where nobody can take one.
fn draw_kind(kind: &'static str, world: &World, people: usize, names: &mut Names<'_>) -> Option<Step> {
    let anybody = usize::try_from(names.dice.below(people as u64)).ok()?;
    let of_account = |who, what| {
        let space = SpaceId([0; 32]);
        Some(Step { kind, who, space, what })
    };
    match kind {
        "create" if world.projects.len() < PROJECTS => {
            let encrypted = names.dice.below(6) > 0;
            let name = match encrypted {
                true => names.next("project"),
                // The server may read it.
                false => format!("in clear {}", names.dice.below(1000)),
            };
            let members = BTreeMap::from([(anybody, Role::Owner)]);
            *names.made += 1;
            let made = Project {
                number: *names.made,
                name,
                encrypted,
                members,
                ..Project::default()
            };
            return of_account(anybody, What::Create(made));
        }
        "create" => return None,
        "look" => return of_account(anybody, What::Look),
        "lock, unlock" => return of_account(anybody, What::Unlock),
        "new device" => return of_account(anybody, What::Reinstall),
        "enrol" if names.nodes.len() < NODES => {
            *names.made += 1;
            let computer = (names.computer)(&format!("box-{}", names.made));
            return of_account(anybody, What::Enrol(Box::new(computer)));
        }
        "enrol" => return None,
        "work" => {
            // Those that have done all they were ordered to do only look in now and then.
            let idle = names.dice.below(6) == 0;
            let is_left = |node: &Node, run: &RunId| !world.results.contains_key(run) && !node.refused.contains(run);
            let has_work = |node: &&Node| {
                let serves = |project: &&Project| project.nodes.contains_key(&node.number);
                let orders = world.projects.values().filter(serves).flat_map(|project| &project.runs);
                let mut open = orders.filter(|(_, order)| order.stand == Stand::Open && order.node == node.number);
                open.any(|(run, order)| idle || !order.broken && is_left(node, run))
            };
            let busy: Vec<usize> = names.nodes.iter().filter(has_work).map(|node| node.number).collect();
            let node = names.one(&busy)?;
            return of_account(node, What::Work(names.dice.below(3) > 0));
        }
        "change keys" => return of_account(anybody, What::ChangeKeys(names.dice.below(2) == 0)),
        "compare words" => {
            let other = (anybody + 1 + usize::from(people > 2 && names.dice.below(2) == 0)) % people;
            return of_account(anybody, What::Compare(other, names.dice.below(3) > 0));
        }
        _ => {}
    }
    let waits = |(id, order): (&RunId, &Order)| order.stand != Stand::TakenOver && world.results.contains_key(id);
    let places: Vec<(SpaceId, usize, Role)> = world
        .in_order()
        .into_iter()
        .flat_map(|(space, project)| project.members.iter().map(move |(who, role)| (space, *who, *role)))
        .filter(|(_, _, role)| match kind {
            "share" | "invite" | "remove" | "set role" | "rotate" | "relock" | "authorise" | "withdraw node" => {
                *role == Role::Owner
            }
            "overreach" => *role < Role::Owner,
            "leave" | "offline" => true,
            _ => *role >= Role::Contributor,
        })
        .filter(|(space, ..)| {
            let project = &world.projects[space];
            let is_there = |name: &String| !project.trashed.contains(name);
            let has_data = project.data.keys().any(is_there);
            match kind {
                "authorise" => has_data,
                "order" => has_data && !project.nodes.is_empty(),
                "take over" => project.runs.iter().any(waits),
                "withdraw run" => project.runs.values().any(|order| order.stand == Stand::Open),
                "withdraw node" => !project.nodes.is_empty(),
                "change secret" => project.secrets.keys().any(is_there),
                "restore" => !project.trashed.is_empty(),
                _ => true,
            }
        })
        .collect();
    let (space, who, role) = names.one(&places)?;
    let project = &world.projects[&space];
    let here = |what| Some(Step { kind, who, space, what });
    let others: Vec<usize> = project.members.keys().copied().filter(|one| *one != who).collect();
    let outside: Vec<usize> = (0..people).filter(|one| !project.members.contains_key(one)).collect();
    let there = |of: &dyn Fn(&Project) -> Vec<String>| -> Vec<String> {
        of(project)
            .into_iter()
            .filter(|name| !project.trashed.contains(name))
            .collect()
    };
    let secrets = there(&|project| project.secrets.keys().cloned().collect());
    let data = there(&|project| project.data.keys().cloned().collect());
    match kind {
        "share" => here(What::Share(names.one(&outside)?, names.role())),
        "invite" => here(What::Invite(names.one(&outside)?, names.role())),
        "remove" => here(What::Remove(names.one(&others)?)),
        "set role" => {
            let whom = names.one(&others)?;
            let roles = [Role::Reader, Role::Contributor, Role::Owner];
            let other: Vec<Role> = roles
                .into_iter()
                .filter(|role| Some(*role) != project.role(whom))
                .collect();
            here(What::SetRole(whom, names.one(&other)?))
        }
        "leave" if role < Role::Owner || project.owners() > 1 => here(What::Leave),
        "rotate" if project.encrypted => here(What::Rotate),
        "relock" if project.encrypted => here(What::Relock),
        "overreach" => here(What::Overreach),
        "offline" => here(What::Offline),
        "rename" => {
            let name = names.next("project");
            project.encrypted.then_some(())?;
            here(What::Rename(name))
        }
        "upload" => {
            let again: Vec<String> = data
                .iter()
                .filter(|name| project.data[*name].len() < DATA)
                .cloned()
                .collect();
            let name = match names.dice.below(2) == 0 || project.data.len() >= DATA {
                true => names.one(&again)?,
                false => names.next("dataset"),
            };
            let mut content = names.next("content").into_bytes();
            if !project.encrypted {
                return None;
            }
            let more = usize::try_from(names.dice.below(60_000)).ok()?;
            let from = content.len();
            content.resize(from + more, 0);
            names.dice.fill(&mut content[from..]);
            here(What::Upload(name, Arc::new(content)))
        }
        "secret" if project.encrypted && project.secrets.len() < 2 * DATA => {
            here(What::Secret(names.next("secret"), names.next("value")))
        }
        "change secret" => here(What::ChangeSecret(names.one(&secrets)?, names.next("value"))),
        "trash" => here(What::Trash(names.one(&[secrets, data].concat())?)),
        "restore" => {
            let trashed: Vec<String> = project.trashed.iter().cloned().collect();
            here(What::Restore(names.one(&trashed)?))
        }
        "authorise" => {
            let all: Vec<usize> = names.nodes.iter().map(|node| node.number).collect();
            let node = names.one(&all)?;
            let had = project.nodes.get(&node).map(|(scope, _)| *scope);
            let scope = names.dice.one_of(&[NodeScope::Runs, NodeScope::Project]);
            // What it has it is not taken but by a withdrawal.
            here(What::Authorise(
                node,
                had.filter(|had| *had == NodeScope::Project).unwrap_or(scope),
            ))
        }
        "withdraw node" => {
            let all: Vec<usize> = project.nodes.keys().copied().collect();
            here(What::WithdrawNode(names.one(&all)?))
        }
        "order" => {
            let all: Vec<(usize, NodeScope)> = project.nodes.iter().map(|(node, (scope, _))| (*node, *scope)).collect();
            let ((node, scope), name) = (names.one(&all)?, names.one(&data)?);
            let version = names.dice.below(project.data[&name].len() as u64);
            *names.made += 1;
            here(What::Order(Order {
                number: *names.made,
                node,
                scope,
                by: who,
                what: (name, usize::try_from(version).ok()?),
                broken: false,
                stand: Stand::Open,
            }))
        }
        "withdraw run" => {
            let may = |order: &Order| order.stand == Stand::Open && (order.by == who || role == Role::Owner);
            let open = project.orders().into_iter().filter(|(_, order)| may(order));
            let open: Vec<RunId> = open.map(|(id, _)| id).collect();
            here(What::WithdrawRun(names.one(&open)?))
        }
        "take over" => here(What::TakeOver),
        _ => None,
    }
}
