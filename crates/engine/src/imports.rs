//! Many secrets at once: what an import will do, doing it in few log entries, and taking it back.
//!
//! What an import did is written on the items themselves, as labels that the import's id is in. So any device can take it
//! back, and nothing has to be kept beside the log. Each log entry holds all of it or nothing; an import that is cut off
//! between two has made whole secrets: its id takes them back, and the same import again goes on with the others.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_protocol::cbor;
use holdfast_protocol::entry::Body;
use holdfast_protocol::id::{ItemId, PrincipalId, SpaceId, VersionId};
use holdfast_protocol::item::{Content, Item, ItemKind, Version};
use holdfast_protocol::limits;
use holdfast_protocol::replay::Space;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ports::{Progress, Stage, Step};
use crate::rng;
use crate::secrets::{NewSecret, check_size, keep_newest, new_item, new_version};
use crate::session::Session;
use crate::spaces::Draft;

/// Bytes of items that go into one log entry; the rest of its 1 MiB is for the entry itself and the box.
const BATCH: usize = limits::ENTRY - (64 << 10);
/// Items of one log entry: more would make a single entry slow to replay for nothing.
const BATCH_ITEMS: usize = 2_000;

/// On what an import made.
const MADE: &str = "import:";
/// On what an import put into the trash, because what replaces it is of another type.
const OUSTED: &str = "import-out:";

/// What happens to a secret whose name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnClash {
    /// The new one gets a number behind its name.
    #[default]
    KeepBoth,
    /// The new one becomes the newest version of the old one, or takes its place if it is of another type.
    Replace,
    /// The new one is left out.
    Skip,
}

/// A secret that may come in.
pub struct Incoming {
    /// The secret.
    pub new: NewSecret,
    /// If its name is taken.
    pub on_clash: OnClash,
    /// Not wanted, clash or not.
    pub leave_out: bool,
}

/// What will happen to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    /// It is made, under this name.
    Make(String),
    /// It becomes the newest version of this secret.
    NewVersion(ItemId),
    /// It is made, and this secret of the same name and another type goes into the trash.
    InsteadOf(ItemId),
    /// It is there already with the same content.
    Same(ItemId),
    /// It stands twice in the file; the first one counts.
    Twin,
    /// It is left out, as was chosen.
    LeftOut,
    /// It was to replace a secret, and there are several of that name.
    Unclear,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// This secret was made.
    Made(ItemId),
    /// This secret has a new version.
    Replaced(ItemId),
    /// Nothing was done, as planned.
    Nothing,
    /// It is too large for one change, with the versions that are kept.
    TooLarge,
}

/// How taking back ended, by the names of the secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenBack {
    /// In the trash now.
    pub trashed: Vec<String>,
    /// As they were before.
    pub restored: Vec<String>,
    /// Left as they are: changed since then.
    pub left: Vec<String>,
}

/// Says what an import would do, in the light of a space. `mine` are secrets that the same import made or
/// replaced already: what comes after them does not replace them.
#[must_use]
pub fn plan_import(space: &Space, incoming: &[Incoming], mine: &BTreeSet<ItemId>) -> Vec<Planned> {
    let mut there: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for item in space.contents().items().values() {
        if item.kind == ItemKind::Secret && item.trashed_ms.is_none() {
            taken.insert(item.name.clone());
            there.entry(&item.name).or_default().push(item);
        }
    }
    let mut planned: Vec<Planned> = Vec::with_capacity(incoming.len());
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    let mut first_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut replaced: BTreeSet<ItemId> = BTreeSet::new();
    for (index, one) in incoming.iter().enumerate() {
        let name = one.new.name.as_str();
        let empty = Vec::new();
        let all = there.get(name).unwrap_or(&empty);
        let others: Vec<&Item> = all.iter().copied().filter(|item| !mine.contains(&item.id)).collect();
        let twin = first_of
            .get(name)
            .is_some_and(|earlier| earlier.iter().any(|&earlier| same(&incoming[earlier].new, &one.new)));
        let next = if one.leave_out {
            Planned::LeftOut
        } else if twin {
            Planned::Twin
        } else if let Some(same) = all.iter().find(|item| holds(item, &one.new)) {
            Planned::Same(same.id)
        } else {
            match (one.on_clash, others.as_slice()) {
                (OnClash::Skip, [_, ..]) => Planned::LeftOut,
                (OnClash::Replace, [old]) if replaced.insert(old.id) => {
                    if old.secret_type == Some(one.new.secret_type) {
                        Planned::NewVersion(old.id)
                    } else {
                        Planned::InsteadOf(old.id)
                    }
                }
                (OnClash::Replace, [_, _, ..]) => Planned::Unclear,
                // Of several of one name in one file, the second does not replace the first.
                _ => Planned::Make(free_name(name, &taken, numbers.entry(name).or_insert(2))),
            }
        };
        if let Planned::Make(name) = &next {
            taken.insert(name.clone());
        }
        if !one.leave_out {
            first_of.entry(name).or_default().push(index);
        }
        planned.push(next);
    }
    planned
}

/// The name, with a number if it is taken. `next` is where the last search for this name ended: ten thousand entries of one name
/// would search for minutes.
fn free_name(name: &str, taken: &BTreeSet<String>, next: &mut u64) -> String {
    let mut free = name.to_owned();
    while taken.contains(&free) {
        free = format!("{name} ({next})");
        *next += 1;
    }
    free
}

fn same(a: &NewSecret, b: &NewSecret) -> bool {
    a.secret_type == b.secret_type && a.fields == b.fields && a.audience == b.audience
}

fn holds(item: &Item, new: &NewSecret) -> bool {
    let Some(Version {
        content: Content::Fields { fields, audience },
        ..
    }) = item.versions.last()
    else {
        return false;
    };
    item.secret_type == Some(new.secret_type) && *fields == new.fields && *audience == new.audience
}

/// What goes into one log entry.
struct Batch {
    items: Vec<Item>,
    /// For each of those that were looked at.
    results: Vec<Imported>,
}

impl Session {
    /// Brings secrets in, under the import's id. `note` is what the new versions of replaced secrets say about themselves.
    ///
    /// Returns how each ended, in order. If something stops it in the middle, those that were not reached are missing, and
    /// why is said: the others are there to stay, until [`Session::undo_import`] takes them back.
    pub async fn import_secrets(
        &self,
        space: SpaceId,
        incoming: &[Incoming],
        import: &str,
        note: &str,
        progress: &dyn Progress,
    ) -> (Vec<Imported>, Option<Error>) {
        let mut results: Vec<Imported> = Vec::with_capacity(incoming.len());
        let mut mine = BTreeSet::new();
        while results.len() < incoming.len() {
            progress.report(Step {
                done: results.len() as u64,
                total: incoming.len() as u64,
                ..Step::at(Stage::Committing)
            });
            let rest = &incoming[results.len()..];
            match self.import_batch(space, rest, &mine, import, note).await {
                Ok(done) => {
                    mine.extend(done.iter().filter_map(|done| match done {
                        Imported::Made(id) | Imported::Replaced(id) => Some(*id),
                        _ => None,
                    }));
                    results.extend(done);
                }
                Err(error) => return (results, Some(error)),
            }
        }
        (results, None)
    }

    /// One log entry's worth, or those at the front of which nothing is to be done.
    async fn import_batch(
        &self,
        space: SpaceId,
        rest: &[Incoming],
        mine: &BTreeSet<ItemId>,
        import: &str,
        note: &str,
    ) -> Result<Vec<Imported>> {
        let (me, now) = (self.principal(), self.now_ms());
        let view = self.view(space).await?;
        let batch = fill(&view.space, rest, mine, import, note, me, now);
        if batch.items.is_empty() {
            return Ok(batch.results);
        }
        let mut done = Vec::new();
        self.append(space, |state| {
            let batch = fill(state, rest, mine, import, note, me, now);
            done = batch.results;
            Ok(put_all(batch.items))
        })
        .await?;
        Ok(done)
    }

    /// Takes an import back: what it made goes into the trash, what it replaced is as it was before.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing in this space is of that import.
    pub async fn undo_import(&self, space: SpaceId, import: &str) -> Result<TakenBack> {
        let (me, now) = (self.principal(), self.now_ms());
        let mut taken = TakenBack::default();
        loop {
            let mut now_taken = TakenBack::default();
            let mut more = false;
            let view = self.view(space).await?;
            if !view.space.contents().items().values().any(|item| is_of(item, import)) {
                break;
            }
            self.append(space, |state| {
                now_taken = TakenBack::default();
                more = false;
                let (mut size, mut items) = (0, Vec::new());
                for old in state.contents().items().values().filter(|item| is_of(item, import)) {
                    let mut item = old.clone();
                    let what = take_back(&mut item, import, me, now);
                    size += cbor::encoded_len(&item);
                    if !items.is_empty() && (size > BATCH || items.len() >= BATCH_ITEMS) {
                        more = true;
                        break;
                    }
                    match what {
                        Back::Trashed => now_taken.trashed.push(item.name.clone()),
                        Back::Restored => now_taken.restored.push(item.name.clone()),
                        Back::Left => now_taken.left.push(item.name.clone()),
                    }
                    items.push(item);
                }
                Ok(put_all(items))
            })
            .await?;
            taken.trashed.append(&mut now_taken.trashed);
            taken.restored.append(&mut now_taken.restored);
            taken.left.append(&mut now_taken.left);
            if !more {
                break;
            }
        }
        if taken == TakenBack::default() {
            return Err(Error::NotFound {
                what: "import",
                name: import.to_owned(),
            });
        }
        Ok(taken)
    }
}

/// Whether an import's id is on something in this space.
#[must_use]
pub fn has_import(space: &Space, import: &str) -> bool {
    space.contents().items().values().any(|item| is_of(item, import))
}

/// An item's labels without those that imports wrote for themselves.
pub fn own_tags(item: &Item) -> impl Iterator<Item = &str> {
    let tags = item.tags.iter().map(String::as_str);
    tags.filter(|tag| !tag.starts_with(MADE) && !tag.starts_with(OUSTED))
}

fn put_all(items: Vec<Item>) -> Draft {
    let body = Body {
        put: items,
        ..Body::default()
    };
    Draft::commit(body, Vec::new(), Vec::new())
}

/// As many as fit one log entry, from the front.
fn fill(
    state: &Space,
    incoming: &[Incoming],
    mine: &BTreeSet<ItemId>,
    import: &str,
    note: &str,
    me: PrincipalId,
    now: u64,
) -> Batch {
    let mut batch = Batch {
        items: Vec::new(),
        results: Vec::new(),
    };
    let mut size = 0;
    for (one, planned) in incoming.iter().zip(plan_import(state, incoming, mine)) {
        let known = |id: &ItemId| state.contents().items().get(id);
        let (items, result) = match planned {
            Planned::Same(_) | Planned::Twin | Planned::LeftOut | Planned::Unclear => (Vec::new(), Imported::Nothing),
            Planned::Make(name) => made(one, name, import, me, now),
            Planned::InsteadOf(old) => {
                let (mut items, result) = made(one, one.new.name.clone(), import, me, now);
                items.extend(known(&old).map(|old| {
                    let mut old = old.clone();
                    old.trashed_ms = Some(now);
                    old.tags.push(format!("{OUSTED}{import}"));
                    old
                }));
                (items, result)
            }
            Planned::NewVersion(old) => match known(&old) {
                Some(old) => {
                    let mut item = old.clone();
                    let version = new_version(&one.new, me, now, note.to_owned());
                    item.tags.retain(|tag| {
                        let of = tag.strip_prefix(MADE).and_then(|rest| rest.split_once(':'));
                        of.is_none_or(|(_, id)| item.versions.iter().any(|version| version.id.to_string() == id))
                    });
                    item.tags.push(format!("{MADE}{import}:{}", version.id));
                    item.versions.push(version);
                    keep_newest(&mut item);
                    (vec![item], Imported::Replaced(old.id))
                }
                None => (Vec::new(), Imported::Nothing),
            },
        };
        let more: usize = items.iter().map(cbor::encoded_len).sum();
        let large = items
            .iter()
            .any(|item| item.trashed_ms.is_none() && check_size(item).is_err());
        if more > BATCH || large {
            batch.results.push(Imported::TooLarge);
            continue;
        }
        if size + more > BATCH || batch.items.len() + items.len() > BATCH_ITEMS {
            break;
        }
        size += more;
        batch.items.extend(items);
        batch.results.push(result);
    }
    batch
}

fn made(one: &Incoming, name: String, import: &str, me: PrincipalId, now: u64) -> (Vec<Item>, Imported) {
    let id = ItemId::random(&mut rng());
    let mut item = new_item(id, &one.new, me, now);
    item.name = name;
    // A file may claim anything, also to be part of another import.
    item.tags = own_tags(&item).map(str::to_owned).collect();
    item.tags.push(format!("{MADE}{import}"));
    (vec![item], Imported::Made(id))
}

fn is_of(item: &Item, import: &str) -> bool {
    item.kind == ItemKind::Secret && item.tags.iter().any(|tag| mark(tag, import).is_some())
}

enum Mark<'t> {
    Made,
    Ousted,
    Version(&'t str),
}

fn mark<'t>(tag: &'t str, import: &str) -> Option<Mark<'t>> {
    if let Some(id) = tag.strip_prefix(OUSTED) {
        return (id == import).then_some(Mark::Ousted);
    }
    let rest = tag.strip_prefix(MADE)?.strip_prefix(import)?;
    match rest.strip_prefix(':') {
        Some(version) => Some(Mark::Version(version)),
        None => rest.is_empty().then_some(Mark::Made),
    }
}

enum Back {
    Trashed,
    Restored,
    Left,
}

/// Takes one item back, and its marks off it.
fn take_back(item: &mut Item, import: &str, me: PrincipalId, now: u64) -> Back {
    let tags = std::mem::take(&mut item.tags);
    let (ours, others): (Vec<String>, Vec<String>) = tags.into_iter().partition(|tag| mark(tag, import).is_some());
    item.tags = others;
    let mut back = Back::Left;
    for tag in &ours {
        match mark(tag, import) {
            Some(Mark::Made) => {
                item.trashed_ms.get_or_insert(now);
                return Back::Trashed;
            }
            Some(Mark::Ousted) => {
                item.trashed_ms = None;
                back = Back::Restored;
            }
            Some(Mark::Version(id)) => {
                let at = item.versions.iter().position(|version| version.id.to_string() == id);
                let newest = item.versions.len().checked_sub(1);
                let before = at.filter(|at| Some(*at) == newest).and_then(|at| at.checked_sub(1));
                if let Some(before) = before {
                    let mut version = item.versions[before].clone();
                    version.id = VersionId::random(&mut rng());
                    (version.author, version.created_ms) = (me, now);
                    version.note = "Import taken back".into();
                    item.versions.push(version);
                    keep_newest(item);
                    back = Back::Restored;
                }
            }
            None => {}
        }
    }
    back
}
