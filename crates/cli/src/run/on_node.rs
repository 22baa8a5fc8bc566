//! Verbs of the computer that is a node: enrolling, working, and how it is.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_commands::phrase_floor;
use holdfast_crypto::security_words;
use holdfast_engine::{Account, Error, NewNode, Session};
use holdfast_node::exec::{Both, Bubblewrap, Settings, Unavailable, Workspaces};
use holdfast_node::serve::{Choices, Node, Told};
use holdfast_task::CEILINGS;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Answer;
use super::service::{self, Stop};
use super::unlock::done;
use crate::args::{Common, NodeEnrol, NodeStart, NodeTrust};
use crate::failure::{Failure, Result};
use crate::output::{self, Bars, Screen, message, tell};
use crate::phrase::{self, PhraseText};
use crate::place::{Owner, Place};
use crate::{exit, input};

/// Where a node that works says how it is, beside its database.
const STATUS: &str = "node-status.json";

/// A node as its own console shows it.
#[derive(Serialize, Deserialize)]
pub(crate) struct OwnNodeView {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) server: String,
    /// Its own six words.
    pub(crate) words: String,
    /// Whether it works at the moment.
    pub(crate) running: bool,
    /// How it is, as far as it said.
    #[serde(flatten)]
    pub(crate) said: Said,
}

/// What a node that works says about itself.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(crate) struct Said {
    /// Whether the server answers.
    pub(crate) connected: bool,
    /// Handles of the people whose authorisations it follows.
    pub(crate) operators: Vec<String>,
    /// Runs it works on.
    pub(crate) runs: Vec<String>,
    /// What was last wrong.
    pub(crate) trouble: Option<String>,
}

pub(super) async fn enrol(common: &Common, args: NodeEnrol) -> Answer {
    let place = Place::open(common)?;
    let _lock = place.alone().await?;
    let host = place
        .host_for(place.store().await?, &args.server, args.known.trust()?)
        .await?;
    let secret = if args.generate {
        let made = PhraseText::generate();
        input::write_new(&args.secret_file, format!("{}\n", made.expose()).as_bytes())?;
        made
    } else {
        phrase::fresh(
            Some(&args.secret_file),
            phrase_floor(false),
            "Name a file with --secret-file.",
        )?
    };
    let new = NewNode {
        name: &args.name,
        token: &args.token,
        secret: &secret.phrase,
        bits: args.bits.into(),
        log2_n: args.kdf_log2_n,
    };
    let bars = Bars::new();
    bars.doing("making keys");
    let made = Session::enrol(host, new).await;
    bars.clear();
    if made.is_err() && args.generate {
        // A secret of no node; the one who tries again gets another.
        let _ = std::fs::remove_file(&args.secret_file);
    }
    let session = args.known.told(made)?;
    if let (Some(handle), Some(words)) = (&args.operator, &args.operator_words) {
        // The node is there by now: who reads of a wrong word must read that, too, and the node's own words.
        session.take_operator(handle, words).await.map_err(|error| {
            let next = format!(
                "The node itself is enrolled, and follows nobody yet. Ask for the words again, then: holdfast node trust {handle} --words \"…\" --secret-file {}",
                args.secret_file.display()
            );
            error.advise(next)
        })?;
    }
    let said = said_of(&session).await?;
    keep(&place.profile.data().join(STATUS), &said);
    let view = view_of(&session.account(), false, said).await?;
    Ok((done(&view)?, tell(output::own_node)))
}

pub(super) async fn trust(common: &Common, args: NodeTrust) -> Answer {
    let place = Place::open(common)?;
    let _lock = place.alone().await?;
    let session = open(&place, &args.secret_file).await?;
    session.take_operator(&args.handle, &args.words).await?;
    let said = said_of(&session).await?;
    keep(&place.profile.data().join(STATUS), &said);
    let view = view_of(&session.account(), false, said).await?;
    Ok((done(&view)?, tell(output::own_node)))
}

pub(super) async fn status(common: &Common) -> Answer {
    let place = Place::open(common)?;
    let account = Account::load(&place.store().await?).await?.ok_or(Error::NoAccount)?;
    let running = !matches!(holdfast_device::ProfileLock::acquire(&place.profile), Ok(Some(_)));
    let bytes = std::fs::read(place.profile.data().join(STATUS)).unwrap_or_default();
    let mut said: Said = serde_json::from_slice(&bytes).unwrap_or_default();
    if !running {
        (said.connected, said.runs) = (false, Vec::new());
    }
    let view = view_of(&account, running, said).await?;
    Ok((done(&view)?, tell(output::own_node)))
}

/// Works until it is told to stop.
pub(super) fn start(screen: Screen, common: &Common, args: NodeStart) -> u8 {
    service::make_private_files();
    // It goes on for long, and holds what belongs to one run after the other.
    if let Err(error) = holdfast_device::start_wiping(&[]) {
        message(&format!(
            "warning: freed memory of the system's library is not wiped: {error}"
        ));
    }
    super::log_to_stderr();
    match super::forgetful_runtime().and_then(|runtime| runtime.block_on(work(screen, common, args))) {
        Ok(()) => exit::DONE,
        Err(failure) => screen.fail(&failure),
    }
}

async fn work(screen: Screen, common: &Common, args: NodeStart) -> Result<()> {
    let mut signals = Stop::listen()?;
    let place = Place::open(common)?;
    let lock = match place.owner().await? {
        Owner::Me(lock) => lock,
        Owner::Agent(_) => {
            return Err(Failure::new(
                "busy",
                "This profile is a person's, and unlocked.",
                "A node has a profile of its own: use another folder with --profile.",
            ));
        }
    };
    let state = place.profile.data().join("node");
    let executor = Both::new(Bubblewrap::find(&state, Settings::default()).map_err(unavailable)?);
    let runs = args.workspace.unwrap_or_else(|| state.join("runs"));
    let workspaces = Workspaces::open(&runs).map_err(unavailable)?;
    let session = Arc::new(open(&place, &args.secret_file).await?);
    let mut ceilings = CEILINGS;
    ceilings.memory_bytes = args.memory.unwrap_or(ceilings.memory_bytes);
    ceilings.time = args.time.unwrap_or(ceilings.time);
    let choices = Choices {
        slots: args.slots,
        ceilings,
        private_hosts: args.private_hosts,
        spool: place.profile.spool(),
    };
    let said = Arc::new(Mutex::new(said_of(&session).await?));
    let path = place.profile.data().join(STATUS);
    let view = view_of(&session.account(), true, current(&said)).await?;
    if screen.show(done(&view)?, &tell(output::own_node)) != exit::DONE {
        return Err(Error::Internal("nobody can be told that the node works".into()).into());
    }
    let hears = {
        let said = said.clone();
        move |told: Told| {
            message(&sentence(&told));
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            take(&mut said, told);
            keep(&path, &said);
        }
    };
    let node = Node::new(session, Arc::new(executor), workspaces, choices, hears);
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        signals.told().await;
        stopping.cancel();
    });
    let ended = node.run(stop).await;
    drop(lock);
    ended.map_err(|error| match error {
        Error::KeysChanged(_) => Failure::new(
            "not-allowed",
            "The server no longer takes this node: whoever enrolled it has ended it.",
            "There is nothing more to do here; remove its profile and its secret. To use this computer again, enrol it anew.",
        ),
        other => other.into(),
    })
}

async fn open(place: &Place, secret: &Path) -> Result<Session> {
    let store = place.store().await?;
    let account = Account::load(&store).await?.ok_or_else(|| {
        Failure::new(
            "no-account",
            "There is no node in this profile.",
            "Run `holdfast node enrol` first.",
        )
    })?;
    let host = place.host_for(store, &account.server, None).await?;
    let secret = PhraseText::from_bytes(&input::bytes(secret)?)?;
    let session = Session::unlock(host, &secret.phrase)
        .await
        .map_err(|error| match error {
            Error::WrongMasterKey => {
                error.advise("This is not the node's secret: name the right file with --secret-file.")
            }
            other => other,
        })?;
    if session.is_node() {
        Ok(session)
    } else {
        Err(Failure::new(
            "profile-taken",
            "This profile is a person's.",
            "A node has a profile of its own: use another folder with --profile.",
        ))
    }
}

async fn said_of(session: &Session) -> Result<Said> {
    let operators = session.operators().await?;
    Ok(Said {
        operators: operators.into_iter().map(|operator| operator.handle).collect(),
        ..Said::default()
    })
}

async fn view_of(account: &Account, running: bool, said: Said) -> Result<OwnNodeView> {
    let bundles = account.bundles()?;
    let newest = bundles.last().ok_or(Error::NoAccount)?;
    if newest.bundle.kind != holdfast_protocol::bundle::PrincipalKind::Node {
        return Err(Failure::new(
            "no-account",
            "This profile is a person's, not a node's.",
            "Name the node's folder with --profile.",
        ));
    }
    let fingerprint = newest.fingerprint.0;
    let words = tokio::task::spawn_blocking(move || security_words(&fingerprint).join(" "))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(OwnNodeView {
        name: account.handle.clone(),
        id: account.principal.to_string(),
        server: account.server.clone(),
        words,
        running,
        said,
    })
}

fn current(said: &Mutex<Said>) -> Said {
    said.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn take(said: &mut Said, told: Told) {
    match told {
        Told::Connected => (said.connected, said.trouble) = (true, None),
        Told::Disconnected(why) => (said.connected, said.trouble) = (false, Some(why)),
        Told::Began(run, _) => said.runs.push(run.to_string()),
        Told::Ended(run, ..) => said.runs.retain(|known| *known != run.to_string()),
        Told::Refused(_, code, sentence) => said.trouble = Some(format!("{sentence} ({code})")),
        Told::Trouble(why) => said.trouble = Some(why),
    }
}

/// For `node status`. That it can't be written does not keep a node from working.
fn keep(path: &Path, said: &Said) {
    let Ok(text) = serde_json::to_vec(said) else { return };
    let new = path.with_extension("new");
    if std::fs::write(&new, text).is_ok() {
        let _ = std::fs::rename(&new, path);
    }
}

fn sentence(told: &Told) -> String {
    match told {
        Told::Connected => "The server answers.".into(),
        Told::Disconnected(why) => format!("The server does not answer, and is asked again: {why}"),
        Told::Began(run, attempt) => format!("run {run} began (attempt {attempt})"),
        Told::Ended(run, attempt, how) => format!("run {run} ended: {how} (attempt {attempt})"),
        Told::Refused(run, code, sentence) => format!("run {run} refused: {sentence} ({code})"),
        Told::Trouble(why) => format!("trouble: {why}"),
    }
}

fn unavailable(error: Unavailable) -> Failure {
    Failure::new(
        error.code(),
        format!("Tasks can't be carried out here: {error}."),
        error.next(),
    )
}
