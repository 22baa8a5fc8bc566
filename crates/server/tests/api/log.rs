//! The log of keys: each bundle is in it, the log only grows, and is the same after a restart.

use std::time::{Duration, Instant};

use holdfast_protocol::id::Hash;
use holdfast_protocol::transparency::{Head, Leaf, Tree, continues, included};
use holdfast_protocol::wire::{AskProof, Leaves, Proof};
use holdfast_protocol::witness::Cosignature;
use holdfast_server::{WitnessAt, witness};
use reqwest::StatusCode;

use crate::people::Person;
use crate::server::{Client, Server};

async fn prove(client: &Client, leaves: Vec<Hash>, sizes: Vec<u64>) -> (Head, Proof) {
    let (status, body) = client.post("/v1/directory/proof", &AskProof { leaves, sizes }).await;
    assert_eq!(status, StatusCode::OK);
    let proof: Proof = body.json();
    let head = Head::from_checkpoint(&proof.checkpoint, &proof.key.0).unwrap();
    (head, proof)
}

#[tokio::test]
async fn the_log_grows_with_each_bundle_and_nothing_else() {
    let mut server = Server::start().await;
    let (ana, ben) = (Person::new(1, "ana"), Person::new(2, "ben"));
    let (client, _) = server.join(&ana).await;
    let leaf = |person: &Person| Leaf::of(&person.bundle);
    let (first, proof) = prove(&client, vec![leaf(&ana).hash(), leaf(&ben).hash()], vec![0, 1, 2]).await;
    assert_eq!((first.size, first.root), (1, leaf(&ana).hash()));
    assert!(
        proof.inclusion[0].is_some() && proof.inclusion[1].is_none(),
        "Ben is not there yet"
    );
    assert_eq!(proof.consistency, [Some(vec![]), Some(vec![]), None]);

    server.join(&ben).await;
    let next = ana.changed(3);
    let change = client.put("/v1/me/bundle", &ana.change_to(&next)).await.0;
    assert_eq!(change, StatusCode::NO_CONTENT);
    let refused = client.put("/v1/me/bundle", &ana.change_to(&ana.changed(4))).await.0;
    assert_eq!(refused, StatusCode::CONFLICT);

    // As a client checks it, before and after a restart.
    let in_order = [leaf(&ana), leaf(&ben), leaf(&next)];
    let mut heads = vec![first];
    for _ in 0..2 {
        let leaves = in_order.iter().map(Leaf::hash).collect();
        let (head, proof) = prove(&server.sign_in(&next).await, leaves, vec![1]).await;
        assert_eq!(head.size, 3);
        for (leaf, found) in in_order.iter().zip(&proof.inclusion) {
            let found = found.as_ref().unwrap();
            assert!(included(leaf.hash(), found.number, head.size, head.root, &found.path));
        }
        let path = proof.consistency[0].as_ref().unwrap();
        assert!(continues((1, heads[0].root), (head.size, head.root), path));
        heads.push(head);
        server.restart().await;
    }
    assert_eq!(heads[1], heads[2], "the very same log");

    let client = server.sign_in(&next).await;
    let (_, body) = client.get("/v1/directory/leaves").await;
    let page: Leaves = body.json();
    let mut tree = Tree::default();
    for (bytes, leaf) in page.leaves.iter().zip(&in_order) {
        assert_eq!(Leaf::from_bytes(&bytes.0).unwrap(), *leaf);
        tree.push(leaf.hash());
    }
    assert_eq!((page.leaves.len(), tree.root(3)), (3, Some(heads[2].root)));
    let (_, body) = client.get("/v1/directory/leaves?from=2").await;
    assert_eq!(body.json::<Leaves>().leaves, page.leaves[2..]);
    let (_, body) = client.get("/v1/directory/leaves?from=3").await;
    assert!(body.json::<Leaves>().leaves.is_empty());
    let (status, body) = client.get("/v1/directory/checkpoint").await;
    assert_eq!((status, body.0), (StatusCode::OK, heads[2].checkpoint().into_bytes()));
}

#[tokio::test]
async fn the_log_is_for_people_who_are_signed_in_and_within_limits() {
    let server = Server::start().await;
    let ask = |leaves, sizes| AskProof {
        leaves: vec![Hash::ZERO; leaves],
        sizes: vec![0; sizes],
    };
    let nobody = server.client();
    assert_eq!(
        nobody.post("/v1/directory/proof", &ask(0, 0)).await.0,
        StatusCode::UNAUTHORIZED
    );
    for path in ["/v1/directory/leaves", "/v1/directory/checkpoint"] {
        assert_eq!(nobody.get(path).await.0, StatusCode::UNAUTHORIZED);
    }
    let (client, _) = server.join(&Person::new(1, "ana")).await;
    assert_eq!(
        client.post("/v1/directory/proof", &ask(256, 256)).await.0,
        StatusCode::OK
    );
    for (leaves, sizes) in [(257, 0), (0, 257)] {
        let (status, body) = client.post("/v1/directory/proof", &ask(leaves, sizes)).await;
        assert_eq!(
            (status, body.code().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "refused")
        );
    }
}

/// A witness in this process, and a server that asks it.
#[tokio::test]
async fn a_checkpoint_has_the_lines_of_the_witnesses() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start().await;
    let config = witness::Config {
        data: folder.path().join("witness"),
        listen: "127.0.0.1:0".parse().unwrap(),
        logs: vec![server.running().log_key()],
    };
    let running = witness::start(config).await.unwrap();
    let by = running.witness().clone();
    let at = WitnessAt {
        witness: by.clone(),
        url: format!("http://{}", running.local_addr()),
    };
    // One that nobody answers for, and one whose address belongs to another key.
    let silent = WitnessAt {
        url: "http://127.0.0.1:9".into(),
        ..at.clone()
    };
    let wrong = WitnessAt {
        witness: witness::key_of(&folder.path().join("other")).unwrap(),
        ..at.clone()
    };
    server
        .restart_with(|config| config.witnesses = vec![silent, wrong.clone(), at])
        .await;
    let (client, _) = server.join(&Person::new(1, "ana")).await;
    for number in 1..=3 {
        if number > 1 {
            server.join(&Person::new(number, &format!("person-{number}"))).await;
        }
        let begun = Instant::now();
        loop {
            let (head, proof) = prove(&client, Vec::new(), Vec::new()).await;
            let (_, body) = client.get("/v1/directory/checkpoint").await;
            let text = String::from_utf8(body.0).unwrap();
            assert_eq!(
                Head::from_checkpoint(&text, &proof.key.0).unwrap(),
                head,
                "it is the newest, co-signed or not"
            );
            assert!(Cosignature::find(&text, &head, &wrong.witness).is_none());
            if Cosignature::find(&text, &head, &by).is_some() {
                assert_eq!(head.size, u64::from(number));
                let [one] = &prove(&client, Vec::new(), Vec::new()).await.1.cosigned[..] else {
                    panic!("one head");
                };
                assert_eq!((&one.checkpoint, one.path.len()), (&text, 0));
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // The witness is gone: what it said stays, with a proof to what is new.
    running.stop().await;
    server.join(&Person::new(9, "person-9")).await;
    let (head, proof) = prove(&client, Vec::new(), Vec::new()).await;
    let [one] = &proof.cosigned[..] else { panic!("one head") };
    let signed = Head::from_checkpoint(&one.checkpoint, &proof.key.0).unwrap();
    assert_eq!((head.size, signed.size), (4, 3));
    assert!(continues((3, signed.root), (4, head.root), &one.path));
    assert!(Cosignature::find(&one.checkpoint, &signed, &by).is_some());
}
