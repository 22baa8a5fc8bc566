//! Jobs about the user's own account and about other people's keys.

use holdfast_commands::Command;

use super::become_member::{kit_code, new_file};
use super::job::Job;
use crate::args::{DeviceVerb, KeyChange, KitVerb, Monitor, Verify, Words};
use crate::failure::Result;
use crate::output::{self, say, tell};
use crate::phrase;

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

pub(super) fn key_change(args: KeyChange) -> Result<Job> {
    let kit = args.kit.map(new_file).transpose()?;
    let phrase = phrase::fresh(
        args.new_master_key_file.as_deref(),
        "Name a file that holds it with --new-master-key-file.",
    )?;
    let command = Command::KeyChange {
        phrase: phrase.hidden(),
        bits: args.bits.map(|size| holdfast_crypto::rsa::Bits::from(size).get()),
        log2_n: args.kdf_log2_n,
        leaked: args.leaked,
        kit,
    };
    Ok(Job::new(command, tell(output::key_change)))
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
