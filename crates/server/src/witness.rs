//! A witness of logs of keys: a small process that belongs to somebody else than the server does. It remembers the newest head of each
//! log that it was told of, co-signs what goes on from there, and nothing else (`docs/spec/transparency.md`, "Witnesses").

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use holdfast_crypto::{Secret, SignKey};
use holdfast_protocol::limits::ADD_CHECKPOINT;
use holdfast_protocol::transparency::{Head, origin};
use holdfast_protocol::witness::{AddCheckpoint, Cosignature, LogKey, NotSigned, Witness};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::serve::connections;

/// What it remembers.
const STATE: &str = "witness.json";
/// The seed of its key.
const KEY: &str = "witness.key";
const LOCK: &str = "witness.lock";
const FORMAT: u32 = 1;

/// What its operator decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder for its key and what it remembers; made where needed, for this user alone.
    pub data: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The logs that it co-signs.
    pub logs: Vec<LogKey>,
}

/// Why the witness did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder can't be used.
    #[error("the folder can't be used: {0}")]
    Data(#[from] io::Error),
    /// Another witness has the folder.
    #[error("another witness is using the folder")]
    InUse,
    /// Whoever forgot what he signed must not sign any more.
    #[error("what it remembers is not there or can't be read ({0})")]
    Forgotten(&'static str),
    /// The address can't be listened on.
    #[error("can't listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
}

/// A witness that runs.
pub struct Running {
    local: SocketAddr,
    witness: Witness,
    stopping: CancellationToken,
    accepting: JoinHandle<()>,
}

/// The file: for each log, by its origin, the checkpoint that was co-signed last. Its signature bears it out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    logs: BTreeMap<String, String>,
}

/// The folder, locked.
struct Folder {
    data: PathBuf,
    _lock: File,
}

/// What requests share.
struct Desk {
    folder: Folder,
    key: SignKey,
    witness: Witness,
    logs: Vec<LogKey>,
    /// Held from the look at what was signed last until the next is on the disk: two requests can't pass each other.
    stored: Mutex<Stored>,
}

/// The public key of the witness in a folder, which is made where there is none.
///
/// # Errors
/// See [`Error`].
pub fn key_of(data: &Path) -> Result<Witness, Error> {
    Ok(Witness::of(&Folder::open(data)?.load()?.0))
}

/// Starts a witness.
///
/// # Errors
/// See [`Error`].
pub async fn start(config: Config) -> Result<Running, Error> {
    let folder = Folder::open(&config.data)?;
    let (key, stored) = folder.load()?;
    for log in &config.logs {
        let kept = stored.logs.get(&origin(&log.0));
        if kept.is_some_and(|text| Head::from_checkpoint(text, &log.0).is_err()) {
            return Err(Error::Forgotten("a checkpoint in it is damaged"));
        }
    }
    let failed = |error| Error::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    let witness = Witness::of(&key);
    let desk = Desk {
        folder,
        key,
        witness: witness.clone(),
        logs: config.logs,
        stored: Mutex::new(stored),
    };
    let router = Router::new()
        .route("/add-checkpoint", post(add))
        .layer(DefaultBodyLimit::max(ADD_CHECKPOINT))
        .with_state(Arc::new(desk));
    let stopping = CancellationToken::new();
    let accepting = tokio::spawn(connections::accept(listener, None, router, stopping.clone()));
    Ok(Running {
        local,
        witness,
        stopping,
        accepting,
    })
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Its name and public key.
    #[must_use]
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Waits for as long as it runs; it ends by itself only should it fail.
    pub async fn wait(&mut self) {
        let _ = (&mut self.accepting).await;
    }

    /// Takes no more requests and finishes those under way.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        if tokio::time::timeout(limits::STOP, &mut self.accepting).await.is_err() {
            self.accepting.abort();
        }
    }
}

impl Folder {
    fn open(data: &Path) -> Result<Self, Error> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(data)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(data.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                data: data.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The key and what was signed with it. Both are made once and together: a key whose memory is gone, or is that of another day,
    /// would sign a second history.
    fn load(&self) -> Result<(SignKey, Stored), Error> {
        let stored = self.read(STATE)?;
        let seed = self.read(KEY)?;
        let stored = match stored {
            Some(bytes) => {
                let stored: Stored = serde_json::from_slice(&bytes).map_err(|_| Error::Forgotten("it is damaged"))?;
                if stored.format != FORMAT {
                    return Err(Error::Forgotten("it is of another version"));
                }
                stored
            }
            None if seed.is_some() => return Err(Error::Forgotten("there is a key and no memory")),
            None => {
                let stored = Stored {
                    format: FORMAT,
                    logs: BTreeMap::new(),
                };
                self.keep(&stored)?;
                stored
            }
        };
        let seed = match seed {
            Some(seed) => seed,
            None if !stored.logs.is_empty() => return Err(Error::Forgotten("there is a memory and no key")),
            None => {
                let mut seed = zeroize::Zeroizing::new(vec![0; 32]);
                getrandom::fill(&mut seed).map_err(|_| io::Error::other("the system gives no randomness"))?;
                self.write(KEY, &seed)?;
                seed
            }
        };
        let seed = Secret::from_slice(&seed).ok_or(Error::Forgotten("its key is damaged"))?;
        Ok((SignKey::from_seed(seed), stored))
    }

    fn read(&self, name: &str) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, Error> {
        match std::fs::read(self.data.join(name)) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn keep(&self, stored: &Stored) -> io::Result<()> {
        self.write(STATE, &serde_json::to_vec_pretty(stored).map_err(io::Error::other)?)
    }

    /// Whole and on the disk, or not at all. A name of its own for what is on its way: a kill leaves one such file and not many.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (path, new) = (self.data.join(name), self.data.join(format!("{name}.new")));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        File::open(&self.data)?.sync_all()
    }
}

/// What a request came to.
enum Answer {
    Signed(String),
    Not(NotSigned),
    Failed(io::Error),
}

impl Desk {
    /// Judges, remembers and signs, in this order: what was signed is on the disk before anybody has it.
    fn add(&self, stored: &mut Stored, request: &AddCheckpoint) -> Answer {
        let seen = |log: &LogKey| {
            let text = stored.logs.get(&origin(&log.0))?;
            Head::from_checkpoint(text, &log.0).ok()
        };
        let (log, head) = match request.judge(&self.logs, seen) {
            Ok(judged) => judged,
            Err(why) => return Answer::Not(why),
        };
        let (name, text) = (origin(&log.0), head.checkpoint());
        if stored.logs.get(&name) != Some(&text) {
            let mut next = Stored {
                format: FORMAT,
                logs: stored.logs.clone(),
            };
            next.logs.insert(name, text);
            if let Err(error) = self.folder.keep(&next) {
                return Answer::Failed(error);
            }
            *stored = next;
        }
        Answer::Signed(Cosignature::sign(&head, now(), &self.key).line(&self.witness))
    }

    /// Two heads of one size that the log signed: whoever holds both can show anybody that it lied. Kept once for each log, so that
    /// nobody can fill the disk with them.
    fn keep_proof(&self, stored: &Stored, request: &AddCheckpoint) {
        let Some(name) = request.checkpoint.lines().next() else {
            return;
        };
        let file = format!("fork-{}.txt", name.rsplit('/').next().unwrap_or(name));
        tracing::error!(log = name, file, "the log signed two histories");
        if let Some(kept) = stored.logs.get(name).filter(|_| !self.folder.data.join(&file).exists()) {
            let both = format!("{kept}\n{}", request.checkpoint);
            if let Err(error) = self.folder.write(&file, both.as_bytes()) {
                tracing::error!(%error, "the proof could not be kept");
            }
        }
    }
}

async fn add(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let text = std::str::from_utf8(&body).ok();
    let Some(request) = text.and_then(|text| text.parse::<AddCheckpoint>().ok()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // On a thread of its own, and to its end, whether whoever asked is still there or not.
    let done = tokio::task::spawn_blocking(move || {
        let mut stored = desk.stored.blocking_lock();
        let answer = desk.add(&mut stored, &request);
        if matches!(answer, Answer::Not(NotSigned::Fork(_))) {
            desk.keep_proof(&stored, &request);
        }
        answer
    });
    match done.await {
        Ok(Answer::Signed(line)) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], line).into_response(),
        Ok(Answer::Not(why)) => refusal(why),
        Ok(Answer::Failed(error)) => {
            tracing::error!(%error, "nothing was signed: it could not be written down");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn refusal(why: NotSigned) -> Response {
    match why {
        NotSigned::Malformed => StatusCode::BAD_REQUEST.into_response(),
        NotSigned::UnknownLog => StatusCode::NOT_FOUND.into_response(),
        NotSigned::Unsigned => StatusCode::FORBIDDEN.into_response(),
        NotSigned::Inconsistent => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        NotSigned::OldSize(size) | NotSigned::Fork(size) => (
            StatusCode::CONFLICT,
            [(header::CONTENT_TYPE, "text/x.tlog.size")],
            format!("{size}\n"),
        )
            .into_response(),
    }
}

/// Seconds since 1970-01-01 UTC.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
