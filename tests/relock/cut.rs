//! The job is cut off at single requests, before and after the server acts, and gone on with on the same device or on that of another
//! owner. In between everybody reads everything.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use holdfast_device::HttpTransport;
use holdfast_engine::Session;
use holdfast_engine::ports::{Method, Request, Response, Transport, Unreachable};
use holdfast_protocol::entry::Role;
use holdfast_testkit::{Stage, phrase};
use tokio::sync::{Notify, mpsc};

use crate::scene::{Scene, folder, relock, upload};
use holdfast_tests::opener::laid_out;

/// Where it is cut.
#[derive(Clone, Copy)]
enum At {
    Never,
    /// The request of this number.
    Request(usize),
    /// The next request that adds to a log.
    Entry,
}

/// A way to the server that is cut at one request.
struct Cut {
    inner: HttpTransport,
    sent: AtomicUsize,
    at: Mutex<At>,
    after: bool,
    reached: Notify,
}

impl Cut {
    fn new(stage: &Stage, after: bool) -> Arc<Self> {
        Arc::new(Self {
            inner: HttpTransport::new(&stage.url()).expect("an address"),
            sent: AtomicUsize::new(0),
            at: Mutex::new(At::Never),
            after,
            reached: Notify::new(),
        })
    }

    /// What comes of some work that is dropped where it is cut: nothing then.
    async fn cut<T>(&self, at: At, work: impl Future<Output = T>) -> Option<T> {
        self.sent.store(0, Ordering::SeqCst);
        *self.at.lock().expect("the place") = at;
        let done = tokio::select! {
            done = work => Some(done),
            () = self.reached.notified() => None,
        };
        *self.at.lock().expect("the place") = At::Never;
        done
    }
}

#[async_trait]
impl Transport for Cut {
    fn origin(&self) -> &str {
        self.inner.origin()
    }

    async fn send(&self, request: Request) -> Result<Response, Unreachable> {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        let cut = match *self.at.lock().expect("the place") {
            At::Never => false,
            At::Request(at) => number == at,
            At::Entry => request.method == Method::Post && request.path.ends_with("/entries"),
        };
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
    let cut = Cut::new(&stage, after);
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
        let done = cut.cut(At::Request(at), relock(&scene.stage, &ana, scene.space)).await;
        let uncut = done.is_some_and(|done| {
            assert!(done.expect("uncut, it works").left.is_empty());
            true
        });
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

/// The server took the entry, and this device was stopped before it learned so. Then it is as if it had been another device: what
/// it had packed was named, and can't be named again.
#[tokio::test(flavor = "multi_thread")]
async fn committed_unnoticed_it_begins_anew_when_there_is_more_to_do() {
    let stage = Stage::new().await;
    let cut = Cut::new(&stage, true);
    drop(stage.person("ana@example.org").await);
    let host = stage.device_over("ana-2", cut.clone()).await;
    let signed_in = Session::sign_in(host.clone(), "ana@example.org", &phrase("ana@example.org")).await;
    let mut ana = signed_in.expect("signing in");
    let mut scene = Scene::new(stage, &ana, 8).await;
    let (space, carl) = (scene.space, scene.carl.principal());
    let again = async || {
        let ana = Session::unlock(host.clone(), &phrase("ana@example.org")).await;
        ana.expect("unlocking")
    };
    ana.set_role(space, carl, Role::Owner).await.expect("another owner");
    ana.remove_member(space, scene.ben.principal()).await.expect("removing");

    let stopped = cut.cut(At::Entry, relock(&scene.stage, &ana, space)).await;
    assert!(stopped.is_none(), "it is stopped behind its first entry");
    drop(ana);
    ana = again().await;
    ana.rotate(space).await.expect("a new key");
    let done = relock(&scene.stage, &ana, space).await.expect("locking again");
    assert!(done.left.is_empty(), "{:?}", done.left);
    assert_eq!(ana.relock_plan(space).await.expect("a plan").items, 0);
    scene.reads(&ana, "locked again twice").await;

    // An upload whose version another owner locked again before this device heard of it.
    let source = folder(&scene.stage.folder().join("sources"), "late", &mut scene.dice, 400_000);
    let stopped = cut
        .cut(At::Entry, upload(&scene.stage, &ana, space, "late", &source))
        .await;
    assert!(stopped.is_none(), "it is stopped behind its entry");
    drop(ana);
    ana = again().await;
    scene.carl.rotate(space).await.expect("a new key");
    let done = relock(&scene.stage, &scene.carl, space).await.expect("locking again");
    assert!(done.left.is_empty(), "{:?}", done.left);
    let late = upload(&scene.stage, &ana, space, "late", &source)
        .await
        .expect("going on");
    scene.made.push((late.item, late.number, source));
    assert!(ana.waiting_uploads().await.expect("the journal").is_empty());
    scene.reads(&scene.carl, "an upload that was locked again").await;
}
