//! The engine's ports on this machine, and what a program needs around them.
//!
//! | module part | gives |
//! |---|---|
//! | [`HttpTransport`] | `engine::ports::Transport`: HTTP/1.1 by reqwest and rustls, https or loopback only |
//! | [`SqliteStore`] | `engine::ports::Store`: one SQLite file, owner only |
//! | [`SystemClock`], [`Deadline`] | the time of day; a deadline that also passes while the computer sleeps |
//! | [`Profile`] | where this device keeps its things; folders that only their owner may enter |
//! | [`ProfileLock`] | one process owns a profile |
//! | [`AgentListener`], [`connect_agent`], [`read_frame`], [`write_frame`] | the owner-only socket between the agent and everybody else |
//! | [`examine`] | whether a profile's files are as they should be, for `holdfast doctor` |
//! | [`keep_in_memory`] | keys stay out of the swap file |
//! | [`harden_process`], [`forbid_new_privileges`] | no core dumps, no debugger, no setuid children |
//!
//! The order in which a program uses them: [`harden_process`] first thing in `main`; [`Profile::open`];
//! [`ProfileLock::acquire`]. With the lock, open the store and do the work (and, as the agent, bind an
//! [`AgentListener`]). Without it somebody else is the agent: [`connect_agent`] to where
//! [`ProfileLock::holder`] says it listens.
//!
//! Nothing here knows keys or formats: rows, bodies and frames are bytes that arrive sealed, or that the two
//! ends of an owner-only socket share. Written for Unix; the parts that only Linux has (suspend-aware clock,
//! dumpable flag, `no_new_privs`, `TCP_USER_TIMEOUT`) are left out elsewhere and say so.

mod clock;
mod doctor;
mod harden;
mod heap;
mod http;
mod lock;
mod memory;
mod profile;
mod socket;
mod sqlite;

pub use clock::{Deadline, SystemClock};
pub use doctor::examine;
pub use harden::{forbid_new_privileges, harden_process};
pub use heap::{start_wiping, wiping_heap};
pub use http::HttpTransport;
pub use lock::{Holder, ProfileLock};
pub use memory::{keep_in_memory, wipe_stack};
pub use profile::Profile;
pub use socket::{AgentListener, FRAME_LIMIT, FrameError, connect_agent, read_frame, write_frame};
pub use sqlite::SqliteStore;
