//! What holds of every state, whoever wrote the last entry: the op table and the checks of `docs/spec/log.md`, `items.md` and
//! `nodes.md`, said once more and otherwise.

use std::collections::BTreeSet;

use holdfast_protocol::Refusal;
use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::cbor;
use holdfast_protocol::entry::{Op, Role, SignedEntry, SpaceKind};
use holdfast_protocol::item::{Content, Item, ItemKind};
use holdfast_protocol::limits;
use holdfast_protocol::replay::{Authority, BundleSource, Outcome, Space};

use crate::cast::directory;

/// Refusals that only those see who can open a body, or a wrap of their own.
pub(super) fn of_bodies(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::BodyOpen
            | Refusal::BodyPresence
            | Refusal::Commitment
            | Refusal::PreviousKey
            | Refusal::Name
            | Refusal::SecretInStandard
            | Refusal::ItemKind
            | Refusal::ItemImmutable
            | Refusal::VersionAuthor
            | Refusal::VersionPacks
            | Refusal::ItemGone
            | Refusal::PurgeDenied
            | Refusal::RunUnknown
            | Refusal::RunSpec
            | Refusal::Result
    )
}

/// After a refusal the state is as it was.
pub(super) fn unchanged(before: &Authority, after: &Authority) {
    assert_eq!(
        (before.seq(), before.head(), before.auth_head()),
        (after.seq(), after.head(), after.auth_head())
    );
    assert_eq!(
        (before.epoch(), before.live_bytes()),
        (after.epoch(), after.live_bytes())
    );
    assert!(before.members() == after.members() && before.packs() == after.packs());
    assert!(before.nodes() == after.nodes() && before.runs() == after.runs());
}

/// The column "who" of the op table.
fn least(op: &Op) -> Role {
    match op {
        Op::Leave {} | Op::Rewrap { .. } => Role::Reader,
        Op::Commit { dropped, .. } if dropped.is_empty() => Role::Contributor,
        Op::Run { .. } | Op::WithdrawRun { .. } | Op::Adopt { .. } => Role::Contributor,
        _ => Role::Owner,
    }
}

/// What the server and everybody else hold, after an entry that was taken.
pub(super) fn authority(before: &Authority, after: &Authority, signed: &SignedEntry) {
    let entry = &signed.entry;
    let (core, members, nodes) = (after.core(), after.members(), after.nodes());
    assert_eq!((after.seq(), after.head()), (before.seq() + 1, signed.hash));
    assert_eq!((entry.prev, entry.auth), (before.head(), before.auth_head()));
    let auth = if entry.op.is_authority() {
        signed.hash
    } else {
        before.auth_head()
    };
    assert_eq!(after.auth_head(), auth, "the chain of authority is of its own");
    let role = before.role(entry.author).expect("only members write");
    assert!(role >= least(&entry.op), "the op table says who may");
    let bundle = directory().bundle(&entry.author_bundle).expect("only known keys sign");
    assert!(bundle.bundle.principal == entry.author && signed.verifies(&bundle.verify) && signed.head_holds());
    assert_eq!(entry.body.is_some(), entry.op.has_body());

    // "Not the last owner": of remove, leave and set role, so there is one for ever.
    assert!(
        members.values().any(|member| member.role == Role::Owner),
        "somebody owns it"
    );
    let with_key = nodes.values().filter(|node| node.holds_key()).count();
    assert!(members.len() + with_key <= limits::MEMBERS && nodes.len() <= limits::NODES);
    for (principal, member) in members {
        let known = directory()
            .bundle(&member.bundle)
            .expect("a bundle that counts is known");
        assert!(known.bundle.principal == *principal && known.bundle.kind == PrincipalKind::User);
        assert!(known.fingerprint == member.fingerprint && !after.former_members().contains_key(principal));
        assert!(member.bundle_seq <= after.seq() && member.since_seq <= member.bundle_seq);
    }
    for (principal, node) in nodes {
        let known = directory().bundle(&node.bundle).expect("a bundle that counts is known");
        assert!(known.bundle.principal == *principal && known.bundle.kind == PrincipalKind::Node);
        assert!(known.fingerprint == node.fingerprint && node.until_ms > node.since_ms);
    }
    if core.kind == SpaceKind::Vault {
        assert!(core.encrypted && nodes.is_empty() && after.runs().is_empty());
        assert!(members.keys().eq([&core.creator]), "a vault is one person's");
    }

    let opened = after.epoch() - before.epoch();
    assert_eq!(opened, u32::from(entry.op.next_epoch().is_some()));
    assert_eq!(entry.epoch, after.epoch());
    assert!(
        core.encrypted || after.epoch() == 0,
        "a standard project has one epoch for ever"
    );
    for epoch in 0..=after.epoch() {
        assert_eq!(after.commitment(epoch).is_some(), core.encrypted);
        assert!(epoch > before.epoch() || after.commitment(epoch) == before.commitment(epoch));
    }
    assert_eq!(after.commitment(after.epoch() + 1), None);
    if let Some(start) = entry.op.next_epoch() {
        let wrapped: BTreeSet<_> = start.wraps.iter().map(|wrap| (wrap.recipient, wrap.bundle)).collect();
        let expected: BTreeSet<_> = after.recipients(entry.time_ms).into_iter().collect();
        assert!(
            wrapped == expected && wrapped.len() == start.wraps.len(),
            "exactly one wrap for each who is in"
        );
    }

    let live = after.packs().values().filter(|pack| pack.dropped_seq.is_none());
    assert_eq!(after.live_bytes(), live.map(|pack| pack.bytes).sum::<u64>());
    for (id, pack) in before.packs() {
        let now = &after.packs()[id];
        assert!(
            (now.bytes, now.added_seq) == (pack.bytes, pack.added_seq),
            "a pack is named once"
        );
        assert!(
            pack.dropped_seq.is_none() || now.dropped_seq == pack.dropped_seq,
            "what was dropped stays so"
        );
    }
    let whole = |bytes: u64| bytes > 0 && bytes <= limits::PACK && bytes.is_multiple_of(limits::WINDOW);
    assert!(after.packs().values().all(|pack| whole(pack.bytes)));

    for (id, run) in before.runs() {
        let now = &after.runs()[id];
        assert!((now.spec, now.node, now.seq, now.author) == (run.spec, run.node, run.seq, run.author));
        assert!(
            !matches!(run.outcome, Outcome::Adopted(_)) || now.outcome == run.outcome,
            "adopted once"
        );
    }
    for run in after.runs().values() {
        assert!((1..=limits::ATTEMPTS).contains(&run.attempts) && run.until_ms > run.time_ms);
    }
}

/// What a member reads, after an entry that he took.
pub(super) fn contents(before: &Space, after: &Space, signed: &SignedEntry) {
    let (old, new) = (before.contents(), after.contents());
    let core = after.authority().core();
    assert!(new.events().starts_with(old.events()), "what happened has happened");
    let named = |name: &str| !name.is_empty() && name.len() <= limits::NAME && !name.contains(char::is_control);
    assert!(new.name().is_empty() || named(new.name()));
    if before.unread_entries() > 0 || after.unread_entries() > 0 {
        // Without the key of an epoch there is nothing more to say of what it holds.
        return;
    }
    let author = signed.entry.author;
    let is_owner = before.authority().role(author) == Some(Role::Owner);
    for (id, item) in new.items() {
        let bookkeeping = item.kind.vault_only();
        let anywhere = matches!(item.kind, ItemKind::Secret | ItemKind::Note);
        assert!(named(&item.name) && item.id == *id && !new.is_purged(id));
        assert!(
            anywhere || bookkeeping == (core.kind == SpaceKind::Vault),
            "each kind where it belongs"
        );
        assert!(core.encrypted || item.kind != ItemKind::Secret, "no secrets in clear");
        assert_eq!(item.chunk_id_key.is_some(), item.kind.holds_files());
        assert_eq!(item.secret_type.is_some(), item.kind == ItemKind::Secret);
        check_versions(item);
        match old.items().get(id) {
            Some(was) => follows(was, item, is_owner, author),
            None => assert!(
                item.versions.iter().all(|version| version.author == author),
                "nobody writes as another"
            ),
        }
    }
    for (id, was) in old.items() {
        assert!(
            new.items().contains_key(id) || (is_owner && new.is_purged(id)),
            "{} is gone",
            was.name
        );
    }
    assert!(
        is_owner || new.trashed_ms() == old.trashed_ms(),
        "the whole space is its owners' to throw away"
    );
    for (id, run) in new.runs() {
        let ordered = &after.authority().runs()[id];
        assert!(run.spec.hash() == ordered.spec && run.spec.run == *id);
        assert_eq!(run.adopted.is_some(), matches!(ordered.outcome, Outcome::Adopted(_)));
        if let Some(adopted) = &run.adopted {
            assert!(adopted.result.spec == ordered.spec && adopted.result.attempt <= ordered.attempts);
        }
    }
}

fn check_versions(item: &Item) {
    let ids: BTreeSet<_> = item.versions.iter().map(|version| version.id).collect();
    assert!(!item.versions.is_empty() && ids.len() == item.versions.len());
    for version in &item.versions {
        let fits = match &version.content {
            Content::Files { manifest, packs, .. } => item.kind.holds_files() && packs.contains(&manifest.pack),
            Content::Fields { .. } => item.kind == ItemKind::Secret,
            Content::Text { .. } => item.kind == ItemKind::Note,
            Content::Person { .. } => item.kind == ItemKind::Person,
            Content::SpaceHead { .. } => item.kind == ItemKind::SpaceHead,
            Content::Invitation { .. } => item.kind == ItemKind::Invitation,
            Content::Profile { .. } => item.kind == ItemKind::Profile,
        };
        assert!(fits, "the content is of the item's kind");
    }
    let encoded = cbor::encode(item);
    assert!(cbor::decode::<Item>(&encoded, limits::ENTRY).is_ok_and(|again| again == *item));
}

/// An item after an entry, beside what it was.
fn follows(was: &Item, item: &Item, is_owner: bool, author: holdfast_protocol::id::PrincipalId) {
    assert!((was.kind, was.created_ms, was.secret_type) == (item.kind, item.created_ms, item.secret_type));
    assert!(was.chunk_id_key == item.chunk_id_key);
    for version in &item.versions {
        match was.versions.iter().find(|known| known.id == version.id) {
            Some(known) => assert!(known == version, "a version never changes"),
            None => assert!(version.author == author, "nobody writes as another"),
        }
    }
    let kept: Vec<_> = was
        .versions
        .iter()
        .filter(|version| item.versions.contains(version))
        .collect();
    assert!(
        item.versions.iter().zip(&kept).all(|(version, kept)| version == *kept),
        "in their order, in front"
    );
    let rolls = item.kind == ItemKind::Secret && item.versions.len() >= limits::SECRET_VERSIONS;
    assert!(
        is_owner || rolls || kept.len() == was.versions.len(),
        "only owners forget"
    );
}
