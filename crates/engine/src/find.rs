//! Finding things by the names people give them, or by id.

use holdfast_protocol::item::{Item, ItemKind, Version};
use holdfast_protocol::replay::Space;

use crate::error::{Error, Result};

/// Finds an item of one of `kinds` by name or id. Items in the trash are found only when asked for.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ambiguous`].
pub fn find_item<'a>(space: &'a Space, kinds: &[ItemKind], name: &str, trashed: bool) -> Result<&'a Item> {
    let what = kinds.first().map_or("item", |kind| kind_name(*kind));
    let mut found: Vec<&Item> = space
        .contents()
        .items()
        .values()
        .filter(|item| kinds.contains(&item.kind) && item.trashed_ms.is_some() == trashed)
        .filter(|item| item.name == name || item.id.to_string() == name)
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(item), true) => Ok(item),
        (Some(item), false) => {
            found.push(item);
            let ids: Vec<String> = found.iter().map(|item| item.id.to_string()).collect();
            Err(Error::Ambiguous {
                name: name.to_owned(),
                candidates: ids.join(", "),
            })
        }
        (None, _) => Err(Error::NotFound {
            what,
            name: name.to_owned(),
        }),
    }
}

/// Finds a version by number (1 is the oldest) or id; the newest when none is named.
///
/// # Errors
/// [`Error::NotFound`].
pub fn find_version<'a>(item: &'a Item, version: Option<&str>) -> Result<&'a Version> {
    let not_found = |name: &str| Error::NotFound {
        what: "version",
        name: name.to_owned(),
    };
    let Some(name) = version else {
        return item.versions.last().ok_or_else(|| not_found("newest"));
    };
    let number = name
        .strip_prefix('v')
        .unwrap_or(name)
        .parse::<usize>()
        .ok()
        .and_then(|n| n.checked_sub(1));
    number
        .and_then(|index| item.versions.get(index))
        .or_else(|| item.versions.iter().find(|version| version.id.to_string() == name))
        .ok_or_else(|| not_found(name))
}

/// The word for a kind of item.
#[must_use]
pub(crate) fn kind_name(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Dataset => "dataset",
        ItemKind::Model => "model",
        ItemKind::Task => "task",
        ItemKind::Artifact => "artifact",
        ItemKind::Secret => "secret",
        ItemKind::Note => "note",
        ItemKind::Person | ItemKind::SpaceHead | ItemKind::Invitation | ItemKind::Profile => "entry",
    }
}
