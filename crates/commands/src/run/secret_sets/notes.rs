//! Remarks on secrets: weak values, values that stand in several secrets, and what expires. Compared in memory; nothing of it
//! is stored or sent.

use std::collections::BTreeMap;

use holdfast_crypto::Phrase;
use holdfast_engine::{Result, Session, View, find_item};
use holdfast_protocol::id::ItemId;
use holdfast_protocol::item::{Content, Field, Item, ItemKind};

use crate::app::done;
use crate::run::secret::place;
use crate::secret_types::field_info;
use crate::view::{AlsoInView, Outcome, SecretNoteView, SecretNotesView};

/// Below so many bits a made-up password is called weak: a stolen list of hashes gives it away in hours.
const WEAK_BITS: u32 = 50;
/// Shorter values (yes, 1, a PIN) are the same by chance.
const TELLING_BYTES: usize = 6;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// So many days ahead an end is told.
const SOON_DAYS: u64 = 30;

/// Where a value stands.
struct Place<'v> {
    item: ItemId,
    project: Option<&'v str>,
    name: &'v str,
    field: &'v str,
}

pub(super) async fn run(session: &Session, project: Option<String>, name: Option<String>) -> Result<Outcome> {
    let view = place(session, project.as_deref()).await?;
    let vault = session.vault().await?;
    let projects = session.all_projects().await?.views;
    let me = session.principal();
    let mine = projects.iter().filter(|view| view.space.authority().role(me).is_some());
    let everywhere =
        used(std::iter::once((None, &vault)).chain(mine.map(|view| (Some(view.space.contents().name()), view))));
    let looked_at: Vec<&Item> = match &name {
        Some(name) => vec![find_item(&view.space, &[ItemKind::Secret], name, false)?],
        None => secrets(&view).collect(),
    };
    let now = session.now_ms();
    let mut views: Vec<SecretNotesView> = looked_at
        .into_iter()
        .map(|item| SecretNotesView {
            id: item.id.to_string(),
            name: item.name.clone(),
            notes: notes(item, &everywhere, now),
        })
        .filter(|view| !view.notes.is_empty())
        .collect();
    views.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    done(&views)
}

fn secrets(view: &View) -> impl Iterator<Item = &Item> {
    let items = view.space.contents().items().values();
    items.filter(|item| item.kind == ItemKind::Secret && item.trashed_ms.is_none())
}

fn fields(item: &Item) -> &[Field] {
    match item.versions.last().map(|version| &version.content) {
        Some(Content::Fields { fields, .. }) => fields,
        _ => &[],
    }
}

fn is_hidden(item: &Item, field: &Field) -> bool {
    let info = item
        .secret_type
        .and_then(|secret_type| field_info(secret_type, &field.name));
    info.is_none_or(|info| info.hidden)
}

/// Every hidden value, and where it stands. Borrowed: no value is copied.
fn used<'v>(views: impl Iterator<Item = (Option<&'v str>, &'v View)>) -> BTreeMap<&'v str, Vec<Place<'v>>> {
    let mut used: BTreeMap<&str, Vec<Place<'_>>> = BTreeMap::new();
    for (project, view) in views {
        for item in secrets(view) {
            for field in fields(item).iter().filter(|field| is_hidden(item, field)) {
                used.entry(field.value.expose()).or_default().push(Place {
                    item: item.id,
                    project,
                    name: &item.name,
                    field: &field.name,
                });
            }
        }
    }
    used
}

fn notes(item: &Item, everywhere: &BTreeMap<&str, Vec<Place<'_>>>, now: u64) -> Vec<SecretNoteView> {
    let mut notes = Vec::new();
    if let Some(end) = item.expires_ms {
        if end <= now {
            notes.push(remark("expired", None, "It has expired where it comes from.".into()));
        } else if end - now <= SOON_DAYS * DAY_MS {
            let text = match (end - now).div_ceil(DAY_MS) {
                1 => "It expires within a day.".into(),
                days => format!("It expires in {days} days."),
            };
            notes.push(remark("expires-soon", None, text));
        }
    }
    for field in fields(item).iter().filter(|field| is_hidden(item, field)) {
        let value = field.value.expose();
        let info = item
            .secret_type
            .and_then(|secret_type| field_info(secret_type, &field.name));
        if info.is_some_and(|info| info.password) && !value.is_empty() && is_weak(value) {
            let text = "It is easy to guess. A generated one is not.".into();
            notes.push(remark("weak", Some(&field.name), text));
        }
        let places = everywhere.get(value).map_or(&[][..], Vec::as_slice);
        let others: Vec<AlsoInView> = places
            .iter()
            .filter(|place| place.item != item.id && value.len() >= TELLING_BYTES)
            .map(|place| AlsoInView {
                project: place.project.map(str::to_owned),
                name: place.name.to_owned(),
                field: place.field.to_owned(),
            })
            .collect();
        if !others.is_empty() {
            let names: Vec<String> = others.iter().map(|other| format!("\"{}\"", other.name)).collect();
            let text = format!("The same value is used in {}.", names.join(", "));
            notes.push(SecretNoteView {
                also_in: others,
                ..remark("reused", Some(&field.name), text)
            });
        }
    }
    notes
}

fn remark(kind: &str, field: Option<&str>, text: String) -> SecretNoteView {
    SecretNoteView {
        kind: kind.to_owned(),
        field: field.map(str::to_owned),
        text,
        also_in: Vec::new(),
    }
}

/// The meter takes no phrase with control characters or of more than a kilobyte; those are no passwords people make up.
fn is_weak(value: &str) -> bool {
    Phrase::new(value).is_ok() && Phrase::guess_bits(value) < WEAK_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_make_up_is_weak_and_what_is_generated_is_not() {
        for weak in ["password", "hunter2", "Summer2024!", "1234567890", "ana", "qwertyuiop"] {
            assert!(is_weak(weak), "{weak}");
        }
        let (_, words) = Phrase::generate(&mut holdfast_engine::rng());
        for strong in [&*words, "xK7+pW3e.QmZ9rTbHn2v", "-----BEGIN\nKEY-----"] {
            assert!(!is_weak(strong), "{strong}");
        }
    }
}
