//! Moving to another server: the account with all of its keys, the vault, and every project that nobody else was ever in.
//!
//! Everything is copied as it is, sealed and signed; the new server checks it by the same rules as if it had been made
//! there. On this device nothing changes before all of it is there and was read back; then the account's record gets the
//! new address in one write. Stopped at any point, the same move again goes on where it was: what is there is asked of the
//! new server, not remembered. The old server keeps what it has.

mod arrive;
mod log;
mod packs;

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_protocol::entry::Body;
use holdfast_protocol::id::{ItemId, SpaceId};
use holdfast_protocol::item::Content;
use holdfast_protocol::replay::Space;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::error::{Error, Result};
use crate::ports::{Change, Progress, Transport, Unreachable};
use crate::session::{Host, Session, TOKENS};
use crate::spaces::{Draft, ENTRIES, HEADS, View};
use crate::transfer;

/// Times that it looks again because something changed at the old server meanwhile.
const ROUNDS: usize = 8;

/// What would move, and what would not.
pub struct RelocationPlan {
    /// The vault, then the projects that nobody else was ever in.
    pub moving: Vec<Arc<Space>>,
    /// The other projects.
    pub staying: Vec<Staying>,
    /// Uploads that were begun on this device and not finished: they keep it from moving.
    pub uploads: usize,
}

/// A project that can't come along.
#[derive(Debug, Clone)]
pub struct Staying {
    /// Which.
    pub space: SpaceId,
    /// Its name, where it can be read.
    pub name: Option<String>,
    /// Stable word: `shared` (somebody else is or was in it), `left` (this user is not in it any more), or the code of what
    /// is wrong with it.
    pub why: String,
}

/// How a move ended.
#[derive(Debug, Clone)]
pub struct Relocated {
    /// The new server's address.
    pub server: String,
    /// Projects that moved, the vault not counted.
    pub projects: usize,
    /// Entries of all logs.
    pub entries: u64,
    /// Packs.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Projects that stayed behind.
    pub left: Vec<Staying>,
    /// Whether the Recovery Kit works there too.
    pub kit: bool,
}

impl RelocationPlan {
    /// Entries of all logs that move.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.moving.iter().map(|space| space.authority().seq() + 1).sum()
    }

    /// Packs that move, and their bytes.
    #[must_use]
    pub fn packs(&self) -> (u64, u64) {
        let packs = self.moving.iter().flat_map(|space| live_packs(space));
        packs.fold((0, 0), |(count, bytes), (_, pack)| (count + 1, bytes + pack.bytes))
    }
}

pub(crate) fn live_packs(
    space: &Space,
) -> impl Iterator<Item = (&holdfast_protocol::id::PackId, &holdfast_protocol::replay::Pack)> {
    let packs = space.authority().packs().iter();
    packs.filter(|(_, pack)| pack.dropped_seq.is_none())
}

impl Session {
    /// What would move to another server, and what would not. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Unreachable`]: what is to be moved must be known to be the newest; and see [`Session::view`].
    pub async fn relocation_plan(&self) -> Result<RelocationPlan> {
        self.check_account().await?;
        let mut moving = vec![fresh(self.vault().await?)?];
        let all = self.all_projects().await?;
        let mut staying: Vec<Staying> = all
            .trouble
            .into_iter()
            .map(|trouble| Staying {
                space: trouble.space,
                name: trouble.name,
                why: trouble.error.code().to_owned(),
            })
            .collect();
        for view in all.views {
            let space = fresh(view)?;
            let authority = space.authority();
            let alone = authority.members().len() == 1 && authority.former_members().is_empty();
            let why = match authority.role(self.principal()) {
                None => "left",
                Some(_) if !alone => "shared",
                Some(_) => {
                    moving.push(space);
                    continue;
                }
            };
            staying.push(Staying {
                space: authority.space(),
                name: Some(space.contents().name().to_owned()),
                why: why.to_owned(),
            });
        }
        Ok(RelocationPlan {
            moving,
            staying,
            uploads: transfer::pending(&self.journal()).await?.len(),
        })
    }

    /// Moves to another server. Gives the session over the new one; this one is over and must not be used any more.
    ///
    /// With `leave_behind`, projects that can't come along stay at the old server and this device forgets them.
    ///
    /// # Errors
    /// [`Error::CannotMove`] with the projects that can't come along, or when the handle is taken there;
    /// [`Error::NotAllowed`] when that server takes no new accounts; [`Error::Full`]. Whatever happens, this device still
    /// belongs to the old server, and nothing there was changed but that the vault forgets what stays behind.
    pub async fn relocate(
        &self,
        to: Arc<dyn Transport>,
        leave_behind: bool,
        progress: &Arc<dyn Progress>,
        cancel: &CancellationToken,
    ) -> Result<(Self, Relocated)> {
        if to.origin() == self.account().server {
            return Err(Error::Invalid(format!("The account is at {} already.", to.origin())));
        }
        Api::anonymous(to.clone()).info().await?;
        let mut plan = self.relocation_plan().await?;
        may_go(&plan, leave_behind)?;
        let there = Host {
            transport: to,
            store: self.host.store.clone(),
            clock: self.host.clock.clone(),
        };
        let api = self.arrive(&there).await?;
        let copier = packs::Copier::new(&self.api, &api, plan.packs().1, progress, cancel);
        let mut rounds = 0;
        loop {
            if self.forget_pins(&plan.staying).await? {
                plan = self.relocation_plan().await?;
                may_go(&plan, leave_behind)?;
            }
            self.copy_all(&plan, &api, &copier, cancel).await?;
            // Another device may have gone on at the old server meanwhile.
            let now = self.relocation_plan().await?;
            may_go(&now, leave_behind)?;
            if heads(&now) == heads(&plan) && !self.has_pins(&now.staying).await? {
                break;
            }
            plan = now;
            rounds += 1;
            if rounds >= ROUNDS {
                return Err(Error::Conflict(
                    "Another of your devices changes something all the time. Stop it, then move again.".into(),
                ));
            }
        }
        let kit = self.bring_recovery(&api).await?;
        self.compare_heads(&plan, &api).await?;
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let session = self.switch(there, &plan).await?;
        // Its tokens were for the move alone.
        let _ = api.sign_out().await;
        let (packs, bytes) = plan.packs();
        let done = Relocated {
            server: session.account().server,
            projects: plan.moving.len() - 1,
            entries: plan.entries(),
            packs,
            bytes,
            left: plan.staying,
            kit,
        };
        Ok((session, done))
    }

    /// Writes the new address: from here on this device belongs to the new server.
    async fn switch(&self, there: Host, plan: &RelocationPlan) -> Result<Self> {
        let account = self.account().at(there.transport.as_ref());
        let keyring = self.keyring();
        let device_key = self.rows.device_key().duplicate();
        let mut changes = account.rows(keyring.current().prk(), &device_key)?;
        changes.push(Change::Delete(TOKENS, b"current".to_vec()));
        changes.extend(self.forget_directory().await?);
        for left in &plan.staying {
            changes.push(Change::Delete(HEADS, left.space.as_bytes().to_vec()));
            let entries = self.host.store.list(ENTRIES, left.space.as_bytes()).await?;
            changes.extend(entries.into_keys().map(|key| Change::Delete(ENTRIES, key)));
        }
        self.write(changes).await?;
        let chain = account.bundles()?;
        Ok(Self::assemble_over(there, account, keyring, device_key, chain))
    }

    /// Whether the vault remembers how far these spaces were seen.
    async fn has_pins(&self, staying: &[Staying]) -> Result<bool> {
        let pins = self.vault_pins().await?;
        Ok(pins
            .iter()
            .any(|pin| staying.iter().any(|left| left.space == pin.space)))
    }

    /// Takes what stays behind out of the vault: a server that has never had it could not show it. Says whether there was
    /// anything.
    async fn forget_pins(&self, staying: &[Staying]) -> Result<bool> {
        if !self.has_pins(staying).await? {
            return Ok(false);
        }
        self.append(self.account().vault, |vault| {
            let items = vault.contents().items().values();
            let purged: Vec<ItemId> = items
                .filter(|item| match item.versions.last().map(|version| &version.content) {
                    Some(Content::SpaceHead { pin }) => staying.iter().any(|left| left.space == pin.space),
                    _ => false,
                })
                .map(|item| item.id)
                .collect();
            let body = Body {
                purged,
                ..Body::default()
            };
            Ok(Draft::commit(body, Vec::new(), Vec::new()))
        })
        .await?;
        Ok(true)
    }
}

fn fresh(view: View) -> Result<Arc<Space>> {
    match view.fresh {
        true => Ok(view.space),
        false => Err(Error::Unreachable(Unreachable::silent("it went away"))),
    }
}

fn heads(plan: &RelocationPlan) -> BTreeMap<SpaceId, holdfast_protocol::id::Hash> {
    let moving = plan.moving.iter().map(|space| space.authority());
    moving.map(|authority| (authority.space(), authority.head())).collect()
}

fn may_go(plan: &RelocationPlan, leave_behind: bool) -> Result<()> {
    if plan.uploads > 0 {
        return Err(Error::CannotMove(
            "An upload was begun here and not finished. Run the same upload again until it is, then move.".into(),
        ));
    }
    if plan.staying.is_empty() || leave_behind {
        return Ok(());
    }
    let named: Vec<String> = plan
        .staying
        .iter()
        .map(|left| {
            let name = left.name.clone().unwrap_or_else(|| left.space.to_string());
            match left.why.as_str() {
                "shared" => format!("\"{name}\" (somebody else is or was in it)"),
                "left" => format!("\"{name}\" (you are not in it any more)"),
                code => format!("\"{name}\" ({code})"),
            }
        })
        .collect();
    Err(Error::CannotMove(format!(
        "These projects can't come along: {}. Whoever runs the server can move all of it with `holdfast backup` and `holdfast \
         restore`; or leave them where they are with --leave-behind.",
        named.join(", ")
    )))
}
