//! Whether a server's data is as it should be. Nothing is changed.

use std::collections::HashSet;
use std::path::Path;

use super::findings::{DoctorReport, Findings, Level};
use super::look::{self, Rights};
use super::snapshot::Snapshot;
use super::{DATABASE, Error, PACKS, Phase, RESTORE, RESTORING, Result, Step, Watch, blocking};
use crate::folder;
use crate::ports::{BlobId, Clock as _, SystemClock};
use crate::sqlite::SCHEMA;

/// Below this many free bytes uploads are about to fail.
const LITTLE: u64 = 1 << 30;
/// Below this many, so is everything else.
const NOTHING: u64 = 64 << 20;
/// A clock may be this far behind what it was before.
const CLOCK_SLACK_MS: u64 = 5 * 60 * 1000;
/// 2026-01-01: this program is younger.
const BORN_MS: u64 = 1_767_225_600_000;
/// The first form of a database that has handles which were freed.
const RELEASED: i64 = 5;
/// Packs that are named in a sentence.
const NAMED: usize = 3;

/// Looks at a data folder; a server may run on it.
pub async fn doctor(data: &Path, watch: Watch<'_>) -> DoctorReport {
    let mut found = Findings::default();
    if found.folder(data) {
        found.disk(data);
        found.lock(data);
        watch(Step {
            phase: Phase::Database,
            done: 0,
            total: 0,
        });
        if let Some(mut rows) = found.database(data).await {
            if let Err(error) = found.handles(&mut rows).await {
                found.failed("handles", &error);
            }
            if let Err(error) = found.packs(data, &mut rows, watch).await {
                found.failed("packs", &error);
            }
            if let Err(error) = found.runs(&mut rows).await {
                found.failed("runs", &error);
            }
            if let Err(error) = found.clock(&mut rows).await {
                found.failed("clock", &error);
            }
            let _ = rows.close().await;
        }
    }
    found.report()
}

impl Findings {
    /// Whether there is a server's data to look at.
    fn folder(&mut self, data: &Path) -> bool {
        let (rights, mode) = match look::rights(data) {
            Ok(found) if data.is_dir() => found,
            _ => {
                let message = format!("There is no folder {}.", data.display());
                self.say(
                    "data-folder",
                    Level::Bad,
                    message,
                    "Name the folder that `holdfast serve --data` uses.",
                    None,
                );
                return false;
            }
        };
        let close = format!("Run: chmod 700 {}", data.display());
        match rights {
            Rights::Closed => self.ok("permissions", "Only the server's own user may enter the data folder."),
            Rights::Group => self.say(
                "permissions",
                Level::Warn,
                format!("A group of users may look into the data folder (mode {mode:03o})."),
                &close,
                None,
            ),
            Rights::Open => self.say(
                "permissions",
                Level::Bad,
                format!("Others on this computer may enter the data folder (mode {mode:03o})."),
                &close,
                None,
            ),
        }
        match look::foreign(data) {
            Ok(files) if files.is_empty() => self.ok("ownership", "The files belong to the folder's user."),
            Ok(files) => self.say(
                "ownership",
                Level::Bad,
                format!("{} belongs to another user than the folder.", files[0].display()),
                "Give the whole folder to the user that the server runs as: chown -R USER FOLDER",
                Some(files.len() as u64),
            ),
            Err(error) => self.failed("ownership", &error),
        }
        match look::key_rights(data) {
            None => {}
            Some(Rights::Closed) => self.ok(
                "tls-key",
                "Only the server's own user may read the key of its certificate.",
            ),
            Some(_) => self.say(
                "tls-key",
                Level::Bad,
                "Others on this computer may read the key of the server's certificate.",
                "Stop the server, delete tls-key.pem, start it again, and give people the new fingerprint.",
                None,
            ),
        }
        if data.join(RESTORING).exists() {
            let message = "A restore into this folder was begun and not finished; no server starts on it.";
            self.say(
                "restore",
                Level::Bad,
                message,
                "Run the same `holdfast restore` again.",
                None,
            );
            return false;
        }
        if data.join(DATABASE).is_file() {
            return true;
        }
        let message = format!("There is no server's database in {}.", data.display());
        self.say(
            "database",
            Level::Bad,
            message,
            "Name the folder that `holdfast serve --data` uses.",
            None,
        );
        false
    }

    fn disk(&mut self, data: &Path) {
        match look::room(data) {
            Ok((free, all)) => {
                let level = match free {
                    free if free < NOTHING => Level::Bad,
                    free if free < LITTLE || free < all / 50 => Level::Warn,
                    _ => Level::Ok,
                };
                let next = if level == Level::Ok {
                    ""
                } else {
                    "Make room, or move the data to a larger disk."
                };
                self.say(
                    "disk-space",
                    level,
                    format!("{} MiB of the disk are free.", free >> 20),
                    next,
                    Some(free),
                );
            }
            Err(error) => self.failed("disk-space", &error),
        }
    }

    fn lock(&mut self, data: &Path) {
        match look::in_use(data) {
            Ok(true) => self.ok("running", "A server is running on this folder."),
            Ok(false) => self.ok("running", "No server is running on this folder."),
            Err(error) => self.failed("running", &error),
        }
    }

    /// The database, if it can be read.
    async fn database(&mut self, data: &Path) -> Option<Snapshot> {
        let checked = async {
            let mut rows = Snapshot::read(&data.join(DATABASE)).await?;
            let faults = rows.faults().await?;
            Result::Ok((rows, faults))
        };
        let (mut rows, faults) = match checked.await {
            Ok(found) => found,
            Err(Error::Damaged(why)) => {
                self.say(
                    "database",
                    Level::Bad,
                    format!("The database is damaged: {why}."),
                    RESTORE,
                    None,
                );
                return None;
            }
            Err(error) => {
                self.failed("database", &error);
                return None;
            }
        };
        match faults.first() {
            None => self.ok("database", "The database is sound."),
            Some(first) => {
                let message = format!("The database is damaged: {first}.");
                self.say("database", Level::Bad, message, RESTORE, Some(faults.len() as u64));
            }
        }
        let schema = match rows.schema().await {
            Ok(schema) => schema,
            Err(error) => {
                self.failed("schema", &error);
                return None;
            }
        };
        match schema {
            0 => {
                self.say("schema", Level::Bad, "This is not a server's database.", RESTORE, None);
                return None;
            }
            newer if newer > SCHEMA => {
                let message = "The database was made by a newer version of Holdfast.";
                self.say("schema", Level::Bad, message, "Update Holdfast.", None);
                return None;
            }
            older if older < SCHEMA => {
                let message = "The database is of an earlier form; the server brings it up to date when it starts.";
                self.say(
                    "schema",
                    Level::Warn,
                    message,
                    "Back it up, then start the server.",
                    None,
                );
            }
            _ => self.ok("schema", "The database is of this version's form."),
        }
        match self.logs(&mut rows).await {
            Ok(()) => Some(rows),
            Err(error) => {
                self.failed("logs", &error);
                None
            }
        }
    }

    async fn logs(&mut self, rows: &mut Snapshot) -> Result<()> {
        let (torn, altered) = (rows.torn_logs().await?, rows.altered().await?);
        if torn + altered == 0 {
            self.ok("logs", "Every log is whole, and every entry is what was stored.");
            return Ok(());
        }
        let message = format!("{torn} logs are not whole, and {altered} entries or keys are not what was stored.");
        self.say("logs", Level::Bad, message, RESTORE, Some(torn + altered));
        Ok(())
    }

    /// Handles that an operator freed.
    async fn handles(&mut self, rows: &mut Snapshot) -> Result<()> {
        if rows.schema().await? < RELEASED {
            return Ok(());
        }
        match rows.released().await? {
            (0, 0) => {}
            (freed, 0) => self.say(
                "handles",
                Level::Ok,
                "Handles were freed with `holdfast reset-account`; the accounts that had them are as they were.",
                "",
                Some(freed),
            ),
            (_, halves) => self.say(
                "handles",
                Level::Bad,
                "Handles were freed by halves: this was not done by Holdfast.",
                RESTORE,
                Some(halves),
            ),
        }
        Ok(())
    }

    /// Rows against files, both ways.
    async fn packs(&mut self, data: &Path, rows: &mut Snapshot, watch: Watch<'_>) -> Result<()> {
        let packs = data.join(PACKS);
        // The files first: a file's row is older than the file.
        let (mut files, unfinished) = match packs.is_dir() {
            true => {
                let packs = packs.clone();
                blocking(move || look::blobs(&packs)).await?
            }
            false => (HashSet::new(), 0),
        };
        let total = rows.counts().await?.bytes;
        let (mut missing, mut wrong, mut count) = (Vec::new(), Vec::new(), 0_u64);
        let (mut last, mut passed) = (None, 0);
        loop {
            let page = rows.packs_after(last).await?;
            let Some(end) = page.last() else { break };
            last = Some(end.blob);
            for pack in page {
                files.remove(&pack.blob);
                count += 1;
                passed += pack.bytes;
                let (folder, row) = (packs.clone(), pack.clone());
                let faults = blocking(move || look::faults(&folder, &row)).await?;
                // One that the server gave up a moment ago is none of this.
                if faults.is_empty() || !rows.has_blob(pack.blob).await? {
                    continue;
                }
                if faults.values().any(|why| *why == "missing") {
                    missing.push(pack.id.to_string());
                } else {
                    wrong.push(pack.id.to_string());
                }
                watch(Step {
                    phase: Phase::Packs,
                    done: passed,
                    total,
                });
            }
        }
        if missing.is_empty() && wrong.is_empty() {
            self.say(
                "packs",
                Level::Ok,
                format!("All {count} packs are there, each with its size."),
                "",
                Some(count),
            );
        }
        self.lost("pack-missing", "Files are missing of", &missing);
        self.lost("pack-size", "Files have another size than they should of", &wrong);
        self.orphans(&packs, &files, unfinished);
        Ok(())
    }

    fn lost(&mut self, code: &str, what: &str, packs: &[String]) {
        if packs.is_empty() {
            return;
        }
        let named = packs.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if packs.len() > NAMED { ", …" } else { "" };
        self.say(
            code,
            Level::Bad,
            format!(
                "{what} {} packs: {named}{more}. What lies in them can't be downloaded.",
                packs.len()
            ),
            "Copy the folders of these packs from a backup (packs/AB/...), or upload what is in them again.",
            Some(packs.len() as u64),
        );
    }

    fn orphans(&mut self, packs: &Path, files: &HashSet<BlobId>, unfinished: u64) {
        // Some may have been given up between the two looks.
        let orphans = files
            .iter()
            .filter(|blob| folder::place_of(packs, **blob).exists())
            .count() as u64;
        match orphans {
            0 => self.ok("orphans", "No files lie about that nothing names."),
            _ => self.say(
                "orphans",
                Level::Warn,
                format!("{orphans} folders of packs have no row in the database: left by something that was stopped."),
                "Nothing has to be done: a running server removes them within the hour.",
                Some(orphans),
            ),
        }
        if unfinished > 0 {
            self.say(
                "unfinished",
                Level::Ok,
                format!("{unfinished} files are being written, or were when something was stopped."),
                "",
                Some(unfinished),
            );
        }
    }

    async fn clock(&mut self, rows: &mut Snapshot) -> Result<()> {
        let (now, latest) = (SystemClock.now_ms(), rows.latest_ms().await?);
        let set = "Set this computer's clock; sign-in works only within ten minutes of the right time.";
        if now < BORN_MS {
            self.say("clock", Level::Bad, "This computer's clock is years behind.", set, None);
        } else if now + CLOCK_SLACK_MS < latest {
            let behind = latest - now;
            let message = format!(
                "This computer's clock is {} minutes behind what it was before.",
                behind / 60_000
            );
            self.say("clock", Level::Bad, message, set, Some(behind));
        } else {
            self.ok("clock", "The clock goes on from where it was.");
        }
        Ok(())
    }
}
