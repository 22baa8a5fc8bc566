//! From what was typed to what is done: verbs for an unlocked profile become jobs, everything else has a function of its own.

mod account;
mod become_member;
mod field;
mod generate;
mod item;
mod job;
mod nodes;
mod on_node;
mod ops;
mod papers;
mod project;
mod runs;
mod secret;
mod secret_file;
mod serve;
mod service;
mod unlock;
mod witness;
mod workflow;

use std::time::Duration;

use clap::error::ErrorKind;
use holdfast_commands::{Command, Outcome};
use holdfast_engine::Error;
use holdfast_protocol::item::ItemKind;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

pub(crate) use become_member::AccountView;
pub(crate) use on_node::OwnNodeView;
pub(crate) use serve::ListeningView;
pub(crate) use witness::WitnessingAtView;

use crate::args::{Cli, Common, NodeVerb, Verb};
use crate::failure::{Failure, Result};
use crate::output::{Screen, Tell, message, print};
use crate::{agent, exit};

/// What a verb ends with: the outcome, and how people are told.
type Answer = Result<(Outcome, Tell)>;

/// Does what was asked and returns the exit code.
pub(crate) fn run(cli: Cli) -> u8 {
    let Cli { common, verb } = cli;
    let screen = Screen { json: common.json };
    let answer = match verb {
        Verb::Agent(args) => return agent::run(&common, &args),
        Verb::Serve(args) => return serve::run(screen, args),
        Verb::Witness(args) => return witness::run(screen, args),
        Verb::Node(NodeVerb::Start(args)) => return on_node::start(screen, &common, args),
        Verb::Doctor(args) => {
            log_to_stderr();
            let seen = runtime().and_then(|runtime| runtime.block_on(ops::doctor(&common, &args)));
            return match seen {
                Ok((outcome, tell, bad)) => match screen.show(outcome, &tell) {
                    exit::DONE if bad => exit::OTHER,
                    exit => exit,
                },
                Err(failure) => screen.fail(&failure),
            };
        }
        Verb::Completions { shell } => papers::completions(shell),
        Verb::Man { dir } => papers::manual(&dir),
        verb => {
            log_to_stderr();
            runtime().and_then(|runtime| runtime.block_on(perform(&common, verb)))
        }
    };
    match answer {
        Ok((outcome, tell)) => screen.show(outcome, &tell),
        Err(failure) => screen.fail(&failure),
    }
}

async fn perform(common: &Common, verb: Verb) -> Answer {
    let job = match verb {
        Verb::Signup(args) => return Box::pin(become_member::sign_up(common, args)).await,
        Verb::Signin(args) => return Box::pin(become_member::sign_in(common, args)).await,
        Verb::Unlock(args) => return unlock::unlock(common, &args).await,
        Verb::Lock => return unlock::lock(common).await,
        Verb::Status => return unlock::status(common).await,
        Verb::Key(crate::args::KeyVerb::Recover(args)) => return Box::pin(become_member::recover(common, args)).await,
        Verb::Secret(crate::args::SecretVerb::Generate(args)) => return generate::generate(&args),
        Verb::Backup(args) => return ops::backup(&args).await,
        Verb::Restore(args) => return ops::restore(&args).await,
        Verb::ResetAccount(args) => return ops::reset_account(&args).await,
        Verb::Relocate(args) => ops::relocate(args)?,
        Verb::Whoami => account::whoami(),
        Verb::Words(args) => account::words(args),
        Verb::People => account::people(),
        Verb::Verify(args) => account::verify(args),
        Verb::Monitor(args) => account::monitor(args),
        Verb::Key(crate::args::KeyVerb::Change(args)) => account::key_change(common, args).await?,
        Verb::Key(crate::args::KeyVerb::SecondSecret) => return Box::pin(account::second_secret(common)).await,
        Verb::Kit(verb) => account::kit(verb)?,
        Verb::Device(verb) => account::device(verb),
        Verb::Project(verb) => project::job(verb)?,
        Verb::Dataset(verb) => item::job(ItemKind::Dataset, verb)?,
        Verb::Model(verb) => item::job(ItemKind::Model, verb)?,
        Verb::Task(verb) => item::job(ItemKind::Task, verb)?,
        Verb::Artifact(verb) => item::job(ItemKind::Artifact, verb)?,
        Verb::Upload(verb) => item::unfinished(verb),
        Verb::Secret(verb) => secret::job(verb)?,
        Verb::Node(NodeVerb::Enrol(args)) => return on_node::enrol(common, args).await,
        Verb::Node(NodeVerb::Trust(args)) => return on_node::trust(common, args).await,
        Verb::Node(NodeVerb::Status(_)) => return on_node::status(common).await,
        Verb::Node(verb) => match nodes::job(verb)? {
            Some(job) => job,
            None => return Err(Error::Internal("a verb in the wrong room".into()).into()),
        },
        Verb::Run(verb) => return runs::run(common, verb).await,
        Verb::Workflow(verb) => return workflow::run(common, verb).await,
        Verb::Agent(_)
        | Verb::Serve(_)
        | Verb::Witness(_)
        | Verb::Doctor(_)
        | Verb::Completions { .. }
        | Verb::Man { .. } => {
            return Err(Error::Internal("a verb in the wrong room".into()).into());
        }
    };
    job::run(common, job).await
}

/// Tells what is wrong with the arguments. Help and version are no failure.
pub(crate) fn usage(error: &clap::Error) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = print(&error.render().to_string());
        return exit::DONE;
    }
    let json = std::env::args_os()
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json");
    if json {
        // What is wrong, and the list of what it is about, if there is one.
        let text = error.render().to_string();
        let sentence: Vec<&str> = text
            .lines()
            .take_while(|line| !line.is_empty())
            .map(str::trim)
            .collect();
        let sentence = sentence.join(" ").trim_start_matches("error: ").to_owned();
        return Screen { json }.fail(&Failure::usage(sentence, "See `holdfast help`."));
    }
    message(error.render().to_string().trim_end());
    exit::USAGE
}

/// Commands that can be stopped in the middle and resumed. The others are over in a moment.
pub(crate) fn is_long(command: &Command) -> bool {
    matches!(
        command,
        Command::Upload { .. }
            | Command::Download { .. }
            | Command::RunArtifacts { .. }
            | Command::Relocate { .. }
            | Command::ProjectRelock { dry_run: false, .. }
    )
}

/// Errors after which nothing may be entered: somebody may be cheating.
pub(crate) fn is_alarm(error: &Error) -> bool {
    matches!(
        error.bare(),
        Error::KeysChanged(_) | Error::History(_) | Error::Directory { .. }
    )
}

pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(no_threads)
}

/// The same for a process that goes on for long and holds what is not to stay: no thread that waits has on its stack what it worked
/// on, and threads that only wait end.
pub(crate) fn forgetful_runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(holdfast_device::wipe_stack)
        .on_thread_stop(holdfast_device::wipe_stack)
        .thread_keep_alive(IDLE_THREAD)
        .build()
        .map_err(no_threads)
}

/// How long a thread for work that blocks waits for more of it.
const IDLE_THREAD: Duration = Duration::from_secs(1);

fn no_threads(error: std::io::Error) -> Failure {
    Error::Internal(format!("threads can't be started: {error}")).into()
}

/// Our own warnings, on standard error. Libraries may say more than they should about requests.
pub(crate) fn log_to_stderr() {
    let filter = EnvFilter::new("off,holdfast=info,holdfast_commands=warn,holdfast_device=warn,holdfast_engine=warn");
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    let _ = log.with_target(false).compact().try_init();
}
