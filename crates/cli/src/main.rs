//! `holdfast`: the command line. Words and layout only; what is done is done by `holdfast-commands`.
//!
//! | room | for |
//! |---|---|
//! | `args` | what can be typed, and help |
//! | `run` | from what was typed to a command, and who runs it: the agent or this process |
//! | `agent`, `client` | the two ends of the profile's socket |
//! | `place`, `phrase`, `input` | the profile, the Master Key, other input |
//! | `output`, `exit`, `failure` | what comes out |

mod agent;
mod args;
mod client;
mod exit;
mod failure;
mod input;
mod output;
mod phrase;
mod place;
mod run;

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Whatever held a secret for a moment (an answer as JSON, a buffer that grew) is wiped when it is given back.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    // Other people's files are decoded by this program, started anew and confined.
    if let Some(ended) = holdfast_preview::worker_main() {
        return ended;
    }
    // Tasks are started by this program, started anew inside their walls.
    if let Some(ended) = holdfast_node::exec::stage_main() {
        return ended;
    }
    // Before any secret is read.
    if let Err(error) = holdfast_device::harden_process() {
        output::message(&format!(
            "warning: this process can't be shut off from debuggers and core dumps: {error}"
        ));
    }
    ExitCode::from(match args::read() {
        Ok(cli) => run::run(cli),
        Err(error) => run::usage(&error),
    })
}
