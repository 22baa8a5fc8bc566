//! One named test for each refusal: the honest entry is accepted, and with one thing changed it is refused with that code.

mod chain;
mod contents;
mod keys;
pub(crate) mod members;
pub(crate) mod runs;

use std::collections::BTreeSet;

use holdfast_protocol::Refusal;
use holdfast_protocol::replay::Space;

use crate::support::log::{Draft, Log};
use crate::support::people::{Person, ana, directory};
use crate::support::verdicts;

/// Declares the tests and the list of what is tested, so that the two can't part.
macro_rules! refusals {
    ($($variant:ident $name:ident $case:path;)*) => {
        $(
            #[test]
            fn $name() {
                $case(Refusal::$variant);
            }
        )*
        pub(crate) const TESTED: &[(Refusal, &str, fn(Refusal))] =
            &[$((Refusal::$variant, stringify!($name), $case)),*];
    };
}

refusals! {
    WrongSpace refuses_log_wrong_space chain::wrong_space;
    Sequence refuses_log_sequence chain::sequence;
    Previous refuses_log_previous chain::previous;
    AuthorityChain refuses_log_authority_chain chain::authority_chain;
    Genesis refuses_log_genesis chain::genesis_out_of_place;
    GenesisCore refuses_log_genesis_core chain::genesis_core;
    BundleUnknown refuses_log_bundle_unknown chain::bundle_unknown;
    AuthorUnknown refuses_log_author_unknown chain::author_unknown;
    AuthorBundle refuses_log_author_bundle chain::author_bundle;
    Signature refuses_log_signature chain::signature;
    Head refuses_log_head chain::head;
    RoleDenied refuses_log_role_denied members::role_denied;
    Epoch refuses_log_epoch keys::epoch;
    EpochMaterial refuses_log_epoch_material keys::epoch_material;
    Wraps refuses_log_wraps keys::wraps;
    MemberExists refuses_log_member_exists members::member_exists;
    MemberUnknown refuses_log_member_unknown members::member_unknown;
    TooManyMembers refuses_log_too_many_members members::too_many;
    Fingerprint refuses_log_fingerprint members::fingerprint;
    LastOwner refuses_log_last_owner members::last_owner;
    SelfRemoval refuses_log_self_removal members::self_removal;
    NotAPerson refuses_log_not_a_person members::not_a_person;
    NotASuccessor refuses_log_not_a_successor members::not_a_successor;
    VaultAlone refuses_log_vault_alone members::vault_alone;
    PackRepeated refuses_log_pack_repeated contents::pack_repeated;
    PackUnknown refuses_log_pack_unknown contents::pack_unknown;
    PackSize refuses_log_pack_size contents::pack_size;
    BodyPresence refuses_log_body_presence keys::body_presence;
    BodyOpen refuses_log_body_open keys::body_open;
    Commitment refuses_log_commitment keys::commitment;
    PreviousKey refuses_log_previous_key keys::previous_key;
    Name refuses_log_name contents::name;
    SecretInStandard refuses_log_secret_in_standard contents::secret_in_standard;
    ItemKind refuses_log_item_kind contents::item_kind;
    ItemImmutable refuses_log_item_immutable contents::item_immutable;
    VersionAuthor refuses_log_version_author contents::version_author;
    VersionPacks refuses_log_version_packs contents::version_packs;
    ItemGone refuses_log_item_gone contents::item_gone;
    PurgeDenied refuses_log_purge_denied contents::purge_denied;
    NotANode refuses_log_not_a_node runs::not_a_node;
    NodeUnknown refuses_log_node_unknown runs::node_unknown;
    NodeUntil refuses_log_node_until runs::node_until;
    NodeScope refuses_log_node_scope runs::node_scope;
    RunRepeated refuses_log_run_repeated runs::run_repeated;
    RunCapsule refuses_log_run_capsule runs::run_capsule;
    RunAttempts refuses_log_run_attempts runs::run_attempts;
    RunUnknown refuses_log_run_unknown runs::run_unknown;
    RunOver refuses_log_run_over runs::run_over;
    RunSpec refuses_log_run_spec runs::run_spec;
    Result refuses_log_result runs::results;
}

#[test]
fn every_refusal_has_a_test_of_its_name() {
    let tested: BTreeSet<_> = TESTED
        .iter()
        .map(|(refusal, name, _)| (*refusal, (*name).to_owned()))
        .collect();
    let wanted: BTreeSet<_> = Refusal::ALL
        .iter()
        .map(|refusal| (*refusal, format!("refuses_{}", refusal.code().replace('-', "_"))))
        .collect();
    assert_eq!(tested, wanted);
}

#[test]
fn the_list_of_refusals_is_complete_and_codes_differ() {
    // `code` matches exhaustively, so its arms are the variants.
    let source = include_str!("../../src/refusal.rs");
    let arms = source.lines().filter(|line| line.contains("=> \"log-")).count();
    let codes: BTreeSet<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
    assert_eq!(Refusal::ALL.len(), arms);
    assert_eq!(codes.len(), arms);
}

#[test]
fn the_page_of_errors_lists_every_code() {
    use holdfast_protocol::wire::code;
    let page = include_str!("../../../../docs/errors.md");
    let wire = include_str!("../../src/wire.rs");
    let wire = wire
        .split("pub mod code")
        .nth(1)
        .unwrap()
        .lines()
        .filter_map(|line| line.split('"').nth(1));
    let wire: BTreeSet<_> = wire.collect();
    assert!(
        wire.contains(code::CONFLICT) && wire.contains(code::QUOTA),
        "the source reads as expected"
    );
    for code in Refusal::ALL.iter().map(|refusal| refusal.code()).chain(wire) {
        assert!(
            page.contains(&format!("| `{code}` |")),
            "docs/errors.md says nothing about `{code}`"
        );
    }
    for listed in page
        .lines()
        .filter_map(|line| line.strip_prefix("| `log-"))
        .filter_map(|rest| rest.split('`').next())
    {
        let known = Refusal::ALL
            .iter()
            .any(|refusal| refusal.code() == format!("log-{listed}"));
        assert!(known, "docs/errors.md lists log-{listed}, which no code gives");
    }
}

/// The honest entry passes; twisted in one place it is refused with exactly `expected`.
fn check(log: &Log, honest: &Draft, expected: Refusal, twist: impl FnOnce(&mut Draft)) {
    let mut twisted = honest.clone();
    twist(&mut twisted);
    check_pair(log, honest, &twisted, expected);
}

fn check_pair(log: &Log, honest: &Draft, twisted: &Draft, expected: Refusal) {
    check_as(log, honest, twisted, expected, ana());
}

fn check_as(log: &Log, honest: &Draft, twisted: &Draft, expected: Refusal, reader: &Person) {
    assert_eq!(
        log.verdict(&honest.finish(), reader).err(),
        None,
        "the honest twin of {expected:?}"
    );
    assert_eq!(log.verdict(&twisted.finish(), reader).err(), Some(expected));
}

/// The same for entry 0, in the space that the honest one begins.
fn check_genesis(honest: &Draft, expected: Refusal, twist: impl FnOnce(&mut Draft)) {
    let mut twisted = honest.clone();
    twist(&mut twisted);
    for (draft, verdict) in [(honest, None), (&twisted, Some(expected))] {
        let space = if draft.entry.op.is_authority() {
            draft.entry.space
        } else {
            honest.entry.space
        };
        let entries = [draft.finish()];
        let got = Space::replay(space, ana().principal(), &entries, directory(), ana()).err();
        verdicts::note(space, ana().principal(), &entries, got);
        assert_eq!(got, verdict);
    }
}
