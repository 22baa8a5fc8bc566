//! Removal, renewal of the key, and a node that is withdrawn: cut off at every single request, and finished by the same device or by
//! that of another owner. Whatever the moment, whoever is out has no new key, and everybody else has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use holdfast_crypto::rsa::Bits;
use holdfast_crypto::{MIN_LOG2_N, Phrase, open};
use holdfast_device::HttpTransport;
use holdfast_engine::{Error, Host, NewNode, Session};
use holdfast_protocol::context;
use holdfast_protocol::entry::{NodeScope, Op, Role, SignedEntry};
use holdfast_protocol::id::{PrincipalId, SpaceId};
use holdfast_protocol::replay::{UnwrapKeys as _, WrapFor};
use holdfast_testkit::{Stage, account, phrase};
use tokio::sync::Notify;

use crate::{Cut, NEVER, read, secret};

/// What is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// A member is put out.
    Remove,
    /// A node that has the whole project is withdrawn.
    Withdraw,
    /// A member has left; an owner's device renews the key by itself.
    Renew,
    /// An owner renews the key.
    Rotate,
}

/// Two owners, somebody who goes, somebody who stays, a node that goes and one that stays.
struct Scene {
    _stage: Stage,
    cut: Arc<Cut>,
    host: Host,
    olga: Session,
    ben: Session,
    carl: Session,
    nodes: [Session; 2],
}

impl Scene {
    async fn new(after: bool) -> (Self, Session) {
        let stage = Stage::new().await;
        let olga = stage.person("olga@example.org").await;
        let ben = stage.person("ben@example.org").await;
        let carl = stage.person("carl@example.org").await;
        let cut = Arc::new(Cut {
            inner: HttpTransport::new(&stage.url()).expect("an address"),
            sent: AtomicUsize::new(0),
            at: AtomicUsize::new(NEVER),
            after,
            reached: Notify::new(),
        });
        let host = stage.device_over("ana", cut.clone()).await;
        let phrase = phrase("ana@example.org");
        let account = account("ana@example.org", &phrase);
        let (ana, _) = Session::sign_up(host.clone(), account).await.expect("signing up");
        let nodes = [node(&stage, &ana, "goes").await, node(&stage, &ana, "stays").await];
        let scene = Self {
            _stage: stage,
            cut,
            host,
            olga,
            ben,
            carl,
            nodes,
        };
        (scene, ana)
    }

    /// A project with everybody in it.
    async fn project(&self, ana: &Session, name: &str) -> SpaceId {
        let project = ana.create_project(name, true).await.expect("a project");
        let space = project.authority().space();
        for (handle, role) in [
            ("olga@example.org", Role::Owner),
            ("ben@example.org", Role::Contributor),
            ("carl@example.org", Role::Reader),
        ] {
            ana.share(space, handle, role).await.expect("sharing");
        }
        let until = ana.now_ms() + 3_600_000;
        for name in ["goes", "stays"] {
            ana.authorise_node(space, name, NodeScope::Project, until)
                .await
                .expect("authorising");
        }
        ana.add_secret(space, secret("old")).await.expect("a secret");
        space
    }

    /// Who is put out by it.
    fn out(&self, change: Change) -> Option<&Session> {
        match change {
            Change::Remove | Change::Renew => Some(&self.ben),
            Change::Withdraw => Some(&self.nodes[0]),
            Change::Rotate => None,
        }
    }

    /// Does it, or what of it is not done yet.
    async fn make(&self, by: &Session, space: SpaceId, change: Change) -> Result<(), Error> {
        let done = match change {
            Change::Remove => by.remove_member(space, self.ben.principal()).await.map(drop),
            Change::Withdraw => by.withdraw_node(space, self.nodes[0].principal()).await.map(drop),
            Change::Renew => by.upkeep(space).await.map(drop),
            Change::Rotate => by.rotate(space).await,
        };
        match done {
            // It was done already, and the answer was lost.
            Err(error) if error.code() == "not-found" => Ok(()),
            answer => answer,
        }
    }

    /// Every opener names each of those who are in after it, and nobody else: in no state is somebody with a right without the key.
    async fn holds(&self, space: SpaceId, what: &str) -> Vec<SignedEntry> {
        let view = self.olga.view(space).await.expect("the project");
        let epoch = view.space.authority().epoch();
        let key = *view.space.current_key().expect("the key").key().expose();
        let members = view.space.authority().members();
        for person in [&self.olga, &self.ben, &self.carl] {
            if members.contains_key(&person.principal()) {
                let seen = person.view(space).await.expect("the project").space;
                assert_eq!(seen.authority().epoch(), epoch, "{what}");
                assert_eq!(seen.current_key().map(|key| *key.key().expose()), Some(key), "{what}");
            }
        }
        for node in &self.nodes {
            if view.space.authority().nodes().contains_key(&node.principal()) {
                let seen = node.view(space).await.expect("the project").space;
                assert_eq!(seen.current_key().map(|key| *key.key().expose()), Some(key), "{what}");
            }
        }
        let page = self.olga.api().entries(space, 0).await.expect("the log");
        page.entries
            .iter()
            .map(|bytes| SignedEntry::from_bytes(&bytes.0).expect("an entry"))
            .collect()
    }
}

async fn node(stage: &Stage, ana: &Session, name: &str) -> Session {
    let secret = Phrase::new(&format!("the secret of the node {name}")).expect("a phrase");
    let token = ana.invite_node().await.expect("a token").token;
    let new = NewNode {
        name,
        token: &token,
        secret: &secret,
        bits: Bits::B2048,
        log2_n: MIN_LOG2_N,
    };
    let node = Session::enrol(stage.device(name).await, new).await.expect("enrolling");
    let words = ana.node(name).await.expect("the node").words().join(" ");
    ana.verify_node(name, &words).await.expect("comparing");
    node
}

/// With all that somebody has, nothing opens from an entry on.
fn opens_nothing(who: &Session, keys: &[[u8; 32]], log: &[SignedEntry], from: u64, what: &str) {
    let keyring = who.keyring();
    for entry in log.iter().map(|signed| &signed.entry).filter(|entry| entry.seq >= from) {
        for key in keys {
            let key = holdfast_crypto::Key32::from_slice(key).expect("a key");
            let place = context::entry_body(entry.space, entry.epoch, entry.seq, entry.prev);
            let opened = entry
                .body
                .as_ref()
                .is_some_and(|sealed| open(&key, &place, sealed).is_ok());
            assert!(!opened, "{what}: entry {} opens", entry.seq);
        }
        for mut wrap in entry.op.wraps().iter().cloned() {
            wrap.bundle = keyring.current().bundle().hash;
            let tried = WrapFor {
                epoch: entry.epoch,
                author_bundle: entry.author_bundle,
                wrap,
            };
            let opened = keyring.unwrap_epoch_key(entry.space, &tried).is_some();
            assert!(!opened, "{what}: a wrap in entry {} opens", entry.seq);
        }
    }
}

fn ends(op: &Op, author: PrincipalId, whom: PrincipalId) -> bool {
    match op {
        Op::Remove { principal, .. } | Op::WithdrawNode { principal, .. } => *principal == whom,
        Op::Leave {} => author == whom,
        _ => false,
    }
}

async fn cut_change(change: Change, after: bool) {
    let (scene, mut ana) = Scene::new(after).await;
    let mut cuts = 0;
    for at in 0.. {
        let what = format!("{change:?}, cut at {at}, {}", if after { "after" } else { "before" });
        let space = scene.project(&ana, &format!("Scans {at}")).await;
        let mut keys = Vec::new();
        if let Some(out) = scene.out(change) {
            let seen = out.view(space).await.expect("the project").space;
            keys.extend(seen.keys().map(|key| *key.key().expose()));
            assert!(!keys.is_empty());
        }
        if change == Change::Renew {
            scene.ben.leave(space).await.expect("leaving");
        }
        scene.cut.sent.store(0, Ordering::SeqCst);
        scene.cut.at.store(at, Ordering::SeqCst);
        let uncut = tokio::select! {
            done = scene.make(&ana, space, change) => {
                done.expect("uncut, it works");
                true
            }
            () = scene.cut.reached.notified() => false,
        };
        scene.cut.at.store(NEVER, Ordering::SeqCst);
        cuts += usize::from(!uncut);
        tokio::time::sleep(Duration::from_millis(20)).await;
        scene.holds(space, &what).await;

        // The program is gone. It is started again on the same device, or another owner takes it up.
        drop(ana);
        ana = Session::unlock(scene.host.clone(), &phrase("ana@example.org"))
            .await
            .expect("unlocking");
        let finisher = if at % 2 == 0 { &ana } else { &scene.olga };
        scene
            .make(finisher, space, change)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        ana.upkeep(space)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let log = scene.holds(space, &what).await;

        // What is written from now on is for those who are in.
        ana.edit_secret(space, "kept", None, |fields, _| {
            fields[0].value = holdfast_protocol::SecretText::new(zeroize::Zeroizing::new("new".into()));
            Ok(())
        })
        .await
        .unwrap_or_else(|error| panic!("{what}: {error}"));
        for person in [&ana, &scene.olga, &scene.carl] {
            assert_eq!(read(person, space).await.as_deref(), Some("new"), "{what}");
        }
        let stays = scene.nodes[1].view(space).await.expect("the project").space;
        assert!(stays.current_key().is_some(), "{what}");
        let openers = log
            .iter()
            .filter(|signed| signed.entry.op.next_epoch().is_some())
            .count();
        match scene.out(change) {
            Some(out) => {
                // Beside the genesis.
                assert_eq!(openers, 1, "{what}: one end");
                let end = log
                    .iter()
                    .find(|signed| ends(&signed.entry.op, signed.entry.author, out.principal()));
                let end = end.unwrap_or_else(|| panic!("{what}: nobody was put out")).entry.seq;
                let from = log
                    .iter()
                    .map(|signed| &signed.entry)
                    .find(|entry| entry.seq >= end && entry.op.next_epoch().is_some());
                let log = scene.holds(space, &what).await;
                opens_nothing(out, &keys, &log, from.expect("a new key").seq, &what);
                let seen = out.view(space).await.expect("the project as it was").space;
                assert!(seen.key(1).is_none(), "{what}");
                assert_ne!(read(out, space).await.as_deref(), Some("new"), "{what}");
            }
            // An owner who types it again renews it again.
            None => {
                assert!((1..=2).contains(&openers), "{what}: {openers}");
                assert_eq!(read(&scene.ben, space).await.as_deref(), Some("new"), "{what}");
            }
        }
        if uncut {
            assert!(cuts >= 3, "{what}: only {cuts} cuts");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_cut_before_each_request_is_finished_by_any_owner() {
    Box::pin(cut_change(Change::Remove, false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_cut_after_each_request_is_finished_by_any_owner() {
    Box::pin(cut_change(Change::Remove, true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_cut_before_and_after_each_request_is_finished_by_any_owner() {
    Box::pin(cut_change(Change::Withdraw, false)).await;
    Box::pin(cut_change(Change::Withdraw, true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_cut_before_and_after_each_request_is_finished_by_any_owner() {
    Box::pin(cut_change(Change::Renew, false)).await;
    Box::pin(cut_change(Change::Renew, true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_cut_before_and_after_each_request_is_finished_by_any_owner() {
    Box::pin(cut_change(Change::Rotate, false)).await;
    Box::pin(cut_change(Change::Rotate, true)).await;
}
