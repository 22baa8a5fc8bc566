//! What a command ends with when it fails: a code, a sentence and a next step, wherever it failed.

use holdfast_commands::view::ErrorView;
use holdfast_engine::Error;

/// The result of this crate.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A failure, as people and programs are told.
pub(crate) struct Failure(pub(crate) ErrorView);

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<String>, next: &str) -> Self {
        Self(ErrorView {
            code: code.into(),
            message: message.into(),
            next: next.into(),
        })
    }

    /// Arguments that make no sense.
    pub(crate) fn usage(message: impl Into<String>, next: &str) -> Self {
        Self::new("usage", message, next)
    }

    /// Somebody else has the profile and serves nobody.
    pub(crate) fn busy(who: &str) -> Self {
        Self::new(
            "busy",
            format!("Another Holdfast is working on this profile{who}."),
            "Wait until it ends, or run `holdfast unlock` first: then several commands can run at once.",
        )
    }

    /// The code alone.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(ErrorView::from(&error))
    }
}

impl From<ErrorView> for Failure {
    fn from(view: ErrorView) -> Self {
        Self(view)
    }
}
