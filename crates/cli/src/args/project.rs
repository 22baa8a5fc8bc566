//! Verbs about projects and who is in them.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use holdfast_protocol::entry::Role;

/// What a member may do.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RoleArg {
    /// Opens everything, changes nothing
    Reader,
    /// Adds and changes content, too
    Contributor,
    /// Decides who is in, too
    Owner,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Reader => Self::Reader,
            RoleArg::Contributor => Self::Contributor,
            RoleArg::Owner => Self::Owner,
        }
    }
}

const SHARE: &str = "\
Examples:
  holdfast project share \"Brain scans\" ben@example.org --role reader
  holdfast project share \"Brain scans\" cem@example.org --role contributor

This makes a copy of the project's key that only Ben can use. Then compare security words: `holdfast
verify ben@example.org --words ...`. For somebody without an account: `holdfast project invite`.";

const INVITE: &str = "\
Examples:
  holdfast project invite \"Brain scans\" dora@example.org
  holdfast project invite \"Brain scans\" dora@example.org --role contributor --json | jq -r .invitation

Hand the text over yourself, not by way of the server: it proves to each of you who the other is. It is
good for 7 days. Dora is let in when you next use Holdfast after she has answered.";

const JOIN: &str = "\
Examples:
  holdfast project join --invitation-file from-ana.txt
  wl-paste | holdfast project join --invitation-file -";

const REMOVE: &str = "\
Examples:
  holdfast project remove \"Brain scans\" ben@example.org

Ben can't open anything added or changed from now on. What he has seen can't be unseen: the answer lists
the secrets to change where they come from.";

#[derive(Subcommand)]
pub(crate) enum ProjectVerb {
    /// Make a project
    #[command(
        after_help = "Examples:\n  holdfast project create \"Brain scans\"\n  holdfast project create \"Public figures\" --standard"
    )]
    Create {
        /// Its name
        name: String,
        /// Not encrypted: the server can read it
        #[arg(long)]
        standard: bool,
    },
    /// List projects
    #[command(after_help = "Examples:\n  holdfast project list\n  holdfast project list --json | jq -r '.[].name'")]
    List,
    /// Show a project
    #[command(after_help = "Examples:\n  holdfast project show \"Brain scans\"")]
    Show {
        /// Name or id
        project: String,
    },
    /// Rename a project
    #[command(after_help = "Examples:\n  holdfast project rename \"Brain scans\" \"Brain scans 2026\"")]
    Rename {
        /// Name or id
        project: String,
        /// The new name
        name: String,
    },
    /// Put a project into the trash
    #[command(
        after_help = "Examples:\n  holdfast project delete \"Brain scans\"     # undo: holdfast project restore \"Brain scans\""
    )]
    Delete {
        /// Name or id
        project: String,
    },
    /// Let somebody in
    #[command(after_help = SHARE)]
    Share {
        /// Name or id of the project
        project: String,
        /// Who: handle or id
        handle: String,
        /// What that person may do
        #[arg(long, value_enum)]
        role: RoleArg,
    },
    /// Invite somebody who has no account yet
    #[command(after_help = INVITE)]
    Invite {
        /// Name or id of the project
        project: String,
        /// The handle that person is expected to take
        address: String,
        /// What that person may do
        #[arg(long, value_enum, default_value_t = RoleArg::Reader)]
        role: RoleArg,
    },
    /// Change what a member may do
    #[command(after_help = "Examples:\n  holdfast project role \"Brain scans\" ben@example.org --role contributor")]
    Role {
        /// Name or id of the project
        project: String,
        /// Who: handle or id
        handle: String,
        /// What that person may do from now on
        #[arg(long, value_enum)]
        role: RoleArg,
    },
    /// List who was invited by you and is not in yet
    #[command(after_help = "Examples:\n  holdfast project invitations \"Brain scans\"")]
    Invitations {
        /// Name or id
        project: String,
    },
    /// Take an invitation back
    #[command(after_help = "Examples:\n  holdfast project withdraw \"Brain scans\" dora@example.org")]
    Withdraw {
        /// Name or id of the project
        project: String,
        /// The invitation's id, or the handle that was invited
        invitation: String,
    },
    /// Answer an invitation
    #[command(after_help = JOIN)]
    Join {
        /// The invitation's text (`-`: standard input)
        #[arg(long, value_name = "FILE")]
        invitation_file: PathBuf,
    },
    /// List who is in
    #[command(after_help = "Examples:\n  holdfast project members \"Brain scans\"")]
    Members {
        /// Name or id
        project: String,
    },
    /// Put somebody out, and renew the key
    #[command(after_help = REMOVE)]
    Remove {
        /// Name or id of the project
        project: String,
        /// Who: handle or id
        handle: String,
    },
    /// Leave a project
    #[command(after_help = "Examples:\n  holdfast project leave \"Brain scans\"")]
    Leave {
        /// Name or id
        project: String,
    },
    /// What happened, oldest first
    #[command(
        after_help = "Examples:\n  holdfast project activity \"Brain scans\"\n  holdfast project activity \"Brain scans\" --json | jq -r '.[].text'"
    )]
    Activity {
        /// Name or id
        project: String,
    },
    /// Take a project out of the trash
    #[command(after_help = "Examples:\n  holdfast project restore \"Brain scans\"")]
    Restore {
        /// Name or id
        project: String,
    },
    /// Seal anew what somebody who is out has had the keys of
    #[command(
        after_help = "Examples:\n  holdfast project relock \"Brain scans\" --dry-run\n  holdfast project relock \"Brain scans\"\n\nRemoving somebody closes what is written from then on. What was there before stays sealed under keys he had, and with the help of whoever runs the server he opens what he never fetched. This fetches it, seals it under new keys and sends it again; the server keeps the old copy for 30 days. He may have copies of his own: no command changes that, and secrets are to be changed where they come from.\n\nIt can be stopped at any time; the same command goes on. Versions get you as their author, with a note of who wrote them, and are no longer tied to the runs that made them. For owners."
    )]
    Relock {
        /// Name or id
        project: String,
        /// Only say what there is to do
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove for good what is in a project's trash, or the project that is in the trash
    #[command(
        after_help = "Examples:\n  holdfast project purge \"Brain scans\"\n  holdfast project purge \"Brain scans\" --yes\n\nNobody can bring it back. You are asked first, unless --yes; without a terminal --yes is needed."
    )]
    Purge {
        /// Name or id
        project: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}
