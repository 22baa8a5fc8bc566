//! How old what was shown is, when the server did not answer: a view from this device's memory says so wherever it ends up.
//!
//! A command looks at several spaces, deep down, and its answer is one. So the time rides with the task instead of with every
//! value in between.

use std::cell::Cell;

tokio::task_local! {
    static OLDEST: Cell<Option<u64>>;
}

/// Does the work, and tells beside its result as of when its oldest view was: nothing when the server answered for all of them.
pub async fn noting<F: Future>(work: F) -> (F::Output, Option<u64>) {
    OLDEST
        .scope(Cell::new(None), async {
            let output = work.await;
            (output, OLDEST.with(Cell::get))
        })
        .await
}

/// A view was shown that is as of then, milliseconds since 1970-01-01 UTC.
pub(crate) fn note(as_of_ms: u64) {
    // Outside of `noting` nobody asks.
    let _ = OLDEST.try_with(|oldest| {
        oldest.set(Some(oldest.get().map_or(as_of_ms, |known| known.min(as_of_ms))));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_view_counts() {
        assert_eq!(noting(async { 1 }).await, (1, None));
        let work = async {
            note(7);
            tokio::task::yield_now().await;
            note(9);
        };
        assert_eq!(noting(work).await, ((), Some(7)));
        note(3);
    }
}
