//! What people do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_engine::ports::Silent;
use holdfast_engine::{Error, Session};
use holdfast_protocol::SecretText;
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::{Hash, SpaceId};
use holdfast_protocol::item::{Audience, Field, ItemKind};
use holdfast_tests::Dice;
use zeroize::Zeroizing;

use super::model::{Project, Shown, World};
use super::person::{Person, same_cost};
use crate::rows::Rows;
use crate::scene::secret;

/// Adds a world: the last one after a change.
type Then<'a> = dyn FnMut(&dyn Fn(&mut World)) + 'a;

/// Most projects at a time.
const PROJECTS: usize = 4;
/// Most versions of a dataset, and datasets of a project.
const DATA: usize = 3;

#[derive(Clone)]
pub(super) enum What {
    Create(Project),
    Share(usize, Role),
    /// Out of band, answered and completed.
    Invite(usize, Role),
    Upload(String, Arc<Vec<u8>>),
    Secret(String, String),
    ChangeSecret(String, String),
    Trash(String),
    Restore(String),
    Rename(String),
    Remove(usize),
    SetRole(usize, Role),
    Leave,
    Rotate,
    Relock,
    /// Reads everything there is.
    Look,
    /// Compares the six words that somebody says, or others.
    Compare(usize, bool),
    /// Does what nobody may who is no owner, no writer, not in.
    Overreach,
    /// Locks and opens quickly.
    Unlock,
    /// A new device comes in the place of the old one.
    Reinstall,
    /// Another Master Key; the old one leaked or not.
    ChangeKeys(bool),
    /// Reads without a server, and tries to write.
    Offline,
}

/// Names of all of them, with how often they are drawn.
const KINDS: [(&str, u64); 21] = [
    ("create", 5),
    ("share", 8),
    ("invite", 4),
    ("upload", 9),
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
];

#[derive(Clone)]
pub(super) struct Step {
    pub(super) kind: &'static str,
    pub(super) who: usize,
    pub(super) space: SpaceId,
    pub(super) what: What,
}

/// What came of a step.
#[derive(Default)]
pub(super) struct Done {
    pub(super) error: Option<Error>,
    /// The device is another one, or was opened again.
    pub(super) device: Option<(Arc<Rows>, Arc<Session>)>,
    /// Heads that were shown.
    pub(super) heads: Vec<(SpaceId, u64, Hash)>,
}

/// Where the names and contents of new things come from.
pub(super) struct Names<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) made: &'a mut usize,
    pub(super) canary: &'a dyn Fn(&str) -> String,
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

/// A step of this kind; `None` where nobody can take one.
pub(super) fn draw_kind(kind: &'static str, world: &World, people: usize, names: &mut Names<'_>) -> Option<Step> {
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
            let made = Project {
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
        "change keys" => return of_account(anybody, What::ChangeKeys(names.dice.below(2) == 0)),
        "compare words" => {
            let other = (anybody + 1 + usize::from(people > 2 && names.dice.below(2) == 0)) % people;
            return of_account(anybody, What::Compare(other, names.dice.below(3) > 0));
        }
        _ => {}
    }
    let places: Vec<(SpaceId, usize, Role)> = world
        .projects
        .iter()
        .flat_map(|(space, project)| project.members.iter().map(|(who, role)| (*space, *who, *role)))
        .filter(|(_, _, role)| match kind {
            "share" | "invite" | "remove" | "set role" | "rotate" | "relock" => *role == Role::Owner,
            "overreach" => *role < Role::Owner,
            "leave" | "offline" => true,
            _ => *role >= Role::Contributor,
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
        _ => None,
    }
}

impl Step {
    pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
        KINDS.into_iter().map(|(kind, _)| kind)
    }

    /// Whether it can't but end with an error.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self.what, What::Overreach | What::Compare(_, false))
    }

    /// Who else acts in it.
    pub(super) fn other(&self) -> Option<usize> {
        match self.what {
            What::Invite(whom, _) => Some(whom),
            _ => None,
        }
    }

    /// Datasets that it touches.
    pub(super) fn data(&self) -> Vec<String> {
        match &self.what {
            What::Upload(name, _) | What::Restore(name) => vec![name.clone()],
            _ => Vec::new(),
        }
    }

    /// The worlds that it goes through, from the one that is to the one that it leaves.
    pub(super) fn worlds(&self, world: &World, people: &[Person]) -> Vec<World> {
        let mut worlds = vec![world.clone()];
        let mut then = |change: &dyn Fn(&mut World)| {
            let mut next = worlds[worlds.len() - 1].clone();
            change(&mut next);
            worlds.push(next);
        };
        let (who, space) = (self.who, self.space);
        let here = |then: &mut Then<'_>, change: &dyn Fn(&mut Project)| {
            then(&|world: &mut World| change(world.projects.get_mut(&space).expect("the project")));
        };
        match &self.what {
            What::Create(made) => then(&|world| world.made = Some(made.clone())),
            What::Share(whom, role) => here(&mut then, &|project| {
                project.members.insert(*whom, *role);
            }),
            What::Invite(whom, role) => {
                let (mine, theirs) = (people[who].bundle(), people[*whom].bundle());
                then(&|world| {
                    world.checked.insert((*whom, mine));
                });
                then(&|world| {
                    world.checked.insert((who, theirs));
                });
                here(&mut then, &|project| {
                    project.members.insert(*whom, *role);
                });
            }
            What::Upload(name, content) => here(&mut then, &|project| {
                project.data.entry(name.clone()).or_default().push(content.clone());
            }),
            What::Secret(name, value) | What::ChangeSecret(name, value) => here(&mut then, &|project| {
                project.secrets.insert(name.clone(), value.clone());
            }),
            What::Trash(name) => here(&mut then, &|project| {
                project.trashed.insert(name.clone());
            }),
            What::Restore(name) => here(&mut then, &|project| {
                project.trashed.remove(name);
            }),
            What::Rename(name) => here(&mut then, &|project| project.name.clone_from(name)),
            What::Remove(whom) => then(&|world| {
                let project = world.projects.get_mut(&space).expect("the project");
                project.members.remove(whom);
                project.epoch += u32::from(project.encrypted);
                world.left.remove(&(*whom, space));
            }),
            What::SetRole(whom, role) => here(&mut then, &|project| {
                project.members.insert(*whom, *role);
            }),
            What::Leave => then(&|world| {
                world
                    .projects
                    .get_mut(&space)
                    .expect("the project")
                    .members
                    .remove(&who);
                world.left.insert((who, space));
            }),
            What::Rotate => here(&mut then, &|project| project.epoch += 1),
            What::Compare(whom, true) => {
                let theirs = people[*whom].bundle();
                then(&|world| {
                    world.checked.insert((who, theirs));
                });
            }
            _ => {}
        }
        worlds
    }

    /// Takes it.
    pub(super) async fn take(self, people: Vec<Person>, world: World) -> Done {
        let mut done = Done::default();
        let (me, space) = (&people[self.who], self.space);
        let ended = match &self.what {
            What::Unlock => unlock(me, &mut done).await,
            What::Reinstall => reinstall(me, &mut done).await,
            What::Look => look(me, &world, &people, &mut done).await,
            What::Invite(whom, role) => invite(me, &people[*whom], space, *role).await,
            What::Overreach => overreach(me, space, &world).await,
            What::Offline => offline(me, space, &world).await,
            What::Compare(whom, right) => compare(me, &people[*whom], *right).await,
            What::ChangeKeys(leaked) => {
                let key = me.key(me.changes + 1);
                let changed = me
                    .session
                    .change_keys_with(&key, same_cost(*leaked), &Silent, |_| Ok(()));
                match Box::pin(changed).await {
                    Ok(changed) => changed.left.map_or(Ok(()), Err),
                    Err(error) => Err(error),
                }
            }
            What::Upload(name, content) => {
                let version = world.projects[&space].data.get(name).map_or(0, Vec::len);
                Box::pin(me.upload(space, name, version, content)).await
            }
            What::Relock => Box::pin(me.relock(space)).await,
            what => Box::pin(simple(me, space, what, &people)).await,
        };
        done.error = ended.err();
        done
    }
}

/// What is one call.
async fn simple(me: &Person, space: SpaceId, what: &What, people: &[Person]) -> Result<(), Error> {
    let session = &me.session;
    match what {
        What::Create(made) => session.create_project(&made.name, made.encrypted).await.map(drop),
        What::Share(whom, role) => session.share(space, &people[*whom].handle, *role).await.map(drop),
        What::Secret(name, value) => session.add_secret(space, secret(name, value)).await.map(drop),
        What::ChangeSecret(name, value) => {
            let change = |fields: &mut Vec<Field>, _: &mut Audience| {
                fields[0].value = SecretText::new(Zeroizing::new(value.clone()));
                Ok(())
            };
            session.edit_secret(space, name, None, change).await.map(drop)
        }
        What::Trash(name) | What::Restore(name) => {
            let view = session.view(space).await?;
            let mut items = view.space.contents().items().values();
            let item = items.find(|item| item.name == *name);
            let item = item.ok_or_else(|| Error::NotFound {
                what: "item",
                name: name.clone(),
            })?;
            match what {
                What::Trash(_) => session.trash_item(space, item.id).await,
                _ => session.restore_item(space, item.id).await,
            }
        }
        What::Rename(name) => session.rename_project(space, name).await,
        What::Remove(whom) => session
            .remove_member(space, people[*whom].session.principal())
            .await
            .map(drop),
        What::SetRole(whom, role) => session.set_role(space, people[*whom].session.principal(), *role).await,
        What::Leave => session.leave(space).await,
        What::Rotate => session.rotate(space).await,
        _ => unreachable!("it has a function of its own"),
    }
}

async fn unlock(me: &Person, done: &mut Done) -> Result<(), Error> {
    let key = me.session.allow_quick_unlock().await?;
    let session = Box::pin(Session::unlock_quickly(me.own_host(), &key)).await;
    let session = Arc::new(session.expect("opening sends nothing"));
    done.device = Some((me.rows.clone(), session.clone()));
    session.upkeep_all().await.map(drop)
}

async fn reinstall(me: &Person, done: &mut Done) -> Result<(), Error> {
    let rows = Arc::new(Rows::default());
    let mut came = me.sign_in(&rows).await;
    let failed = came.as_ref().err().cloned();
    if failed.is_some() {
        // What the first try left there must not stand in the way of the next.
        me.layer.honest();
        came = me.sign_in(&rows).await;
    }
    let session = came.unwrap_or_else(|error| panic!("{} can't sign in any more: {error}", me.handle));
    done.device = Some((rows, session.clone()));
    match failed {
        Some(error) => Err(error),
        None => session.upkeep_all().await.map(drop),
    }
}

/// Everything that is shown must be of the log, and of the right people.
async fn look(me: &Person, world: &World, people: &[Person], done: &mut Done) -> Result<(), Error> {
    let mut first = None;
    let all = me.session.all_projects().await?;
    for view in &all.views {
        let shown = Shown::of(view);
        let space = shown.space.authority().space();
        done.heads.push((space, shown.seq, shown.head));
        let Some(project) = world
            .projects
            .get(&space)
            .filter(|project| project.role(me.number).is_some())
        else {
            continue;
        };
        for (name, versions) in project.data.iter().filter(|(name, _)| !project.trashed.contains(*name)) {
            for (number, content) in versions.iter().enumerate() {
                match Box::pin(me.download(&shown, name, number)).await {
                    Ok(got) => assert!(got == **content, "what was read is not what was written"),
                    Err(error) => {
                        first.get_or_insert(error);
                    }
                }
            }
        }
    }
    for other in people.iter().filter(|other| other.number != me.number) {
        match me.session.person(&other.handle).await {
            Ok(person) => {
                let own = other.session.account().bundles().expect("the own keys");
                let one_of_them = own.iter().any(|bundle| bundle.hash == person.bundle.hash);
                assert!(one_of_them, "keys are shown as those of {} that are not", other.handle);
            }
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    let trouble = all.trouble.into_iter().map(|trouble| trouble.error).next();
    trouble.or(first).map_or(Ok(()), Err)
}

/// An invitation, handed over outside of the server, answered and completed.
async fn invite(me: &Person, other: &Person, space: SpaceId, role: Role) -> Result<(), Error> {
    let invitation = me.session.invite(space, &other.handle, role).await?;
    let inviter = Box::pin(other.session.accept_invitation(&invitation)).await?;
    assert_eq!(inviter, me.handle);
    let came = Box::pin(me.session.answered_invitations()).await?;
    match came.failed.into_iter().next() {
        Some(error) => Err(error),
        None if came.came.iter().any(|one| one.handle == other.handle) => Ok(()),
        None => Err(Error::NotFound {
            what: "answer to the invitation",
            name: String::new(),
        }),
    }
}

async fn compare(me: &Person, other: &Person, right: bool) -> Result<(), Error> {
    let whose = if right { other } else { me };
    let words = holdfast_crypto::security_words(&whose.session.keyring().current().bundle().fingerprint.0);
    Box::pin(me.session.verify_person(&other.handle, &words.join(" ")))
        .await
        .map(drop)
}

/// Everything that he may not do must be refused; what is refused first is told.
async fn overreach(me: &Person, space: SpaceId, world: &World) -> Result<(), Error> {
    let project = &world.projects[&space];
    let mut first = None;
    let mut refused = |what: &str, ended: Result<(), Error>| match ended {
        Ok(()) => panic!("{} may not {what}, and did", me.handle),
        Err(error) => {
            first.get_or_insert(error);
        }
    };
    refused("rotate", me.session.rotate(space).await);
    refused(
        "promote",
        me.session.set_role(space, me.session.principal(), Role::Owner).await,
    );
    if project.role(me.number) == Some(Role::Reader) {
        refused("rename", me.session.rename_project(space, "taken over").await);
        refused("upload", Box::pin(me.upload(space, "not allowed", 0, b"nothing")).await);
    }
    first.map_or(Ok(()), Err)
}

/// Without a server everything known is shown as such, and nothing is written.
async fn offline(me: &Person, space: SpaceId, world: &World) -> Result<(), Error> {
    let known = &world.projects[&space];
    let view = me.session.view(space).await?;
    assert!(!view.fresh, "nobody was asked, and it is said to be fresh");
    let shown = Shown::of(&view);
    let secrets: BTreeSet<_> = known.secrets.keys().cloned().collect();
    let items = shown.space.contents().items().values();
    let seen: BTreeSet<_> = items
        .filter(|item| item.kind == ItemKind::Secret)
        .map(|item| item.name.clone())
        .collect();
    assert_eq!(seen, secrets, "what is known is shown without a server");
    match me.session.rename_project(space, "without a server").await {
        Err(Error::Unreachable(_)) => Ok(()),
        Err(other) => Err(other),
        Ok(()) => panic!("it was renamed without a server"),
    }
}
