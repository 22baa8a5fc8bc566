//! Hints that something is new: to whoever is in the space, while connected. Losing one is harmless, for clients poll heads.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_protocol::id::{DeviceId, PrincipalId, RunId, SpaceId};
use holdfast_protocol::wire::{RunEvent, SpaceEvent};
use tokio::sync::broadcast;

/// Hints that a slow listener may be behind before it is cut off.
const BACKLOG: usize = 1_024;

/// What listeners are told.
#[derive(Debug, Clone)]
pub(crate) enum Signal {
    /// A space has a new entry.
    Space {
        /// The hint.
        event: SpaceEvent,
        /// Who may know.
        to: Arc<BTreeSet<PrincipalId>>,
    },
    /// A run has another state, or more was said of it.
    Run {
        /// The hint.
        event: RunEvent,
        /// Who may know.
        to: Arc<BTreeSet<PrincipalId>>,
    },
    /// A device was signed out: its stream ends.
    DeviceEnded(DeviceId),
}

/// What requests wait for. Whoever was too slow for one looks anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A run waits for this node.
    Node(PrincipalId),
    /// A run has another state, or a box more.
    Run(SpaceId, RunId),
    /// A device was signed out.
    Device(DeviceId),
}

/// Where rules tell and routes listen.
pub(crate) struct Events {
    signals: broadcast::Sender<Signal>,
    wakes: broadcast::Sender<Wake>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            signals: broadcast::Sender::new(BACKLOG),
            wakes: broadcast::Sender::new(BACKLOG),
        }
    }
}

impl Events {
    pub(crate) fn space(&self, event: SpaceEvent, to: impl IntoIterator<Item = PrincipalId>) {
        self.send(Signal::Space {
            event,
            to: Arc::new(to.into_iter().collect()),
        });
    }

    pub(crate) fn run(&self, event: RunEvent, to: impl IntoIterator<Item = PrincipalId>) {
        self.send(Signal::Run {
            event,
            to: Arc::new(to.into_iter().collect()),
        });
    }

    pub(crate) fn device_ended(&self, device: DeviceId) {
        self.send(Signal::DeviceEnded(device));
        self.wake(Wake::Device(device));
    }

    pub(crate) fn wake(&self, wake: Wake) {
        let _ = self.wakes.send(wake);
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Signal> {
        self.signals.subscribe()
    }

    /// To be asked for before one looks: what comes in between is in it.
    pub(crate) fn wait(&self) -> Waiting {
        Waiting(self.wakes.subscribe())
    }

    fn send(&self, signal: Signal) {
        // An error means that nobody listens.
        let _ = self.signals.send(signal);
    }
}

/// A request that waits.
pub(crate) struct Waiting(broadcast::Receiver<Wake>);

impl Waiting {
    /// Waits for a wake that fits and gives it; nothing when the time is over, or one may have been lost.
    pub(crate) async fn until(&mut self, end: tokio::time::Instant, fits: impl Fn(Wake) -> bool) -> Option<Wake> {
        let woken = async {
            while let Ok(wake) = self.0.recv().await {
                if fits(wake) {
                    return Some(wake);
                }
            }
            None
        };
        tokio::time::timeout_at(end, woken).await.ok().flatten()
    }
}
