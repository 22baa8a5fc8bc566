//! Items that people see: uploading, downloading, renaming, into the trash and out of it.

use holdfast_protocol::entry::Body;
use holdfast_protocol::id::{ItemId, SpaceId};
use holdfast_protocol::item::Item;

use crate::error::{Error, Result};
use crate::secrets::put;
use crate::session::Session;
use crate::spaces::Draft;

impl Session {
    async fn change_item(&self, space: SpaceId, id: ItemId, change: impl Fn(&mut Item) + Send + Sync) -> Result<()> {
        self.append(space, |state| {
            let mut item = state
                .contents()
                .items()
                .get(&id)
                .ok_or_else(|| Error::NotFound {
                    what: "item",
                    name: id.to_string(),
                })?
                .clone();
            change(&mut item);
            Ok(put(item))
        })
        .await
        .map(|_| ())
    }

    /// Gives an item another name.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rename_item(&self, space: SpaceId, id: ItemId, name: &str) -> Result<()> {
        self.change_item(space, id, |item| item.name = name.to_owned()).await
    }

    /// Gives an item another name and text about it, and says when it stops working, in one entry.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when the name is taken.
    pub async fn describe_item(
        &self,
        space: SpaceId,
        id: ItemId,
        name: &str,
        description: &str,
        expires_ms: Option<u64>,
    ) -> Result<()> {
        self.append(space, |state| {
            let items = state.contents().items();
            let mut item = items
                .get(&id)
                .ok_or_else(|| Error::NotFound {
                    what: "item",
                    name: id.to_string(),
                })?
                .clone();
            let taken = items.values().any(|other| {
                other.id != id && other.kind == item.kind && other.trashed_ms.is_none() && other.name == name
            });
            // Whoever has a name already may keep it, though somebody gave another thing the same at the same time.
            if taken && item.name != name {
                return Err(Error::AlreadyExists(format!(
                    "There is already something called \"{name}\"."
                )));
            }
            name.clone_into(&mut item.name);
            description.clone_into(&mut item.description);
            item.expires_ms = expires_ms;
            Ok(put(item))
        })
        .await
        .map(|_| ())
    }

    /// Puts an item into the trash.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn trash_item(&self, space: SpaceId, id: ItemId) -> Result<()> {
        let now = self.now_ms();
        self.change_item(space, id, |item| item.trashed_ms = Some(now)).await
    }

    /// Takes an item out of the trash.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn restore_item(&self, space: SpaceId, id: ItemId) -> Result<()> {
        self.change_item(space, id, |item| item.trashed_ms = None).await
    }

    /// Gives a project another name.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rename_project(&self, space: SpaceId, name: &str) -> Result<()> {
        let body = Body {
            name: Some(name.to_owned()),
            ..Body::default()
        };
        self.append(space, |_| Ok(Draft::commit(body.clone(), Vec::new(), Vec::new())))
            .await
            .map(|_| ())
    }

    /// Puts a project into the trash, or takes it out again.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for anybody but an owner.
    pub async fn trash_project(&self, space: SpaceId, trashed: bool) -> Result<()> {
        let time = if trashed { self.now_ms() } else { 0 };
        let body = Body {
            trashed_ms: Some(time),
            ..Body::default()
        };
        self.append(space, |state| {
            // A second time would remove it for good, should it be empty.
            match (trashed, state.contents().trashed_ms()) {
                (true, Some(_)) => Err(Error::AlreadyExists("It is in the trash already.".into())),
                (false, None) => Err(Error::NotFound {
                    what: "project in the trash",
                    name: state.contents().name().to_owned(),
                }),
                _ => Ok(Draft::commit(body.clone(), Vec::new(), Vec::new())),
            }
        })
        .await
        .map(|_| ())
    }
}
