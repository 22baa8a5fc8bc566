//! This device's profile: who owns it at the moment, its store, and the way to its server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_commands::App;
use holdfast_device::{HttpTransport, Profile, ProfileLock, SqliteStore, SystemClock, keep_in_memory};
use holdfast_engine::ports::Transport;
use holdfast_engine::{Account, Error, Host};
use holdfast_protocol::id::Hash;
use tokio::net::UnixStream;

use crate::args::{Common, Trust};
use crate::client;
use crate::failure::{Failure, Result};

/// How long a profile that somebody else has is waited for: an agent that starts takes it before it listens.
const PATIENCE: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(100);

/// A profile.
pub(crate) struct Place {
    pub(crate) profile: Profile,
}

/// Who owns a profile.
pub(crate) enum Owner {
    /// An agent or the app, which answers.
    Agent(UnixStream),
    /// This process, for as long as it holds the lock.
    Me(ProfileLock),
}

impl Place {
    pub(crate) fn open(common: &Common) -> Result<Self> {
        Ok(Self {
            profile: Profile::open(common.profile.as_deref())?,
        })
    }

    /// Finds the agent, or takes the profile.
    pub(crate) async fn owner(&self) -> Result<Owner> {
        let mut waited = Duration::ZERO;
        loop {
            if let Some(stream) = client::connect(self.profile.socket()).await? {
                return Ok(Owner::Agent(stream));
            }
            if let Some(lock) = ProfileLock::acquire(&self.profile)? {
                return Ok(Owner::Me(lock));
            }
            let holder = ProfileLock::holder(&self.profile)?;
            if let Some(holder) = &holder
                && let Some(stream) = client::connect(&holder.socket).await?
            {
                return Ok(Owner::Agent(stream));
            }
            if waited >= PATIENCE {
                return Err(Failure::busy(
                    &holder
                        .map(|holder| format!(" (process {})", holder.pid))
                        .unwrap_or_default(),
                ));
            }
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
        }
    }

    /// Takes the profile for what no agent can do.
    pub(crate) async fn alone(&self) -> Result<ProfileLock> {
        match self.owner().await? {
            Owner::Me(lock) => Ok(lock),
            Owner::Agent(_) => Err(Failure::new(
                "busy",
                "This profile is unlocked and in use.",
                "Run `holdfast lock` first, or use another folder with --profile.",
            )),
        }
    }

    pub(crate) async fn store(&self) -> Result<SqliteStore> {
        Ok(SqliteStore::open(&self.profile.database()).await?)
    }

    /// The machine, on the way to `server`. What is pinned for it here holds, unless somebody says what to trust instead.
    pub(crate) async fn host_for(&self, store: SqliteStore, server: &str, trust: Option<Trust>) -> Result<Host> {
        let pin = match trust {
            Some(trust) => trust.pin(),
            None => {
                let known = Account::load(&store).await?;
                let origin = HttpTransport::new(server)?.origin().to_owned();
                known
                    .filter(|known| known.server == origin)
                    .and_then(|known| known.server_key)
            }
        };
        self.host(store, server, pin)
    }

    /// The machine, on the way to `server`, which may show that key only if there is one.
    fn host(&self, store: SqliteStore, server: &str, pin: Option<Hash>) -> Result<Host> {
        let transport = Arc::new(HttpTransport::pinned(server, pin)?);
        Ok(Host {
            transport,
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
        })
    }

    /// The profile with its account, locked; `None` where there is no account.
    pub(crate) async fn app(&self) -> Result<Option<App>> {
        let store = self.store().await?;
        let Some(account) = Account::load(&store).await? else {
            return Ok(None);
        };
        Ok(Some(self.app_at(self.host(
            store,
            &account.server,
            account.server_key,
        )?)))
    }

    pub(crate) fn app_at(&self, host: Host) -> App {
        let connect = |address: &str, pin: Option<Hash>| {
            HttpTransport::pinned(address, pin).map(|way| Arc::new(way) as Arc<dyn Transport>)
        };
        App::new(host, self.profile.spool())
            .connecting_with(Arc::new(connect))
            .guarded_by(keep_in_memory)
    }
}

/// A path as it is for a process in another folder.
pub(crate) fn absolute(path: PathBuf) -> Result<PathBuf> {
    std::path::absolute(&path).map_err(|error| Error::io(&path, &error).into())
}
