//! Profiles at work on one stage, and how they are asked.

use std::sync::Arc;

use holdfast_commands::{App, Command, Hidden, Outcome};
use holdfast_engine::ports::Silent;
use holdfast_engine::{Kit, Result};
use holdfast_testkit::{Stage, phrase};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

pub(crate) fn hidden(text: &str) -> Hidden {
    Hidden::new(Zeroizing::new(text.to_owned()))
}

/// Somebody's unlocked profile.
pub(crate) struct Desk(pub(crate) App);

impl Desk {
    pub(crate) async fn new(stage: &Stage, handle: &str) -> Self {
        Self::with_kit(stage, handle).await.0
    }

    pub(crate) async fn with_kit(stage: &Stage, handle: &str) -> (Self, Kit) {
        let (session, kit) = stage.person_with(handle, true).await;
        let app = App::new(stage.device(handle).await, stage.spool(handle));
        app.open_with(session);
        (Self(app), kit.expect("a kit"))
    }

    /// The profile of somebody who has signed up on this device before, unlocked anew.
    pub(crate) async fn again(stage: &Stage, handle: &str) -> Self {
        let app = App::new(stage.device(handle).await, stage.spool(handle));
        app.unlock(&phrase(handle)).await.expect("unlocking");
        Self(app)
    }

    pub(crate) async fn run(&self, command: Command) -> Result<Outcome> {
        self.0.run(command, Arc::new(Silent), CancellationToken::new()).await
    }

    /// The view of a command that must not fail.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, command: Command) -> T {
        let outcome = self.run(command).await.expect("it works");
        serde_json::from_value(outcome.value).expect("its view")
    }
}
