//! Secrets: in the vault or in an encrypted project, with their last versions.

use holdfast_protocol::entry::Body;
use holdfast_protocol::id::{ItemId, PrincipalId, SpaceId, VersionId};
use holdfast_protocol::item::{Audience, Content, Field, Item, ItemKind, SecretType, Version};
use holdfast_protocol::replay::Space;
use holdfast_protocol::{cbor, limits};

use crate::error::{Error, Result};
use crate::find::{find_item, find_version};
use crate::rng;
use crate::session::Session;
use crate::spaces::Draft;

/// A secret to be kept.
pub struct NewSecret {
    /// Its type.
    pub secret_type: SecretType,
    /// Its name.
    pub name: String,
    /// Free text about it.
    pub description: String,
    /// Labels to find it by.
    pub tags: Vec<String>,
    /// Names and values.
    pub fields: Vec<Field>,
    /// Where it may be handed over.
    pub audience: Audience,
    /// When it stops working, milliseconds since 1970-01-01 UTC.
    pub expires_ms: Option<u64>,
}

/// How an edit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditedSecret {
    /// The secret.
    pub id: ItemId,
    /// Somebody else edited it at the same time: both versions are kept, this one is the newest.
    pub conflict: bool,
}

impl Session {
    /// Keeps a new secret.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] in a project that is not encrypted, [`Error::AlreadyExists`] when the name is taken.
    pub async fn add_secret(&self, space: SpaceId, new: NewSecret) -> Result<ItemId> {
        let id = ItemId::random(&mut rng());
        let (me, now) = (self.principal(), self.now_ms());
        self.append(space, |state| {
            refuse_name_taken(state, &new.name)?;
            let item = new_item(id, &new, me, now);
            check_size(&item)?;
            Ok(put(item))
        })
        .await?;
        Ok(id)
    }

    /// Writes a new version of a secret: `change` gets the newest fields and audience. `seen` is the version the user
    /// had before him; if another one came since, both are kept and the answer says so.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn edit_secret(
        &self,
        space: SpaceId,
        secret: &str,
        seen: Option<VersionId>,
        change: impl Fn(&mut Vec<Field>, &mut Audience) -> Result<()> + Send + Sync,
    ) -> Result<EditedSecret> {
        let (me, now) = (self.principal(), self.now_ms());
        let mut base = seen;
        let mut edited = None;
        self.append(space, |state| {
            let old = find_item(state, &[ItemKind::Secret], secret, false)?;
            let newest = old.versions.last().ok_or_else(|| Error::damaged("a secret"))?;
            let seen = *base.get_or_insert(newest.id);
            let from = old.versions.iter().find(|version| version.id == seen).unwrap_or(newest);
            let Content::Fields { fields, audience } = &from.content else {
                return Err(Error::damaged("a secret"));
            };
            let (mut fields, mut audience) = (fields.clone(), audience.clone());
            change(&mut fields, &mut audience)?;
            let mut item = old.clone();
            item.versions.push(Version {
                id: VersionId::random(&mut rng()),
                author: me,
                created_ms: now,
                note: String::new(),
                content: Content::Fields { fields, audience },
            });
            keep_newest(&mut item);
            edited = Some(EditedSecret {
                id: item.id,
                conflict: newest.id != seen,
            });
            check_size(&item)?;
            Ok(put(item))
        })
        .await?;
        edited.ok_or_else(|| Error::Internal("an edit that edited nothing".into()))
    }

    /// Makes an old version of a secret the newest one, as a new version with the same content.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyExists`] when it is the newest already.
    pub async fn restore_secret_version(&self, space: SpaceId, secret: &str, version: &str) -> Result<ItemId> {
        let (me, now) = (self.principal(), self.now_ms());
        // Found once: numbers shift when somebody else writes a version in between.
        let view = self.view(space).await?;
        let item = find_item(&view.space, &[ItemKind::Secret], secret, false)?;
        let (id, wanted) = (item.id, find_version(item, Some(version))?.id);
        self.append(space, |state| {
            let gone = || Error::NotFound {
                what: "version",
                name: version.to_owned(),
            };
            let mut item = state.contents().items().get(&id).ok_or_else(gone)?.clone();
            let at = item
                .versions
                .iter()
                .position(|version| version.id == wanted)
                .ok_or_else(gone)?;
            if at + 1 == item.versions.len() {
                return Err(Error::AlreadyExists("That version is the newest one already.".into()));
            }
            let mut again = item.versions[at].clone();
            again.id = VersionId::random(&mut rng());
            (again.author, again.created_ms) = (me, now);
            again.note = format!("Version {} again", at + 1);
            item.versions.push(again);
            keep_newest(&mut item);
            Ok(put(item))
        })
        .await?;
        Ok(id)
    }

    /// Takes a secret out of the trash.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyExists`] when its name is taken by now.
    pub async fn untrash_secret(&self, space: SpaceId, secret: &str) -> Result<ItemId> {
        let view = self.view(space).await?;
        let id = find_item(&view.space, &[ItemKind::Secret], secret, true)?.id;
        self.append(space, |state| {
            let mut item = find_item(state, &[ItemKind::Secret], &id.to_string(), true)?.clone();
            refuse_name_taken(state, &item.name)?;
            item.trashed_ms = None;
            Ok(put(item))
        })
        .await?;
        Ok(id)
    }

    /// Moves a secret with all its versions: it is written at the new place before it goes from the old one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn move_secret(&self, from: SpaceId, secret: &str, to: SpaceId) -> Result<ItemId> {
        let source = self.view(from).await?;
        let old = find_item(&source.space, &[ItemKind::Secret], secret, false)?.clone();
        let id = ItemId::random(&mut rng());
        let me = self.principal();
        self.append(to, |state| {
            refuse_name_taken(state, &old.name)?;
            let mut item = old.clone();
            item.id = id;
            // A version's author is whoever wrote it into the space it is in.
            for version in &mut item.versions {
                version.id = VersionId::random(&mut rng());
                version.author = me;
            }
            Ok(put(item))
        })
        .await?;
        self.trash_item(from, old.id).await?;
        Ok(id)
    }
}

/// A secret as an item, with its first version.
pub(crate) fn new_item(id: ItemId, new: &NewSecret, me: PrincipalId, now: u64) -> Item {
    Item {
        id,
        kind: ItemKind::Secret,
        name: new.name.clone(),
        description: new.description.clone(),
        tags: new.tags.clone(),
        created_ms: now,
        trashed_ms: None,
        chunk_id_key: None,
        versions: vec![new_version(new, me, now, String::new())],
        secret_type: Some(new.secret_type),
        expires_ms: new.expires_ms,
    }
}

/// A secret's content as a version.
pub(crate) fn new_version(new: &NewSecret, me: PrincipalId, now: u64, note: String) -> Version {
    Version {
        id: VersionId::random(&mut rng()),
        author: me,
        created_ms: now,
        note,
        content: Content::Fields {
            fields: new.fields.clone(),
            audience: new.audience.clone(),
        },
    }
}

/// Drops the oldest versions beyond those that are kept.
pub(crate) fn keep_newest(item: &mut Item) {
    let surplus = item.versions.len().saturating_sub(limits::SECRET_VERSIONS);
    item.versions.drain(..surplus);
}

/// A version that is too large would keep later ones from being written: all that are kept travel together.
pub(crate) fn check_size(item: &Item) -> Result<()> {
    let newest = item.versions.last().map_or(0, cbor::encoded_len);
    if newest > limits::SECRET {
        return Err(Error::Invalid(format!(
            "a secret holds at most {} KiB; larger things are files: keep them as a dataset",
            limits::SECRET >> 10
        )));
    }
    Ok(())
}

/// A commit that puts one item.
pub(crate) fn put(item: Item) -> Draft {
    Draft::commit(
        Body {
            put: vec![item],
            ..Body::default()
        },
        Vec::new(),
        Vec::new(),
    )
}

fn refuse_name_taken(space: &Space, name: &str) -> Result<()> {
    match find_item(space, &[ItemKind::Secret], name, false) {
        Err(Error::NotFound { .. }) => Ok(()),
        _ => Err(Error::AlreadyExists(format!(
            "There is already a secret called \"{name}\"."
        ))),
    }
}
