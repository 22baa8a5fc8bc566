//! Verbs about datasets, models, tasks and artifacts: the same for each. Where help says "dataset" here, the others' help says
//! their own kind (see `args::command`).

use std::path::PathBuf;

use clap::Subcommand;

use super::ItemName;

const UPLOAD: &str = "\
Examples:
  holdfast dataset upload \"Brain scans\" ./scans --name Scans
  holdfast dataset upload \"Brain scans\" a.csv b.csv --name Tables --note \"as measured in May\"

A name that is there already gets a new version, and only what changed is sent. Stopped or cut off? Run the
same line again: it goes on where it was. What was left out is listed, and the exit code is then 15.";

const DOWNLOAD: &str = "\
Examples:
  holdfast dataset download \"Brain scans/Scans\" --to ./scans
  holdfast dataset download \"Brain scans/Scans@3\" --to ./old-scans

Every piece is checked. If something was altered or damaged, the exit code is 20, and no half file is left
under its real name.";

#[derive(Subcommand)]
pub(crate) enum ItemVerb {
    /// Upload files as a new dataset, or as a new version of one
    #[command(after_help = UPLOAD)]
    Upload {
        /// Name or id of the project
        project: String,
        /// Files and folders
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// What it is called in the project
        #[arg(long)]
        name: String,
        /// What to say about this version
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        note: String,
    },
    /// List what is in a project
    #[command(
        after_help = "Examples:\n  holdfast dataset list \"Brain scans\"\n  holdfast dataset list \"Brain scans\" --json\n  holdfast dataset list \"Brain scans\" --trashed"
    )]
    List {
        /// Name or id
        project: String,
        /// What is in the trash, instead of what is not
        #[arg(long)]
        trashed: bool,
    },
    /// Show one dataset
    #[command(after_help = "Examples:\n  holdfast dataset show \"Brain scans/Scans\"")]
    Show {
        /// Names or ids
        #[arg(value_name = "PROJECT/ITEM")]
        name: ItemName,
    },
    /// List its versions
    #[command(after_help = "Examples:\n  holdfast dataset versions \"Brain scans/Scans\"")]
    Versions {
        /// Names or ids
        #[arg(value_name = "PROJECT/ITEM")]
        name: ItemName,
    },
    /// Download a version, the newest if none is named
    #[command(after_help = DOWNLOAD)]
    Download {
        /// Names or ids; the version is a number or an id
        #[arg(value_name = "PROJECT/ITEM[@VERSION]")]
        name: ItemName,
        /// The folder to write to; made where needed
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Rename it
    #[command(after_help = "Examples:\n  holdfast dataset rename \"Brain scans/Scans\" \"Scans, raw\"")]
    Rename {
        /// Names or ids
        #[arg(value_name = "PROJECT/ITEM")]
        name: ItemName,
        /// The new name
        to: String,
    },
    /// Put it into the trash
    #[command(
        after_help = "Examples:\n  holdfast dataset delete \"Brain scans/Scans\"     # undo: holdfast dataset restore \"Brain scans/Scans\""
    )]
    Delete {
        /// Names or ids
        #[arg(value_name = "PROJECT/ITEM")]
        name: ItemName,
    },
    /// Take it out of the trash
    #[command(after_help = "Examples:\n  holdfast dataset restore \"Brain scans/Scans\"")]
    Restore {
        /// Names or ids
        #[arg(value_name = "PROJECT/ITEM")]
        name: ItemName,
    },
}
