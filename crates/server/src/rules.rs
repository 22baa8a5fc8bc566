//! Who may do what. Rules know the ports and nothing else: no HTTP, no SQL, no files.
//!
//! The server checks all it can see, but no client relies on it: what it lets through wrongly, clients refuse
//! themselves (`docs/spec/log.md`).

mod accounts;
mod authority;
mod buckets;
mod cleanup;
mod directory;
mod failure;
mod invitations;
mod moving;
mod nodes;
mod nonces;
mod origin;
mod packs;
mod ranges;
mod runs;
mod signin;
mod spaces;
mod standard;
mod streams;
mod tokens;

use std::net::IpAddr;
use std::sync::Arc;

use holdfast_crypto::Key32;
use holdfast_protocol::id::{Hash, SpaceId};

pub use cleanup::Cleaned;
pub use failure::{Failure, PACK_MISSING};
pub use origin::Origins;
pub use packs::Reading;
pub(crate) use packs::part_size;
pub use spaces::Appended;

use crate::events::Events;
use crate::ports::{Blobs, Clock, Database, Session, Totals};
use authority::{Keys, States};
use buckets::Limiter;
use nonces::Nonces;
use streams::Told;

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Bytes of packs that a space may hold.
    pub quota_bytes: u64,
    /// Whether anybody may make an account.
    pub open_signup: bool,
    /// The addresses that sign-in statements may name.
    pub origins: Origins,
}

/// All rules, over one set of ports.
pub struct Rules {
    database: Arc<dyn Database>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    secret: Key32,
    nonces: Nonces,
    limiter: Limiter,
    keys: Keys,
    states: States,
    events: Events,
    told: Told,
    log: directory::Log,
}

/// Who asks, from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Address of the other end.
    pub remote: IpAddr,
    /// Our own end of the connection.
    pub local: std::net::SocketAddr,
}

impl Rules {
    /// Puts the rules over ports.
    ///
    /// # Errors
    /// As the database reports.
    pub async fn new(
        database: Arc<dyn Database>,
        blobs: Arc<dyn Blobs>,
        clock: Arc<dyn Clock>,
        policy: Policy,
    ) -> Result<Self, Failure> {
        let mut secret = database.secret().await?;
        let key = Key32::fill_with(|own| own.copy_from_slice(&secret));
        zeroize::Zeroize::zeroize(&mut secret);
        Ok(Self {
            log: directory::Log::new(&key),
            database,
            blobs,
            clock,
            policy,
            secret: key,
            nonces: Nonces::default(),
            limiter: Limiter::default(),
            keys: Keys::default(),
            states: States::default(),
            events: Events::default(),
            told: Told::default(),
        })
    }

    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Whose access token this is.
    ///
    /// # Errors
    /// [`Failure::SignedOut`] when it is nobody's or has ended.
    pub async fn session(&self, access: &str) -> Result<Session, Failure> {
        let found = self
            .database
            .session(Hash::of(access.as_bytes()), self.now_ms())
            .await?;
        found.ok_or(Failure::SignedOut)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// As the database reports.
    pub async fn healthy(&self) -> Result<(), Failure> {
        self.database.head(SpaceId([0; 32])).await?;
        Ok(())
    }

    /// How much there is of everybody together.
    ///
    /// # Errors
    /// As the database reports.
    pub async fn totals(&self) -> Result<Totals, Failure> {
        Ok(self.database.totals().await?)
    }
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Failure::Internal("the system gives no randomness".into()))?;
    Ok(bytes)
}
