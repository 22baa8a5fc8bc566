//! The second reader (`tests/reader`): a Python of its own in the target folder, with the packages that it asks for.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::process::{Exit, show_and_run, succeeds};
use crate::workspace::{Metadata, root};

/// Its Python.
pub(crate) fn python(meta: &Metadata) -> PathBuf {
    folder(meta).join("bin").join("python")
}

/// Brings it where it is missing, or has other packages than it asks for.
///
/// # Errors
///
/// With exit code 2 when it can't be brought from here.
pub(crate) fn ensure(meta: &Metadata) -> Result<()> {
    let (folder, python) = (folder(meta), python(meta));
    let asked = root().join("tests").join("reader").join("requirements.txt");
    let wanted = fs::read(&asked)?;
    let note = folder.join("requirements.txt");
    if fs::read(&note).is_ok_and(|had| had == wanted) && succeeds(Command::new(&python).arg("--version")) {
        return Ok(());
    }
    eprintln!("Fetching the packages of the second reader into {}.", folder.display());
    let made = show_and_run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?
        && show_and_run(
            Command::new(&python)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--only-binary",
                    ":all:",
                    "--requirement",
                ])
                .arg(&asked),
        )?;
    if !made {
        return Err(Exit::usage(
            "The packages of the second reader could not be brought; pip has said why.",
        ));
    }
    // Last: what was cut off is made anew.
    Ok(fs::write(note, wanted)?)
}

fn folder(meta: &Metadata) -> PathBuf {
    meta.target_directory.join("tools").join("reader")
}
