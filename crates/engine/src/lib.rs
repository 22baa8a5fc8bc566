//! What one signed-in principal can do, over ports.
//!
//! ```no_run
//! # async fn example(host: holdfast_engine::Host) -> holdfast_engine::Result<()> {
//! use holdfast_crypto::Phrase;
//! use holdfast_engine::Session;
//! use holdfast_protocol::entry::Role;
//!
//! let phrase = Phrase::new("eight words that were drawn for this one user").map_err(|_| holdfast_engine::Error::Locked)?;
//! let ana = Session::unlock(host, &phrase).await?;            // sends nothing
//! let project = ana.create_project("Scans", true).await?;     // encrypted
//! ana.share(project.authority().space(), "ben@example.org", Role::Reader).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A [`Session`] is an unlocked account. Its rooms, by what they are about:
//!
//! - `signup`, `session`, `account`, `quick`, `second`: making an account, opening it here or on another device, what a device keeps
//! - `spaces`: fetching a log, holding it against what was seen before, folding it, appending to it
//! - `people`, `refused`, `sharing`, `invite`: other people's keys, and who is in
//! - `directory`: the log of all keys, held against what was seen before and what others see
//! - `items`, `files`, `browse`, `secrets`, `imports`, `transfer`: content
//! - `keychange`, `recovery`: new keys, and the kit
//! - `nodes`, `runs`, `enrol`: letting computers do work, ordering it, taking over what they made; and being such a computer
//! - `trash`: what goes for good, by somebody's wish or after its time
//! - `relock`: content from before the current key, sealed anew
//! - `staleness`: as of when something is that was shown without the server
//! - `health`, `relocate`: whether a device is as it should be, and moving to another server
//!
//! The machine is behind four [`ports`]: the way to the server, a store of rows, the time, and who watches. Nothing here
//! reads the environment, prints, or knows where a profile lies. What a server says is checked before it is used; what the
//! own rules refuse is never sent.

#![deny(missing_docs)]

mod account;
pub mod api;
mod browse;
mod certificate;
mod directory;
mod enrol;
mod error;
mod files;
mod find;
mod genesis;
mod health;
mod identity;
mod imports;
mod invite;
mod items;
mod keychange;
mod names;
mod nodes;
mod people;
pub mod ports;
mod quick;
mod recovery;
mod refused;
mod relocate;
mod relock;
mod rng;
mod runs;
mod second;
mod secrets;
mod session;
mod sharing;
mod signup;
mod spaces;
pub mod staleness;
pub mod transfer;
mod trash;
mod vault;
mod witnesses;

pub use account::Account;
pub use certificate::{Distrust, fingerprint_text, parse_fingerprint};
pub use directory::{Monitored, Published, day};
pub use enrol::{NewNode, Note, Operator};
pub use error::{DirectoryFault, Error, Result};
pub use files::{UploadRequest, UploadedItem, WaitingUpload};
pub use find::{find_item, find_version};
pub use health::{Finding, Level, examine};
pub use identity::{Identity, Keyring};
pub use imports::{Imported, Incoming, OnClash, Planned, TakenBack, has_import, own_tags, plan_import};
pub use invite::{Answered, Came, GOOD_FOR_MS, Invitation, Waiting};
pub use keychange::{ChangedKeys, NewKeys};
pub use nodes::{Withdrawn, authorised};
pub use people::Person;
pub use quick::{Quick, forbid_quick_unlock, quick_unlock};
pub use recovery::Kit;
pub use relocate::{Relocated, RelocationPlan, Staying};
pub use relock::{RelockPlan, Relocked};
pub use rng::rng;
pub use runs::{Accepted, NewOutput, NewRun, NewSecretUse, RefusedRun, RunState, RunStatus, Watched};
pub use second::{NewSecond, Second};
pub use secrets::{EditedSecret, NewSecret};
pub use session::{Host, Session};
pub use sharing::{CouldOpen, Opened, Projects, Trouble, Upkeep};
pub use signup::NewAccount;
pub use spaces::{Draft, View};
pub use trash::Purged;
pub use witnesses::{WitnessState, Witnessing};
