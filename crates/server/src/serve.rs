//! Starting and stopping the server: in the app, in the command line, in a test.

pub(crate) mod connections;
mod post;
mod tls;
mod witnesses;

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use holdfast_protocol::witness::{LogKey, Witness};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::folder::Folder;
use crate::limits;
use crate::metrics::{self, Metrics};
use crate::ops;
use crate::ports::{Blobs, Clock, Database, SystemClock};
use crate::routes::{App, router};
use crate::rules::{Cleaned, Failure, Origins, Policy, Rules};
use crate::sqlite::Sqlite;

pub use tls::Tls;

/// How often the clean-up runs.
const CLEAN_UP: Duration = Duration::from_secs(60 * 60);

/// How often is done what is due in the queue of runs, when nobody asks for it.
const SETTLE: Duration = Duration::from_secs(5);

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder for everything that is stored; made where needed, for this user alone.
    pub data: PathBuf,
    /// Where to listen. Without TLS: a loopback address, or one that only a TLS proxy reaches.
    pub listen: SocketAddr,
    /// Bytes of packs that one space may hold.
    pub quota_bytes: u64,
    /// The address that clients use, when it is not the one listened on: `https://files.example.org`.
    pub origin: Option<String>,
    /// Whether anybody may make an account.
    pub open_signup: bool,
    /// Where metrics are told, on this computer alone; nowhere if absent.
    pub metrics: Option<SocketAddr>,
    /// With which certificate TLS is spoken; plain HTTP if absent.
    pub tls: Option<Tls>,
    /// Who is asked to co-sign the log of keys.
    pub witnesses: Vec<WitnessAt>,
}

/// A witness, and where it takes checkpoints.
#[derive(Debug, Clone)]
pub struct WitnessAt {
    /// Its name and key.
    pub witness: Witness,
    /// Its address (`https://witness.example.org`), before `/add-checkpoint`. What comes from there has to bear its signature.
    pub url: String,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder can't be used.
    #[error("the data folder can't be used: {0}")]
    Data(std::io::Error),
    /// Another server has the data folder.
    #[error("another server is using the data folder")]
    InUse,
    /// A restore into the data folder was begun and not finished.
    #[error("a backup is being put back into the data folder and not all of it is there")]
    Restoring,
    /// The database can't be used.
    #[error("the database can't be used: {0}")]
    Database(String),
    /// The address can't be listened on.
    #[error("can't listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// Metrics are not for other computers.
    #[error("{0} is not an address of this computer alone")]
    Metrics(SocketAddr),
    /// The origin is not scheme, host and port.
    #[error("{0:?} is not an origin like https://files.example.org")]
    Origin(String),
    /// The address of a witness is not one.
    #[error("{0:?} is not an address like https://witness.example.org")]
    Witness(String),
    /// The certificate or its key can't be used.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
}

/// The ports a server stands on.
pub struct Ports {
    /// Accounts, logs and everything else that is small.
    pub database: Arc<dyn Database>,
    /// Bytes of packs.
    pub blobs: Arc<dyn Blobs>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// A server that runs.
pub struct Running {
    local: SocketAddr,
    metrics: Option<SocketAddr>,
    fingerprint: Option<[u8; 32]>,
    rules: Arc<Rules>,
    database: Arc<dyn Database>,
    stopping: CancellationToken,
    accepting: JoinHandle<()>,
    cleaning: JoinHandle<()>,
    measuring: Option<JoinHandle<()>>,
    witnessing: Vec<JoinHandle<()>>,
    _lock: File,
}

/// Starts a server on the default adapters: an SQLite file and a folder.
///
/// # Errors
/// See [`Error`].
pub async fn start(config: Config) -> Result<Running, Error> {
    let lock = take_folder(&config.data)?;
    let ports = Ports {
        database: Arc::new(database(&config.data).await?),
        blobs: Arc::new(Folder::open(config.data.join(ops::PACKS)).map_err(Error::Data)?),
        clock: Arc::new(SystemClock),
    };
    run(config, lock, ports).await
}

/// Starts a server on other adapters, with what `config.data` still says about the lock.
///
/// # Errors
/// See [`Error`].
pub async fn start_on(config: Config, ports: Ports) -> Result<Running, Error> {
    let lock = take_folder(&config.data)?;
    run(config, lock, ports).await
}

/// Opens the database of a data folder.
async fn database(data: &Path) -> Result<Sqlite, Error> {
    Sqlite::open(&data.join(ops::DATABASE))
        .await
        .map_err(|error| Error::Database(error.to_string()))
}

/// Makes the data folder and locks it: two servers on one folder would not know of each other's sign-ins.
fn take_folder(data: &Path) -> Result<File, Error> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data).map_err(Error::Data)?;
    if ops::rights(data).is_ok_and(|(rights, _)| rights != ops::Rights::Closed) {
        tracing::warn!("others on this computer may look into the data folder: chmod 700 closes it");
    }
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(data.join(ops::LOCK))
        .map_err(Error::Data)?;
    match lock.try_lock() {
        // What lies in it is not all there yet: a new database beside it would take the rest for rubbish.
        Ok(()) if data.join(ops::RESTORING).exists() => Err(Error::Restoring),
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::InUse),
        Err(TryLockError::Error(error)) => Err(Error::Data(error)),
    }
}

async fn run(config: Config, lock: File, ports: Ports) -> Result<Running, Error> {
    if let Some(beyond) = config.metrics.filter(|address| !address.ip().is_loopback()) {
        return Err(Error::Metrics(beyond));
    }
    let witnesses = witnesses::ready(&config.witnesses)?;
    let origins = Origins::new(config.origin.as_deref()).map_err(Error::Origin)?;
    let names = tls::names(config.listen.ip(), origins.host());
    let ready = config.tls.as_ref().map(|tls| tls::ready(tls, &config.data, names));
    let ready = ready.transpose()?;
    let fingerprint = ready.as_ref().map(|ready| ready.fingerprint);
    let acceptor = ready.map(|ready| ready.acceptor);
    let policy = Policy {
        quota_bytes: config.quota_bytes,
        open_signup: config.open_signup,
        origins,
    };
    let database = Arc::clone(&ports.database);
    let rules = Rules::new(ports.database, ports.blobs, ports.clock, policy);
    let rules = Arc::new(rules.await.map_err(|failure| Error::Database(why(failure)))?);
    let cleaned = rules.clean_up_at_start().await;
    report(cleaned);
    let (listener, local) = listen(config.listen).await?;
    // Both before anything is answered: a server without the metrics it was asked for would look like one that is down.
    let second = match config.metrics {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    if !local.ip().is_loopback() && config.origin.is_none() && acceptor.is_none() {
        tracing::warn!("listening beyond this computer without TLS: clients accept plain http on loopback only");
    }
    let stopping = CancellationToken::new();
    let app = Arc::new(App {
        rules: Arc::clone(&rules),
        metrics: Metrics::new(),
        stopping: stopping.clone(),
    });
    let (metrics, measuring) = match second {
        Some((listener, address)) => {
            let router = metrics::router(Arc::clone(&app));
            let task = tokio::spawn(connections::accept(listener, None, router, stopping.clone()));
            (Some(address), Some(task))
        }
        None => (None, None),
    };
    let accepting = tokio::spawn(connections::accept(listener, acceptor, router(app), stopping.clone()));
    let cleaning = tokio::spawn(look_after(Arc::clone(&rules), stopping.clone()));
    rules.expect_witnesses(witnesses.len());
    let ask = |(by, at)| tokio::spawn(witnesses::ask(Arc::clone(&rules), by, at, stopping.clone()));
    let witnessing = witnesses.into_iter().map(ask).collect();
    tracing::info!(port = local.port(), "listening");
    Ok(Running {
        local,
        fingerprint,
        rules,
        database,
        stopping,
        accepting,
        cleaning,
        metrics,
        measuring,
        witnessing,
        _lock: lock,
    })
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |error| Error::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

impl Running {
    /// Where the server listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Where metrics are told.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER) of the certificate that is shown; `None` without TLS.
    #[must_use]
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.fingerprint
    }

    /// The key of the log of keys, as witnesses are told it.
    #[must_use]
    pub fn log_key(&self) -> LogKey {
        self.rules.log_key()
    }

    /// Cleans up now.
    ///
    /// # Errors
    /// As the ports report.
    pub async fn clean_up(&self) -> Result<Cleaned, Failure> {
        self.rules.clean_up().await
    }

    /// Stops: takes no more connections, finishes requests under way (for ten seconds at most), closes the database.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        if tokio::time::timeout(limits::STOP, &mut self.accepting).await.is_err() {
            tracing::warn!("requests were cut off");
            self.accepting.abort();
        }
        // The clean-up may be in the middle of a round; whatever it had not done, the next start does.
        self.cleaning.abort();
        if let Some(measuring) = &self.measuring {
            measuring.abort();
        }
        self.witnessing.iter().for_each(JoinHandle::abort);
        self.database.close().await;
        tracing::info!("stopped");
    }

    /// Waits for as long as the server runs; it ends by itself only should it fail.
    pub async fn wait(&mut self) {
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopping.cancel();
        self.cleaning.abort();
        self.witnessing.iter().for_each(JoinHandle::abort);
    }
}

async fn look_after(rules: Arc<Rules>, stopping: CancellationToken) {
    let mut clean_up = tokio::time::interval_at(Instant::now() + CLEAN_UP, CLEAN_UP);
    let mut settle = tokio::time::interval(SETTLE);
    settle.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = clean_up.tick() => report(rules.clean_up().await),
            _ = settle.tick() => if let Err(failure) = rules.settle().await {
                tracing::error!(why = why(failure), "the queue of runs was not looked after");
            },
            () = stopping.cancelled() => return,
        }
    }
}

fn report(cleaned: Result<Cleaned, Failure>) {
    match cleaned {
        Ok(Cleaned { packs, orphans }) => tracing::info!(packs, orphans, "cleaned up"),
        Err(failure) => tracing::error!(why = why(failure), "the clean-up failed"),
    }
}

fn why(failure: Failure) -> String {
    match failure {
        Failure::Internal(why) => why,
        other => other.to_string(),
    }
}
