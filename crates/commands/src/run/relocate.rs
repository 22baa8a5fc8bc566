//! Verbs about moving to another server.

use std::sync::Arc;

use holdfast_engine::ports::Progress;
use holdfast_engine::{Error, RelocationPlan, Result, Staying, parse_fingerprint};
use tokio_util::sync::CancellationToken;

use crate::app::{App, done};
use crate::command::Command;
use crate::view::{MovingView, Outcome, RelocatedView, RelocationPlanView, StayingView};

pub(super) async fn run(
    app: &App,
    command: Command,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<Outcome> {
    match command {
        Command::RelocationPlan => {
            let session = app.session().await?;
            let plan = session.relocation_plan().await?;
            let account = session.account();
            done(&plan_view(account.handle, account.server, &plan))
        }
        Command::Relocate {
            to,
            leave_behind,
            fingerprint,
        } => {
            let pin = fingerprint.as_deref().map(parse_fingerprint).transpose()?;
            let to = app.connect(&to, pin)?;
            let moved = app.relocate(to, leave_behind, &progress, &cancel).await;
            let moved = moved.map_err(|error| match pin {
                Some(_) => error.of_typed_fingerprint(),
                None => error,
            })?;
            done(&RelocatedView {
                server: moved.server,
                projects: moved.projects,
                entries: moved.entries,
                packs: moved.packs,
                bytes: moved.bytes,
                left: moved.left.iter().map(staying).collect(),
                kit: moved.kit,
            })
        }
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

fn plan_view(handle: String, from: String, plan: &RelocationPlan) -> RelocationPlanView {
    let (packs, bytes) = plan.packs();
    let moving = plan.moving.iter().enumerate().map(|(place, space)| MovingView {
        id: space.authority().space().to_string(),
        name: space.contents().name().to_owned(),
        vault: place == 0,
        bytes: space.authority().live_bytes(),
    });
    RelocationPlanView {
        handle,
        from,
        moving: moving.collect(),
        staying: plan.staying.iter().map(staying).collect(),
        uploads: plan.uploads,
        entries: plan.entries(),
        packs,
        bytes,
    }
}

fn staying(left: &Staying) -> StayingView {
    StayingView {
        id: left.space.to_string(),
        name: left.name.clone(),
        why: left.why.clone(),
    }
}
