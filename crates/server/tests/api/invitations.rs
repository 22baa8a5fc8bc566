//! Invitations.

use holdfast_protocol::id::InvitationId;
use holdfast_protocol::wire::{B64, ClaimInvitation, InvitationRow, NewInvitation};
use reqwest::StatusCode;

use crate::people::Person;
use crate::server::{DAY, Server};

#[tokio::test]
async fn a_proof_is_left_once_and_only_its_inviter_reads_it() {
    let server = Server::start().await;
    let (ana, ben, cleo) = (Person::new(1, "ana"), Person::new(2, "ben"), Person::new(3, "cleo"));
    let (inviter, _) = server.join(&ana).await;
    let (newcomer, _) = server.join(&ben).await;
    let (third, _) = server.join(&cleo).await;
    let id = InvitationId([5; 16]);
    let one = format!("/v1/invitations/{id}");
    let claim = format!("{one}/claim");
    let proof = |n: u8| ClaimInvitation {
        proof: B64(vec![n; 32]),
    };
    let new = |expires_ms| NewInvitation { id, expires_ms };

    assert_eq!(newcomer.post(&claim, &proof(1)).await.0, StatusCode::NOT_FOUND);
    for expires_ms in [0, server.now_ms() - 1_000, server.now_ms() + 31 * DAY, u64::MAX] {
        let (status, _) = inviter.post("/v1/invitations", &new(expires_ms)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let expires_ms = server.now_ms() + DAY;
    assert_eq!(
        server.client().post("/v1/invitations", &new(expires_ms)).await.0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        inviter.post("/v1/invitations", &new(expires_ms)).await.0,
        StatusCode::CREATED
    );
    assert_eq!(
        inviter.post("/v1/invitations", &new(expires_ms)).await.0,
        StatusCode::CREATED,
        "the same again"
    );
    let (status, body) = third.post("/v1/invitations", &new(expires_ms)).await;
    assert_eq!((status, body.code().as_str()), (StatusCode::CONFLICT, "already-exists"));
    let rows: Vec<InvitationRow> = inviter.get("/v1/invitations").await.1.json();
    assert_eq!(
        rows,
        [InvitationRow {
            id,
            expires_ms,
            claimed_by: None,
            proof: None
        }]
    );

    for odd in [vec![], vec![0; 65]] {
        let (status, _) = newcomer.post(&claim, &ClaimInvitation { proof: B64(odd) }).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(newcomer.post(&claim, &proof(1)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(
        newcomer.post(&claim, &proof(1)).await.0,
        StatusCode::NO_CONTENT,
        "the very same request again"
    );
    assert_eq!(newcomer.post(&claim, &proof(2)).await.0, StatusCode::CONFLICT);
    assert_eq!(third.post(&claim, &proof(1)).await.0, StatusCode::CONFLICT);
    let rows: Vec<InvitationRow> = inviter.get("/v1/invitations").await.1.json();
    assert_eq!(
        (rows[0].claimed_by, rows[0].proof.clone()),
        (Some(ben.principal), Some(proof(1).proof))
    );
    assert!(
        newcomer
            .get("/v1/invitations")
            .await
            .1
            .json::<Vec<InvitationRow>>()
            .is_empty()
    );

    assert_eq!(third.delete(&one).await.0, StatusCode::NOT_FOUND);
    assert_eq!(inviter.delete(&one).await.0, StatusCode::NO_CONTENT);
    assert!(
        inviter
            .get("/v1/invitations")
            .await
            .1
            .json::<Vec<InvitationRow>>()
            .is_empty()
    );
}

#[tokio::test]
async fn it_ends() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    server.join(&ana).await;
    let id = InvitationId([5; 16]);
    let inviter = server.sign_in(&ana).await;
    let new = NewInvitation {
        id,
        expires_ms: server.now_ms() + DAY,
    };
    assert_eq!(inviter.post("/v1/invitations", &new).await.0, StatusCode::CREATED);
    server.clock.add_ms(DAY + 1_000);
    let inviter = server.sign_in(&ana).await;
    assert!(
        inviter
            .get("/v1/invitations")
            .await
            .1
            .json::<Vec<InvitationRow>>()
            .is_empty()
    );
    let claim = ClaimInvitation {
        proof: B64(vec![1; 32]),
    };
    assert_eq!(
        inviter.post(&format!("/v1/invitations/{id}/claim"), &claim).await.0,
        StatusCode::NOT_FOUND
    );
}
