//! What is read from people and files: hidden text, and never more than once from standard input.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_engine::Error;
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};
use crate::output::message;

/// The most bytes of a secret in a file.
const LIMIT: usize = 1 << 20;

static STDIN_TAKEN: AtomicBool = AtomicBool::new(false);

/// Reads a file, or standard input for `-`, into one buffer that is wiped.
pub(crate) fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error: io::Error| Failure::from(Error::io(path, &error));
    let file = if path.as_os_str() == "-" {
        take_stdin()?;
        // Not by `io::stdin`, whose buffer would keep a copy.
        io::stdin().as_fd().try_clone_to_owned().map(File::from)
    } else {
        File::open(path)
    };
    // Room from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT + 64));
    file.and_then(|file| file.take(LIMIT as u64 + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() > LIMIT {
        return Err(Failure::usage(
            format!("{} is longer than 1 MiB.", path.display()),
            "Is it the right file?",
        ));
    }
    Ok(bytes)
}

/// Writes a secret into a file that must not be there, for this user alone.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = File::options();
    let made = options.write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Error::AlreadyExists(format!("{} is there already.", path.display())).into()
            }
            _ => Failure::from(Error::io(path, &error)),
        })
}

/// As [`bytes`], for text.
pub(crate) fn text(path: &Path) -> Result<Zeroizing<String>> {
    let bytes = bytes(path)?;
    let text = str::from_utf8(&bytes).map_err(|_| {
        Failure::usage(
            format!("{} is not UTF-8 text.", path.display()),
            "Is it the right file?",
        )
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn take_stdin() -> Result<()> {
    if STDIN_TAKEN.swap(true, Ordering::Relaxed) {
        return Err(Failure::usage(
            "Standard input is named twice.",
            "Put one of the two into a file.",
        ));
    }
    Ok(())
}

/// Asks at the terminal, without echo.
pub(crate) fn hidden(prompt: &str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| no_answer(&error))
}

/// Asks at the terminal, with a star for each character: for long texts that are typed from paper.
pub(crate) fn starred(prompt: &str) -> Result<Zeroizing<String>> {
    let config = rpassword::ConfigBuilder::new().password_feedback_mask('*').build();
    rpassword::prompt_password_with_config(prompt, config)
        .map(Zeroizing::new)
        .map_err(|error| no_answer(&error))
}

/// Asks at the terminal, for what anybody may see.
pub(crate) fn line(prompt: &str) -> Result<String> {
    message(prompt);
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| no_answer(&error))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn no_answer(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::Interrupted => Error::Cancelled.into(),
        _ => Failure::new(
            "io",
            format!("The terminal can't be read: {error}."),
            "Name a file instead.",
        ),
    }
}

/// Whether questions can be answered on standard input.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// Somebody has to type a word before something goes for good; `no` is said when he types something else. Without a terminal
/// nobody can: `--yes` is needed.
pub(crate) fn sure(word: &str, no: &str) -> Result<()> {
    if !is_interactive() {
        return Err(Failure::usage(
            "Nobody can bring it back, and there is no terminal to ask at.",
            "Use --yes if you are sure.",
        ));
    }
    match line(&format!("Nobody can bring it back. Type \"{word}\" to go on:"))? {
        typed if typed == word => Ok(()),
        _ => Err(Failure::new("cancelled", no, "")),
    }
}
