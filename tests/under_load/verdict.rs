//! What must hold when it is over.

use std::path::Path;
use std::sync::Arc;

use holdfast_engine::ports::{Progress, Silent};
use holdfast_engine::{Error, Session, find_item};
use holdfast_protocol::bundle::SignedBundle;
use holdfast_protocol::entry::{Op, SignedEntry};
use holdfast_protocol::id::{Hash, PackId, PrincipalId, SpaceId};
use holdfast_protocol::item::{Content, ItemKind};
use holdfast_protocol::replay::{Authority, Bundles, Space};
use holdfast_tests::difference;
use tokio_util::sync::CancellationToken;

use crate::actors::{Kept, Storm, lock, secret, upload};
use crate::town::Resident;
use holdfast_tests::opener::{Keys, Laid, opens_wrap};

/// Everything about a project that everybody has to agree on.
#[derive(PartialEq, Eq)]
struct State {
    seq: u64,
    head: Hash,
    authority: Hash,
    epoch: u32,
    members: Vec<(PrincipalId, Hash, u8)>,
    nodes: Vec<PrincipalId>,
    items: Vec<Vec<u8>>,
    runs: Vec<String>,
    key: [u8; 32],
}

fn state_of(space: &Space) -> State {
    let authority = space.authority();
    State {
        seq: authority.seq(),
        head: authority.head(),
        authority: authority.auth_head(),
        epoch: authority.epoch(),
        members: authority
            .members()
            .values()
            .map(|member| (member.principal, member.bundle, member.role as u8))
            .collect(),
        nodes: authority.nodes().keys().copied().collect(),
        items: space
            .contents()
            .items()
            .values()
            .map(holdfast_protocol::cbor::encode)
            .collect(),
        runs: authority.runs().values().map(|run| format!("{run:?}")).collect(),
        key: *space.current_key().expect("the current key").key().expose(),
    }
}

/// Everybody who is in, on the device he has and on one that he never had, sees the same, and reads all of it.
pub(crate) async fn all_read(storm: &Storm, rightful: &[Arc<Resident>]) {
    let first = rightful[0].session().view(storm.space).await.expect("the project");
    let expected = state_of(&first.space);
    for person in rightful {
        let session = person.session();
        let view = session.view(storm.space).await.expect("the project");
        assert!(view.fresh, "{}", person.handle);
        assert!(
            state_of(&view.space) == expected,
            "{} sees another state",
            person.handle
        );
        reads_everything(storm, &session, &view.space, &person.handle).await;
    }
    let newest = &rightful[expected.seq as usize % rightful.len()];
    let store = storm.folder.join("new-device.db");
    let session = newest.on_new_device(&store).await;
    let view = session.view(storm.space).await.expect("the project");
    assert!(
        state_of(&view.space) == expected,
        "{}: another state on a new device",
        newest.handle
    );
    reads_everything(storm, &session, &view.space, "a new device").await;
}

async fn reads_everything(storm: &Storm, session: &Session, space: &Space, who: &str) {
    let items = space.contents().items();
    for (item, value) in lock(&storm.secrets).iter() {
        let item = items.get(item).expect("a secret that was kept");
        let version = item.versions.last().expect("a version");
        let Content::Fields { fields, .. } = &version.content else {
            panic!("no secret")
        };
        assert!(fields[0].value.expose() == value, "{who}: {}", item.name);
    }
    let kept: Vec<(_, usize, _)> = lock(&storm.kept)
        .iter()
        .map(|Kept { item, number, source }| (*item, *number, source.clone()))
        .collect();
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    for (item, number, source) in kept {
        let item = items.get(&item).unwrap_or_else(|| panic!("{who}: an upload is lost"));
        let version = &item.versions[number - 1];
        let to = tempfile::tempdir().expect("a folder");
        let got = to.path().join("got");
        let stop = CancellationToken::new();
        session
            .download(storm.space, item, version, &got, &progress, &stop)
            .await
            .unwrap_or_else(|error| panic!("{who}: {} {number}: {error}", item.name));
        let differs = tokio::task::block_in_place(|| difference(&source, &got));
        assert_eq!(differs, "", "{who}: {} {number}", item.name);
    }
}

/// The log without any key, folded anew by the rules alone, ends where everybody is.
pub(crate) async fn replays(reader: &Session, space: SpaceId, log: &[SignedEntry]) -> Authority {
    let mut bundles = Bundles::default();
    let mut people = std::collections::BTreeSet::new();
    for signed in log {
        people.insert(signed.entry.author);
        if let Op::Add { principal, .. } | Op::AuthoriseNode { principal, .. } = &signed.entry.op {
            people.insert(*principal);
        }
    }
    for person in people {
        let chain = reader.api().directory(person).await.expect("their keys").chain;
        let mut verified = Vec::new();
        for bytes in &chain {
            let bundle = SignedBundle::from_bytes(&bytes.0).expect("a bundle");
            verified.push(bundle.verify(verified.last()).expect("it verifies"));
        }
        bundles.insert_chain(verified);
    }
    let (first, rest) = log.split_first().expect("an entry");
    let mut state = Authority::genesis(space, first, &bundles).expect("a genesis");
    for entry in rest {
        state.apply(entry, &bundles).expect("it follows");
    }
    state
}

/// The first entry that somebody who was put out must not open, and the last that he saw as one who was in.
pub(crate) fn boundary(log: &[SignedEntry], out: &Out) -> u64 {
    let ends = |op: &Op, author: PrincipalId| match (out, op) {
        (Out::Person(who), Op::Remove { principal, .. }) => principal == who,
        (Out::Person(who), Op::Leave {}) => author == *who,
        (Out::Node(node), Op::WithdrawNode { principal, .. }) => principal == node,
        _ => false,
    };
    let entries = || log.iter().map(|signed| &signed.entry);
    let end = entries()
        .find(|entry| ends(&entry.op, entry.author))
        .expect("he was put out");
    match &end.op {
        // Whoever left knows the key until somebody renews it.
        Op::Leave {} => {
            let mut later = entries().filter(|entry| entry.seq > end.seq);
            later
                .find(|entry| entry.op.next_epoch().is_some())
                .expect("a renewal")
                .seq
        }
        _ => end.seq,
    }
}

/// Who was put out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Out {
    Person(PrincipalId),
    Node(PrincipalId),
}

/// What a look with all keys of somebody found.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Looked {
    pub(crate) keys: usize,
    pub(crate) boxes: usize,
    pub(crate) from_runs: usize,
}

/// With every key that somebody ever held, nothing opens that was written after he was put out.
pub(crate) async fn opens_nothing_after(
    session: &Session,
    store: &Path,
    out: Out,
    (log, laid, space): (&[SignedEntry], &[Laid], &Space),
    reads_before: bool,
) -> Looked {
    let (from, state) = (boundary(log, &out), space.authority());
    let (before, after): (Vec<&SignedEntry>, Vec<&SignedEntry>) = log.iter().partition(|one| one.entry.seq < from);
    let before: Vec<SignedEntry> = before.into_iter().cloned().collect();
    let added = |pack: &PackId| state.packs().get(pack).map_or(u64::MAX, |pack| pack.added_seq);
    let (old, new): (Vec<&Laid>, Vec<&Laid>) = laid.iter().partition(|one| added(&one.at().pack) < from);
    let keys = Keys::of(session, store, &before, &old).await;
    // It would find something if there were something: who was put out early has read three entries at least.
    let opened = keys.opened;
    assert!(
        if reads_before { opened >= 3 } else { opened <= 10 },
        "{out:?}: {opened} boxes from before open"
    );
    let mut looked = Looked {
        keys: keys.count(),
        ..Looked::default()
    };
    for entry in after {
        assert!(!keys.opens_body(entry), "{out:?}: entry {} opens", entry.entry.seq);
        assert!(
            !opens_wrap(session, entry),
            "{out:?}: a wrap in entry {} opens",
            entry.entry.seq
        );
        looked.boxes += 1 + entry.entry.op.wraps().len();
    }
    for version in new {
        looked.boxes += 1 + version.chunks.len();
        let opens = keys.opens_manifest(state.space(), version);
        // A run has one key from its order to its end, and whoever was in when it was ordered has that.
        let run = space.contents().maker(&version.item, &version.version.id);
        let ordered = run.and_then(|(run, _)| state.runs().get(&run));
        if ordered.is_some_and(|ordered| ordered.seq < from) {
            looked.from_runs += usize::from(opens);
            continue;
        }
        assert!(!opens, "{out:?}: the manifest of a version of {} opens", version.item);
        let new = version.chunks.iter().filter(|chunk| added(&chunk.pack) >= from);
        for chunk in new {
            assert!(
                !keys.opens_chunk(chunk),
                "{out:?}: a chunk of a version of {} opens",
                version.item
            );
        }
    }
    looked
}

/// The client of somebody who was put out says no, with the right code, and shows nothing that came after.
pub(crate) async fn is_refused(storm: &Storm, person: &Resident, after: &[String]) {
    let (session, space) = (person.session(), storm.space);
    let view = session.view(space).await.expect("the project as it was");
    let seen = &view.space;
    assert_eq!(seen.authority().role(session.principal()), None, "{}", person.handle);
    for name in after {
        let kinds = [ItemKind::Dataset, ItemKind::Secret];
        assert!(
            find_item(seen, &kinds, name, true).is_err(),
            "{} sees {name}",
            person.handle
        );
    }
    let code = |error: Error| error.code().to_owned();
    let written = session.add_secret(space, secret("from outside", "x")).await.map(drop);
    assert_eq!(written.map_err(code), Err("not-allowed".into()), "{}", person.handle);
    let source = storm.folder.join("base");
    let sent = upload(
        &session,
        space,
        ItemKind::Dataset,
        "from outside",
        &source,
        &person.spool,
    )
    .await;
    assert_eq!(
        sent.map(drop).map_err(code),
        Err("not-allowed".into()),
        "{}",
        person.handle
    );
    assert_eq!(session.rotate(space).await.map_err(code), Err("not-allowed".into()));
    // What he could read once is not given to him again, either.
    let item = find_item(seen, &[ItemKind::Dataset], "base", false).expect("what he knew");
    let (progress, stop): (Arc<dyn Progress>, _) = (Arc::new(Silent), CancellationToken::new());
    let to = storm.folder.join("stolen");
    let got = session
        .download(space, item, &item.versions[0], &to, &progress, &stop)
        .await;
    assert_eq!(
        got.map(drop).map_err(code),
        Err("not-allowed".into()),
        "{}",
        person.handle
    );
    assert!(!to.exists());
    let listed = session.api().spaces().await.expect("his projects");
    assert!(listed.iter().all(|head| head.space != space), "{}", person.handle);
}
