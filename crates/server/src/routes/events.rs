//! The stream of hints (server-sent events).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use holdfast_protocol::wire::{ErrorBody, SpaceEvent};
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::App;
use crate::auth::Caller;
use crate::events::Signal;
use crate::ports::Session;
use crate::rules::Failure;

/// A comment goes out this often, so that both ends notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Listener {
    app: Arc<App>,
    caller: Session,
    signals: broadcast::Receiver<Signal>,
    until: Instant,
    greeted: bool,
}

impl Listener {
    /// The next hint for this caller; `None` ends the stream. It ends when the token does, when the device is signed out, when
    /// the listener is too slow, and when the server stops: the client connects again and asks where its spaces stand.
    async fn next(&mut self) -> Option<Event> {
        if !self.greeted {
            self.greeted = true;
            return Some(Event::default().comment("listening"));
        }
        loop {
            let signal = tokio::select! {
                signal = self.signals.recv() => signal.ok()?,
                () = tokio::time::sleep_until(self.until) => return None,
                () = self.app.stopping.cancelled() => return None,
            };
            match signal {
                Signal::Space { event, to } if to.contains(&self.caller.principal) => return to_line("space", &event),
                Signal::Run { event, to } if to.contains(&self.caller.principal) => return to_line("run", &event),
                Signal::DeviceEnded(device) if device == self.caller.device => return None,
                Signal::Space { .. } | Signal::Run { .. } | Signal::DeviceEnded(_) => {}
            }
        }
    }
}

fn to_line(name: &str, event: &impl Serialize) -> Option<Event> {
    Event::default().event(name).json_data(event).ok()
}

/// Hints: `event: space` with a `SpaceEvent` for each new entry of a space that the caller is in, and `event: run` with a
/// `RunEvent` when something is new about a run there. Nothing is sent twice or kept; ask `GET /v1/spaces` after connecting.
#[utoipa::path(get, path = "/v1/events", tag = "events", security(("bearer" = [])), responses(
    (status = 200, description = "Server-sent events, until the access token ends", body = SpaceEvent, content_type = "text/event-stream"),
    (status = "4XX", description = "401", body = ErrorBody),
))]
pub(crate) async fn listen(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let left = Duration::from_millis(caller.expires_ms.saturating_sub(app.rules.now_ms()));
    let signals = app.rules.events().listen();
    let listener = Listener {
        app,
        caller,
        signals,
        until: Instant::now() + left,
        greeted: false,
    };
    let stream = futures_util::stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
