//! What there is, as the test keeps it: whoever is in a project must see just that, and nobody else anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_engine::View;
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::item::{Content, ItemKind, PinState};
use holdfast_protocol::replay::Space;

/// Everything that everybody should see.
#[derive(Clone, Default)]
pub(super) struct World {
    pub(super) projects: BTreeMap<SpaceId, Project>,
    /// One whose id nobody knows yet.
    pub(super) made: Option<Project>,
    /// Whose keys were compared by whom: only these may be called checked, and these must be.
    pub(super) checked: BTreeSet<(usize, Hash)>,
    /// Who went by himself, and from where.
    pub(super) left: BTreeSet<(usize, SpaceId)>,
}

/// How sure somebody is of somebody's keys.
pub(super) type State = PinState;

#[derive(Clone, Default)]
pub(super) struct Project {
    pub(super) name: String,
    pub(super) encrypted: bool,
    pub(super) members: BTreeMap<usize, Role>,
    /// Newest values.
    pub(super) secrets: BTreeMap<String, String>,
    /// Contents of all versions.
    pub(super) data: BTreeMap<String, Vec<Arc<Vec<u8>>>>,
    pub(super) trashed: BTreeSet<String>,
    /// The least it can be.
    pub(super) epoch: u32,
}

impl Project {
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
            seq: authority.seq(),
            head: authority.head(),
            epoch: authority.epoch(),
            key: view.space.current_key().map(|key| *key.key().expose()),
            fresh: view.fresh,
            space: view.space.clone(),
        };
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
        let parts = [
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
    /// Whom each has keys of, which, and what is said of them.
    pub(super) people: Vec<Vec<(PrincipalId, Hash, State)>>,
}

impl World {
    pub(super) fn role(&self, space: SpaceId, who: usize) -> Option<Role> {
        self.projects.get(&space)?.role(who)
    }

    /// The world with what is new in it found, if this is what everybody sees; else what is not.
    pub(super) fn found(&self, seen: &Seen, ids: &[PrincipalId], maker: usize) -> Result<Self, String> {
        let mut world = self.clone();
        if let Some(made) = world.made.take() {
            let mut unknown = seen.projects[maker].keys().filter(|id| !self.projects.contains_key(id));
            let id = unknown.next().ok_or("the new project is not there")?;
            world.projects.insert(*id, made);
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
            for (principal, bundle, state) in people {
                let checked = self.checked.contains(&(who, *bundle));
                if checked != (*state == State::Checked) {
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
