//! Hints that something is new: to whoever is in the space, while connected. Losing one is harmless, for clients poll heads.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_protocol::id::{DeviceId, PrincipalId};
use holdfast_protocol::wire::SpaceEvent;
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
    /// A device was signed out: its stream ends.
    DeviceEnded(DeviceId),
}

/// Where rules tell and routes listen.
pub(crate) struct Events(broadcast::Sender<Signal>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Events {
    pub(crate) fn space(&self, event: SpaceEvent, to: impl IntoIterator<Item = PrincipalId>) {
        self.send(Signal::Space {
            event,
            to: Arc::new(to.into_iter().collect()),
        });
    }

    pub(crate) fn device_ended(&self, device: DeviceId) {
        self.send(Signal::DeviceEnded(device));
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Signal> {
        self.0.subscribe()
    }

    fn send(&self, signal: Signal) {
        // An error means that nobody listens.
        let _ = self.0.send(signal);
    }
}
