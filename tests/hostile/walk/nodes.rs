//! Computers that do runs, and what people do with them. No task is carried out: whatever a server can spoil is before that, and
//! after.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_crypto::security_words;
use holdfast_crypto::{MIN_LOG2_N, rsa::Bits};
use holdfast_engine::ports::{Progress, Silent};
use holdfast_engine::{Accepted, Error, NewNode, NewRun, Note, Session, find_item};
use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_protocol::item::ItemKind;
use holdfast_protocol::run::{Attempt, Card, End, FORMAT, RunResult};
use holdfast_protocol::wire::{NodeCard, RunAttempt};
use holdfast_testkit::phrase;
use holdfast_tests::layer::Layer;
use holdfast_tests::small_run;
use tokio_util::sync::CancellationToken;

use super::model::{Order, Stand, World};
use super::person::Person;
use crate::rows::Rows;

/// How long an authorisation is good for; orders a quarter of it.
const GOOD_FOR_MS: u64 = 24 * 3600 * 1000;
/// How often a run may be begun.
const ATTEMPTS: u32 = 3;
/// What the cards of these nodes say.
pub(super) const VERSION: &str = "of the walk";

/// Cheap to copy: all copies are the same computer.
#[derive(Clone)]
pub(super) struct Node {
    /// Counted on after the people.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) layer: Arc<Layer>,
    /// Not before it is enrolled.
    pub(super) session: Option<Arc<Session>>,
    pub(super) folder: PathBuf,
    /// Results that the server may not have heard.
    unsent: Vec<Unsent>,
    /// Attempts that were noted as begun.
    pub(super) begun: BTreeSet<(RunId, u32)>,
    /// Runs that it said it does not do.
    pub(super) refused: BTreeSet<RunId>,
}

#[derive(Clone)]
struct Unsent {
    of: Attempt,
    sealed: Vec<u8>,
    again: bool,
}

/// What a node did in a step.
#[derive(Default)]
pub(super) struct Worked {
    /// As it is now.
    pub(super) node: Option<Node>,
    /// What it was given to do, and why it refused.
    pub(super) took: Option<(Attempt, Result<(), String>)>,
    /// What it signed.
    pub(super) signed: Option<RunResult>,
}

fn words(session: &Session) -> String {
    security_words(&session.keyring().current().bundle().fingerprint.0).join(" ")
}

impl Node {
    pub(super) fn new(number: usize, name: String, layer: Arc<Layer>, folder: &Path) -> Self {
        let folder = folder.join(format!("of {name}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self {
            number,
            name,
            layer,
            session: None,
            folder,
            unsent: Vec::new(),
            begun: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }

    pub(super) fn session(&self) -> &Session {
        self.session.as_ref().expect("it is enrolled")
    }

    /// Whether it may take an order in this world, as the person who looks at all of it knows.
    pub(super) async fn may_take(&self, world: &World, people: &[Person], of: Attempt) -> Result<(), &'static str> {
        let project = world.projects.get(&of.space).ok_or("no such project")?;
        let (scope, by) = project.nodes.get(&self.number).ok_or("run-not-authorised")?;
        let operators = self.session().operators().await.expect("its own rows");
        let is_operator = operators
            .iter()
            .any(|one| one.principal == people[*by].session.principal());
        if !is_operator || project.role(*by) != Some(Role::Owner) {
            return Err("run-operator");
        }
        let order = project.runs.get(&of.run).filter(|order| order.node == self.number);
        let order = order.ok_or("run-unknown")?;
        if order.broken || project.role(order.by) < Some(Role::Contributor) {
            return Err("run-author");
        }
        if order.stand != Stand::Open {
            return Err("run-withdrawn");
        }
        let later = (of.run, of.attempt)..=(of.run, u32::MAX);
        if of.attempt == 0 || of.attempt > ATTEMPTS || self.begun.range(later).next().is_some() {
            return Err("run-repeated");
        }
        // What was ordered from a node with all keys is not sealed for one without.
        if order.scope != *scope && *scope == NodeScope::Runs {
            return Err("run-capsule");
        }
        Ok(())
    }

    /// What it says about its computer.
    fn card(&self) -> Card {
        Card {
            format: FORMAT,
            node: self.session().principal(),
            time_ms: self.session().now_ms(),
            version: VERSION.into(),
            system: "Linux".into(),
            cpus: 2,
            memory: 1 << 30,
            gpus: Vec::new(),
            executor: "none".into(),
            slots: 1,
            runtimes: Vec::new(),
            limits: Vec::new(),
            operators: Vec::new(),
        }
    }

    async fn refuse(&mut self, of: Attempt, code: &str) -> Result<(), Error> {
        self.session().api().refuse_run(of, code).await?;
        self.refused.insert(of.run);
        Ok(())
    }

    /// Sends what is left of before. What the server does not want is over.
    async fn send_left(&mut self) -> Result<(), Error> {
        while let Some(first) = self.unsent.first().cloned() {
            let sent = self
                .session()
                .api()
                .put_result(first.of, first.sealed, first.again)
                .await;
            match sent {
                Ok(()) | Err(Error::Conflict(_) | Error::NotFound { .. } | Error::NotAllowed(_)) => {
                    self.unsent.remove(0);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}

/// Enrols a computer, on whose console its operator's words are typed, and who types its own.
pub(super) async fn enrol(me: &Person, mut node: Node, worked: &mut Worked) -> Result<(), Error> {
    let token = me.session.invite_node().await?;
    let (secret, rows) = (phrase(&node.name), Arc::new(Rows::default()));
    let new = NewNode {
        name: &node.name,
        token: &token.token,
        secret: &secret,
        bits: Bits::B2048,
        log2_n: MIN_LOG2_N,
    };
    let session = Box::pin(Session::enrol(Person::host(&node.layer, &rows), new)).await?;
    node.session = Some(Arc::new(session));
    worked.node = Some(node.clone());
    compare(me, &node).await
}

async fn compare(me: &Person, node: &Node) -> Result<(), Error> {
    node.session().take_operator(&me.handle, &words(&me.session)).await?;
    me.session
        .verify_node(&node.name, &words(node.session()))
        .await
        .map(drop)
}

/// Lets a node do work, by somebody who is its operator from then on.
pub(super) async fn authorise(me: &Person, node: &Node, space: SpaceId, scope: NodeScope) -> Result<(), Error> {
    compare(me, node).await?;
    let until_ms = me.session.now_ms() + GOOD_FOR_MS;
    me.session
        .authorise_node(space, &node.name, scope, until_ms)
        .await
        .map(drop)
}

/// Orders a run on a version.
pub(super) async fn order(me: &Person, node: &Node, space: SpaceId, order: &Order) -> Result<(), Error> {
    let view = me.session.view(space).await?;
    let item = find_item(&view.space, &[ItemKind::Dataset], &order.what.0, false)?;
    let version = item.versions.get(order.what.1).map(|version| version.id);
    let version = version.ok_or_else(|| Error::Internal("a version that is not there".into()))?;
    let until_ms = me.session.now_ms() + GOOD_FOR_MS / 4;
    let new = NewRun {
        entry: "data.bin".into(),
        inputs: vec![("input".into(), item.id, version)],
        attempts: ATTEMPTS,
        ..small_run(node.session().principal(), (item.id, version), until_ms)
    };
    me.session.start_run(space, &new).await.map(drop)
}

/// What a node does in its turn: sends what it could not send, asks for a run, judges it, notes it, opens what it was given, and
/// says what came of it.
pub(super) async fn work(node: &Node, world: &World, succeeds: bool, worked: &mut Worked) -> Result<(), Error> {
    let mut node = node.clone();
    let ended = Box::pin(turn(&mut node, world, succeeds, worked)).await;
    worked.node = Some(node);
    ended
}

async fn turn(node: &mut Node, world: &World, succeeds: bool, worked: &mut Worked) -> Result<(), Error> {
    let session = node.session.clone().expect("it is enrolled");
    let card = session.sign_card(&node.card()).into();
    session.api().put_card(&NodeCard { card }).await?;
    node.send_left().await?;
    let Some(lease) = session.api().lease(0).await? else {
        return Ok(());
    };
    let of = Attempt {
        space: lease.space,
        run: lease.run,
        attempt: lease.attempt,
    };
    let accepted = match session.accept_run(of).await? {
        Ok(accepted) => accepted,
        Err(refused) => {
            worked.took = Some((of, Err(refused.code.clone())));
            return node.refuse(of, &refused.code).await;
        }
    };
    let Attempt { space, run, attempt } = of;
    session
        .api()
        .heartbeat(vec![RunAttempt { space, run, attempt }])
        .await?;
    let beside = Note {
        table: "runs-begun",
        key: run.as_bytes(),
        row: Some(&[]),
    };
    match session.begin_attempt(of, beside).await {
        Ok(()) => assert!(node.begun.insert((run, attempt)), "it is begun a second time"),
        Err(Error::AlreadyExists(_)) => {
            worked.took = Some((of, Err("run-repeated".into())));
            return node.refuse(of, "run-repeated").await;
        }
        Err(other) => return Err(other),
    }
    worked.took = Some((of, Ok(())));
    let started_ms = session.now_ms();
    let (end, sentence) = match Box::pin(opens(node, &accepted, world)).await {
        Ok(()) if succeeds => (End::Succeeded, ""),
        Ok(()) => (End::Failed, "It ended with 1."),
        // Nothing of it was begun, and the next attempt would find the same.
        Err(Error::Damaged { .. }) => return node.refuse(of, "run-input").await,
        Err(_) => (End::BrokenOff, "The node could not go on."),
    };
    let result = accepted.result(end, sentence.into(), started_ms, session.now_ms());
    worked.signed = Some(result.clone());
    node.unsent.push(Unsent {
        of,
        sealed: session.seal_result(result, &accepted.key),
        again: end == End::BrokenOff,
    });
    node.send_left().await
}

/// Opens what it was given, which is what was ordered.
async fn opens(node: &Node, accepted: &Accepted, world: &World) -> Result<(), Error> {
    let project = &world.projects[&accepted.of.space];
    let (name, version) = &project.runs[&accepted.of.run].what;
    let folder = tempfile::tempdir_in(&node.folder).expect("a folder");
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    for number in 0..2 {
        let to = folder.path().join(number.to_string());
        std::fs::create_dir_all(&to).expect("a folder");
        let got = node
            .session()
            .fetch_granted(accepted, number, &to, &progress, &CancellationToken::new())
            .await;
        let file = to.join("data.bin");
        if let Err(error) = got {
            assert!(!file.exists(), "something was written");
            return Err(error);
        }
        let content = std::fs::read(file).expect("the file");
        assert!(
            content == **project.data[name].get(*version).expect("a version"),
            "it is given something else"
        );
    }
    Ok(())
}

/// Takes results over.
pub(super) async fn take_over(me: &Person, space: SpaceId) -> Result<(), Error> {
    let (_, trouble) = me.session.adopt_results(space).await?;
    trouble.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
}
