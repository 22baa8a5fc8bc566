//! Completion scripts and manual pages, made from the same description as the help.

use std::fs;
use std::path::Path;

use holdfast_commands::view::DoneView;
use holdfast_engine::Error;

use super::Answer;
use super::unlock::done;
use crate::args::{self, Shell};
use crate::output::say;

/// The script is text for a shell, also with `--json`: then as a string.
pub(super) fn completions(shell: Shell) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(
        clap_complete::Shell::from(shell),
        &mut args::command(),
        "holdfast",
        &mut script,
    );
    let script = String::from_utf8(script).map_err(|error| Error::Internal(error.to_string()))?;
    Ok((done(&script)?, say(script)))
}

pub(super) fn manual(folder: &Path) -> Answer {
    let failed = |error: std::io::Error| Error::io(folder, &error);
    fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(args::command(), folder).map_err(failed)?;
    Ok((
        done(&DoneView::YES)?,
        say(format!(
            "The manual is in {}. Try: man -l {0}/holdfast.1",
            folder.display()
        )),
    ))
}
