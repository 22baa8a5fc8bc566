//! The log of keys as whoever has the server's secret can make it: keys that he made are in it, and all proofs hold.

use std::sync::Arc;

use holdfast_crypto::{Key32, SignKey, hkdf_expand, label};
use holdfast_engine::ports::{Request, Response};
use holdfast_protocol::bundle::SignedBundle;
use holdfast_protocol::id::{Hash, PrincipalId};
use holdfast_protocol::transparency::{Head, Leaf, Tree};
use holdfast_protocol::wire::{AskProof, Inclusion, Proof};
use holdfast_tests::layer::{Seen, answer, json, route};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::scene::{Desk, Scene, b64};

const BY_HANDLE: &str = "POST /v1/directory";
const BY_ID: &str = "GET /v1/directory/{}";
const PROOF: &str = "POST /v1/directory/proof";

/// What is true of one log with some leaves more than the honest one.
#[derive(Clone)]
pub(crate) struct KeyLog(Arc<Known>);

struct Known {
    tree: Tree,
    leaves: Vec<Hash>,
    head: Head,
}

impl KeyLog {
    /// The log that the server has by now, with these bundles in it, too.
    pub(crate) async fn with(scene: &Scene, desk: &Desk, made: &[Vec<u8>]) -> Self {
        let database = scene.stage.folder().join("server").join("holdfast.db");
        let options = SqliteConnectOptions::new().filename(database).read_only(true);
        let mut database = options.connect().await.expect("the server's database");
        let row = sqlx::query("SELECT secret FROM server").fetch_one(&mut database).await;
        let secret: Vec<u8> = row.expect("its secret").get(0);
        database.close().await.expect("closed");
        let secret = Key32::fill_with(|key| key.copy_from_slice(&secret));
        let key = SignKey::from_seed(hkdf_expand(&secret, &label("directory-key")));

        let honest = desk.session.api().leaves(0).await.expect("the log").leaves;
        let honest = honest.iter().map(|leaf| Leaf::from_bytes(&leaf.0).expect("a leaf"));
        let made = made.iter().map(|bundle| {
            let bundle = SignedBundle::from_bytes(bundle).expect("a bundle");
            Leaf::of(&bundle.verify(None).expect("its signatures are good"))
        });
        let leaves: Vec<Hash> = honest.chain(made).map(|leaf| leaf.hash()).collect();
        let mut tree = Tree::default();
        for leaf in &leaves {
            tree.push(*leaf);
        }
        let root = tree.root(tree.size()).expect("its own size");
        let head = Head::sign(tree.size(), root, &key);
        Self(Arc::new(Known { tree, leaves, head }))
    }

    /// Whoever is looked up has these keys, and they are in the log.
    pub(crate) fn shows(&self, principal: PrincipalId, chain: Vec<Vec<u8>>) -> impl Fn(Seen<'_>) -> Response + use<> {
        let (log, shows) = (self.alone(), shows(principal, chain));
        move |seen: Seen<'_>| match route(seen.request).as_str() {
            PROOF => log(seen),
            _ => shows(seen),
        }
    }

    /// Honest, but for the log, which only ever grows.
    pub(crate) fn alone(&self) -> impl Fn(Seen<'_>) -> Response + use<> {
        let known = self.0.clone();
        move |seen: Seen<'_>| match route(seen.request).as_str() {
            PROOF => known.prove(seen.request),
            _ => seen.honest,
        }
    }
}

impl Known {
    fn prove(&self, request: &Request) -> Response {
        let body = request.body.as_ref().map_or(&[][..], |(body, _)| body);
        let ask: AskProof = serde_json::from_slice(body).expect("a question");
        let size = self.tree.size();
        let inclusion = |leaf: &Hash| {
            let at = self.leaves.iter().position(|known| known == leaf)?;
            let number = u64::try_from(at).expect("a number");
            let path = self.tree.inclusion(number, size)?;
            Some(Inclusion { number, path })
        };
        let proof = Proof {
            key: Hash(self.head.key),
            checkpoint: self.head.checkpoint(),
            inclusion: ask.leaves.iter().map(inclusion).collect(),
            consistency: ask
                .sizes
                .iter()
                .map(|&from| self.tree.consistency(from, size))
                .collect(),
            cosigned: Vec::new(),
        };
        answer(&json(&serde_json::to_vec(&proof).expect("an answer")))
    }
}

/// Whoever is looked up has these keys.
pub(crate) fn shows(principal: PrincipalId, chain: Vec<Vec<u8>>) -> impl Fn(Seen<'_>) -> Response {
    move |seen: Seen<'_>| {
        if ![BY_HANDLE, BY_ID].contains(&route(seen.request).as_str()) {
            return seen.honest;
        }
        let chain: Vec<_> = chain.iter().map(|bundle| b64(bundle)).collect();
        answer(&serde_json::json!({ "principal": principal, "chain": chain }))
    }
}
