//! Nodes: tokens, standing, ends.

use holdfast_protocol::entry::NodeScope;
use holdfast_protocol::id::Hash;
use holdfast_protocol::wire::RunState;

use super::spaces::{entry, new_space};
use super::{account, bundle, device, hash, principal, space, tokens};
use crate::ports::{Database, NewEntry, NewNode, NodeStanding, StoreError, WorkChange};

/// A node whose every id begins with `n`, and whose token is `n` as well.
pub(super) fn node(n: u8) -> NewNode {
    NewNode {
        principal: principal(n),
        handle: format!("node {n}"),
        bundle: bundle(n, 0),
        token: token(n),
        now_ms: 10,
    }
}

fn token(n: u8) -> Hash {
    hash(n, 150)
}

/// Enrols node `n`, for account 1.
pub(super) async fn enrol(database: &dyn Database, n: u8) {
    let drawn = database.create_node_token(principal(1), token(n), 1_000, 50, 1);
    drawn.await.expect("a token");
    assert_eq!(database.enrol_node(node(n)).await, Ok(true));
}

/// The next entry with this change.
pub(super) fn work(n: u8, seq: u8, change: WorkChange, now_ms: u64) -> NewEntry {
    NewEntry {
        work: Some(change),
        now_ms,
        ..entry(n, seq)
    }
}

pub(super) fn authorise(node: u8, until_ms: u64) -> WorkChange {
    WorkChange::Authorise {
        node: principal(node),
        scope: NodeScope::Runs,
        until_ms,
    }
}

pub(super) async fn tokens_are_good_once(database: &dyn Database) {
    enrol(database, 60).await;
    assert_eq!(database.enrol_node(node(60)).await, Ok(false), "the very same");
    let missing = Err(StoreError::Missing);
    let mut second = node(61);
    second.token = token(60);
    assert_eq!(database.enrol_node(second).await, missing, "spent");
    assert_eq!(database.enrol_node(node(61)).await, missing, "unknown");
    let drawn = database.create_node_token(principal(1), token(61), 20, 50, 1);
    drawn.await.expect("a token");
    let mut late = node(61);
    late.now_ms = 20;
    assert_eq!(database.enrol_node(late).await, missing, "over");
    let mut twin = node(61);
    twin.handle = "node 60".into();
    assert_eq!(database.enrol_node(twin).await, Err(StoreError::Exists));
    assert_eq!(
        database.enrol_node(node(61)).await,
        Ok(true),
        "not spent by what failed"
    );
    let open = |token: Hash| database.create_node_token(principal(2), token, 1_000, 2, 1);
    open(hash(61, 1)).await.expect("a token");
    open(hash(61, 2)).await.expect("a token");
    assert_eq!(open(hash(61, 3)).await, Err(StoreError::Quota));
    let found = database.account_by_handle("node 60").await.expect("an answer");
    let found = found.expect("a node is an account");
    assert_eq!((found.vault, found.ended), (None, false));
    assert_eq!(database.chain(principal(60)).await.expect("a chain").len(), 1);
}

pub(super) async fn standing_follows_the_log(database: &dyn Database) {
    enrol(database, 62).await;
    database.create_space(new_space(62, 1)).await.expect("a space");
    let standing = async |now_ms| {
        let standing = database.node_standing(space(62), principal(62), now_ms).await;
        standing.expect("an answer")
    };
    let listed = async |now_ms| database.node_heads(principal(62), now_ms).await.expect("heads").len();
    let active = Some(NodeStanding::Active(NodeScope::Runs));
    assert_eq!((standing(1).await, listed(1).await), (None, 0));
    let append = async |seq, change, now_ms| database.append(work(62, seq, change, now_ms)).await.expect("an entry");
    append(1, authorise(62, 100), 10).await;
    assert_eq!((standing(99).await, listed(99).await), (active, 1));
    assert_eq!(
        (standing(100).await, listed(100).await),
        (Some(NodeStanding::Ended(1)), 0)
    );
    database
        .append(NewEntry {
            now_ms: 99,
            ..entry(62, 2)
        })
        .await
        .expect("an entry");
    assert_eq!(standing(100).await, Some(NodeStanding::Ended(2)), "the last one then");
    database
        .append(NewEntry {
            now_ms: 100,
            ..entry(62, 3)
        })
        .await
        .expect("an entry");
    assert_eq!(standing(101).await, Some(NodeStanding::Ended(2)), "and none after");
    append(4, WorkChange::WithdrawNode(principal(62)), 101).await;
    assert_eq!(standing(102).await, Some(NodeStanding::Ended(2)));
    append(5, authorise(62, 500), 102).await;
    assert_eq!(standing(103).await, active);
    append(6, WorkChange::WithdrawNode(principal(62)), 103).await;
    assert_eq!(standing(104).await, Some(NodeStanding::Ended(6)));
    let rows = database.nodes(principal(1), 104).await.expect("rows");
    assert!(rows.iter().any(|row| row.principal == principal(62) && row.mine));
}

pub(super) async fn a_node_ends_whole(database: &dyn Database) {
    enrol(database, 63).await;
    database
        .create_account(account(64, "sixty-four"))
        .await
        .expect("an account");
    database.create_space(new_space(63, 64)).await.expect("a space");
    database
        .append(work(63, 1, authorise(63, 1_000), 10))
        .await
        .expect("an entry");
    let seen = database.nodes(principal(64), 20).await.expect("rows");
    assert_eq!(
        seen.iter().map(|row| (row.principal, row.mine)).collect::<Vec<_>>(),
        [(principal(63), false)]
    );
    let order = super::runs::order(63, 1, 900);
    database.append(work(63, 2, order, 10)).await.expect("an entry");
    let signed_in = database.create_device(principal(63), device(63), tokens(63, 1_000, 1_000), 10);
    signed_in.await.expect("a device");
    let (by, missing) = (principal(1), Err(StoreError::Missing));
    assert_eq!(database.end_node(principal(64), principal(63), 20).await, missing);
    let ended = database.end_node(by, principal(63), 20).await.expect("ended");
    assert_eq!(ended.devices, [device(63)]);
    assert_eq!(
        ended.runs.iter().map(|run| run.state).collect::<Vec<_>>(),
        [RunState::Withdrawn]
    );
    assert_eq!(database.end_node(by, principal(63), 20).await, missing, "once");
    assert!(database.session(hash(63, 100), 20).await.expect("an answer").is_none());
    let again = database.create_device(principal(63), device(65), tokens(65, 1_000, 1_000), 21);
    assert_eq!(again.await, Err(StoreError::Missing));
    let found = database
        .account(principal(63))
        .await
        .expect("an answer")
        .expect("it stays");
    assert!(found.ended);
    assert!(database.nodes(principal(64), 20).await.expect("rows").is_empty());
    let changed = database.append(work(63, 3, super::runs::order(63, 2, 900), 30)).await;
    assert_eq!(changed.expect("an entry")[0].state, RunState::Withdrawn);
}
