//! What other programs of the same user send to the process that owns a profile. It answers with [`Frame`](crate::Frame)s.

use serde::{Deserialize, Serialize};

use crate::Command;

/// One connection runs one command: `Run`, `Lock` or `Show` first, then at most a `Cancel`. Hanging up cancels as well.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Run this.
    Run(Command),
    /// Stop what was asked for on this connection; it can be resumed.
    Cancel,
    /// Drop the keys. The connection stays open until they are gone.
    Lock,
    /// Bring your window to the front, if you have one.
    Show,
}
