//! What everybody does at the same time, each again and again until it is done or may no longer be done.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holdfast_engine::ports::{Progress, Silent};
use holdfast_engine::{Error, NewOutput, NewRun, NewSecret, Session, UploadRequest, UploadedItem, find_item};
use holdfast_protocol::SecretText;
use holdfast_protocol::id::{ItemId, PrincipalId, RunId, SpaceId, VersionId};
use holdfast_protocol::item::{Audience, Field, ItemKind, SecretType};
use holdfast_protocol::run::OutputKind;
use holdfast_tests::{Dice, small_run};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::town::Town;

/// How long anything is tried again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
pub(crate) const PAUSE: Duration = Duration::from_millis(80);

/// A version whose upload was acknowledged.
pub(crate) struct Kept {
    pub(crate) item: ItemId,
    pub(crate) number: usize,
    pub(crate) source: PathBuf,
}

/// One round, as all who act in it share it.
pub(crate) struct Storm {
    pub(crate) town: Arc<Town>,
    pub(crate) space: SpaceId,
    pub(crate) folder: PathBuf,
    /// Versions and secrets that somebody was told are there.
    pub(crate) kept: Mutex<Vec<Kept>>,
    pub(crate) secrets: Mutex<Vec<(ItemId, String)>>,
    pub(crate) runs: Mutex<Vec<RunId>>,
    /// Uploads that began in another epoch than that in which they ended.
    pub(crate) crossed: AtomicUsize,
    /// Uploads that ended because their author had been put out.
    pub(crate) ended: AtomicUsize,
    /// Programs that were ended in the middle of an upload.
    pub(crate) crashes: AtomicUsize,
}

/// What an owner is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Puts the person of this number out.
    Remove(usize),
    /// Ends what the node of this number may do.
    Withdraw(usize),
    /// Opens the next epoch.
    Rotate,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the same may work a moment later: nobody answered, or others were quicker.
pub(crate) fn passing(error: &Error) -> bool {
    matches!(error.code(), "unreachable" | "conflict")
}

/// Does it again and again until it works or can't.
macro_rules! until_done {
    ($work:expr) => {{
        let begun = std::time::Instant::now();
        loop {
            match $work.await {
                Err(error) if $crate::actors::passing(&error) && begun.elapsed() < $crate::actors::PATIENCE => {
                    tokio::time::sleep($crate::actors::PAUSE).await;
                }
                answer => break answer,
            }
        }
    }};
}

pub(crate) async fn nap(dice: &mut Dice, at_most_ms: u64) {
    tokio::time::sleep(Duration::from_millis(dice.below(at_most_ms))).await;
}

/// A folder with one large file and some small ones. The next version of it is the same with two of them changed.
pub(crate) fn write_folder(folder: &Path, dice: &mut Dice, large: u64) {
    dice.file(&folder.join("large"), large);
    for number in 0..8 {
        let size = 1 + dice.below(30_000);
        dice.file(&folder.join("small").join(number.to_string()), size);
    }
}

fn next_version(before: &Path, after: &Path, dice: &mut Dice) {
    for entry in walkdir::WalkDir::new(before).into_iter().filter_map(Result::ok) {
        let to = after.join(entry.path().strip_prefix(before).expect("a path below"));
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(to).expect("a folder");
        } else {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
    let size = 1 + dice.below(40_000);
    let changed = dice.below(8).to_string();
    dice.file(&after.join("small").join(changed), size);
    dice.file(&after.join("more"), 1_500_000 + size);
}

pub(crate) fn request(kind: ItemKind, name: &str, source: &Path, spool: &Path) -> UploadRequest {
    UploadRequest {
        kind,
        name: name.to_owned(),
        note: String::new(),
        sources: vec![source.to_owned()],
        spool: spool.to_owned(),
        include_hidden: false,
    }
}

pub(crate) async fn upload(
    session: &Session,
    space: SpaceId,
    kind: ItemKind,
    name: &str,
    source: &Path,
    spool: &Path,
) -> Result<UploadedItem, Error> {
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let stop = CancellationToken::new();
    let request = request(kind, name, source, spool);
    session.upload(space, request, &progress, &stop).await
}

pub(crate) fn secret(name: &str, value: &str) -> NewSecret {
    NewSecret {
        secret_type: SecretType::Note,
        name: name.to_owned(),
        description: String::new(),
        tags: Vec::new(),
        fields: vec![Field {
            name: "text".into(),
            value: SecretText::new(Zeroizing::new(value.to_owned())),
        }],
        audience: Audience::default(),
        expires_ms: None,
    }
}

impl Storm {
    /// Uploads two versions. `crash`: the program is ended once in the middle, and started again. Whoever is put out meanwhile is
    /// told so, by the right code and no other.
    pub(crate) async fn uploads(
        self: Arc<Self>,
        who: usize,
        name: String,
        mut dice: Dice,
        doomed: bool,
        mut crash: bool,
    ) {
        let person = self.town.people[who].clone();
        let mut source = PathBuf::new();
        for version in 1..=2 {
            let next = self.folder.join(format!("{name}-{who}-{version}"));
            match version {
                1 => write_folder(&next, &mut dice, 1_000_000 + dice_size(who)),
                _ => next_version(&source, &next, &mut dice),
            }
            source = next;
            nap(&mut dice, 500).await;
            if std::mem::take(&mut crash) {
                let session = person.session();
                let moment = Duration::from_millis(30 + dice.below(400));
                let sent = upload(&session, self.space, ItemKind::Dataset, &name, &source, &person.spool);
                // Dropped where it is, as the end of the process would.
                if tokio::time::timeout(moment, sent).await.is_err() {
                    self.crashes.fetch_add(1, Ordering::SeqCst);
                }
                drop(session);
                person.start_again().await;
            }
            let session = person.session();
            let began = epoch(&session, self.space).await;
            let uploaded = until_done!(upload(
                &session,
                self.space,
                ItemKind::Dataset,
                &name,
                &source,
                &person.spool
            ));
            match uploaded {
                Ok(uploaded) => {
                    if began != epoch(&session, self.space).await {
                        self.crossed.fetch_add(1, Ordering::SeqCst);
                    }
                    lock(&self.kept).push(Kept {
                        item: uploaded.item,
                        number: uploaded.number,
                        source: source.clone(),
                    });
                }
                Err(error) => {
                    assert!(doomed, "{}: {name}: {} ({error})", person.handle, error.code());
                    assert_eq!(error.code(), "not-allowed", "{}: {error}", person.handle);
                    self.ended.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
        }
    }

    /// Writes secrets one after another.
    pub(crate) async fn secrets(self: Arc<Self>, who: usize, mut dice: Dice, doomed: bool) {
        let person = self.town.people[who].clone();
        for number in 0..4 {
            nap(&mut dice, 700).await;
            let session = person.session();
            let (name, value) = (format!("{who}-{number}"), format!("value {}", dice.roll()));
            let kept = until_done!(self.keep(&session, &name, &value));
            match kept {
                Ok(item) => lock(&self.secrets).push((item, value)),
                Err(error) => {
                    assert!(doomed, "{}: {} ({error})", person.handle, error.code());
                    assert_eq!(error.code(), "not-allowed", "{}: {error}", person.handle);
                    return;
                }
            }
        }
    }

    async fn keep(&self, session: &Session, name: &str, value: &str) -> Result<ItemId, Error> {
        match session.add_secret(self.space, secret(name, value)).await {
            // The answer to the first time was lost.
            Err(Error::AlreadyExists(_)) => {
                let view = session.view(self.space).await?;
                Ok(find_item(&view.space, &[ItemKind::Secret], name, false)?.id)
            }
            answer => answer,
        }
    }

    /// Carries orders out until there are none. An owner who was put out gives his back.
    pub(crate) async fn owner(self: Arc<Self>, who: usize, orders: Arc<Mutex<VecDeque<Order>>>, mut dice: Dice) {
        loop {
            let Some(order) = lock(&orders).pop_front() else { return };
            nap(&mut dice, 900).await;
            let session = self.town.people[who].session();
            let done = until_done!(self.carry_out(&session, order));
            match done {
                Ok(()) => {}
                Err(error) if error.code() == "not-allowed" && who != 0 => {
                    lock(&orders).push_front(order);
                    return;
                }
                Err(error) => panic!("{order:?} by {who}: {} ({error})", error.code()),
            }
        }
    }

    async fn carry_out(&self, session: &Session, order: Order) -> Result<(), Error> {
        let done = match order {
            Order::Remove(whom) => {
                let whom = self.town.people[whom].principal();
                session.remove_member(self.space, whom).await.map(drop)
            }
            Order::Withdraw(node) => {
                let node = self.node_id(session, node).await?;
                session.withdraw_node(self.space, node).await.map(drop)
            }
            Order::Rotate => session.rotate(self.space).await,
        };
        match done {
            // The answer to the first time was lost, or somebody else did it, too.
            Err(error) if error.code() == "not-found" && !matches!(order, Order::Rotate) => Ok(()),
            answer => answer,
        }
    }

    pub(crate) async fn node_id(&self, session: &Session, number: usize) -> Result<PrincipalId, Error> {
        let node = session.node(self.town.nodes[number].name()).await?;
        Ok(node.bundle.bundle.principal)
    }

    /// Goes by himself.
    pub(crate) async fn leave(self: Arc<Self>, who: usize, mut dice: Dice) {
        nap(&mut dice, 1_500).await;
        let session = self.town.people[who].session();
        let left = until_done!(session.leave(self.space));
        // The answer to the first time was lost.
        let gone = |error: &Error| matches!(error.code(), "not-allowed" | "not-found");
        assert!(left.as_ref().err().is_none_or(gone), "{left:?}");
    }

    /// Orders a run, which reads a dataset and makes an artifact.
    pub(crate) async fn order_run(
        self: Arc<Self>,
        who: usize,
        node: usize,
        what: [(ItemId, VersionId); 2],
        mut dice: Dice,
    ) {
        nap(&mut dice, 400).await;
        let session = self.town.people[who].session();
        let ordered = until_done!(self.start_run(&session, node, what));
        match ordered {
            Ok(run) => lock(&self.runs).push(run),
            // The node was withdrawn, or he was put out.
            Err(error) => assert!(matches!(error.code(), "not-found" | "not-allowed"), "{error}"),
        }
    }

    async fn start_run(&self, session: &Session, node: usize, what: [(ItemId, VersionId); 2]) -> Result<RunId, Error> {
        let node = self.node_id(session, node).await?;
        session.start_run(self.space, &new_run(session, node, what)).await
    }

    /// Takes over what nodes have made, until told to stop.
    pub(crate) async fn adopt(self: Arc<Self>, stop: Arc<AtomicBool>) {
        let session = self.town.people[0].session();
        while !stop.load(Ordering::SeqCst) {
            match session.adopt_results(self.space).await {
                Ok((_, trouble)) => {
                    let bad: Vec<_> = trouble.iter().filter(|(_, error)| !passing(error)).collect();
                    assert!(bad.is_empty(), "{bad:?}");
                }
                Err(error) => assert!(passing(&error), "{} ({error})", error.code()),
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

fn dice_size(who: usize) -> u64 {
    1_000_000 * (1 + who as u64 % 4)
}

async fn epoch(session: &Session, space: SpaceId) -> Option<u32> {
    let view = session.view(space).await.ok()?;
    Some(view.space.authority().epoch())
}

fn new_run(session: &Session, node: PrincipalId, [task, input]: [(ItemId, VersionId); 2]) -> NewRun {
    NewRun {
        inputs: vec![("data".into(), input.0, input.1)],
        outputs: vec![NewOutput {
            name: "sums".into(),
            kind: OutputKind::Artifact,
            path: "sums".into(),
        }],
        ..small_run(node, task, session.now_ms() + 600_000)
    }
}

/// A task that says what it was given.
pub(crate) fn write_task(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let manifest = "format = 1\nname = \"sums\"\nruntime = \"shell\"\nentry = \"main.sh\"\n\
        [inputs.data]\nkind = \"dataset\"\n[outputs.sums]\nkind = \"artifact\"\n\
        [limits]\nmemory = \"64 MiB\"\ndisk = \"8 MiB\"\n";
    std::fs::write(folder.join("holdfast-task.toml"), manifest).expect("a manifest");
    let script = "sleep 1\nmkdir -p /out/sums\nsha256sum < /in/data/large > /out/sums/large\n";
    std::fs::write(folder.join("main.sh"), script).expect("a script");
}
