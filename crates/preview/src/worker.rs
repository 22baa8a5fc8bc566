//! The process that decodes: the shell's own program, started again with one hidden argument. It gives up everything that
//! it could do harm with, takes one order from standard input, asks for bytes there, and answers on standard output.

mod wall;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

pub use wall::confine;

use crate::frame::{Frame, FrameError};
use crate::limits::ASK;
use crate::show::show;
use crate::source::ReadAt;

/// The first argument of such a process.
pub const WORKER: &str = "holdfast-preview-worker";

/// Runs the worker if this process was started as one, and says how to end. To be called first thing in `main` of every
/// program that shows previews, before anything is opened and any thread is started:
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     if let Some(ended) = holdfast_preview::worker_main() {
///         return ended;
///     }
///     // ...
/// #   std::process::ExitCode::SUCCESS
/// }
/// ```
#[must_use]
pub fn worker_main() -> Option<ExitCode> {
    let first = std::env::args_os().nth(1)?;
    (first == WORKER).then(run)
}

fn run() -> ExitCode {
    // What a file makes a decoder say is nobody's business.
    std::panic::set_hook(Box::new(|_| {}));
    let answer = match confine() {
        Ok(()) => work(),
        Err(error) => Ok(Frame::Failed(format!("nothing is decoded unguarded: {error}"))),
    };
    match answer.and_then(|answer| answer.write(&mut io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work() -> io::Result<Frame> {
    let Frame::Show(request, size) = Frame::read(&mut io::stdin().lock())? else {
        return Err(FrameError.into());
    };
    let shown = catch_unwind(AssertUnwindSafe(|| show(Box::new(Asked { size }), &request)));
    Ok(match shown {
        Ok(Ok(view)) => Frame::View(Box::new(view)),
        Ok(Err(error)) => Frame::Failed(error.to_string()),
        Err(_) => Frame::Failed("its decoder gave up".into()),
    })
}

/// The file, as far as it is given out on the other side.
struct Asked {
    size: u64,
}

impl ReadAt for Asked {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let length = length.min(ASK);
        Frame::Ask { offset, length }.write(&mut io::stdout().lock())?;
        match Frame::read(&mut io::stdin().lock())? {
            Frame::Bytes(bytes) if bytes.len() <= length => Ok(bytes),
            _ => Err(FrameError.into()),
        }
    }
}
