//! Runs that ask for little.

use holdfast_engine::NewRun;
use holdfast_protocol::id::{ItemId, PrincipalId, VersionId};
use holdfast_protocol::run::Limits;

/// A run of a shell task's `main.sh` that reads and makes nothing, and may be begun five times until a time in milliseconds.
#[must_use]
pub fn small_run(node: PrincipalId, task: (ItemId, VersionId), until_ms: u64) -> NewRun {
    NewRun {
        node,
        task,
        runtime: "shell".into(),
        entry: "main.sh".into(),
        image: None,
        parameters: Vec::new(),
        inputs: Vec::new(),
        secrets: Vec::new(),
        outputs: Vec::new(),
        limits: Limits {
            seconds: 60,
            memory: 64 << 20,
            milli_cpus: 1000,
            processes: 16,
            disk: 8 << 20,
            log: 1 << 16,
        },
        hosts: Vec::new(),
        until_ms,
        attempts: 5,
        workflow: None,
    }
}
