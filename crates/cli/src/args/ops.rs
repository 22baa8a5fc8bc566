//! `holdfast backup`, `restore`, `reset-account`, `doctor` and `relocate`.

use std::path::PathBuf;

use clap::Args;

use super::account::Known;

const BACKUP: &str = "\
Works while the server runs. The same folder again copies only what is new. Everything on the server is in it,
as it is there: sealed, but for projects that are not encrypted. Keep it where the server's disk is not.

Examples:
  holdfast backup --data /srv/holdfast --out /mnt/backup/holdfast
  holdfast backup --data /srv/holdfast --out /mnt/backup/holdfast --json | jq .copied_bytes";

#[derive(Args)]
#[command(after_help = BACKUP)]
pub(crate) struct Backup {
    /// The server's data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Folder for the backup: a new one, or an earlier backup of this server
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}

const RESTORE: &str = "\
Only into a folder that is new or empty; stopped, the same line goes on. Whoever has seen more than is in the
backup is told that the server went back in time, and stops (exit code 21): tell people first.

Examples:
  holdfast restore --from /mnt/backup/holdfast --data /srv/holdfast-new
  holdfast doctor --data /srv/holdfast-new && holdfast serve --data /srv/holdfast-new";

#[derive(Args)]
#[command(after_help = RESTORE)]
pub(crate) struct Restore {
    /// The backup
    #[arg(long, value_name = "FOLDER")]
    pub(crate) from: PathBuf,
    /// The server's new data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
}

const RESET: &str = "\
For somebody who has lost Master Key and Recovery Kit. Works while the server runs. The old account is signed out
everywhere and stays as it is, without its handle; a new account under it gets nothing of what the old one could read.
Teammates can't share with it until they have compared six words. Be sure who is asking you.

Examples:
  holdfast reset-account ben@example.org --data /srv/holdfast
  holdfast reset-account ben@example.org --data /srv/holdfast --yes

You are asked first, unless --yes; without a terminal --yes is needed.";

#[derive(Args)]
#[command(after_help = RESET)]
pub(crate) struct ResetAccount {
    /// Handle of the account
    #[arg(value_name = "HANDLE")]
    pub(crate) handle: String,
    /// The server's data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Do it without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

const DOCTOR: &str = "\
Changes nothing, needs no Master Key. Ends with 0 when nothing is bad, else with 1.

Examples:
  holdfast doctor                          # this device's profile, and its server
  holdfast doctor --data /srv/holdfast     # a server's data, running or not
  holdfast doctor --diagnostics            # a report without names or addresses, to paste into a bug report
  holdfast doctor --json | jq -r '.findings[] | select(.level != \"ok\") | .code'";

#[derive(Args)]
#[command(after_help = DOCTOR)]
pub(crate) struct Doctor {
    /// A server's data folder, instead of this profile
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Only codes and numbers: no names, addresses or paths
    #[arg(long)]
    pub(crate) diagnostics: bool,
}

const RELOCATE: &str = "\
Copies your account with all of its keys, your own secrets, and every project that nobody else was ever in; reads
all of it back; then this device belongs to the new server. Stopped at any point, nothing has changed here, and the
same line goes on. The old server keeps what it has. Your handle stays: it is part of your signed keys. A team's server
moves as a whole, with `holdfast backup` and `holdfast restore`.

Examples:
  holdfast relocate --to https://files.example.org --dry-run
  holdfast relocate --to https://files.example.org
  holdfast relocate --to https://files.example.org --leave-behind   # shared projects stay at the old server";

#[derive(Args)]
#[command(after_help = RELOCATE)]
pub(crate) struct Relocate {
    /// The new server's address
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) known: Known,
    /// Leave projects at the old server that can't come along, and forget them here
    #[arg(long)]
    pub(crate) leave_behind: bool,
    /// List what would move and what would not
    #[arg(long)]
    pub(crate) dry_run: bool,
}
