//! Jobs that read secrets from a file, and write them into one.

use std::path::Path;

use holdfast_commands::{Command, ExportProtection, Hidden, ImportFile};
use zeroize::Zeroizing;

use super::become_member::new_file;
use super::job::Job;
use crate::args::{SecretExport, SecretImport};
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::{self, tell};
use crate::phrase;
use crate::place::absolute;

/// What has to be typed before secrets are written for anybody to read.
const WORD: &str = "EXPORT";

pub(super) fn import(args: SecretImport) -> Result<Job> {
    let path = absolute(args.file)?;
    let source = args.from.into();
    // Asked for only where the file needs it; that it can't be read at all is said before.
    let passphrase = if holdfast_commands::needs_passphrase(source, &path)? {
        passphrase(args.passphrase_file.as_deref())?
    } else {
        None
    };
    let shown = path.display().to_string();
    let file = ImportFile {
        source,
        path,
        passphrase,
        name: args.name,
    };
    let (project, on_clash) = (args.project, args.on_clash.into());
    if args.preview {
        let command = Command::SecretImportPreview {
            file,
            project,
            on_clash,
            choices: Vec::new(),
        };
        return Ok(Job::new(command, tell(output::import_plan)));
    }
    let command = Command::SecretImport {
        file,
        project,
        on_clash,
        choices: Vec::new(),
        seen: None,
    };
    Ok(Job::new(command, tell(move |view| output::imported(view, &shown))))
}

/// The passphrase of a file somebody else may have made: taken as it is.
fn passphrase(file: Option<&Path>) -> Result<Option<Hidden>> {
    let text = match file {
        Some(file) => {
            let text = input::text(file)?;
            let line = text
                .strip_suffix('\n')
                .map(|line| line.strip_suffix('\r').unwrap_or(line));
            Zeroizing::new(line.unwrap_or(&text).to_owned())
        }
        None if input::is_interactive() => input::hidden("Passphrase of the file: ")?,
        None => return Ok(None),
    };
    Ok(Some(Hidden::new(text)))
}

pub(super) fn export(args: SecretExport) -> Result<Job> {
    let out = new_file(args.out)?;
    let protection = if args.plain {
        mean_it(args.yes_plain)?;
        ExportProtection::Plain
    } else {
        ExportProtection::Sealed {
            passphrase: phrase::fresh_for_file(args.passphrase_file.as_deref())?.hidden(),
            log2_n: args.kdf_log2_n,
        }
    };
    let command = Command::SecretExport {
        project: args.project,
        out,
        protection,
    };
    Ok(Job::new(command, tell(output::exported)))
}

fn mean_it(yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    let refuse = |message: &str| {
        Err(Failure::usage(
            message,
            "Without --plain the file is encrypted under a passphrase.",
        ))
    };
    if !input::is_interactive() {
        return refuse("There is no terminal to type EXPORT at. A script says --yes-plain as well.");
    }
    let typed = input::line(&format!(
        "The file will not be encrypted: whoever has it has the secrets. Type {WORD} to go on: "
    ))?;
    if typed.trim() == WORD {
        return Ok(());
    }
    refuse("That was not EXPORT. Nothing was written.")
}
