//! Moving an account from one server to another: everything is there afterwards, and a move that is cut off at any request
//! has changed nothing and is gone on with.
//!
//! The cut is exact, as in `interrupted.rs`: the n-th request that can change something at either server hangs for ever,
//! before that server gets it or after it acted, and the work is dropped there, as `kill -9` would. (A cut at a request
//! that only reads is one between two of these.)

#[path = "relocate/scene.rs"]
mod scene;

use std::sync::atomic::Ordering;

use holdfast_crypto::MIN_LOG2_N;
use holdfast_engine::{Account, Error, Host, NewKeys, Session};
use holdfast_protocol::entry::Role;
use holdfast_testkit::{Stage, phrase};
use holdfast_tests::{Person, Server};

use scene::{ANA, Knife, Scene, device, direct, quiet, read, secret, way};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_moves_with_everything() {
    // More than one part.
    let scene = Scene::new(9 << 20).await;
    let new = Stage::new().await;
    let store = scene.fresh_device("moving.db");
    let host = device(&store, direct(&scene.old)).await;
    let ana = Session::unlock(host.clone(), &scene.phrase).await.expect("unlocking");
    let before = ana.api().spaces().await.expect("heads");
    let plan = ana.relocation_plan().await.expect("a plan");
    assert_eq!((plan.moving.len(), plan.staying.len(), plan.uploads), (3, 0, 0));
    let (progress, cancel) = quiet();
    let (there, done) = ana
        .relocate(direct(&new), false, &progress, &cancel)
        .await
        .expect("a move");
    assert_eq!((done.projects, done.entries, done.kit), (2, plan.entries(), true));
    assert_eq!((done.packs, done.bytes), plan.packs());
    assert_eq!(there.account().server, new.url());
    scene.all_is_there(&there, "the device that moved").await;
    there.upkeep_all().await.expect("nothing is amiss");
    there
        .add_secret(scene.space, secret("later", "x"))
        .await
        .expect("it goes on");
    there.test_kit(&scene.code).await.expect("the kit works there");

    // The old server is as it was, and knows nothing of it.
    let still = Session::sign_in(scene.old.device("still").await, ANA, &scene.phrase)
        .await
        .expect("signing in");
    assert_eq!(still.api().spaces().await.expect("heads"), before);
    scene.all_is_there(&still, "the old server").await;

    // Started again, it belongs to the new server; a second device sees everything; so does the kit alone.
    drop(there);
    let host = Host {
        transport: direct(&new),
        ..host
    };
    let again = Session::unlock(host, &scene.phrase).await.expect("unlocking");
    again.check_account().await.expect("the account");
    scene.all_is_there(&again, "started again").await;
    let second = Session::sign_in(new.device("second").await, ANA, &scene.phrase)
        .await
        .expect("signing in");
    scene.all_is_there(&second, "a second device").await;
    let third = phrase("found by the kit at the new server");
    let keys = NewKeys::at(MIN_LOG2_N);
    let (bare, _) = Session::recover(new.device("bare").await, &scene.code, &third, keys)
        .await
        .expect("recovery");
    scene.all_is_there(&bare, "the kit alone").await;
}

/// After each cut the device is whole at the old server; then the move goes on, and everything is at the new one.
async fn cut_everywhere(after: bool) {
    let scene = Scene::new(300_000).await;
    let mut cuts = 0;
    for at in 0.. {
        let new = Stage::new().await;
        let name = format!("cut-{at}.db");
        let store = scene.fresh_device(&name);
        let knife = Knife::new(at, after);
        let host = device(&store, way(&scene.old, &knife)).await;
        let ana = Session::unlock(host, &scene.phrase).await.expect("unlocking");
        let (progress, cancel) = quiet();
        let to = way(&new, &knife);
        let ended = tokio::select! {
            ended = ana.relocate(to, false, &progress, &cancel) => Some(ended),
            () = knife.reached.notified() => None,
        };
        drop(ana);
        let uncut = match ended {
            Some(ended) => {
                ended.expect("an uncut move works");
                true
            }
            None => false,
        };
        cuts += usize::from(!uncut);
        // Every byte of files after every fifth cut: it takes its time.
        let thoroughly = uncut || at % 5 == 0;
        let host = device(&store, direct(&scene.old)).await;
        let record = Account::load(host.store.as_ref())
            .await
            .expect("a record")
            .expect("an account");
        if record.server == scene.old.url() {
            assert!(!uncut);
            let ana = Session::unlock(host.clone(), &scene.phrase).await.expect("unlocking");
            assert_eq!(
                read(&ana, scene.vault).await.as_deref(),
                Some("a secret"),
                "cut at {at}: at the old server"
            );
            if thoroughly {
                ana.upkeep_all()
                    .await
                    .unwrap_or_else(|error| panic!("cut at {at}: {error}"));
            }
            ana.relocate(direct(&new), false, &progress, &cancel)
                .await
                .unwrap_or_else(|error| panic!("cut at {at}, then: {error}"));
        }
        let host = Host {
            transport: direct(&new),
            ..host
        };
        let ana = Session::unlock(host, &scene.phrase).await.expect("unlocking");
        assert_eq!(ana.account().server, new.url(), "cut at {at}");
        for id in [scene.space, scene.vault] {
            assert_eq!(read(&ana, id).await.as_deref(), Some("a secret"), "cut at {at}");
        }
        if thoroughly {
            scene.all_is_there(&ana, &format!("cut at {at}")).await;
        }
        if uncut {
            assert!(cuts >= 15, "only {cuts} cuts were made");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_cut_before_each_request_is_gone_on_with() {
    cut_everywhere(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_cut_after_each_request_is_gone_on_with() {
    cut_everywhere(true).await;
}

/// Between a move that was stopped and the next try, the account went on at the old server, new keys included.
#[tokio::test(flavor = "multi_thread")]
async fn what_happened_meanwhile_comes_along() {
    let scene = Scene::new(300_000).await;
    let new = Stage::new().await;
    let store = scene.fresh_device("meanwhile.db");
    let knife = Knife::new(usize::MAX, false);
    let host = device(&store, direct(&scene.old)).await;
    let ana = Session::unlock(host, &scene.phrase).await.expect("unlocking");
    let (progress, cancel) = quiet();
    // Cut at the end: the last log is there and does not count yet. (Then comes only the sign-out.)
    knife.at.store(changes_there(&scene).await - 2, Ordering::SeqCst);
    tokio::select! {
        ended = ana.relocate(way(&new, &knife), false, &progress, &cancel) => panic!("not cut: {:?}", ended.err()),
        () = knife.reached.notified() => {}
    }
    ana.add_secret(scene.vault, secret("meanwhile", "x"))
        .await
        .expect("a secret");
    let later = ana
        .create_project("Later", true)
        .await
        .expect("a project")
        .authority()
        .space();
    ana.rename_project(scene.space, "Scans 2").await.expect("a name");
    let next = phrase("keys changed between two tries");
    let keys = NewKeys {
        kit: true,
        ..NewKeys::at(MIN_LOG2_N)
    };
    let kit = ana.change_keys(&next, keys).await.expect("new keys").expect("a kit");
    let (there, done) = ana
        .relocate(direct(&new), false, &progress, &cancel)
        .await
        .expect("the move goes on");
    assert_eq!(done.projects, 3);
    assert_eq!(
        there.view(scene.space).await.expect("a view").space.contents().name(),
        "Scans 2"
    );
    there.view(later).await.expect("the new project");
    there.test_kit(&kit.code).await.expect("the new kit");
    let second = Session::sign_in(new.device("second").await, ANA, &next)
        .await
        .expect("signing in");
    assert_eq!(second.projects().await.expect("projects").len(), 3);
    let old = Session::sign_in(new.device("old").await, ANA, &scene.phrase).await;
    assert!(matches!(old, Err(Error::SignInRefused)), "earlier keys don't sign in");

    // A second device of hers that still belongs to the old server comes after it, and finds everything there.
    there
        .add_secret(later, secret("kept", "only there"))
        .await
        .expect("a secret");
    let other = Session::sign_in(scene.old.device("other").await, ANA, &next)
        .await
        .expect("signing in");
    let (other, _) = other
        .relocate(direct(&new), false, &progress, &cancel)
        .await
        .expect("a move");
    assert_eq!(read(&other, later).await.as_deref(), Some("only there"));
}

/// How many requests change something at the new server in a move of this scene.
async fn changes_there(scene: &Scene) -> usize {
    let new = Stage::new().await;
    let knife = Knife::new(usize::MAX, false);
    let host = device(&scene.fresh_device("counted.db"), direct(&scene.old)).await;
    let ana = Session::unlock(host, &scene.phrase).await.expect("unlocking");
    let (progress, cancel) = quiet();
    ana.relocate(way(&new, &knife), false, &progress, &cancel)
        .await
        .expect("a move");
    knife.sent.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_are_in_stays_and_a_taken_handle_changes_nothing() {
    let (old, new) = (Stage::new().await, Stage::new().await);
    let (ana, ben) = tokio::join!(old.person(ANA), old.person("ben@example.org"));
    let project = async |who: &Session, name| {
        let space = who.create_project(name, true).await.expect("a project");
        space.authority().space()
    };
    let (mine, ours) = (project(&ana, "Mine").await, project(&ana, "Ours").await);
    let bens = project(&ben, "Ben's").await;
    ana.share(ours, "ben@example.org", Role::Reader).await.expect("sharing");
    ben.share(bens, ANA, Role::Reader).await.expect("sharing");
    ana.upkeep_all().await.expect("she sees it");
    ana.leave(bens).await.expect("leaving");
    ana.remove_member(ours, ben.principal()).await.expect("removing");
    let (progress, cancel) = quiet();
    let refused = ana.relocate(direct(&new), false, &progress, &cancel).await;
    let Err(Error::CannotMove(why)) = refused else {
        panic!("it was to be refused")
    };
    assert!(
        why.contains("\"Ours\" (somebody else") && why.contains("\"Ben's\" (you are not"),
        "{why}"
    );
    assert!(!why.contains("Mine"), "{why}");

    // The handle is somebody else's there.
    let stranger = new.person(ANA).await;
    let refused = ana.relocate(direct(&new), true, &progress, &cancel).await;
    let Err(Error::CannotMove(why)) = refused else {
        panic!("it was to be refused")
    };
    assert!(why.contains("is taken at"), "{why}");
    assert_eq!(ana.account().server, old.url());
    assert_eq!(
        stranger.api().spaces().await.expect("heads").len(),
        1,
        "nothing happened there"
    );
    assert!(matches!(
        ana.relocate(direct(&old), true, &progress, &cancel).await,
        Err(Error::Invalid(_))
    ));
    ana.add_secret(mine, secret("kept", "still here"))
        .await
        .expect("a secret");

    let other = Stage::new().await;
    let (there, done) = ana
        .relocate(direct(&other), true, &progress, &cancel)
        .await
        .expect("a move");
    assert_eq!((done.projects, done.left.len()), (1, 2));
    let names: Vec<_> = there
        .projects()
        .await
        .expect("projects")
        .iter()
        .map(|view| view.space.contents().name().to_owned())
        .collect();
    assert_eq!(names, ["Mine"]);
    there.upkeep_all().await.expect("nothing is missed");
    let second = Session::sign_in(other.device("second").await, ANA, &phrase(ANA))
        .await
        .expect("signing in");
    second.upkeep_all().await.expect("nor on another device");
    assert_eq!(read(&second, mine).await.as_deref(), Some("still here"));
    // What stayed is where it was.
    let still = Session::sign_in(old.device("still").await, ANA, &phrase(ANA))
        .await
        .expect("signing in");
    assert_eq!(still.view(ours).await.expect("a view").space.contents().name(), "Ours");
}

/// By the program, with an agent that goes on afterwards.
#[test]
fn the_command_moves_and_the_agent_goes_on() {
    let root = tempfile::tempdir().expect("a folder");
    let old = Server::start(&root.path().join("old"));
    let new = Server::start(&root.path().join("new"));
    let ana = Person::sign_up(root.path(), &old.url(), ANA);
    ana.run(&["project", "create", "Scans"]).ok();
    let token = ana.file("token", "ghp_canary");
    let field = format!("token=@{token}");
    let args = [
        "secret",
        "add",
        "--type",
        "git",
        "--name",
        "GitHub",
        "--in",
        "Scans",
        "--field",
        "host=github.com",
    ];
    ana.run(&[&args[..], &["--field", &field]].concat()).ok();

    let plan = ana.run(&["relocate", "--to", &new.url(), "--dry-run"]).ok();
    assert_eq!(plan["moving"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        ana.run(&["whoami"]).ok()["server"],
        old.url().as_str(),
        "nothing has moved"
    );
    ana.run(&["relocate", "--to", "http://files.example.org"]).fails(2);
    ana.run(&["relocate", "--to", "http://127.0.0.1:1"]).fails(30);
    let moved = ana.run(&["relocate", "--to", &new.url()]).ok();
    assert_eq!((&moved["server"], &moved["projects"]), (&new.url().into(), &1.into()));
    let shown = |who: &Person| {
        let secret = who.run(&["secret", "show", "GitHub", "--in", "Scans", "--reveal"]).ok();
        secret["fields"]
            .as_array()
            .expect("fields")
            .iter()
            .any(|field| field["value"] == "ghp_canary")
    };
    drop(old);
    assert!(shown(&ana), "the agent speaks to the new server");
    ana.run(&["lock"]).ok();
    assert_eq!(ana.run(&["status"]).ok()["server"], new.url().as_str());
    assert!(shown(&ana), "and so does a new process");
    let second = ana.second_device();
    second.run(&["signin", "--server", &new.url(), "--handle", ANA]).ok();
    assert!(shown(&second));
}
