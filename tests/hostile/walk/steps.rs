//! What people do.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_engine::ports::Silent;
use holdfast_engine::{Error, Session};
use holdfast_protocol::SecretText;
use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::id::{Hash, RunId, SpaceId};
use holdfast_protocol::item::{Audience, Field, ItemKind};
use zeroize::Zeroizing;

use super::model::{Order, Project, Shown, Stand, World};
use super::nodes::{self, Node, Worked};
use super::person::{Person, same_cost};
use crate::rows::Rows;
use crate::scene::secret;

/// Adds a world: the last one after a change.
type Then<'a> = dyn FnMut(&dyn Fn(&mut World)) + 'a;

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
    /// Does what nobody may who is no owner, or no writer.
    Overreach,
    /// Locks and opens quickly.
    Unlock,
    /// A new device comes in the place of the old one.
    Reinstall,
    /// Another Master Key; the old one leaked or not.
    ChangeKeys(bool),
    /// Reads without a server, and tries to write.
    Offline,
    /// A computer becomes a node.
    Enrol(Box<Node>),
    Authorise(usize, NodeScope),
    WithdrawNode(usize),
    Order(Order),
    WithdrawRun(RunId),
    /// A node takes its turn; what it is to do succeeds or not.
    Work(bool),
    TakeOver,
}

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
    pub(super) worked: Worked,
}

impl Step {
    /// Whether it can't but end with an error.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self.what, What::Overreach | What::Compare(_, false))
    }

    /// Who else acts in it.
    pub(super) fn other(&self) -> Option<usize> {
        match &self.what {
            What::Invite(whom, _) | What::Authorise(whom, _) => Some(*whom),
            What::Enrol(node) => Some(node.number),
            _ => None,
        }
    }

    /// A computer that becomes a node.
    pub(super) fn computer(&self) -> Option<&Node> {
        match &self.what {
            What::Enrol(computer) => Some(computer),
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
                project.goes(*whom);
                project.epoch += u32::from(project.encrypted);
                world.left.remove(&(*whom, space));
            }),
            What::SetRole(whom, role) => here(&mut then, &|project| {
                project.members.insert(*whom, *role);
            }),
            What::Leave => then(&|world| {
                world.projects.get_mut(&space).expect("the project").goes(who);
                world.left.insert((who, space));
            }),
            What::Authorise(node, scope) => here(&mut then, &|project| {
                project.nodes.insert(*node, (*scope, who));
            }),
            What::WithdrawNode(node) => here(&mut then, &|project| {
                let had = project.nodes.remove(node).map(|(scope, _)| scope);
                project.epoch += u32::from(project.encrypted && had == Some(NodeScope::Project));
            }),
            What::Order(order) => then(&|world| world.ordered = Some((space, order.clone()))),
            What::WithdrawRun(run) => here(&mut then, &|project| {
                project.runs.get_mut(run).expect("the run").stand = Stand::Withdrawn;
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
        let project = world.projects.get(&space);
        if project.is_some_and(|project| project.role(who) == Some(Role::Owner)) && self.renews() {
            let last = worlds.last_mut().expect("the one that is");
            last.left.retain(|(_, left)| *left != space);
        }
        worlds
    }

    /// Whether an owner who does this has renewed the key first, where somebody has left.
    fn renews(&self) -> bool {
        matches!(
            self.what,
            What::Upload(..)
                | What::Secret(..)
                | What::ChangeSecret(..)
                | What::Trash(_)
                | What::Restore(_)
                | What::Rename(_)
                | What::Order(_)
                | What::Remove(_)
                | What::Rotate
        )
    }

    /// Takes it.
    pub(super) async fn take(self, people: Vec<Person>, nodes: Vec<Node>, world: World) -> Done {
        let mut done = Done::default();
        let node = |number: usize| &nodes[number - people.len()];
        if let What::Work(succeeds) = self.what {
            let worked = Box::pin(nodes::work(node(self.who), &world, succeeds, &mut done.worked));
            done.error = worked.await.err();
            return done;
        }
        let (me, space) = (&people[self.who], self.space);
        let ended = match &self.what {
            What::Enrol(computer) => nodes::enrol(me, (**computer).clone(), &mut done.worked).await,
            What::Authorise(which, scope) => nodes::authorise(me, node(*which), space, *scope).await,
            What::WithdrawNode(which) => {
                let node = node(*which).session().principal();
                me.session.withdraw_node(space, node).await.map(drop)
            }
            What::Order(order) => nodes::order(me, node(order.node), space, order).await,
            What::WithdrawRun(run) => me.session.withdraw_run(space, *run).await,
            What::TakeOver => nodes::take_over(me, space).await,
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

/// Everything that he may not do must be refused, and for that reason; what is refused first is told, or what is refused for another.
async fn overreach(me: &Person, space: SpaceId, world: &World) -> Result<(), Error> {
    let project = &world.projects[&space];
    let mut first = None;
    let mut refused = |what: &str, ended: Result<(), Error>| match ended {
        Ok(()) => panic!("{} may not {what}, and did", me.handle),
        Err(error) => {
            let is_other = |first: &Error| first.code() == "not-allowed" && error.code() != "not-allowed";
            if first.as_ref().is_none_or(is_other) {
                first = Some(error);
            }
        }
    };
    if project.encrypted {
        refused("rotate", me.session.rotate(space).await);
    }
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
