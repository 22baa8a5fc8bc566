//! What every adapter of a port must do: run on SQLite and the folder today, on whatever joins them later.
//!
//! Each function wants an empty store and panics where the adapter differs.

mod accounts;
mod blobs;
mod moving;
mod nodes;
mod packs;
mod runs;
mod said;
mod spaces;

use holdfast_protocol::id::{DeviceId, Hash, Locator, PrincipalId, SpaceId};
use holdfast_protocol::wire::{B64, RecoveryBox};

pub use blobs::blobs;

use crate::ports::{Database, NewAccount, NewBundle, NewSpace, NewTokens};

/// Everything about a [`Database`].
///
/// # Panics
/// Where the adapter differs from what the port says.
pub async fn database(database: &dyn Database) {
    let secret = database.secret().await.expect("a secret");
    assert_eq!(database.secret().await.expect("a secret"), secret, "the secret stays");
    accounts::unique_in_every_way(database).await;
    accounts::chains_are_compared_and_set(database).await;
    accounts::every_bundle_is_a_leaf(database).await;
    accounts::recovery_boxes(database).await;
    accounts::tokens(database).await;
    accounts::invitations(database).await;
    spaces::logs_are_compared_and_appended(database).await;
    spaces::many_writers_one_winner(database).await;
    spaces::membership(database).await;
    moving::a_chain_comes_in_one_piece(database).await;
    moving::entries_are_put_aside_and_counted_at_once(database).await;
    packs::begun_stored_named_dropped(database).await;
    packs::quotas(database).await;
    packs::swept(database).await;
    nodes::tokens_are_good_once(database).await;
    nodes::standing_follows_the_log(database).await;
    nodes::a_node_ends_whole(database).await;
    runs::capsules_come_first(database).await;
    runs::a_run_is_leased_once(database).await;
    runs::what_is_due_is_done(database).await;
    runs::spaces_take_turns(database).await;
    said::boxes_follow_each_other(database).await;
    said::results_come_once(database).await;
    said::packs_wait_with_a_result(database).await;
    accounts::a_freed_handle_is_the_next_ones(database).await;
    said::what_was_said_goes_long_after_the_end(database).await;
}

/// An account whose every id begins with `n`.
fn account(n: u8, handle: &str) -> NewAccount {
    NewAccount {
        principal: principal(n),
        handle: handle.into(),
        bundle: bundle(n, 0),
        later: Vec::new(),
        vault: NewSpace {
            space: space(n),
            hash: hash(n, 0),
            signed: vec![n, 0],
            owner: principal(n),
        },
        recovery: None,
        now_ms: 1,
    }
}

fn principal(n: u8) -> PrincipalId {
    PrincipalId([n; 16])
}

fn space(n: u8) -> SpaceId {
    SpaceId([n; 32])
}

fn device(n: u8) -> DeviceId {
    DeviceId([n; 16])
}

fn hash(n: u8, seq: u8) -> Hash {
    let mut bytes = [n; 32];
    bytes[31] = seq;
    Hash(bytes)
}

fn bundle(n: u8, counter: u8) -> NewBundle {
    NewBundle {
        counter: counter.into(),
        hash: hash(n, counter),
        kdf: vec![7, n, counter],
        signed: vec![8, n, counter],
    }
}

fn recovery(n: u8) -> RecoveryBox {
    RecoveryBox {
        locator: Locator([n; 16]),
        sealed: B64(vec![9, n]),
    }
}

fn tokens(n: u8, access_expires_ms: u64, refresh_expires_ms: u64) -> NewTokens {
    NewTokens {
        access: hash(n, 100),
        access_expires_ms,
        refresh: hash(n, 200),
        refresh_expires_ms,
    }
}
