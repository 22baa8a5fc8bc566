//! What an operator's monitoring may know, in the Prometheus text format: how many requests each route answered and how, how
//! much is stored, how long it runs. Nothing names a person, a space or a pack.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::ports::Totals;
use crate::routes::App;
use crate::rules::Failure;

/// The media type of version 0.0.4 of the text format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Requests that were answered since the start, by method, route pattern and status.
pub(crate) struct Metrics {
    begun: Instant,
    answered: Mutex<BTreeMap<(&'static str, String, u16), u64>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            answered: Mutex::default(),
        }
    }

    /// Counts an answer. The pattern is one of the router's own, or `(none)`; the number of counters has a bound whatever is
    /// asked for.
    pub(crate) fn count(&self, method: &Method, route: &str, status: u16) {
        let key = (method_word(method), route.to_owned(), status);
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        *answered.entry(key).or_default() += 1;
    }

    fn text(&self, totals: Totals, witnesses: (usize, usize)) -> String {
        let mut text = String::new();
        let head = |name: &str, kind: &str, help: &str| format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        text += &head("holdfast_requests_total", "counter", "Requests that were answered.");
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        for ((method, route, status), number) in answered.iter() {
            // Patterns hold no quotes, backslashes or line ends: they are written in this program.
            let _ = writeln!(
                text,
                "holdfast_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} {number}"
            );
        }
        text += &head("holdfast_spaces", "gauge", "Projects and vaults.");
        let _ = writeln!(text, "holdfast_spaces {}", totals.spaces);
        text += &head("holdfast_live_bytes", "gauge", "Bytes of packs that entries name.");
        let _ = writeln!(text, "holdfast_live_bytes {}", totals.live_bytes);
        text += &head("holdfast_nodes", "gauge", "Nodes that were not ended.");
        let _ = writeln!(text, "holdfast_nodes {}", totals.nodes);
        text += &head(
            "holdfast_runs",
            "gauge",
            "Runs that wait for their node, and runs that are leased.",
        );
        let _ = writeln!(text, "holdfast_runs{{state=\"queued\"}} {}", totals.queued_runs);
        let _ = writeln!(text, "holdfast_runs{{state=\"running\"}} {}", totals.running_runs);
        text += &head(
            "holdfast_witnesses",
            "gauge",
            "Witnesses that have co-signed the newest head of the log of keys, and those that have not.",
        );
        let _ = writeln!(text, "holdfast_witnesses{{state=\"current\"}} {}", witnesses.0);
        let _ = writeln!(text, "holdfast_witnesses{{state=\"behind\"}} {}", witnesses.1);
        text += &head("holdfast_uptime_seconds", "gauge", "Since the server started.");
        let _ = writeln!(text, "holdfast_uptime_seconds {}", self.begun.elapsed().as_secs());
        text
    }
}

/// Anybody can invent methods.
fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// What the second listener answers: this alone.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(show))
        .fallback(|| async { Failure::NotFound })
        .with_state(app)
}

async fn show(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Failure> {
    let totals = app.rules.totals().await?;
    Ok((
        [(header::CONTENT_TYPE, FORMAT)],
        app.metrics.text(totals, app.rules.witnesses()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_pattern_and_status() {
        let metrics = Metrics::new();
        metrics.count(&Method::GET, "/v1/me", 200);
        metrics.count(&Method::GET, "/v1/me", 200);
        metrics.count(&Method::GET, "/v1/me", 401);
        for word in ["BREW", "WHEN"] {
            metrics.count(&Method::from_bytes(word.as_bytes()).unwrap(), "(none)", 404);
        }
        let totals = Totals {
            spaces: 3,
            live_bytes: 99,
            nodes: 4,
            queued_runs: 5,
            running_runs: 6,
        };
        let text = metrics.text(totals, (2, 1));
        for line in [
            "holdfast_requests_total{method=\"GET\",route=\"/v1/me\",status=\"200\"} 2",
            "holdfast_requests_total{method=\"GET\",route=\"/v1/me\",status=\"401\"} 1",
            "holdfast_requests_total{method=\"other\",route=\"(none)\",status=\"404\"} 2",
            "holdfast_spaces 3",
            "holdfast_live_bytes 99",
            "holdfast_nodes 4",
            "holdfast_runs{state=\"queued\"} 5",
            "holdfast_runs{state=\"running\"} 6",
            "holdfast_witnesses{state=\"current\"} 2",
            "holdfast_witnesses{state=\"behind\"} 1",
            "# TYPE holdfast_uptime_seconds gauge",
        ] {
            assert!(text.lines().any(|said| said == line), "{line} in {text}");
        }
    }
}
