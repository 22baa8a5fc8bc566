//! A key change and a recovery that are cut off at every single point, and finished from wherever the user is next.
//!
//! The cut is exact: the n-th request hangs for ever, either before the server gets it or after it acted but before
//! the answer arrives, and the work is dropped there, as `kill -9` would. n runs until the work gets through uncut.

#[path = "interrupted/removal.rs"]
mod removal;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use holdfast_crypto::{MIN_LOG2_N, Phrase};
use holdfast_device::HttpTransport;
use holdfast_engine::ports::{Request, Response, Transport, Unreachable};
use holdfast_engine::{Error, NewKeys, NewSecret, Session, find_item};
use holdfast_protocol::SecretText;
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::item::{Audience, Content, Field, ItemKind, SecretType};
use holdfast_testkit::{Stage, account, phrase};
use tokio::sync::{Notify, mpsc};
use zeroize::Zeroizing;

/// A way to the server that is cut at one request.
struct Cut {
    inner: HttpTransport,
    sent: AtomicUsize,
    at: AtomicUsize,
    after: bool,
    reached: Notify,
}

const NEVER: usize = usize::MAX;

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

fn secret(value: &str) -> NewSecret {
    NewSecret {
        secret_type: SecretType::Note,
        name: "kept".into(),
        description: String::new(),
        tags: Vec::new(),
        fields: vec![Field {
            name: "text".into(),
            value: SecretText::new(Zeroizing::new(value.into())),
        }],
        audience: Audience::default(),
        expires_ms: None,
    }
}

async fn read(session: &Session, space: SpaceId) -> Option<String> {
    let view = session.view(space).await.ok()?;
    let item = find_item(&view.space, &[ItemKind::Secret], "kept", false).ok()?;
    match &item.versions.last()?.content {
        Content::Fields { fields, .. } => Some(fields.first()?.value.expose().to_owned()),
        _ => None,
    }
}

/// After each cut: a second device that knows only the two phrases ends up with everything, and every space knows the
/// same keys; then the first device, whose memory was lost, ends up there as well.
async fn cut_key_change(after: bool) {
    let stage = Stage::new().await;
    let ben = stage.person("ben@example.org").await;
    let inner = HttpTransport::new(&stage.url()).expect("an address");
    let cut = Arc::new(Cut {
        inner,
        sent: AtomicUsize::new(0),
        at: AtomicUsize::new(NEVER),
        after,
        reached: Notify::new(),
    });
    let first = phrase("ana@example.org");
    let host = stage.device_over("ana", cut.clone()).await;
    let (mut ana, _) = Session::sign_up(host.clone(), account("ana@example.org", &first))
        .await
        .expect("signing up");
    let space = ana
        .create_project("Scans", true)
        .await
        .expect("a project")
        .authority()
        .space();
    ana.share(space, "ben@example.org", Role::Contributor)
        .await
        .expect("sharing");
    ana.add_secret(space, secret("in the project")).await.expect("a secret");
    let vault = ana.account().vault;
    ana.add_secret(vault, secret("in the vault")).await.expect("a secret");

    let mut current = "ana@example.org".to_owned();
    let mut at = 0;
    let mut cuts = 0;
    loop {
        let next = format!("ana after change {at}");
        let leaked = at % 2 == 1;
        let new = NewKeys {
            leaked,
            ..NewKeys::at(MIN_LOG2_N)
        };
        cut.sent.store(0, Ordering::SeqCst);
        cut.at.store(at, Ordering::SeqCst);
        let next_phrase = phrase(&next);
        let ended = tokio::select! {
            ended = ana.change_keys(&next_phrase, new) => Some(ended),
            () = cut.reached.notified() => None,
        };
        let requests = cut.sent.load(Ordering::SeqCst);
        cut.at.store(NEVER, Ordering::SeqCst);
        let uncut = match ended {
            Some(ended) => {
                ended.expect("an uncut key change works");
                true
            }
            None => false,
        };
        drop(ana);
        cuts += usize::from(!uncut);
        tokio::time::sleep(Duration::from_millis(20)).await;

        // A second device: whichever phrase the server takes now.
        let name = format!("other-{at}");
        let other = match Session::sign_in(stage.device(&name).await, "ana@example.org", &phrase(&next)).await {
            Ok(other) => {
                current = next.clone();
                other
            }
            Err(Error::SignInRefused) => {
                Session::sign_in(stage.device(&name).await, "ana@example.org", &phrase(&current))
                    .await
                    .unwrap_or_else(|error| panic!("cut at {at}: neither phrase signs in: {error}"))
            }
            Err(other) => panic!("cut at {at}: {other}"),
        };
        other
            .upkeep_all()
            .await
            .unwrap_or_else(|error| panic!("cut at {at}: {error}"));
        assert_eq!(
            read(&other, space).await.as_deref(),
            Some("in the project"),
            "cut at {at}"
        );
        assert_eq!(
            read(&other, vault).await.as_deref(),
            Some("in the vault"),
            "cut at {at}"
        );
        let newest = other.keyring().current().bundle().hash;
        for id in [space, vault] {
            let view = other.view(id).await.expect("a view");
            let me = &view.space.authority().members()[&other.principal()];
            assert_eq!(me.bundle, newest, "cut at {at}: a space does not know the new keys");
            if leaked && current == next {
                assert!(
                    view.space.authority().epoch_seq() > me.bundle_seq,
                    "cut at {at}: a leaked key still counts"
                );
            }
        }

        // The first device, started again with whichever phrase counts.
        ana = match Session::unlock(host.clone(), &phrase(&current)).await {
            Ok(ana) => ana,
            Err(Error::WrongMasterKey) => Session::sign_in(host.clone(), "ana@example.org", &phrase(&current))
                .await
                .unwrap_or_else(|error| panic!("cut at {at}: {error}")),
            Err(other) => panic!("cut at {at}: {other}"),
        };
        ana.check_account()
            .await
            .unwrap_or_else(|error| panic!("cut at {at}: {error}"));
        assert_eq!(
            read(&ana, space).await.as_deref(),
            Some("in the project"),
            "cut at {at}"
        );
        if uncut {
            assert!(cuts >= 5, "only {cuts} cuts were made in {requests} requests");
            break;
        }
        at += 1;
    }
    assert_eq!(
        read(&ben, space).await.as_deref(),
        Some("in the project"),
        "Ben lost the project"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_change_cut_before_each_request_is_finished_elsewhere() {
    cut_key_change(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_change_cut_after_each_request_is_finished_elsewhere() {
    cut_key_change(true).await;
}

/// The phrase of a key change that never reached the server opens the device it was begun on, and finishes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_change_that_died_before_it_was_sent_is_finished_by_its_phrase() {
    let stage = Stage::new().await;
    let inner = HttpTransport::new(&stage.url()).expect("an address");
    let cut = Arc::new(Cut {
        inner,
        sent: AtomicUsize::new(0),
        at: AtomicUsize::new(NEVER),
        after: false,
        reached: Notify::new(),
    });
    drop(stage.person("ana@example.org").await);
    let host = stage.device_over("ana@example.org", cut.clone()).await;
    let ana = Session::unlock(host.clone(), &phrase("ana@example.org"))
        .await
        .expect("unlocking");
    // Requests of a key change: the account, then the change itself.
    cut.at.store(cut.sent.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    let next = Phrase::new("the phrase that was never sent").expect("a phrase");
    let new = NewKeys::at(MIN_LOG2_N);
    tokio::select! {
        _ = ana.change_keys(&next, new) => panic!("it was to be cut"),
        () = cut.reached.notified() => {}
    }
    drop(ana);
    cut.at.store(NEVER, Ordering::SeqCst);
    let ana = Session::unlock(host.clone(), &next)
        .await
        .expect("the new phrase finishes the change");
    assert_eq!(ana.keyring().current().bundle().bundle.counter, 1);
    drop(ana);
    let old = Session::unlock(host, &phrase("ana@example.org")).await;
    assert!(matches!(old, Err(Error::WrongMasterKey)));
}

/// Recoveries after which a new server is taken: each tries a code up to four times, and twenty tries are allowed at once.
const RECOVERIES: usize = 4;

/// A server with an account: its vault, and the code of its kit.
async fn account_with_kit() -> (Stage, SpaceId, Zeroizing<String>) {
    let stage = Stage::new().await;
    let (ana, kit) = stage.person_with("ana@example.org", true).await;
    let vault = ana.account().vault;
    ana.add_secret(vault, secret("in the vault")).await.expect("a secret");
    (stage, vault, kit.expect("a kit").code)
}

/// Recovery with a kit, and a new kit made in the same go, on a device that knows nothing: cut at every request. Afterwards
/// exactly one of the two kits opens the account, on another device, with all that was in it.
async fn cut_recovery(after: bool) {
    let (mut stage, mut vault, mut code) = account_with_kit().await;
    let new = NewKeys {
        kit: true,
        ..NewKeys::at(MIN_LOG2_N)
    };
    let mut cuts = 0;
    for at in 0.. {
        if at % RECOVERIES == RECOVERIES - 1 {
            (stage, vault, code) = account_with_kit().await;
        }
        let cut = Arc::new(Cut {
            inner: HttpTransport::new(&stage.url()).expect("an address"),
            sent: AtomicUsize::new(0),
            at: AtomicUsize::new(at),
            after,
            reached: Notify::new(),
        });
        let host = stage.device_over(&format!("bare-{at}"), cut.clone()).await;
        let next = phrase(&format!("ana after recovery {at}"));
        let mut kept = None;
        let keep = |kit: &holdfast_engine::Kit| {
            kept = Some(kit.code.clone());
            Ok(())
        };
        let uncut = tokio::select! {
            ended = Session::recover_with(host.clone(), &code, &next, new, keep) => {
                let (_, changed) = ended.expect("an uncut recovery works");
                assert!(changed.left.is_none() && changed.kit.is_some());
                true
            }
            () = cut.reached.notified() => false,
        };
        cut.at.store(NEVER, Ordering::SeqCst);
        cuts += usize::from(!uncut);
        tokio::time::sleep(Duration::from_millis(20)).await;

        // The kit that was written before the change counts if the change did; else the one in hand.
        let api = holdfast_engine::api::Api::anonymous(cut.clone());
        let opens = async |code: &str| {
            let key = holdfast_crypto::RecoveryKey::from_words(code).expect("a code");
            let locator = holdfast_protocol::id::Locator(key.locator());
            api.recover(&holdfast_protocol::wire::Recover { locator }).await.is_ok()
        };
        let old_opens = opens(&code).await;
        let new_opens = match &kept {
            Some(kept) => opens(kept).await,
            None => false,
        };
        assert!(old_opens != new_opens, "cut at {at}: old {old_opens}, new {new_opens}");
        if new_opens {
            code = kept.expect("it opens");
        }
        // The very device that was stopped goes on, though nobody knows a Master Key for what is on it.
        let settled = phrase(&format!("ana settled {at}"));
        let (again, changed) = Session::recover_with(host.clone(), &code, &settled, new, |_| Ok(()))
            .await
            .unwrap_or_else(|error| panic!("cut at {at}: {error}"));
        assert_eq!(
            read(&again, vault).await.as_deref(),
            Some("in the vault"),
            "cut at {at}"
        );
        drop(again);
        Session::unlock(host, &settled)
            .await
            .unwrap_or_else(|error| panic!("cut at {at}: {error}"));
        code = changed.kit.expect("the next kit").code;
        if uncut {
            break;
        }
    }
    assert!(cuts >= 7, "only {cuts} cuts were made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_cut_before_each_request_leaves_one_kit_that_opens() {
    cut_recovery(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_cut_after_each_request_leaves_one_kit_that_opens() {
    cut_recovery(true).await;
}
