//! The job is cut off at single requests, before and after the server acts, and gone on with on the same device or on that of another
//! owner. In between everybody reads everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use holdfast_device::HttpTransport;
use holdfast_engine::Session;
use holdfast_engine::ports::{Request, Response, Transport, Unreachable};
use holdfast_protocol::entry::Role;
use holdfast_testkit::{Stage, phrase};
use tokio::sync::{Notify, mpsc};

use crate::scene::{Scene, relock};
use holdfast_tests::opener::laid_out;

/// A way to the server that is cut at one request.
struct Cut {
    inner: HttpTransport,
    sent: AtomicUsize,
    at: AtomicUsize,
    after: bool,
    reached: Notify,
}

#[async_trait]
impl Transport for Cut {
    fn origin(&self) -> &str {
        self.inner.origin()
    }

    async fn send(&self, request: Request) -> Result<Response, Unreachable> {
        let cut = self.sent.fetch_add(1, Ordering::SeqCst) == self.at.load(Ordering::SeqCst);
        if cut && !self.after {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        let response = self.inner.send(request).await;
        if cut {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        response
    }

    async fn listen(&self, path: &str, token: &str) -> Result<mpsc::Receiver<String>, Unreachable> {
        self.inner.listen(path, token).await
    }
}

async fn cut_relock(after: bool) {
    let stage = Stage::new().await;
    let cut = Arc::new(Cut {
        inner: HttpTransport::new(&stage.url()).expect("an address"),
        sent: AtomicUsize::new(0),
        at: AtomicUsize::new(usize::MAX),
        after,
        reached: Notify::new(),
    });
    drop(stage.person("ana@example.org").await);
    let host = stage.device_over("ana-2", cut.clone()).await;
    let mut ana = Session::sign_in(host.clone(), "ana@example.org", &phrase("ana@example.org"))
        .await
        .expect("signing in");
    let scene = Scene::new(stage, &ana, 7).await;
    ana.set_role(scene.space, scene.carl.principal(), Role::Owner)
        .await
        .expect("another owner");
    let first = ana.view(scene.space).await.expect("the project").space;
    let old = laid_out(&ana, &first).await;
    let until = first.authority().seq() + 1;
    ana.remove_member(scene.space, scene.ben.principal())
        .await
        .expect("removing");
    let (mut cuts, mut at) = (0, 0);
    loop {
        let what = format!("cut at {at}, {}", if after { "after" } else { "before" });
        cut.sent.store(0, Ordering::SeqCst);
        cut.at.store(at, Ordering::SeqCst);
        let uncut = tokio::select! {
            done = relock(&scene.stage, &ana, scene.space) => {
                assert!(done.expect("uncut, it works").left.is_empty());
                true
            }
            () = cut.reached.notified() => false,
        };
        cut.at.store(usize::MAX, Ordering::SeqCst);
        cuts += usize::from(!uncut);
        tokio::time::sleep(Duration::from_millis(20)).await;
        scene.reads(&scene.carl, &what).await;
        drop(ana);
        ana = Session::unlock(host.clone(), &phrase("ana@example.org"))
            .await
            .expect("unlocking");
        if uncut {
            break;
        }
        // Now and then another owner finishes it, and the key is renewed so that there is all of it to do again.
        if at % 5 == 4 {
            let done = relock(&scene.stage, &scene.carl, scene.space).await;
            assert!(done.unwrap_or_else(|error| panic!("{what}: {error}")).left.is_empty());
            assert_eq!(scene.opens_for_ben(&scene.carl, &old, until).await, 0, "{what}");
            scene.reads(&ana, &what).await;
            ana.rotate(scene.space).await.expect("rotating");
        }
        at += 1 + at / 12;
    }
    assert!(cuts >= 12, "only {cuts} cuts");
    assert_eq!(scene.opens_for_ben(&ana, &old, until).await, 0);
    assert_eq!(ana.relock_plan(scene.space).await.expect("a plan").items, 0);
    scene.reads(&ana, "in the end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_before_single_requests_it_goes_on() {
    cut_relock(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_after_single_requests_it_goes_on() {
    cut_relock(true).await;
}
