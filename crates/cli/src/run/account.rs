//! Jobs about the user's own account and about other people's keys.

use std::sync::Arc;

use holdfast_commands::{Command, Outcome, SecondChange, phrase_floor};
use holdfast_engine::ports::Silent;
use holdfast_engine::{Account, Error};
use tokio_util::sync::CancellationToken;

use super::Answer;
use super::become_member::{kit_code, new_file};
use super::job::Job;
use crate::args::{Common, DeviceVerb, KeyChange, KitVerb, Monitor, Verify, Words};
use crate::client;
use crate::failure::Result;
use crate::output::{self, Bars, say, tell};
use crate::phrase;
use crate::place::{Owner, Place};

pub(super) fn whoami() -> Job {
    Job::new(Command::Whoami, tell(output::whoami))
}

pub(super) fn words(args: Words) -> Job {
    let told = if args.handle.is_some() {
        tell(output::words)
    } else {
        tell(output::my_words)
    };
    Job::new(Command::Words { handle: args.handle }, told)
}

pub(super) fn people() -> Job {
    Job::new(Command::PeopleList, tell(output::people))
}

pub(super) fn verify(args: Verify) -> Job {
    Job::new(
        Command::Verify {
            handle: args.handle,
            words: args.words,
        },
        tell(output::verified),
    )
}

pub(super) fn monitor(args: Monitor) -> Job {
    let named = !args.witnesses.is_empty() || args.no_witnesses;
    Job::new(
        Command::Monitor {
            accept: args.accept,
            witnesses: named.then_some(args.witnesses),
            witnesses_needed: args.witnesses_needed,
        },
        tell(output::monitor),
    )
}

pub(super) async fn key_change(common: &Common, args: KeyChange) -> Result<Job> {
    let kit = args.kit.map(new_file).transpose()?;
    let second = match (args.second_secret, args.no_second_secret) {
        (true, _) => Some(SecondChange::New),
        (false, true) => Some(SecondChange::Off),
        (false, false) => None,
    };
    let beside = match second {
        Some(change) => change == SecondChange::New,
        // Whoever runs the command judges anew; here a phrase that is too weak is told before it is sent anywhere.
        None => match Account::load(&Place::open(common)?.store().await?).await? {
            Some(account) => account.takes_second()?,
            None => false,
        },
    };
    let phrase = phrase::fresh(
        args.new_master_key_file.as_deref(),
        phrase_floor(beside),
        "Name a file that holds it with --new-master-key-file.",
    )?;
    let command = Command::KeyChange {
        phrase: phrase.hidden(),
        bits: args.bits.map(|size| holdfast_crypto::rsa::Bits::from(size).get()),
        log2_n: args.kdf_log2_n,
        leaked: args.leaked,
        kit,
        second,
    };
    Ok(Job::new(command, tell(output::key_change)))
}

/// Shown to who types the Master Key anew, whether or not the profile is unlocked: it is asked for once in either case.
pub(super) async fn second_secret(common: &Common) -> Answer {
    let place = Place::open(common)?;
    let bars = Arc::new(Bars::new());
    for tried in 1.. {
        let (given, asked) = phrase::current(common)?;
        let command = Command::SecondSecret { phrase: given.hidden() };
        bars.doing("unlocking");
        let shown: Result<Outcome> = match place.owner().await? {
            Owner::Agent(stream) => client::run(stream, command, &bars).await,
            Owner::Me(_lock) => {
                let app = place.app().await?.ok_or(Error::NoAccount)?;
                match app.unlock(&given.phrase).await {
                    Ok(()) => app
                        .run(command, Arc::new(Silent), CancellationToken::new())
                        .await
                        .map_err(Into::into),
                    Err(error) => Err(error.into()),
                }
            }
        };
        bars.clear();
        match shown {
            Err(failure) if phrase::try_again(&failure, asked, tried) => {}
            shown => return Ok((shown?, tell(output::second_secret_again))),
        }
    }
    Err(Error::Locked.into())
}

pub(super) fn kit(verb: KitVerb) -> Result<Job> {
    Ok(match verb {
        KitVerb::New { out } => Job::new(Command::KitNew { out: new_file(out)? }, tell(output::kit)),
        KitVerb::Test { kit_code_file } => Job::new(
            Command::KitTest {
                code: kit_code(kit_code_file.as_deref())?,
            },
            say("This kit opens your account.".into()),
        ),
    })
}

pub(super) fn device(verb: DeviceVerb) -> Job {
    match verb {
        DeviceVerb::List => Job::new(Command::DeviceList, tell(output::devices)),
        DeviceVerb::Remove { device } => {
            let text = format!("Device {device} is signed out.");
            Job::new(Command::DeviceRemove { device }, say(text))
        }
    }
}
