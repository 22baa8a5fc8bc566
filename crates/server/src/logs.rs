//! The log: one JSON object a line, with ids, routes and statuses; never handles, tokens, names or bodies.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What is logged when nothing else is asked: our own lines, and warnings of the libraries. Libraries log headers at their lower
/// levels, so `filter` should not lower theirs on a server that people use.
pub const DEFAULT_FILTER: &str = "warn,holdfast_server=info";

/// A subscriber that writes the log to `writer`, for `tracing::subscriber::set_global_default` or a test.
///
/// # Errors
/// Says what is wrong with the filter (the syntax of `RUST_LOG`).
pub fn subscriber<W>(filter: &str, writer: W) -> Result<impl tracing::Subscriber + Send + Sync, String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    Ok(tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(writer)
        .finish())
}
