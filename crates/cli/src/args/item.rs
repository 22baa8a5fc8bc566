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
same line again: it goes on where it was. What was left out is listed, and the exit code is then 15: when the
cause is mended, the same line makes a version that has it, too, and sends nothing else again.";

const FILES: &str = "\
Examples:
  holdfast dataset files \"Brain scans/Scans\"
  holdfast dataset files \"Brain scans/Scans@3\" --under 2026/May
  holdfast dataset files \"Brain scans/Scans\" --recursive --json | jq -r '.entries[].path'

Only the list is fetched, not the files. A long list comes in pages: `next` is the next page's --offset.";

const CHANGES: &str = "\
Examples:
  holdfast dataset changes \"Brain scans/Scans\" --from 2
  holdfast dataset changes \"Brain scans/Scans\" --from 1 --to 3

Only the two lists are fetched. A file that was moved counts as renamed if its content is the same.";

const PREVIEW: &str = "\
Examples:
  holdfast dataset preview \"Brain scans/Scans\" patients.csv
  holdfast dataset preview \"Brain scans/Scans@3\" 2026/May/scores.parquet --rows 20 --json

Tables (CSV, TSV, JSON-lines, Parquet), text, JSON, and the size of pictures. Only the pieces that are needed are
fetched, and they are decoded by a process that can do nothing else. For more rows, give the offset it names.";

const PENDING: &str = "\
Examples:
  holdfast upload list
  holdfast upload list --json | jq -r '.[].version'

To go on with one, upload the same files under the same name again.";

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
        /// Leave out files and folders whose names begin with a dot
        #[arg(long)]
        skip_hidden: bool,
        /// Only say what would be uploaded, and what would be left out
        #[arg(long)]
        dry_run: bool,
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
    /// List the files of a version, the newest if none is named
    #[command(after_help = FILES)]
    Files {
        /// Names or ids; the version is a number or an id
        #[arg(value_name = "PROJECT/ITEM[@VERSION]")]
        name: ItemName,
        /// The folder to look into
        #[arg(long, value_name = "FOLDER")]
        under: Option<String>,
        /// All files below, instead of what stands in the folder
        #[arg(long)]
        recursive: bool,
        /// Entries to pass over
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        offset: u64,
        /// Entries to show, at most 10000
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: u64,
    },
    /// Say what changed between two versions
    #[command(after_help = CHANGES)]
    Changes {
        /// Names or ids
        #[arg(value_name = "PROJECT/ITEM")]
        name: ItemName,
        /// The earlier version, a number or an id
        #[arg(long, value_name = "VERSION")]
        from: String,
        /// The later version [default: the newest]
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
        /// Entries to pass over
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        offset: u64,
        /// Entries to show, at most 10000
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: u64,
    },
    /// Show the beginning of a file without downloading it
    #[command(after_help = PREVIEW)]
    Preview {
        /// Names or ids; the version is a number or an id
        #[arg(value_name = "PROJECT/ITEM[@VERSION]")]
        name: ItemName,
        /// The file's path, as `files` lists it
        file: String,
        /// Rows or lines to show, at most 1000
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
        rows: Option<u32>,
        /// Where to go on, as the page before named it
        #[arg(long, value_name = "OFFSET")]
        offset: Option<u64>,
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
    /// Forget a version for good, and free what only it needed
    #[command(
        after_help = "Examples:\n  holdfast dataset forget \"Brain scans/Scans@1\"\n  holdfast dataset forget \"Brain scans/Scans@1\" --yes\n\nNobody can bring it back. A terminal is asked first, unless --yes; without a terminal, --yes is needed."
    )]
    Forget {
        /// Names or ids, and the version
        #[arg(value_name = "PROJECT/ITEM@VERSION")]
        name: ItemName,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Take it out of the trash
    #[command(after_help = "Examples:\n  holdfast dataset restore \"Brain scans/Scans\"")]
    Restore {
        /// Names or ids
        #[arg(value_name = "PROJECT/ITEM")]
        name: ItemName,
    },
}

/// About uploads of all kinds of items.
#[derive(Subcommand)]
pub(crate) enum UploadVerb {
    /// List them
    #[command(after_help = PENDING)]
    List,
    /// Give one up, and what it has at the server
    #[command(after_help = "Examples:\n  holdfast upload abandon 0123456789abcdef0123456789abcdef")]
    Abandon {
        /// Its id, as `list` shows it
        version: String,
    },
}
