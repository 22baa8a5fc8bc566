//! Carries a task out: an [`Order`] in, [`Event`]s while it goes on, an [`Ended`] out.
//!
//! [`Executor`] is the port. [`Bubblewrap`] puts namespaces, a filter of system calls and limits around the task without any right
//! of its own; [`Container`] hands it to Podman or Docker. [`Workspaces`] keeps what a run needs on disk, and wipes it.
//!
//! ```no_run
//! # async fn one(task: holdfast_task::Task, params: holdfast_task::Values) -> Result<(), holdfast_node::exec::Unavailable> {
//! use holdfast_node::exec::{Bubblewrap, Executor, Order, Settings, Workspaces, argv};
//!
//! let state = std::path::Path::new("/var/lib/holdfast-node");
//! let executor = Bubblewrap::find(state, Settings::default())?;
//! let workspaces = Workspaces::open(&state.join("runs"))?; // wipes what an earlier process left behind
//! let run = workspaces.create()?;
//! // ... the task's files into run.task(), its inputs into run.inputs()/NAME
//! let mut order = Order::new(&run, argv(&task));
//! order.params = holdfast_task::to_json(&params);
//! order.limits = task.limits;
//! let (events, mut heard) = tokio::sync::mpsc::channel(64);
//! tokio::spawn(async move { while let Some(_event) = heard.recv().await {} });
//! let ended = executor.run(order, events, tokio_util::sync::CancellationToken::new()).await;
//! println!("{}", ended.how);
//! # Ok(()) }
//! ```

mod ended;
mod mask;
mod metric;
mod order;
mod runtime;
mod secret;

#[cfg(target_os = "linux")]
mod both;
#[cfg(target_os = "linux")]
mod bubblewrap;
#[cfg(target_os = "linux")]
mod container;
#[cfg(target_os = "linux")]
mod listen;
#[cfg(target_os = "linux")]
mod outputs;
#[cfg(target_os = "linux")]
mod proxy;
#[cfg(target_os = "linux")]
mod stage;
#[cfg(target_os = "linux")]
mod workspace;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use ended::{Ended, How, Limit, Unavailable, Usage};
pub use metric::Metric;
pub use order::{Event, Network, Order};
pub use runtime::{Found, Offers, argv};
pub use secret::Secret;

#[cfg(target_os = "linux")]
pub use both::Both;
#[cfg(target_os = "linux")]
pub use bubblewrap::{Bubblewrap, CgroupUse, Settings};
#[cfg(target_os = "linux")]
pub use container::Container;
#[cfg(target_os = "linux")]
pub use outputs::{Collected, OutputFile, Outputs, Refused};
#[cfg(target_os = "linux")]
pub use stage::{STAGE, stage_main};
#[cfg(target_os = "linux")]
pub use workspace::{Workspace, Workspaces};

/// Something that carries tasks out on this computer.
#[async_trait]
pub trait Executor: Send + Sync {
    /// What it can do here, for the node's card.
    fn offers(&self) -> Offers;

    /// Carries one task out. Whatever the task does, there is an answer: at the latest when its time is up, and a while after
    /// `stop`. When the answer is there, no process of the task is.
    ///
    /// `events` must be read, or dropped: a task whose output nobody takes waits, and so does the answer. If the returned future is
    /// dropped, the run is stopped.
    async fn run(&self, order: Order, events: mpsc::Sender<Event>, stop: CancellationToken) -> Ended;
}
