//! What there is, as the test keeps it: whoever is in a project must see just that, and nobody else anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_engine::View;
use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::id::{Hash, PrincipalId, RunId, SpaceId};
use holdfast_protocol::item::{Content, ItemKind, PinState};
use holdfast_protocol::replay::{Outcome, Space};
use holdfast_protocol::run::RunResult;

/// Everything that everybody should see.
#[derive(Clone, Default)]
pub(super) struct World {
    pub(super) projects: BTreeMap<SpaceId, Project>,
    /// One whose id nobody knows yet.
    pub(super) made: Option<Project>,
    /// The same of a run, and where.
    pub(super) ordered: Option<(SpaceId, Order)>,
    /// What nodes have signed of their runs.
    pub(super) results: BTreeMap<RunId, Vec<RunResult>>,
    /// Whose keys were compared by whom: only these may be called checked, and these must be.
    pub(super) checked: BTreeSet<(usize, Hash)>,
    /// Who went by himself, and from where.
    pub(super) left: BTreeSet<(usize, SpaceId)>,
}

#[derive(Clone, Default)]
pub(super) struct Project {
    /// In the order of their making, in which they are drawn: ids are another in each walk.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) encrypted: bool,
    pub(super) members: BTreeMap<usize, Role>,
    /// Newest values.
    pub(super) secrets: BTreeMap<String, String>,
    /// Contents of all versions.
    pub(super) data: BTreeMap<String, Vec<Arc<Vec<u8>>>>,
    pub(super) trashed: BTreeSet<String>,
    /// Who does runs here, what he is given, and who said so.
    pub(super) nodes: BTreeMap<usize, (NodeScope, usize)>,
    pub(super) runs: BTreeMap<RunId, Order>,
    /// The least it can be.
    pub(super) epoch: u32,
}

/// A run that somebody ordered.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// In the order of their making.
    pub(super) number: usize,
    pub(super) node: usize,
    /// What the node had been given then.
    pub(super) scope: NodeScope,
    pub(super) by: usize,
    /// Which version of which dataset it is about.
    pub(super) what: (String, usize),
    /// Whoever ordered it was out since.
    pub(super) broken: bool,
    pub(super) stand: Stand,
}

/// What became of a run, as its project says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stand {
    Open,
    Withdrawn,
    TakenOver,
}

impl Project {
    /// Whether there is a run that its node may begin still, or go on with.
    pub(super) fn is_read_by_runs(&self) -> bool {
        self.runs.values().any(|order| order.stand == Stand::Open)
    }

    /// Somebody is out: nobody begins any more what he ordered.
    pub(super) fn goes(&mut self, who: usize) {
        self.members.remove(&who);
        let his = self.runs.values_mut().filter(|order| order.by == who);
        his.for_each(|order| order.broken = true);
    }

    /// Runs in the order in which they were ordered.
    pub(super) fn orders(&self) -> Vec<(RunId, &Order)> {
        let mut all: Vec<_> = self.runs.iter().map(|(id, order)| (*id, order)).collect();
        all.sort_by_key(|(_, order)| order.number);
        all
    }

    pub(super) fn role(&self, who: usize) -> Option<Role> {
        self.members.get(&who).copied()
    }

    pub(super) fn owners(&self) -> usize {
        self.members.values().filter(|role| **role == Role::Owner).count()
    }
}

/// One project as one device shows it.
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) members: BTreeMap<PrincipalId, Role>,
    secrets: BTreeMap<String, String>,
    data: BTreeMap<String, usize>,
    trashed: BTreeSet<String>,
    /// Names that two things have at once.
    doubled: Vec<String>,
    nodes: BTreeMap<PrincipalId, (NodeScope, PrincipalId)>,
    /// Of which node, by whom, and how it stands.
    runs: BTreeMap<RunId, (PrincipalId, PrincipalId, Stand)>,
    results: BTreeMap<RunId, RunResult>,
    pub(super) seq: u64,
    pub(super) head: Hash,
    pub(super) epoch: u32,
    pub(super) key: Option<[u8; 32]>,
    pub(super) fresh: bool,
    pub(super) space: Arc<Space>,
}

impl Shown {
    pub(super) fn of(view: &View) -> Self {
        let (authority, contents) = (view.space.authority(), view.space.contents());
        let mut shown = Self {
            name: contents.name().to_owned(),
            members: authority
                .members()
                .values()
                .map(|one| (one.principal, one.role))
                .collect(),
            secrets: BTreeMap::new(),
            data: BTreeMap::new(),
            trashed: BTreeSet::new(),
            doubled: Vec::new(),
            nodes: BTreeMap::new(),
            runs: BTreeMap::new(),
            results: BTreeMap::new(),
            seq: authority.seq(),
            head: authority.head(),
            epoch: authority.epoch(),
            key: view.space.current_key().map(|key| *key.key().expose()),
            fresh: view.fresh,
            space: view.space.clone(),
        };
        let nodes = authority.nodes().values();
        shown
            .nodes
            .extend(nodes.map(|node| (node.principal, (node.scope, node.by))));
        for run in authority.runs().values() {
            let stand = match run.outcome {
                Outcome::Open => Stand::Open,
                Outcome::Withdrawn(_) => Stand::Withdrawn,
                Outcome::Adopted(_) => Stand::TakenOver,
            };
            shown.runs.insert(run.run, (run.node, run.author, stand));
        }
        let over = contents
            .runs()
            .iter()
            .filter_map(|(id, run)| Some((*id, run.adopted.as_ref()?)));
        shown.results.extend(over.map(|(id, over)| (id, over.result.clone())));
        for item in contents.items().values() {
            if item.trashed_ms.is_some() {
                shown.trashed.insert(item.name.clone());
            }
            let newest = item.versions.last().map(|version| &version.content);
            let again = match (item.kind, newest) {
                (ItemKind::Secret, Some(Content::Fields { fields, .. })) => {
                    let value = fields[0].value.expose().to_owned();
                    shown.secrets.insert(item.name.clone(), value).is_some()
                }
                (ItemKind::Dataset, Some(Content::Files { .. })) => {
                    shown.data.insert(item.name.clone(), item.versions.len()).is_some()
                }
                _ => true,
            };
            if again {
                shown.doubled.push(item.name.clone());
            }
        }
        shown
    }

    /// What differs from what it should be.
    fn differs(&self, project: &Project, ids: &[PrincipalId]) -> Option<String> {
        let members: BTreeMap<_, _> = project.members.iter().map(|(who, role)| (ids[*who], *role)).collect();
        let data: BTreeMap<_, _> = project
            .data
            .iter()
            .map(|(name, all)| (name.clone(), all.len()))
            .collect();
        let nodes = project.nodes.iter();
        let nodes: BTreeMap<_, _> = nodes
            .map(|(node, (scope, by))| (ids[*node], (*scope, ids[*by])))
            .collect();
        let runs = project.runs.iter();
        let runs: BTreeMap<_, _> = runs
            .map(|(id, order)| (*id, (ids[order.node], ids[order.by], order.stand)))
            .collect();
        let parts = [
            ("nodes", self.nodes == nodes),
            ("runs", self.runs == runs),
            ("name", self.name == project.name),
            ("members", self.members == members),
            ("secrets", self.secrets == project.secrets),
            ("data", self.data == data),
            ("trash", self.trashed == project.trashed),
            ("epoch", self.epoch >= project.epoch),
            ("names", self.doubled.is_empty()),
        ];
        let wrong: Vec<_> = parts
            .into_iter()
            .filter(|(_, good)| !good)
            .map(|(part, _)| part)
            .collect();
        (!wrong.is_empty()).then(|| {
            format!(
                "{wrong:?} at {}: {:?} {:?} {:?} epoch {} doubled {:?}",
                self.seq,
                self.members,
                self.secrets.len(),
                self.data,
                self.epoch,
                self.doubled
            )
        })
    }
}

/// Everything that everybody sees.
pub(super) struct Seen {
    /// By person.
    pub(super) projects: Vec<BTreeMap<SpaceId, Shown>>,
    /// Whom each has keys of.
    pub(super) people: Vec<Vec<Known>>,
}

/// Somebody's keys as somebody else has them.
pub(super) struct Known {
    pub(super) principal: PrincipalId,
    pub(super) bundle: Hash,
    /// How often they were changed.
    pub(super) counter: u32,
    pub(super) state: PinState,
}

impl World {
    /// Whether somebody, or a node, may read all of a project.
    pub(super) fn reads(&self, space: SpaceId, who: usize) -> bool {
        let project = self.projects.get(&space);
        project.is_some_and(|project| {
            let given = project.nodes.get(&who).map(|(scope, _)| *scope);
            project.members.contains_key(&who) || given == Some(NodeScope::Project)
        })
    }

    /// Projects in the order in which they were made.
    pub(super) fn in_order(&self) -> Vec<(SpaceId, &Project)> {
        let mut all: Vec<_> = self.projects.iter().map(|(id, project)| (*id, project)).collect();
        all.sort_by_key(|(_, project)| project.number);
        all
    }

    /// The world with what is new in it found, if this is what everybody sees; else what is not.
    pub(super) fn found(&self, seen: &Seen, ids: &[PrincipalId], maker: usize) -> Result<Self, String> {
        let mut world = self.clone();
        if let Some(made) = world.made.take() {
            let mut unknown = seen.projects[maker].keys().filter(|id| !self.projects.contains_key(id));
            let id = unknown.next().ok_or("the new project is not there")?;
            world.projects.insert(*id, made);
        }
        if let Some((space, order)) = world.ordered.take() {
            let project = world.projects.get_mut(&space).ok_or("no project to order in")?;
            let shown = seen.projects[maker].get(&space).ok_or("nobody sees the project")?;
            let mut unknown = shown.runs.keys().filter(|id| !project.runs.contains_key(id));
            let id = unknown.next().ok_or("the new run is not there")?;
            project.runs.insert(*id, order);
        }
        for (id, shown) in seen.projects.iter().flatten() {
            let Some(project) = world.projects.get_mut(id) else {
                continue;
            };
            for (run, result) in &shown.results {
                // What its node signed, or nothing.
                let signed = self.results.get(run).is_some_and(|signed| signed.contains(result));
                if !signed {
                    return Err(format!("{run} has a result that its node did not sign"));
                }
                if let Some(order) = project.runs.get_mut(run) {
                    order.stand = Stand::TakenOver;
                }
            }
        }
        for (who, shown) in seen.projects.iter().enumerate() {
            for (id, project) in &world.projects {
                let Some(_) = project.role(who) else { continue };
                let shown = shown.get(id).ok_or_else(|| format!("{who} does not see {id}"))?;
                if !shown.fresh {
                    return Err(format!("{who} has no fresh view of {id}"));
                }
                if let Some(what) = shown.differs(project, ids) {
                    return Err(format!("{who} sees another {id}: {what}"));
                }
            }
            for (id, shown) in shown {
                let Some(project) = world.projects.get(id) else {
                    return Err(format!("{who} sees {id}, which nobody made"));
                };
                if project.role(who).is_none() && shown.members.contains_key(&ids[who]) {
                    return Err(format!("{who} is in {id}, or believes so"));
                }
            }
        }
        for project in seen.projects.iter().flatten() {
            let heads = seen.projects.iter().filter_map(|other| other.get(project.0));
            let same = |other: &Shown| other.seq != project.1.seq || other.head == project.1.head;
            if !heads.into_iter().all(same) {
                return Err(format!("{} has two histories", project.0));
            }
        }
        // What they could have checked and what was said of it.
        for (who, people) in seen.people.iter().enumerate() {
            for Known {
                principal,
                bundle,
                state,
                ..
            } in people
            {
                let checked = self.checked.contains(&(who, *bundle));
                if checked != (*state == PinState::Checked) {
                    return Err(format!(
                        "{who} calls the keys of {principal} {state:?}, and they were checked: {checked}"
                    ));
                }
            }
        }
        for (id, project) in &mut world.projects {
            let now = seen.projects.iter().filter_map(|one| one.get(id));
            project.epoch = now.map(|shown| shown.epoch).max().unwrap_or(project.epoch);
        }
        Ok(world)
    }
}
