//! Everything that leaves on standard output and standard error: one JSON document for programs, text for people.

mod clean;
mod contacts;
mod files;
mod ops;
mod people;
mod preview;
mod progress;
mod runs;
mod secret_files;
mod secrets;
mod table;
mod things;
mod when;

use std::io::{self, IsTerminal, Write};

use holdfast_commands::Outcome;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::exit;
use crate::failure::Failure;

pub(crate) use clean::clean;
pub(crate) use contacts::*;
pub(crate) use files::*;
pub(crate) use ops::*;
pub(crate) use people::*;
pub(crate) use preview::*;
pub(crate) use progress::Bars;
pub(crate) use runs::*;
pub(crate) use secret_files::*;
pub(crate) use secrets::*;
pub(crate) use table::count;
pub(crate) use things::*;
use when::minute;
pub(crate) use when::{parse_date, parse_span, parse_until};

/// Turns a view into text for people.
pub(crate) type Tell = Box<dyn Fn(Value) -> Result<String, serde_json::Error> + Send>;

/// How a view of this type is told.
pub(crate) fn tell<T: DeserializeOwned>(text: impl Fn(T) -> String + Send + 'static) -> Tell {
    Box::new(move |value| serde_json::from_value(value).map(&text))
}

/// A sentence that says it all, whatever the view holds.
pub(crate) fn say(text: String) -> Tell {
    Box::new(move |_| Ok(text.clone()))
}

/// Where a command's answer goes, and in which form.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) json: bool,
}

impl Screen {
    /// Shows how a command ended, and returns the exit code.
    pub(crate) fn show(self, outcome: Outcome, tell: &Tell) -> u8 {
        let exit = exit::of_ending(outcome.ending);
        if let Some(as_of_ms) = outcome.as_of_ms {
            message(&format!(
                "The server did not answer. This is as of {}, when it last did.",
                minute(as_of_ms)
            ));
        }
        outcome.notes.iter().for_each(|note| message(&clean(note)));
        let text = if self.json {
            to_line(&outcome.value)
        } else {
            tell(outcome.value)
        };
        match text {
            Ok(text) => self.finish(&text, exit),
            Err(error) => self.fail(&Failure::new(
                "internal",
                format!("The answer makes no sense: {error}"),
                REPORT,
            )),
        }
    }

    /// Shows why a command failed, and returns the exit code.
    pub(crate) fn fail(self, failure: &Failure) -> u8 {
        let exit = exit::of_code(failure.code());
        if self.json {
            return self.finish(&to_line(&failure.0).unwrap_or_default(), exit);
        }
        let view = &failure.0;
        message(&format!("error: {}", clean(&view.message)));
        let next = if view.next.is_empty() {
            String::new()
        } else {
            format!("{} ", clean(&view.next))
        };
        message(&format!("{next}({})", clean(&view.code)));
        exit
    }

    /// Prints the one thing that goes to standard output.
    fn finish(self, text: &str, exit: u8) -> u8 {
        match print(text) {
            Ok(()) => exit,
            // Whoever read it has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
            Err(error) => {
                message(&format!("error: standard output can't be written: {error}"));
                if exit == exit::DONE { exit::OTHER } else { exit }
            }
        }
    }
}

const REPORT: &str = "Please report this with the code.";

fn to_line(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(value)
}

/// Prints text and a line end on standard output.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.is_empty() && !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// A line for people on standard error. Where that is gone, nobody is there to be told.
pub(crate) fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// How many characters a line of the terminal holds that shows the answer; `None` where it goes elsewhere.
pub(crate) fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Whether somebody sits in front of it.
pub(crate) fn is_terminal() -> bool {
    io::stdin().is_terminal() || io::stderr().is_terminal()
}
