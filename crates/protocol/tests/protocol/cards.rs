//! A node's card is believed when this node signed it, and as nobody else's.

use holdfast_protocol::cbor;
use holdfast_protocol::run::{CARD, Card, FORMAT};

use crate::support::people::{big_node, node};

fn card() -> Card {
    Card {
        format: FORMAT,
        node: node().principal(),
        time_ms: 1_700_000_000_000,
        version: "0.1.0".to_owned(),
        system: "Linux x86_64".to_owned(),
        cpus: 8,
        memory: 1 << 34,
        gpus: Vec::new(),
        executor: "bubblewrap".to_owned(),
        slots: 2,
        runtimes: Vec::new(),
        limits: Vec::new(),
        operators: vec!["ana@example.org".to_owned()],
    }
}

#[test]
fn a_card_is_its_nodes_and_of_this_format() {
    let (own, other) = (node().first(), big_node().first());
    let public = own.sign.public();
    let signed = card().sign(&own.sign);
    assert_eq!(Card::verified(&signed, own.principal(), &public), Ok(card()));
    let refused = |bytes: &[u8], what: &str| {
        assert_eq!(
            Card::verified(bytes, own.principal(), &public),
            Err(cbor::Malformed),
            "{what}"
        );
    };
    refused(&card().sign(&other.sign), "signed by another node");
    let named = Card {
        node: other.principal(),
        ..card()
    };
    refused(&named.sign(&own.sign), "about another node");
    let newer = Card {
        format: FORMAT + 1,
        ..card()
    };
    refused(&newer.sign(&own.sign), "of another format");
    assert!(Card::verified(&signed, other.principal(), &public).is_err());
    assert!(Card::verified(&signed, own.principal(), &other.sign.public()).is_err());
    for at in 0..signed.len() {
        let mut altered = signed.clone();
        altered[at] ^= 1 << (at % 8);
        refused(&altered, &format!("byte {at}"));
    }
}

#[test]
fn a_card_of_the_limit_is_read_and_one_byte_more_is_not() {
    let own = node().first();
    let of = |system: usize| {
        let card = Card {
            system: "x".repeat(system),
            ..card()
        };
        let signed = card.sign(&own.sign);
        (
            signed.len(),
            Card::verified(&signed, own.principal(), &own.sign.public()).is_ok(),
        )
    };
    let around = of(3_000).0 - 3_000;
    assert_eq!(of(CARD - around), (CARD, true));
    assert_eq!(of(CARD + 1 - around), (CARD + 1, false));
}
