//! Whether a profile's files are as they should be: rights, database, room, and who has the profile. Nothing is changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_engine::{Error, Finding};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::sqlite::{APPLICATION, SCHEMA};
use crate::{Profile, ProfileLock, connect_agent};

/// Below this many free bytes uploads are about to fail.
const LITTLE: u64 = 1 << 30;
/// Below this many, so is everything else.
const NOTHING: u64 = 64 << 20;

/// Looks at a profile. It may be in use, and its database may be beyond opening.
pub async fn examine(profile: &Profile) -> Vec<Finding> {
    vec![
        rights(profile),
        database(&profile.database()).await,
        room(profile.data()),
        owner(profile).await,
    ]
}

fn rights(profile: &Profile) -> Finding {
    let database = profile.database();
    let beside = |end: &str| PathBuf::from(format!("{}{end}", database.display()));
    // The folders above may hold other things as well; these are the profile's own.
    let own = [
        profile.spool(),
        profile.logs(),
        database.clone(),
        beside("-wal"),
        beside("-shm"),
        profile.lock_file(),
    ];
    let user = rustix::process::geteuid().as_raw();
    for path in own {
        let Ok(found) = fs::metadata(&path) else { continue };
        if found.uid() != user {
            let message = format!("{} belongs to another user.", path.display());
            return Finding::bad(
                "permissions",
                message,
                "Give the profile's folder to its own user (chown -R).",
            );
        }
        if found.mode() & 0o077 != 0 {
            let message = format!("Others on this computer may read {}.", path.display());
            let next = format!("Run: chmod go= {}", path.display());
            return Finding::bad("permissions", message, &next);
        }
    }
    Finding::ok("permissions", "Only this user may read the profile.")
}

async fn database(file: &Path) -> Finding {
    const NEXT: &str =
        "Nothing is lost that was sent. Move the profile's folder away, and run `holdfast signin` with a new one.";
    if !file.exists() {
        return Finding::ok("database", "There is no database yet.");
    }
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .busy_timeout(Duration::from_secs(10))
        .disable_statement_logging();
    let looked = async {
        let mut rows = options.connect().await?;
        let said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)")
            .fetch_all(&mut rows)
            .await?;
        let application: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut rows).await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut rows).await?;
        rows.close().await?;
        Ok::<_, sqlx::Error>((said, application, version))
    };
    match looked.await {
        Err(error) => Finding::bad(
            "database",
            format!("The profile's database can't be read: {error}."),
            NEXT,
        ),
        Ok((said, ..)) if said != ["ok"] => {
            let first = said.first().map_or("", String::as_str);
            Finding::bad("database", format!("The profile's database is damaged: {first}."), NEXT)
        }
        Ok((_, application, version)) if application != APPLICATION || version > SCHEMA => {
            let message = "The database is not a profile's, or is of a newer version of Holdfast.";
            Finding::bad(
                "database",
                message,
                "Update Holdfast, or use another folder with --profile.",
            )
        }
        Ok(_) => Finding::ok("database", "The profile's database is sound."),
    }
}

fn room(folder: &Path) -> Finding {
    let found = match rustix::fs::statvfs(folder) {
        Ok(found) => found,
        Err(error) => return Finding::failed("disk-space", &Error::io(folder, &error.into())),
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let message = format!("{} MiB of the disk are free.", free >> 20);
    let next = "Make room: an upload needs some for the packs that are on their way.";
    match free {
        free if free < NOTHING => Finding::bad("disk-space", message, next),
        free if free < LITTLE => Finding::warn("disk-space", message, next),
        _ => Finding::ok("disk-space", message),
    }
    .count(free)
}

/// Who has the profile: nobody, an agent that answers, or a process that does not.
async fn owner(profile: &Profile) -> Finding {
    match connect_agent(profile.socket()).await {
        Ok(Some(_)) => return Finding::ok("agent", "The profile is unlocked, and its process answers."),
        Ok(None) => {}
        Err(error) => return Finding::failed("agent", &Error::io(profile.socket(), &error)),
    }
    match ProfileLock::acquire(profile) {
        Ok(Some(_)) => Finding::ok("agent", "Nobody has the profile; it is locked."),
        Ok(None) => {
            let holder = ProfileLock::holder(profile).ok().flatten();
            let other = holder.as_ref().filter(|holder| holder.socket != profile.socket());
            if let Some(holder) = other
                && let Ok(Some(_)) = connect_agent(&holder.socket).await
            {
                return Finding::ok("agent", "The profile is unlocked, and its process answers.");
            }
            let who = holder
                .map(|holder| format!(" (process {})", holder.pid))
                .unwrap_or_default();
            Finding::warn(
                "agent",
                format!("Another Holdfast is working on this profile{who} and does not answer."),
                "Wait until it ends. If it hangs, end that process and run `holdfast unlock`.",
            )
        }
        Err(error) => Finding::failed("agent", &error),
    }
}
