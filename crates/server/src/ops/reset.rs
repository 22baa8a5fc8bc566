//! Freeing the handle of somebody who lost Master Key and Recovery Kit, so that they can sign up under it again.
//!
//! One transaction, beside whatever the server does meanwhile. The old account stays with all that it signed.

use std::path::Path;

use super::snapshot::Snapshot;
use super::{DATABASE, Error, RESTORING, ResetReport, Result};
use crate::ports::{Clock as _, Database as _, StoreError, SystemClock};
use crate::sqlite::{SCHEMA, Sqlite};

/// Frees a person's handle; a server may run on the folder.
///
/// # Errors
/// [`Error::NoAccount`] when no person has the handle; see [`Error`].
pub async fn reset_account(data: &Path, handle: &str) -> Result<ResetReport> {
    let file = data.join(DATABASE);
    if data.join(RESTORING).exists() {
        return Err(Error::Busy(data.to_owned()));
    }
    if !file.is_file() {
        return Err(Error::NoData(data.to_owned()));
    }
    let mut looked = Snapshot::read(&file).await?;
    let schema = looked.known_schema().await?;
    looked.close().await?;
    // Not brought up to date from here: an older server may be running on it, and would not know of it.
    if schema != SCHEMA {
        return Err(Error::Older);
    }
    let failed = |error: StoreError| match error {
        StoreError::Missing => Error::NoAccount(handle.to_owned()),
        StoreError::DiskFull => Error::Full,
        other => Error::Damaged(other.to_string()),
    };
    let database = Sqlite::open(&file).await.map_err(failed)?;
    let released = database.release_handle(handle, SystemClock.now_ms()).await;
    database.close().await;
    let released = released.map_err(failed)?;
    Ok(ResetReport {
        handle: handle.to_owned(),
        id: released.principal.to_string(),
        devices: released.devices,
        notice: NOTICE.into(),
    })
}

/// What has to be said, whoever it was.
const NOTICE: &str = "Whoever signs up next under this handle has it: let that happen now. The new account gets nothing of what the old one \
                      could read; others share with it anew, and Holdfast refuses that until they have compared the six words. Tell \
                      them to do so, by voice or in person, and to remove the old account from their projects.";
