//! What can be typed when the window's program is started. Two options; the command line has all the rest.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "read before there is a window")]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
holdfast-app: the Holdfast window

  --profile DIR   one folder for this device's config, data and state
                  (also HOLDFAST_PROFILE; default: your own)
  --help

For terminals and scripts there is `holdfast`.";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Run(Args),
    Help,
}

/// How to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) profile: Option<PathBuf>,
}

/// Reads a command line; the first word is the program.
pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
    let mut words = words.into_iter().skip(1);
    let mut args = Args {
        profile: std::env::var_os("HOLDFAST_PROFILE").map(PathBuf::from),
    };
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--help" | "-h") => return Ok(Asked::Help),
            Some("--profile") => {
                let folder = words.next().ok_or("--profile needs a folder")?;
                args.profile = Some(folder.into());
            }
            _ => return Err(format!("`{}` is not an option; see --help", word.to_string_lossy())),
        }
    }
    Ok(Asked::Run(args))
}

/// Prints the help.
pub(crate) fn help() -> ExitCode {
    println!("{HELP}");
    ExitCode::SUCCESS
}

/// Says why the program ends.
pub(crate) fn complain(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, String> {
        read(line.split(' ').map(OsString::from))
    }

    #[test]
    fn reads_the_profile_and_refuses_the_rest() {
        let args = Args {
            profile: Some("/p".into()),
        };
        assert_eq!(asked("holdfast-app --profile /p"), Ok(Asked::Run(args)));
        assert_eq!(asked("holdfast-app -h"), Ok(Asked::Help));
        assert!(asked("holdfast-app --profile").is_err());
        assert!(asked("holdfast-app --fast").is_err());
    }
}
