//! What is shown of looking after things: moving to another server, doctor, and a server's backups.
//!
//! The last are the shapes that `holdfast_server::ops` returns: a shell that has a server hands them on as they are.

use holdfast_engine::{Finding, Level};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::types;

views! {
    /// What would move to another server, and what would not.
    RelocationPlanView {
        /// Who moves.
        handle: String,
        /// The server now.
        from: String,
        /// What moves; the vault first.
        moving: Vec<MovingView>,
        /// Projects that can't come along.
        staying: Vec<StayingView>,
        /// Uploads that were begun here and not finished: they keep it from moving.
        uploads: usize,
        /// Entries of all logs that move.
        entries: u64,
        /// Packs that move.
        packs: u64,
        /// Their bytes.
        bytes: u64,
    }
    /// A project, or the vault, that moves.
    MovingView {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// Whether it is the vault: one's own secrets.
        vault: bool,
        /// Bytes on the server, padding included.
        bytes: u64,
    }
    /// A project that can't come along.
    StayingView {
        /// Its id.
        id: String,
        /// Its name, where it can be read.
        name: Option<String>,
        /// `shared`: somebody else is or was in it; `left`: the user is not in it any more; else the code of what is wrong.
        why: String,
    }
    /// How a move to another server ended.
    RelocatedView {
        /// The new server's address.
        server: String,
        /// Projects that moved.
        projects: usize,
        /// Entries of all logs.
        entries: u64,
        /// Packs.
        packs: u64,
        /// Their bytes.
        bytes: u64,
        /// Projects that stayed behind.
        left: Vec<StayingView>,
        /// Whether there is a Recovery Kit, which works there too (with the new address).
        kit: bool,
    }
    /// What a doctor saw.
    DoctorView {
        /// Everything that was looked at.
        #[ts(as = "Vec<types::Finding>")]
        findings: Vec<Finding>,
        /// How many of them are worth a look.
        warnings: usize,
        /// How many are to be put right.
        bad: usize,
    }
    /// A report without names and addresses, to be pasted.
    DiagnosticsView {
        /// The text.
        text: String,
    }
    /// How a server's backup ended.
    BackupView {
        /// The backup's folder.
        path: String,
        /// As of when it is, milliseconds since 1970-01-01 UTC.
        made_ms: u64,
        /// Accounts in it.
        accounts: u64,
        /// Projects and vaults in it.
        spaces: u64,
        /// Entries of their logs.
        entries: u64,
        /// Packs in it.
        packs: u64,
        /// Their bytes.
        bytes: u64,
        /// Bytes of packs that were copied now.
        copied_bytes: u64,
        /// Bytes of packs that were in the backup already.
        kept_bytes: u64,
        /// Parts of packs that the server should have and does not.
        damaged: u64,
        /// The first of them.
        damaged_parts: Vec<DamagedPartView>,
    }
    /// How a server's restore ended.
    RestoreView {
        /// The new data folder.
        path: String,
        /// As of when the backup is, milliseconds since 1970-01-01 UTC.
        made_ms: u64,
        /// Accounts in it.
        accounts: u64,
        /// Projects and vaults in it.
        spaces: u64,
        /// Packs in it.
        packs: u64,
        /// Their bytes.
        bytes: u64,
        /// Parts of packs that the backup should have and does not.
        damaged: u64,
        /// The first of them.
        damaged_parts: Vec<DamagedPartView>,
        /// What people will notice, to be told before the server is started.
        notice: String,
    }
    /// How a handle was freed on a server.
    AccountResetView {
        /// The handle, which is free now.
        handle: String,
        /// Id of the account that had it.
        id: String,
        /// Devices of that account that were signed out.
        devices: u64,
        /// What follows, to be told.
        notice: String,
    }
    /// A part of a pack that is not as it should be.
    DamagedPartView {
        /// The pack.
        pack: String,
        /// Number of the part.
        part: u32,
        /// `missing`, or `size`.
        why: String,
    }
}

impl DoctorView {
    /// Counts what was seen.
    #[must_use]
    pub fn of(findings: Vec<Finding>) -> Self {
        let of = |level| findings.iter().filter(|finding| finding.level == level).count();
        Self {
            warnings: of(Level::Warn),
            bad: of(Level::Bad),
            findings,
        }
    }
}
