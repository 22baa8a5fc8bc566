//! Somebody is put out in the middle of his work.

use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_engine::ports::{Method, Request, Response};
use holdfast_protocol::entry::Role;
use holdfast_tests::layer::{Attack, Course, Seen, refusal};

use crate::scene::Scene;

/// A server that says that a pack has no place there, and is gone before anybody can ask why.
#[derive(Default)]
struct SaysAndGoes(AtomicBool);

impl Attack for SaysAndGoes {
    fn course(&self, _: &Request) -> Course {
        match self.0.load(Ordering::SeqCst) {
            true => Course::Cut,
            false => Course::Straight,
        }
    }

    fn answer(&self, seen: Seen<'_>) -> Response {
        if seen.request.method != Method::Post || !seen.request.path.ends_with("/packs") {
            return seen.honest;
        }
        self.0.store(true, Ordering::SeqCst);
        refusal(404, "not-found")
    }
}

/// Whoever uploads while he is put out is told that, and not that something is missing; where the server is gone before it can be
/// asked, he is told so, and hears the reason at the next try.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_put_out_while_he_uploads_is_told_that() {
    let scene = Scene::new().await;
    let (ana, ben) = (scene.desk("ana@example.org").await, scene.desk("ben@example.org").await);
    let space = scene.project(&ana).await;
    let shared = ana.session.share(space, "ben@example.org", Role::Contributor).await;
    shared.expect("sharing");
    ben.layer.attack(SaysAndGoes::default());
    let said = scene.try_upload(&ben, space, "data", b"a beginning").await;
    assert_eq!(
        said.map(drop).map_err(|error| error.code().to_owned()),
        Err("unreachable".into())
    );
    ben.layer.honest();
    let removed = ana.session.remove_member(space, ben.session.principal()).await;
    removed.expect("removing");
    let said = scene.try_upload(&ben, space, "data", b"a beginning").await;
    assert_eq!(
        said.map(drop).map_err(|error| error.code().to_owned()),
        Err("not-allowed".into())
    );
}
