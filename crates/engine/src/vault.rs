//! A user's vault: the space of which nobody else is a member, and the bookkeeping that every device of theirs shares through it. What it
//! holds of people is pinned in [`crate::people`].

use holdfast_protocol::entry::{Body, SpaceKind};
use holdfast_protocol::id::{ItemId, SpaceId, VersionId};
use holdfast_protocol::item::{Content, Item, ItemKind, PersonPin, SpacePin, Version};
use holdfast_protocol::replay::Space;

use crate::error::{Error, Result};
use crate::rng;
use crate::session::Session;
use crate::spaces::{Draft, View};

impl Session {
    /// The user's vault.
    ///
    /// # Errors
    /// See [`Session::view`].
    pub async fn vault(&self) -> Result<View> {
        let view = self.view(self.account().vault).await?;
        let core = view.space.authority().core();
        if core.kind != SpaceKind::Vault || core.creator != self.principal() {
            return Err(Error::History("The server shows another vault than yours.".into()));
        }
        Ok(view)
    }

    /// The people whose keys are pinned.
    pub(crate) async fn person_pins(&self) -> Result<Vec<PersonPin>> {
        if !self.account().has_vault() {
            return Ok(Vec::new());
        }
        Ok(pins_in(&self.vault().await?.space))
    }

    /// Puts one piece of bookkeeping into the vault: in the place of the one for which `instead` gives what it becomes, else
    /// as a new item that holds `new`.
    pub(crate) async fn keep_in_vault(
        &self,
        kind: ItemKind,
        name: &str,
        instead: impl Fn(&Content) -> Result<Option<Content>> + Send + Sync,
        new: &Content,
    ) -> Result<()> {
        let (me, now) = (self.principal(), self.now_ms());
        self.append(self.account().vault, |vault| {
            let mut old = None;
            let mut content = new.clone();
            for item in vault.contents().items().values() {
                let Some(version) = item.versions.last() else { continue };
                if let Some(becomes) = instead(&version.content)? {
                    (old, content) = (Some(item), becomes);
                    break;
                }
            }
            let version = Version {
                id: VersionId::random(&mut rng()),
                author: me,
                created_ms: now,
                note: String::new(),
                content,
            };
            let item = match old {
                Some(old) => Item {
                    name: name.to_owned(),
                    versions: vec![version],
                    ..old.clone()
                },
                None => Item {
                    id: ItemId::random(&mut rng()),
                    kind,
                    name: name.to_owned(),
                    description: String::new(),
                    tags: Vec::new(),
                    created_ms: now,
                    trashed_ms: None,
                    chunk_id_key: None,
                    versions: vec![version],
                    secret_type: None,
                    expires_ms: None,
                },
            };
            Ok(Draft::commit(
                Body {
                    put: vec![item],
                    ..Body::default()
                },
                Vec::new(),
                Vec::new(),
            ))
        })
        .await
        .map(|_| ())
    }

    /// How far any of this user's devices has seen a space, as the vault remembers it.
    pub(crate) async fn vault_pin(&self, id: SpaceId) -> Result<Option<SpacePin>> {
        if id == self.account().vault {
            return Ok(None);
        }
        Ok(Box::pin(self.vault_pins())
            .await?
            .into_iter()
            .find(|pin| pin.space == id))
    }

    /// Remembers in the vault how far this space was seen, so that another device notices an older copy. Pins only move
    /// forward: another device may have seen more.
    pub(crate) async fn remember_head(&self, space: &Space) -> Result<()> {
        let authority = space.authority();
        let pin = SpacePin {
            space: authority.space(),
            seq: authority.seq(),
            head: authority.head(),
            epoch: authority.epoch(),
            seen_ms: self.now_ms(),
        };
        let instead = |old: &Content| match old {
            Content::SpaceHead { pin: old } if old.space == pin.space => {
                if old.seq == pin.seq && old.head != pin.head {
                    return Err(Error::History(
                        "The server's history does not fit what another of your devices saw of this project.".into(),
                    ));
                }
                let newer = if old.seq > pin.seq { old } else { &pin };
                Ok(Some(Content::SpaceHead { pin: newer.clone() }))
            }
            _ => Ok(None),
        };
        self.keep_in_vault(
            ItemKind::SpaceHead,
            &pin.space.to_string(),
            instead,
            &Content::SpaceHead { pin: pin.clone() },
        )
        .await
    }

    /// The spaces that any of this user's devices has seen, as the vault on this device remembers them.
    pub(crate) async fn vault_pins(&self) -> Result<Vec<SpacePin>> {
        let Some(vault) = self.known(self.account().vault).await? else {
            return Ok(Vec::new());
        };
        Ok(kept_in(&vault)
            .filter_map(|kept| match kept {
                Content::SpaceHead { pin } => Some(pin.clone()),
                _ => None,
            })
            .collect())
    }

    /// The name this user goes by.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn display_name(&self) -> Result<Option<String>> {
        Ok(self.profile().await?.map(|(display_name, _)| display_name))
    }

    /// Name, and the bundle counter from which epochs are renewed after a leak.
    pub(crate) async fn profile(&self) -> Result<Option<(String, Option<u32>)>> {
        let vault = self.vault().await?;
        Ok(kept_in(&vault.space).find_map(|kept| match kept {
            Content::Profile {
                display_name,
                renew_from,
            } => Some((display_name.clone(), *renew_from)),
            _ => None,
        }))
    }

    pub(crate) async fn set_profile(&self, name: &str, renew_from: Option<u32>) -> Result<()> {
        let content = Content::Profile {
            display_name: name.to_owned(),
            renew_from,
        };
        let instead = |old: &Content| Ok(matches!(old, Content::Profile { .. }).then(|| content.clone()));
        self.keep_in_vault(ItemKind::Profile, "Profile", instead, &content)
            .await
    }
}

/// The people whose keys a vault has pinned.
pub(crate) fn pins_in(vault: &Space) -> Vec<PersonPin> {
    kept_in(vault)
        .filter_map(|kept| match kept {
            Content::Person { pin } => Some(pin.clone()),
            _ => None,
        })
        .collect()
}

/// The newest of each piece of bookkeeping.
pub(crate) fn kept_in(vault: &Space) -> impl Iterator<Item = &Content> {
    let items = vault.contents().items().values();
    items
        .filter_map(|item| item.versions.last())
        .map(|version| &version.content)
}
