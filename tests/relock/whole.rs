//! The job as a whole, and with others at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use holdfast_device::HttpTransport;
use holdfast_engine::ports::{Method, Request, Response, Transport, Unreachable};
use holdfast_engine::{Error, Session};
use holdfast_protocol::entry::Role;
use holdfast_testkit::{Stage, phrase};
use tokio::sync::{Notify, mpsc};

use crate::scene::{Scene, folder, relock, upload};
use holdfast_tests::opener::laid_out;

#[tokio::test(flavor = "multi_thread")]
async fn with_all_keys_from_before_nothing_opens_of_what_is_live() {
    let stage = Stage::new().await;
    let ana = stage.person("ana@example.org").await;
    let mut scene = Scene::new(stage, &ana, 1).await;
    let before = ana.view(scene.space).await.expect("the project").space;
    let old = laid_out(&ana, &before).await;
    let plan = ana.relock_plan(scene.space).await.expect("a plan");
    assert_eq!(plan.items, 0, "there is one epoch");
    let nothing = relock(&scene.stage, &ana, scene.space).await.expect("nothing to do");
    assert_eq!(nothing.done, plan);

    ana.remove_member(scene.space, scene.ben.principal())
        .await
        .expect("removing");
    let until = before.authority().seq() + 1;
    assert!(
        scene.opens_for_ben(&ana, &old, until).await > 20,
        "the look finds what is there"
    );
    let plan = ana.relock_plan(scene.space).await.expect("a plan");
    assert_eq!((plan.items, plan.versions), (3, 5));

    for (person, code) in [(&scene.carl, "not-allowed"), (&scene.ben, "not-allowed")] {
        let refused = relock(&scene.stage, person, scene.space).await;
        assert_eq!(
            refused.map(drop).map_err(|error| error.code().to_owned()),
            Err(code.into())
        );
    }
    let done = relock(&scene.stage, &ana, scene.space).await.expect("locking again");
    assert_eq!(done.done, plan);
    assert!(done.left.is_empty() && done.dropped_bytes > 0, "{done:?}");

    assert_eq!(scene.opens_for_ben(&ana, &old, until).await, 0);
    scene.reads(&ana, "Ana").await;
    scene.reads(&scene.carl, "Carl").await;
    let after = scene.carl.view(scene.space).await.expect("the project").space;
    for (id, item) in before.contents().items() {
        let now = &after.contents().items()[id];
        assert_eq!(
            (&now.name, now.trashed_ms, now.created_ms),
            (&item.name, item.trashed_ms, item.created_ms)
        );
        for (old, new) in item.versions.iter().zip(&now.versions) {
            assert_eq!((old.created_ms, new.author), (new.created_ms, ana.principal()));
            let theirs = old.author != ana.principal();
            assert_eq!(new.note.contains("(by ben@example.org)"), theirs, "{}", new.note);
            assert!(new.note.starts_with("as it came"));
        }
    }
    let authority = after.authority();
    let live = authority.packs().values().filter(|pack| pack.dropped_seq.is_none());
    assert!(live.clone().count() > 0);
    assert!(live.into_iter().all(|pack| pack.added_seq > authority.epoch_seq()));

    // Nothing is left to do, and nothing of the work is left behind.
    assert_eq!(ana.relock_plan(scene.space).await.expect("a plan").items, 0);
    let again = relock(&scene.stage, &ana, scene.space).await.expect("nothing to do");
    assert_eq!(again.done.items, 0);
    assert!(ana.waiting_uploads().await.expect("uploads").is_empty());
    let spool = scene.stage.spool(&format!("{}-relock", ana.principal()));
    let files = walkdir::WalkDir::new(spool).into_iter().filter_map(Result::ok);
    assert_eq!(files.filter(|entry| entry.file_type().is_file()).count(), 0);

    // Ana's next version points into what was sealed anew.
    let root = scene.stage.folder().join("sources");
    let source = folder(&root, "anas-2", &mut scene.dice, 5_000);
    std::fs::copy(root.join("anas/large"), source.join("large")).expect("a copy");
    let next = upload(&scene.stage, &ana, scene.space, "anas", &source)
        .await
        .expect("uploading");
    assert_eq!((next.number, next.report.chunks_reused > 0), (2, true));
    scene.made.push((next.item, next.number, source));
    scene.reads(&scene.carl, "Carl").await;
}

/// Somebody who left has the key until it is renewed: the job does that first.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_is_closed_out_first() {
    let stage = Stage::new().await;
    let ana = stage.person("ana@example.org").await;
    let scene = Scene::new(stage, &ana, 2).await;
    let before = ana.view(scene.space).await.expect("the project").space;
    let old = laid_out(&ana, &before).await;
    scene.ben.leave(scene.space).await.expect("leaving");
    relock(&scene.stage, &ana, scene.space).await.expect("locking again");
    let after = ana.view(scene.space).await.expect("the project").space;
    assert_eq!(after.authority().epoch(), 1);
    let until = after.authority().epoch_seq();
    assert_eq!(scene.opens_for_ben(&ana, &old, until).await, 0);
    scene.reads(&scene.carl, "Carl").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_project_has_nothing_to_lock() {
    let stage = Stage::new().await;
    let ana = stage.person("ana@example.org").await;
    let project = ana.create_project("Open", false).await.expect("a project");
    let space = project.authority().space();
    let refused = relock(&stage, &ana, space).await.map(drop);
    assert_eq!(
        refused.map_err(|error| error.code().to_owned()),
        Err("not-allowed".into())
    );
}

/// A way to the server on which the first entry waits until it is let go.
struct Held {
    inner: HttpTransport,
    armed: AtomicBool,
    reached: Notify,
    go: Notify,
}

#[async_trait]
impl Transport for Held {
    fn origin(&self) -> &str {
        self.inner.origin()
    }

    async fn send(&self, request: Request) -> Result<Response, Unreachable> {
        let append = request.method == Method::Post && request.path.ends_with("/entries");
        if append && self.armed.swap(false, Ordering::SeqCst) {
            self.reached.notify_one();
            self.go.notified().await;
        }
        self.inner.send(request).await
    }

    async fn listen(&self, path: &str, token: &str) -> Result<mpsc::Receiver<String>, Unreachable> {
        self.inner.listen(path, token).await
    }
}

/// Carl's next version was to point into packs that the job drops before he commits: he sends what he needs himself.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_to_point_into_old_packs_sends_what_it_needs() {
    let stage = Stage::new().await;
    let ana = stage.person("ana@example.org").await;
    let mut scene = Scene::new(stage, &ana, 3).await;
    let held = Arc::new(Held {
        inner: HttpTransport::new(&scene.stage.url()).expect("an address"),
        armed: AtomicBool::new(false),
        reached: Notify::new(),
        go: Notify::new(),
    });
    let host = scene.stage.device_over("carl-2", held.clone()).await;
    let carl = Session::sign_in(host, "carl@example.org", &phrase("carl@example.org"))
        .await
        .expect("signing in");
    let root = scene.stage.folder().join("sources");
    let first = folder(&root, "carls-1", &mut scene.dice, 1_400_000);
    let made = upload(&scene.stage, &carl, scene.space, "common", &first)
        .await
        .expect("uploading");
    scene.made.push((made.item, made.number, first));
    ana.remove_member(scene.space, scene.ben.principal())
        .await
        .expect("removing");

    let second = folder(&root, "carls-2", &mut scene.dice, 5_000);
    std::fs::copy(root.join("carls-1/large"), second.join("large")).expect("a copy");
    held.armed.store(true, Ordering::SeqCst);
    let (uploaded, locked) = tokio::join!(upload(&scene.stage, &carl, scene.space, "common", &second), async {
        held.reached.notified().await;
        let locked = relock(&scene.stage, &ana, scene.space).await;
        held.go.notify_one();
        locked
    });
    assert!(locked.expect("locking again").left.is_empty());
    let uploaded: Result<_, Error> = uploaded;
    let uploaded = uploaded.expect("it sends what it needs");
    scene.made.push((uploaded.item, uploaded.number, second));
    scene.reads(&ana, "Ana").await;
    scene.reads(&scene.carl, "Carl").await;
    assert_eq!(ana.relock_plan(scene.space).await.expect("a plan").items, 0);
}

/// While an item is locked again, somebody adds a version to it: that one is done as well, and none is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_comes_in_between_is_kept() {
    let stage = Stage::new().await;
    let held = Arc::new(Held {
        inner: HttpTransport::new(&stage.url()).expect("an address"),
        armed: AtomicBool::new(false),
        reached: Notify::new(),
        go: Notify::new(),
    });
    drop(stage.person("ana@example.org").await);
    let host = stage.device_over("ana-2", held.clone()).await;
    let ana = Session::sign_in(host, "ana@example.org", &phrase("ana@example.org"))
        .await
        .expect("signing in");
    let mut scene = Scene::new(stage, &ana, 4).await;
    ana.set_role(scene.space, scene.carl.principal(), Role::Owner)
        .await
        .expect("another owner");
    let before = ana.view(scene.space).await.expect("the project").space;
    let old = laid_out(&ana, &before).await;
    ana.remove_member(scene.space, scene.ben.principal())
        .await
        .expect("removing");
    let source = folder(
        &scene.stage.folder().join("sources"),
        "carls",
        &mut scene.dice,
        1_200_000,
    );
    held.armed.store(true, Ordering::SeqCst);
    let (locked, uploaded) = tokio::join!(relock(&scene.stage, &ana, scene.space), async {
        held.reached.notified().await;
        // To each of the items, so to the one whose turn it is.
        let mut all = Vec::new();
        for name in ["common", "anas"] {
            all.push(upload(&scene.stage, &scene.carl, scene.space, name, &source).await);
        }
        held.go.notify_one();
        all
    });
    assert!(locked.expect("locking again").left.is_empty());
    for made in uploaded {
        let made = made.expect("uploading");
        scene.made.push((made.item, made.number, source.clone()));
    }
    scene.reads(&ana, "Ana").await;
    scene.reads(&scene.carl, "Carl").await;
    let until = before.authority().seq() + 1;
    assert_eq!(scene.opens_for_ben(&ana, &old, until).await, 0);
    assert_eq!(ana.relock_plan(scene.space).await.expect("a plan").items, 0);
}
