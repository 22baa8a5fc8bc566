//! `holdfast backup`, `restore`, `reset-account`, `doctor`, `relocate`: looking after things.

use std::path::Path;

use holdfast_commands::view::{DiagnosticsView, DoctorView};
use holdfast_commands::{Command, Ending, Outcome, diagnostics};
use holdfast_device::{HttpTransport, examine};
use holdfast_engine::ports::{Progress as _, Stage, Step};
use holdfast_engine::{Error, Finding};
use holdfast_server::ops;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::Answer;
use super::job::Job;
use super::unlock::{done, ended};
use crate::args::{Backup, Common, Doctor, Relocate, ResetAccount, Restore, Trust};
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::{self, Bars, Tell, message, tell};
use crate::place::Place;

pub(super) async fn backup(args: &Backup) -> Answer {
    let bars = Bars::new();
    let watch = |step| bars.report(told(step, Stage::Copying));
    let made = until_stopped(async |stop| ops::backup(&args.data, &args.out, &watch, stop).await).await;
    bars.clear();
    let report = made?;
    Ok((whole_or_not(report.damaged, &report)?, tell(output::backed_up)))
}

pub(super) async fn restore(args: &Restore) -> Answer {
    let bars = Bars::new();
    let watch = |step| bars.report(told(step, Stage::Copying));
    let made = until_stopped(async |stop| ops::restore(&args.from, &args.data, &watch, stop).await).await;
    bars.clear();
    let report = made?;
    Ok((whole_or_not(report.damaged, &report)?, tell(output::restored)))
}

pub(super) async fn reset_account(args: &ResetAccount) -> Answer {
    if !args.yes {
        input::sure(&args.handle, "Nothing was changed.")?;
    }
    let report = ops::reset_account(&args.data, &args.handle).await.map_err(refused)?;
    Ok((done(&report)?, tell(output::account_reset)))
}

/// What was seen, and whether anything in it is bad.
pub(super) async fn doctor(common: &Common, args: &Doctor) -> Result<(Outcome, Tell, bool)> {
    let (what, view) = match &args.data {
        Some(data) => ("server", server(data).await?),
        None => ("profile", DoctorView::of(profile(common).await?)),
    };
    let bad = view.bad > 0;
    if args.diagnostics {
        let text = diagnostics(what, &view.findings);
        return Ok((done(&DiagnosticsView { text })?, tell(output::diagnostics), bad));
    }
    Ok((done(&view)?, tell(output::doctor), bad))
}

async fn server(data: &Path) -> Result<DoctorView> {
    let bars = Bars::new();
    let report = ops::doctor(data, &|step| bars.report(told(step, Stage::Checking))).await;
    bars.clear();
    same_shape(&report)
}

async fn profile(common: &Common) -> Result<Vec<Finding>> {
    let place = Place::open(common)?;
    let mut findings = examine(&place.profile).await;
    match place.app().await {
        Ok(Some(app)) => findings.extend(app.doctor().await),
        Ok(None) => findings.push(Finding::warn(
            "account",
            "There is no account in this profile.",
            "Run `holdfast signup` or `holdfast signin`.",
        )),
        Err(failure) => findings.push(Finding::bad("account", failure.0.message, &failure.0.next)),
    }
    Ok(findings)
}

pub(super) fn relocate(args: Relocate) -> Result<Job> {
    // A typing mistake is told before the Master Key is asked for.
    let pin = args.known.trust()?.and_then(Trust::pin);
    HttpTransport::pinned(&args.to, pin)?;
    Ok(match args.dry_run {
        true => Job::new(Command::RelocationPlan, tell(output::relocation_plan)),
        false => Job::new(
            Command::Relocate {
                to: args.to,
                leave_behind: args.leave_behind,
                fingerprint: pin.map(|pin| pin.to_string()),
            },
            tell(output::relocated),
        ),
    })
}

/// Runs what can be stopped with Ctrl-C and gone on with.
async fn until_stopped<T>(work: impl AsyncFnOnce(&CancellationToken) -> ops::Result<T>) -> Result<T> {
    let stop = CancellationToken::new();
    let work = work(&stop);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done.map_err(refused),
            _ = tokio::signal::ctrl_c() => {
                if stop.is_cancelled() {
                    return Err(Error::Cancelled.into());
                }
                stop.cancel();
                message("Stopping. Ctrl-C again to stop at once.");
            }
        }
    }
}

fn refused(error: ops::Error) -> Failure {
    Failure::new(error.code(), error.to_string(), error.next())
}

fn whole_or_not(damaged: u64, report: &impl Serialize) -> Result<Outcome> {
    ended(if damaged == 0 { Ending::Done } else { Ending::Partial }, report)
}

/// What the server's crate returns has the shape of a view.
fn same_shape<T: DeserializeOwned>(report: &impl Serialize) -> Result<T> {
    let failed = |error: serde_json::Error| Error::Internal(error.to_string());
    Ok(serde_json::from_value(serde_json::to_value(report).map_err(failed)?).map_err(failed)?)
}

fn told(step: ops::Step, packs: Stage) -> Step {
    Step {
        stage: match step.phase {
            ops::Phase::Database => Stage::Reading,
            ops::Phase::Packs => packs,
            ops::Phase::Checking => Stage::Checking,
        },
        done: step.done,
        total: step.total,
        files: 0,
        files_total: 0,
    }
}
