//! Runs, as a member orders, watches and takes them over, and as a node takes them on.

mod accept;
mod adopt;
mod order;
mod watch;

pub use accept::{Accepted, RefusedRun};
pub use order::{NewOutput, NewRun, NewSecretUse};
pub use watch::{RunState, RunStatus, Watched};
