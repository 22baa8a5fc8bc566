//! Projects and who is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_crypto::Key32;
use holdfast_protocol::KeyField;
use holdfast_protocol::bundle::VerifiedBundle;
use holdfast_protocol::entry::{Body, Op, Role, SpaceKind};
use holdfast_protocol::id::{PrincipalId, SpaceId};
use holdfast_protocol::item::ItemKind;
use holdfast_protocol::replay::{BundleSource, Space};

use crate::browse::outside;
use crate::error::{Error, Result};
use crate::people::Person;
use crate::ports::{Progress, Silent, Stage, Step};
use crate::session::Session;
use crate::spaces::{Draft, Sealable, View};
use crate::{genesis, rng};

/// How old the vault's copy of a pin may grow.
const PIN_EVERY_MS: u64 = 24 * 60 * 60 * 1000;

/// Times that a renewal is tried again after somebody else changed the members or rights.
const RENEWAL_TRIES: usize = 3;

/// What somebody who is removed could open: his to keep, the owner's to change.
#[derive(Debug, Clone, Default)]
pub struct CouldOpen {
    /// Items other than secrets.
    pub items: Vec<Opened>,
    /// Names of secrets, which should be changed where they come from. What is in the trash could be opened as well.
    pub secrets: Vec<String>,
}

/// An item that somebody could open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opened {
    /// What kind.
    pub kind: ItemKind,
    /// Its name.
    pub name: String,
    /// Whether everything of this name is in the trash.
    pub trashed: bool,
}

/// What happened when keys were due for renewal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Spaces in which this user's newer keys were stated.
    pub rewrapped: usize,
    /// Spaces that got a new epoch because somebody had left.
    pub rotated: usize,
}

/// Projects, and what is wrong with those that can't be shown.
#[derive(Default)]
pub struct Projects {
    /// Those that are as they should be.
    pub views: Vec<View>,
    /// The others.
    pub trouble: Vec<Trouble>,
}

/// A project that can't be shown.
pub struct Trouble {
    /// Which.
    pub space: SpaceId,
    /// Its name, where this device has seen it before.
    pub name: Option<String>,
    /// Whether a device of this user has seen it before; else somebody just let him in.
    pub seen: bool,
    /// Why not.
    pub error: Error,
    /// The project as this device saw it last, if it did.
    pub known: Option<View>,
}

impl Session {
    /// Makes a project.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_project(&self, name: &str, encrypted: bool) -> Result<Arc<Space>> {
        let space = self.create_space(SpaceKind::Project, encrypted, name).await?;
        self.remember_head(&space).await?;
        Ok(space)
    }

    /// The projects of this user: those the server lists and those this user's devices have seen.
    ///
    /// # Errors
    /// See [`Session::view`], for projects that were seen before; an unreachable server is no error here.
    pub async fn projects(&self) -> Result<Vec<View>> {
        let all = self.all_projects().await?;
        match all.trouble.into_iter().find(|trouble| trouble.seen) {
            Some(trouble) => Err(trouble.error),
            None => Ok(all.views),
        }
    }

    /// The projects of this user, and apart from them those that can't be shown: anybody can make a project that no client
    /// takes and let anybody into it, and that must not stand in the way of all others.
    ///
    /// # Errors
    /// What concerns all of them.
    pub async fn all_projects(&self) -> Result<Projects> {
        let vault = self.account().vault;
        // First of all what other devices have seen since.
        match self.view(vault).await {
            Ok(_) | Err(Error::Unreachable(_)) => {}
            // Some of it is said only once, and what the vault says concerns all projects.
            Err(other) => return Err(other),
        }
        let mut seen: BTreeSet<SpaceId> = self.known_spaces().await?.into_iter().collect();
        // A server that leaves out what another device has seen is asked for it.
        seen.extend(self.vault_pins().await?.into_iter().map(|pin| pin.space));
        let mut ids = seen.clone();
        let online = match self.api.spaces().await {
            Ok(heads) => {
                ids.extend(heads.into_iter().map(|head| head.space));
                true
            }
            Err(Error::Unreachable(_)) => false,
            Err(other) => return Err(other),
        };
        ids.remove(&vault);
        let mut all = Projects::default();
        for id in ids {
            match self.view(id).await {
                Ok(view) if view.space.authority().core().kind == SpaceKind::Project => all.views.push(view),
                Ok(_) => {}
                // Seen by another device only, and nobody to ask.
                Err(Error::Unreachable(_)) if !online => {}
                Err(error) if concerns_one(&error) => {
                    let known = self.known(id).await.ok().flatten();
                    all.trouble.push(Trouble {
                        space: id,
                        name: known.as_ref().map(|space| space.contents().name().to_owned()),
                        seen: seen.contains(&id),
                        error,
                        known: known.map(|space| View { space, fresh: false }),
                    });
                }
                Err(other) => return Err(other),
            }
        }
        Ok(all)
    }

    /// Lets somebody in. Her keys are those that were pinned and, if they were checked, checked.
    ///
    /// # Errors
    /// [`Error::KeysChanged`] when the server shows other keys than the pinned ones; nothing is wrapped then.
    pub async fn share(&self, id: SpaceId, handle: &str, role: Role) -> Result<Person> {
        let person = self.person(handle).await?;
        if person.bundle.bundle.principal == self.principal() {
            return Err(Error::AlreadyExists("That is you: you are in it already.".into()));
        }
        if let Err(error) = self.witnessed(&person).await {
            self.forget_unused(handle).await?;
            return Err(error);
        }
        if !person.pinned {
            // Before the key is wrapped: stopped in between, nothing would hold the next answer against these keys. And a
            // device that has never seen this person must not take keys from before a change that this one relied on.
            self.pin_person(&person.bundle, person.state).await?;
        }
        self.share_with(id, &person.bundle, role).await?;
        Ok(person)
    }

    /// Lets in whoever has these verified keys.
    pub(crate) async fn share_with(&self, id: SpaceId, bundle: &VerifiedBundle, role: Role) -> Result<()> {
        self.insert(vec![bundle.clone()]);
        let principal = bundle.bundle.principal;
        let space = self
            .append(id, |space| {
                if let Some(member) = space.authority().members().get(&principal) {
                    return Err(Error::AlreadyExists(format!(
                        "{} is already a member ({:?}).",
                        bundle.bundle.handle, member.role
                    )));
                }
                let wrap = match space.authority().core().encrypted {
                    false => None,
                    true => Some(self.wrap_current(space, bundle)?),
                };
                Ok(Draft::authority(Op::Add {
                    principal,
                    bundle: bundle.hash,
                    fingerprint: bundle.fingerprint,
                    role,
                    wrap,
                }))
            })
            .await?;
        self.remember_head(&space).await
    }

    pub(crate) fn wrap_current(&self, space: &Space, to: &VerifiedBundle) -> Result<holdfast_protocol::entry::Wrap> {
        let authority = space.authority();
        let key = space.current_key().ok_or_else(no_key)?;
        let author = self.counted_bundle(space)?;
        genesis::wrap_to(authority.space(), authority.epoch(), key.key(), to, author)
    }

    pub(crate) fn counted_bundle(&self, space: &Space) -> Result<holdfast_protocol::id::Hash> {
        space
            .authority()
            .members()
            .get(&self.principal())
            .map(|me| me.bundle)
            .ok_or_else(outside)
    }

    /// Changes what a member may do.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_role(&self, id: SpaceId, principal: PrincipalId, role: Role) -> Result<()> {
        let space = self
            .append(id, |_| Ok(Draft::authority(Op::SetRole { principal, role })))
            .await?;
        self.remember_head(&space).await
    }

    /// Puts somebody out and, in an encrypted project, opens the next epoch in the same entry.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove_member(&self, id: SpaceId, principal: PrincipalId) -> Result<CouldOpen> {
        let mut could_open = CouldOpen::default();
        let space = self
            .append(id, |space| {
                could_open = could_open_in(space);
                if !space.authority().core().encrypted {
                    return Ok(Draft::authority(Op::Remove { principal, epoch: None }));
                }
                let mut draft = self.next_epoch(space, Some(principal))?;
                let epoch = draft.op.next_epoch().cloned();
                draft.op = Op::Remove { principal, epoch };
                Ok(draft)
            })
            .await?;
        self.remember_head(&space).await?;
        Ok(could_open)
    }

    /// Leaves a project.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for the last owner.
    pub async fn leave(&self, id: SpaceId) -> Result<()> {
        // The server stops serving the log at this entry, so it is read back like any other.
        self.append(id, |_| Ok(Draft::authority(Op::Leave {})))
            .await
            .map(|_| ())
    }

    /// Opens the next epoch with the same members.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] in a standard project, which has one epoch for ever.
    pub async fn rotate(&self, id: SpaceId) -> Result<()> {
        self.append(id, |space| self.next_epoch(space, None)).await.map(|_| ())
    }

    /// A draft that opens the next epoch for everybody but `without`.
    pub(crate) fn next_epoch(&self, space: &Space, without: Option<PrincipalId>) -> Result<Draft> {
        let authority = space.authority();
        if !authority.core().encrypted {
            return Err(Error::NotAllowed(
                "a project that is not encrypted has no key to renew".into(),
            ));
        }
        let previous: KeyField = space.current_key().ok_or_else(no_key)?.clone();
        let bundles = self.bundles();
        let recipients = authority.recipients(self.now_ms());
        let recipients = recipients
            .iter()
            .filter(|(principal, _)| Some(**principal) != without)
            .map(|(_, bundle)| bundles.bundle(bundle).ok_or_else(|| Error::damaged("a member's keys")))
            .collect::<Result<Vec<_>>>()?;
        let key = Key32::random(&mut rng());
        let author = self.counted_bundle(space)?;
        let epoch = genesis::open_epoch(authority.space(), authority.epoch() + 1, &key, recipients, author)?;
        Ok(Draft {
            op: Op::Rotate { epoch },
            body: Some(Sealable::Content(Body {
                previous_key: Some(previous),
                ..Body::default()
            })),
            opens: Some(key),
        })
    }

    /// Does what is due in one space: states this user's newer keys; opens a new epoch after somebody left, and after this
    /// user's keys leaked.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn upkeep(&self, id: SpaceId) -> Result<Upkeep> {
        let mut done = Upkeep::default();
        let mut space = self.sync(id).await?;
        let Some(me) = space.authority().members().get(&self.principal()) else {
            return Ok(done);
        };
        let current = self.keyring().current().bundle().clone();
        if me.bundle != current.hash {
            let stated = self
                .append(id, |space| {
                    if self.counted_bundle(space)? == current.hash {
                        return Err(done_elsewhere());
                    }
                    let wrap = match space.authority().core().encrypted {
                        false => None,
                        true => {
                            let key = space.current_key().ok_or_else(no_key)?;
                            let epoch = space.authority().epoch();
                            // The author of a rewrap is the newer bundle itself.
                            Some(genesis::wrap_to(id, epoch, key.key(), &current, current.hash)?)
                        }
                    };
                    Ok(Draft::authority(Op::Rewrap { wrap }))
                })
                .await;
            space = match stated {
                Ok(space) => {
                    done.rewrapped += 1;
                    space
                }
                // Another device of this user, or somebody else's change: what is left is due the next time.
                Err(Error::Conflict(_)) => self.sync(id).await?,
                Err(other) => return Err(other),
            };
        }
        for _ in 0..RENEWAL_TRIES {
            if !self.renewal_due(&space).await? {
                break;
            }
            let before = space.authority().epoch();
            let renewed = self.append(id, |space| {
                if space.authority().epoch() != before {
                    return Err(done_elsewhere());
                }
                self.next_epoch(space, None)
            });
            match renewed.await {
                Ok(_) => {
                    done.rotated += 1;
                    break;
                }
                // Judged again: it may be done by now.
                Err(Error::Conflict(_)) => space = self.sync(id).await?,
                Err(other) => return Err(other),
            }
        }
        Ok(done)
    }

    /// Whether this user should open a new epoch: somebody left, or the current one is from before a leak.
    async fn renewal_due(&self, space: &Space) -> Result<bool> {
        let authority = space.authority();
        let Some(me) = authority.members().get(&self.principal()) else {
            return Ok(false);
        };
        if !authority.core().encrypted || me.role != Role::Owner {
            return Ok(false);
        }
        if authority.rotation_due(self.now_ms()) {
            return Ok(true);
        }
        let renew_from = self.profile().await?.and_then(|(_, renew_from)| renew_from);
        let counter = self.keyring().current().bundle().bundle.counter;
        Ok(renew_from.is_some_and(|from| from <= counter) && authority.epoch_seq() < me.bundle_seq)
    }

    /// Does what is due in all spaces; called after each unlock, so that any device finishes what another began.
    ///
    /// # Errors
    /// See [`Error`]; what is wrong with one project is said at the end, and keeps no other from its new keys.
    pub async fn upkeep_all(&self) -> Result<Upkeep> {
        let (done, trouble) = self.upkeep_each().await?;
        match trouble.into_iter().find(|trouble| trouble.seen) {
            Some(trouble) => Err(trouble.error),
            None => Ok(done),
        }
    }

    /// As [`Session::upkeep_all`], with what is wrong with single projects beside what was done in the others.
    ///
    /// # Errors
    /// What concerns the account or its vault, and so everything.
    pub async fn upkeep_each(&self) -> Result<(Upkeep, Vec<Trouble>)> {
        self.upkeep_telling(&Silent).await
    }

    /// The same, and says how many projects are done.
    pub(crate) async fn upkeep_telling(&self, progress: &dyn Progress) -> Result<(Upkeep, Vec<Trouble>)> {
        let vault = self.account().vault;
        let mut total = self.upkeep(vault).await?;
        // Fetched just now.
        if let Some(space) = self.known(vault).await? {
            self.expire_trash(&space).await?;
        }
        let Projects { views, mut trouble } = self.all_projects().await?;
        let projects = views.len() as u64;
        for (done, view) in (0..).zip(views) {
            progress.report(Step {
                done,
                total: projects,
                ..Step::at(Stage::Rewrapping)
            });
            match self.upkeep_of(&view).await {
                Ok(done) => {
                    total.rewrapped += done.rewrapped;
                    total.rotated += done.rotated;
                }
                Err(error) if concerns_one(&error) => {
                    // Each project has a pin in the vault: if that is what is wrong, nothing is right.
                    self.sync(vault).await?;
                    trouble.push(Trouble {
                        space: view.space.authority().space(),
                        name: Some(view.space.contents().name().to_owned()),
                        seen: true,
                        error,
                        known: Some(view),
                    });
                }
                Err(other) => return Err(other),
            }
        }
        Ok((total, trouble))
    }

    /// What is due in one project that was looked at just now.
    async fn upkeep_of(&self, view: &View) -> Result<Upkeep> {
        let authority = view.space.authority();
        let id = authority.space();
        // Once a day is enough for the copy in the vault: each is an entry there.
        let pin = self.vault_pins().await?.into_iter().find(|pin| pin.space == id);
        if view.fresh
            && pin
                .is_none_or(|pin| pin.seq < authority.seq() && pin.seen_ms.saturating_add(PIN_EVERY_MS) < self.now_ms())
        {
            self.remember_head(&view.space).await?;
        }
        let Some(me) = authority.members().get(&self.principal()) else {
            return Ok(Upkeep::default());
        };
        if view.fresh {
            self.expire_trash(&view.space).await?;
        }
        let stated = me.bundle == self.keyring().current().bundle().hash;
        if stated && !self.renewal_due(&view.space).await? {
            return Ok(Upkeep::default());
        }
        self.upkeep(id).await
    }
}

/// Whether an error is about the one project that was asked for, and says nothing about the others.
fn concerns_one(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused(_)
            | Error::Damaged { .. }
            | Error::History(_)
            | Error::KeysChanged(_)
            | Error::Directory { .. }
            | Error::NotFound { .. }
    )
}

/// What every member of a space can open.
pub(crate) fn could_open_in(space: &Space) -> CouldOpen {
    let (mut items, mut secrets) = (BTreeMap::new(), BTreeSet::new());
    for item in space.contents().items().values() {
        if item.kind == ItemKind::Secret {
            secrets.insert(item.name.clone());
        } else {
            // A name may be in the trash beside the thing that has it now: said once.
            let trashed = items.entry((item.kind, item.name.clone())).or_insert(true);
            *trashed &= item.trashed_ms.is_some();
        }
    }
    CouldOpen {
        items: items
            .into_iter()
            .map(|((kind, name), trashed)| Opened { kind, name, trashed })
            .collect(),
        secrets: secrets.into_iter().collect(),
    }
}

fn done_elsewhere() -> Error {
    Error::Conflict("Another device did this at the same time.".into())
}

pub(crate) fn no_key() -> Error {
    Error::NotAllowed("this device has no key to the current state of the project".into())
}
