//! What can be typed: verbs, options, and help that teaches by example. Nothing is done here.

mod account;
mod item;
mod names;
mod node;
mod on_node;
mod ops;
mod project;
mod runs;
mod secret;
mod secret_file;
mod secret_generate;
mod serve;
mod witness;

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use account::{
    DeviceVerb, KeyChange, KeyRecover, KeyVerb, KitVerb, Monitor, SignIn, SignUp, Trust, Unlock, Verify, Words,
};
pub(crate) use item::{ItemVerb, UploadVerb};
pub(crate) use names::{ItemName, split};
pub(crate) use node::{NodeEnrol, NodeStart, NodeTrust, NodeVerb};
pub(crate) use ops::{Backup, Doctor, Relocate, ResetAccount, Restore};
pub(crate) use project::ProjectVerb;
pub(crate) use runs::{RunStart, RunVerb, WorkflowVerb};
pub(crate) use secret::{FieldArg, FieldValue, SecretEdit, SecretVerb, TypeArg};
pub(crate) use secret_file::{SecretExport, SecretImport};
pub(crate) use secret_generate::SecretGenerate;
pub(crate) use serve::Serve;
pub(crate) use witness::Witness;

const EXAMPLES: &str = "\
The main job, in six lines:
  holdfast signup --server https://files.example.org --handle ana@example.org --generate
  holdfast unlock
  holdfast project create \"Brain scans\"
  holdfast dataset upload \"Brain scans\" ./scans --name Scans
  holdfast secret add --type git --name \"GitHub token\" --in \"Brain scans\" --field token=@token.txt
  holdfast project share \"Brain scans\" ben@example.org --role reader

Exit codes: 0 done, 1 other, 2 usage, 10 Master Key doesn't match, 11 locked, 12 not found,
13 not allowed, 14 already exists, 15 done in part, 16 quota or disk full, 17 phrase too weak,
20 data altered or damaged, 21 history or keys changed, 22 conflict (both versions are kept),
30 server unreachable, 130 cancelled.";

/// Keep, move and share what a team works on; locked on your computer before it leaves.
#[derive(Parser)]
#[command(name = "holdfast", version, after_help = EXAMPLES, max_term_width = 100, disable_help_subcommand = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options that every verb takes.
#[derive(Args)]
pub(crate) struct Common {
    /// Folder for this device's config, data and state [default: the XDG folders]
    #[arg(long, global = true, value_name = "DIR", env = "HOLDFAST_PROFILE", hide_env_values = true, help_heading = EVERYWHERE)]
    pub(crate) profile: Option<PathBuf>,
    /// Print one JSON document on standard output
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Read the Master Key from a file (`-`: standard input) instead of asking
    #[arg(long, global = true, value_name = "FILE", env = "HOLDFAST_MASTER_KEY_FILE", hide_env_values = true, help_heading = EVERYWHERE)]
    pub(crate) master_key_file: Option<PathBuf>,
}

const EVERYWHERE: &str = "Everywhere";

/// Where in the list those stand that few people need: after all others.
const SERVERS: usize = 900;

/// The verbs.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Server: run one
    #[command(display_order = SERVERS)]
    Serve(Serve),
    /// Make an account
    Signup(SignUp),
    /// Use an existing account on this device, or take over a Master Key that was changed elsewhere
    Signin(SignIn),
    /// Keep this profile unlocked in the background, until `holdfast lock`
    Unlock(Unlock),
    /// Forget the keys
    #[command(after_help = "Examples:\n  holdfast lock")]
    Lock,
    /// Show whether this profile is unlocked and its server answers
    #[command(after_help = "Examples:\n  holdfast status\n  holdfast status --json | jq .unlocked")]
    Status,
    /// Show who is signed in
    #[command(after_help = "Examples:\n  holdfast whoami\n  holdfast whoami --json | jq -r .words")]
    Whoami,
    /// Show six security words: your own, or somebody's as this device knows them
    Words(Words),
    /// List everybody this device knows
    #[command(
        after_help = "Examples:\n  holdfast people\n  holdfast people --json | jq -r '.[] | select(.checked != \"checked\") | .handle'"
    )]
    People,
    /// Compare the six words that somebody told you
    Verify(Verify),
    /// Find every key that was ever published in your name
    Monitor(Monitor),
    /// Change the Master Key, or get back in with the Recovery Kit
    #[command(subcommand)]
    Key(KeyVerb),
    /// Make or test a Recovery Kit
    #[command(subcommand)]
    Kit(KitVerb),
    /// List signed-in devices, sign one out
    #[command(subcommand)]
    Device(DeviceVerb),
    /// Projects, and who is in them
    #[command(subcommand)]
    Project(ProjectVerb),
    /// Datasets: files that tasks read
    #[command(subcommand)]
    Dataset(ItemVerb),
    /// Models: weights and what belongs to them
    #[command(subcommand)]
    Model(ItemVerb),
    /// Tasks: programs that nodes run
    #[command(subcommand)]
    Task(ItemVerb),
    /// Artifacts: files that a run made
    #[command(subcommand)]
    Artifact(ItemVerb),
    /// Uploads that were begun here and are not finished
    #[command(subcommand)]
    Upload(UploadVerb),
    /// Secrets: tokens, passwords and keys
    #[command(subcommand)]
    Secret(SecretVerb),
    /// Computers that do work for projects
    #[command(subcommand)]
    Node(NodeVerb),
    /// Runs: a task at work on a node
    #[command(subcommand)]
    Run(RunVerb),
    /// Workflows: tasks in an order
    #[command(subcommand)]
    Workflow(WorkflowVerb),
    /// Move this account to another server
    Relocate(Relocate),
    /// Server: copy its data into a folder, while it runs
    #[command(display_order = SERVERS + 1)]
    Backup(Backup),
    /// Server: make its data folder from a backup (for a project or a dataset: `project restore`, `dataset restore`)
    #[command(display_order = SERVERS + 2)]
    Restore(Restore),
    /// Server: free the handle of somebody who has lost Master Key and Recovery Kit
    #[command(display_order = SERVERS + 3)]
    ResetAccount(ResetAccount),
    /// Server: co-sign the log of keys of somebody else's, as a witness
    #[command(display_order = SERVERS + 4)]
    Witness(Witness),
    /// Look whether this profile, or a server's data, is as it should be
    Doctor(Doctor),
    /// Print a completion script for a shell
    #[command(
        after_help = "Examples:\n  holdfast completions bash > ~/.local/share/bash-completion/completions/holdfast\n  holdfast completions fish > ~/.config/fish/completions/holdfast.fish"
    )]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write the manual pages into a folder
    #[command(after_help = "Examples:\n  holdfast man ~/.local/share/man/man1\n  man holdfast-secret-add")]
    Man {
        /// The folder; made where needed
        dir: PathBuf,
    },
    /// The process behind `holdfast unlock`
    #[command(hide = true)]
    Agent(Unlock),
}

/// The shells that completions are made for.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl From<Shell> for clap_complete::Shell {
    fn from(shell: Shell) -> Self {
        match shell {
            Shell::Bash => Self::Bash,
            Shell::Zsh => Self::Zsh,
            Shell::Fish => Self::Fish,
        }
    }
}

/// The whole command line, as clap knows it. Models, tasks and artifacts have the verbs of datasets; their help says so.
pub(crate) fn command() -> clap::Command {
    let all = ["model", "task", "artifact"]
        .into_iter()
        .fold(Cli::command(), |all, kind| {
            all.mut_subcommand(kind, |verbs| {
                let names: Vec<String> = verbs.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
                names.into_iter().fold(verbs, |verbs, name| {
                    verbs.mut_subcommand(name, |verb| rename(verb, kind))
                })
            })
        });
    unfold(all)
}

/// Makes one line of each paragraph below the options: as wide as the terminal is known to clap alone, and a line that was broken
/// in the source would be broken once more. Examples, which are indented, keep their lines.
fn unfold(command: clap::Command) -> clap::Command {
    let text = command.get_after_help().map(ToString::to_string);
    let command = match text {
        Some(text) => command.after_help(paragraphs(&text)),
        None => command,
    };
    let names: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, unfold))
}

fn paragraphs(text: &str) -> String {
    let goes_on = |line: &str| !line.is_empty() && !line.starts_with(' ');
    let mut whole = String::with_capacity(text.len());
    let mut before = "";
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            whole.push(if goes_on(before) && goes_on(line) { ' ' } else { '\n' });
        }
        whole.push_str(line);
        before = line;
    }
    whole
}

fn rename(verb: clap::Command, kind: &str) -> clap::Command {
    let say = |text: Option<&clap::builder::StyledStr>| text.map(|text| text.to_string().replace("dataset", kind));
    let (about, examples) = (say(verb.get_about()), say(verb.get_after_help()));
    let verb = verb.about(about.unwrap_or_default());
    verb.after_help(examples.unwrap_or_default())
}

/// Reads the arguments.
pub(crate) fn read() -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_no_fault() {
        command().debug_assert();
    }

    #[test]
    fn a_paragraph_is_one_line_and_an_example_keeps_its_own() {
        let text = "Examples:\n  holdfast x\n  holdfast y\n\nOne sentence\nthat goes on.\n\nAnother.";
        let whole = "Examples:\n  holdfast x\n  holdfast y\n\nOne sentence that goes on.\n\nAnother.";
        assert_eq!(paragraphs(text), whole);
    }

    #[test]
    fn every_verb_teaches_by_example() {
        fn look(command: &clap::Command, path: &str, missing: &mut Vec<String>) {
            let mut verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set()).peekable();
            if verbs.peek().is_none() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                if !help.contains("  holdfast ") {
                    missing.push(path.to_owned());
                }
            }
            for verb in verbs {
                look(verb, &format!("{path} {}", verb.get_name()), missing);
            }
        }
        let mut missing = Vec::new();
        look(&command(), "holdfast", &mut missing);
        assert_eq!(missing, Vec::<String>::new());
    }
}
