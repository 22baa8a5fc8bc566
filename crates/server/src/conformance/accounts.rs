//! Accounts, chains, recovery boxes, tokens, invitations.

use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::id::{InvitationId, Locator};
use holdfast_protocol::transparency::Leaf;
use holdfast_protocol::wire::{B64, LinkBox};

use super::{account, bundle, device, hash, principal, recovery, space};
use crate::ports::{Database, NewKeys, Renewal, Session, StoreError};

pub(super) async fn unique_in_every_way(database: &dyn Database) {
    database
        .create_account(account(1, "one"))
        .await
        .expect("a first account");
    let taken = Err(StoreError::Exists);
    assert_eq!(
        database.create_account(account(2, "one")).await,
        taken,
        "the handle is taken"
    );
    let mut twin = account(2, "two");
    twin.principal = principal(1);
    assert_eq!(database.create_account(twin).await, taken, "the principal is taken");
    let mut twin = account(2, "two");
    twin.vault.space = space(1);
    assert_eq!(database.create_account(twin).await, taken, "the vault is taken");
    assert!(
        database.account(principal(2)).await.expect("an answer").is_none(),
        "nothing half done"
    );
    assert!(
        database.head(space(2)).await.expect("an answer").is_none(),
        "nothing half done"
    );

    database
        .create_account(account(2, "two"))
        .await
        .expect("another account");
    let found = database
        .account_by_handle("two")
        .await
        .expect("an answer")
        .expect("an account");
    assert_eq!(
        (found.principal, found.vault, found.counter),
        (principal(2), Some(space(2)), 0)
    );
    assert_eq!(found.kdf, bundle(2, 0).kdf);
    assert_eq!(database.account(principal(2)).await.expect("an answer"), Some(found));
    assert!(
        database.account_by_handle("TWO").await.expect("an answer").is_none(),
        "handles are compared as written"
    );
    assert!(database.chain(principal(99)).await.expect("an answer").is_empty());
}

pub(super) async fn every_bundle_is_a_leaf(database: &dyn Database) {
    let leaves = database.leaves(0, 100).await.expect("leaves");
    let published = [("one", 1, 0), ("two", 2, 0), ("one", 1, 1)];
    let published =
        published.map(|(handle, n, counter)| Leaf::new(principal(n), handle, counter.into(), hash(n, counter)));
    assert_eq!(
        leaves, published,
        "in the order in which they were stored, and nothing that was not"
    );
    assert_eq!(database.leaves(1, 1).await.expect("leaves"), published[1..2]);
    assert!(database.leaves(3, 100).await.expect("leaves").is_empty());
}

pub(super) async fn chains_are_compared_and_set(database: &dyn Database) {
    for n in [20, 21, 22] {
        let lasting = super::tokens(n, 10_000, 10_000);
        database
            .create_device(principal(1), device(n), lasting, 5)
            .await
            .expect("a device");
    }
    let change = |counter: u8| NewKeys {
        principal: principal(1),
        bundle: bundle(1, counter),
        link: LinkBox {
            old: hash(1, counter.wrapping_sub(1)),
            new: hash(1, counter),
            sealed: B64(vec![counter]),
        },
        recovery: Some(recovery(1)),
        keep: device(21),
    };
    assert_eq!(
        database.change_keys(change(2)).await,
        Err(StoreError::Conflict),
        "a step was left out"
    );
    assert_eq!(
        database.change_keys(change(0)).await,
        Err(StoreError::Conflict),
        "a step was repeated"
    );
    assert_eq!(
        database.devices(principal(1)).await.expect("devices").len(),
        3,
        "nothing half done"
    );
    database.change_keys(change(1)).await.expect("the next bundle");
    assert_eq!(
        database.change_keys(change(1)).await,
        Err(StoreError::Conflict),
        "somebody was quicker"
    );
    assert_eq!(
        database.chain(principal(1)).await.expect("a chain"),
        [vec![8, 1, 0], vec![8, 1, 1]]
    );
    let links = database.links(principal(1)).await.expect("links");
    assert_eq!(links, [change(1).link]);
    let left = database.devices(principal(1)).await.expect("devices");
    assert_eq!(
        left.iter().map(|row| row.id).collect::<Vec<_>>(),
        [device(21)],
        "only the one that asked stays"
    );
    assert!(
        database
            .session(super::tokens(20, 0, 0).access, 6)
            .await
            .expect("an answer")
            .is_none(),
        "its tokens went too"
    );
    let newest = database
        .account(principal(1))
        .await
        .expect("an answer")
        .expect("an account");
    assert_eq!((newest.counter, newest.kdf), (1, bundle(1, 1).kdf));
    assert!(database.has_recovery(principal(1)).await.expect("an answer"));
}

pub(super) async fn recovery_boxes(database: &dyn Database) {
    assert_eq!(
        database.recovery(Locator([1; 16])).await.expect("an answer"),
        Some(vec![9, 1])
    );
    assert_eq!(database.recovery(Locator([3; 16])).await.expect("an answer"), None);
    let taken = database.set_recovery(principal(2), Some(recovery(1))).await;
    assert_eq!(taken, Err(StoreError::Exists), "somebody else's locator");
    database
        .set_recovery(principal(1), Some(recovery(3)))
        .await
        .expect("another box");
    assert_eq!(
        database.recovery(Locator([1; 16])).await.expect("an answer"),
        None,
        "the old box is gone"
    );
    database.set_recovery(principal(1), None).await.expect("no box");
    assert!(!database.has_recovery(principal(1)).await.expect("an answer"));
}

async fn tokens_of(database: &dyn Database, n: u8, now_ms: u64) -> Option<Session> {
    database
        .session(super::tokens(n, 0, 0).access, now_ms)
        .await
        .expect("an answer")
}

pub(super) async fn tokens(database: &dyn Database) {
    database
        .create_device(principal(2), device(30), super::tokens(30, 1_000, 5_000), 100)
        .await
        .expect("a device");
    let session = tokens_of(database, 30, 999).await.expect("signed in");
    assert_eq!(
        session,
        Session {
            principal: principal(2),
            kind: PrincipalKind::User,
            device: device(30),
            expires_ms: 1_000
        }
    );
    assert!(tokens_of(database, 30, 1_000).await.is_none(), "ended");

    let renewed = database
        .renew(super::tokens(30, 0, 0).refresh, super::tokens(31, 2_000, 6_000), 900)
        .await;
    assert_eq!(renewed, Ok(Renewal::Renewed(principal(2), device(30))));
    assert!(
        tokens_of(database, 30, 950).await.is_some(),
        "the earlier access token lives until it ends"
    );
    assert!(tokens_of(database, 31, 950).await.is_some());
    let row = database
        .devices(principal(2))
        .await
        .expect("devices")
        .pop()
        .expect("a device");
    assert_eq!((row.created_ms, row.seen_ms), (100, 900));

    let unknown = database.renew(hash(77, 7), super::tokens(32, 2_000, 6_000), 900).await;
    assert_eq!(unknown, Ok(Renewal::Unknown));
    let reused = database
        .renew(super::tokens(30, 0, 0).refresh, super::tokens(32, 2_000, 6_000), 950)
        .await;
    assert_eq!(reused, Ok(Renewal::Reused(device(30))), "a second use ends the device");
    assert!(tokens_of(database, 31, 950).await.is_none());
    assert!(database.devices(principal(2)).await.expect("devices").is_empty());

    database
        .create_device(principal(2), device(33), super::tokens(33, 1_000, 5_000), 100)
        .await
        .expect("a device");
    let late = database
        .renew(super::tokens(33, 0, 0).refresh, super::tokens(34, 9_000, 9_000), 5_000)
        .await;
    assert_eq!(late, Ok(Renewal::Unknown), "the refresh token has ended");
    assert_eq!(
        database.end_device(principal(1), device(33)).await,
        Err(StoreError::Missing),
        "somebody else's"
    );
    database.sweep_ended(5_000).await.expect("a sweep");
    assert_eq!(
        database.end_device(principal(2), device(33)).await,
        Err(StoreError::Missing),
        "swept"
    );
}

pub(super) async fn invitations(database: &dyn Database) {
    let id = |n: u8| InvitationId([n; 16]);
    database
        .create_invitation(principal(1), id(1), 1_000, 2, 10)
        .await
        .expect("an invitation");
    assert_eq!(
        database.create_invitation(principal(2), id(1), 1_000, 2, 10).await,
        Err(StoreError::Exists)
    );
    database
        .create_invitation(principal(1), id(2), 2_000, 2, 10)
        .await
        .expect("an invitation");
    assert_eq!(
        database.create_invitation(principal(1), id(3), 2_000, 2, 10).await,
        Err(StoreError::Quota)
    );
    database
        .create_invitation(principal(1), id(3), 2_000, 2, 1_000)
        .await
        .expect("one has ended");

    assert_eq!(
        database.claim_invitation(id(1), principal(2), b"proof", 1_000).await,
        Err(StoreError::Missing),
        "ended"
    );
    database
        .claim_invitation(id(2), principal(2), b"proof", 20)
        .await
        .expect("a claim");
    database
        .claim_invitation(id(2), principal(2), b"proof", 21)
        .await
        .expect("the same claim");
    assert_eq!(
        database.claim_invitation(id(2), principal(2), b"other", 21).await,
        Err(StoreError::Conflict)
    );
    assert_eq!(
        database.claim_invitation(id(2), principal(1), b"proof", 21).await,
        Err(StoreError::Conflict)
    );
    let rows = database.invitations(principal(1), 1_500).await.expect("invitations");
    assert_eq!(
        rows.iter().map(|row| row.id).collect::<Vec<_>>(),
        [id(2), id(3)],
        "the first has ended"
    );
    assert_eq!(
        (rows[0].claimed_by, rows[0].proof.clone()),
        (Some(principal(2)), Some(B64(b"proof".to_vec())))
    );
    assert_eq!((rows[1].claimed_by, rows[1].proof.clone()), (None, None));
    assert!(
        database
            .invitations(principal(2), 20)
            .await
            .expect("invitations")
            .is_empty()
    );
    assert_eq!(
        database.delete_invitation(principal(2), id(2)).await,
        Err(StoreError::Missing),
        "somebody else's"
    );
    database
        .delete_invitation(principal(1), id(2))
        .await
        .expect("taken back");
    assert_eq!(
        database.claim_invitation(id(2), principal(2), b"proof", 22).await,
        Err(StoreError::Missing)
    );
}

/// What was signed stays, under the name that it was signed under; whatever let somebody act for the account goes.
pub(super) async fn a_freed_handle_is_the_next_ones(database: &dyn Database) {
    let mut lost = account(200, "lost");
    lost.recovery = Some(recovery(200));
    database.create_account(lost).await.expect("an account");
    for n in [200, 201] {
        let lasting = super::tokens(n, 10_000, 10_000);
        database
            .create_device(principal(200), device(n), lasting, 5)
            .await
            .expect("a device");
    }
    let invitation = InvitationId([200; 16]);
    database
        .create_invitation(principal(200), invitation, 10_000, 2, 10)
        .await
        .expect("an invitation");
    let node_token = hash(200, 50);
    database
        .create_node_token(principal(200), node_token, 10_000, 2, 10)
        .await
        .expect("a token for a node");
    let before = database.leaves(0, 1_000).await.expect("leaves");
    let whole = database.account(principal(200)).await.expect("an answer");

    let missing = Err(StoreError::Missing);
    assert_eq!(database.release_handle("nobody", 20).await, missing);
    assert_eq!(
        database.release_handle("node 60", 20).await,
        missing,
        "a node has an end of its own"
    );
    let released = database.release_handle("lost", 20).await.expect("freed");
    assert_eq!((released.principal, released.devices), (principal(200), 2));
    assert_eq!(database.release_handle("lost", 21).await, missing, "it is free");

    // Nobody signs in, renews, recovers or lets anybody in as the account.
    for name in ["lost".to_owned(), format!("released {}", principal(200))] {
        assert_eq!(database.account_by_handle(&name).await.expect("an answer"), None);
    }
    assert_eq!(tokens_of(database, 200, 30).await, None);
    assert!(database.devices(principal(200)).await.expect("devices").is_empty());
    let renewed = database
        .renew(super::tokens(201, 0, 0).refresh, super::tokens(202, 9_000, 9_000), 30)
        .await;
    assert_eq!(renewed, Ok(Renewal::Unknown));
    assert_eq!(database.recovery(recovery(200).locator).await.expect("an answer"), None);
    assert!(
        database
            .invitations(principal(200), 30)
            .await
            .expect("invitations")
            .is_empty()
    );
    let claimed = database.claim_invitation(invitation, principal(2), b"proof", 30).await;
    assert_eq!(claimed, Err(StoreError::Missing));

    // Nor with what was under way in that moment.
    let late = super::tokens(203, 9_000, 9_000);
    let device_late = database.create_device(principal(200), device(203), late, 30).await;
    assert_eq!(device_late, Err(StoreError::Missing));
    let keys = NewKeys {
        principal: principal(200),
        bundle: bundle(200, 1),
        link: LinkBox {
            old: hash(200, 0),
            new: hash(200, 1),
            sealed: B64(vec![1]),
        },
        recovery: None,
        keep: device(200),
    };
    assert_eq!(database.change_keys(keys).await, Err(StoreError::Missing));
    let kit = database.set_recovery(principal(200), Some(recovery(200))).await;
    assert_eq!(kit, Err(StoreError::Missing));
    let invited = database
        .create_invitation(principal(200), invitation, 10_000, 2, 30)
        .await;
    assert_eq!(invited, Err(StoreError::Missing));
    let drawn = database
        .create_node_token(principal(200), node_token, 10_000, 2, 30)
        .await;
    assert_eq!(drawn, Err(StoreError::Missing));

    // What others have verified is as it was.
    assert_eq!(database.account(principal(200)).await.expect("an answer"), whole);
    assert_eq!(
        database.chain(principal(200)).await.expect("a chain"),
        [vec![8, 200, 0]]
    );
    assert_eq!(database.leaves(0, 1_000).await.expect("leaves"), before);
    assert_eq!(database.heads_of(principal(200)).await.expect("heads").len(), 1);

    assert_eq!(
        database.create_account(account(200, "lost")).await,
        Err(StoreError::Exists),
        "the same account does not come back"
    );
    database
        .create_account(account(204, "lost"))
        .await
        .expect("the next one");
    let found = database.account_by_handle("lost").await.expect("an answer");
    assert_eq!(found.map(|account| account.principal), Some(principal(204)));
    let leaves = database.leaves(0, 1_000).await.expect("leaves");
    assert_eq!(leaves[..before.len()], before);
    assert_eq!(
        leaves[before.len()..],
        [Leaf::new(principal(204), "lost", 0, hash(204, 0))]
    );
    assert_eq!(
        database.release_handle("lost", 40).await.expect("once more").principal,
        principal(204)
    );
}
