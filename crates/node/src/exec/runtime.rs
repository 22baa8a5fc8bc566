//! What starts a task of each runtime, and which of them are here.

use std::path::{Path, PathBuf};

use holdfast_task::{Runtime, Task};

/// The program and its arguments for a task, as inside the walls.
#[must_use]
pub fn argv(task: &Task) -> Vec<String> {
    let entry = task.entry.as_ref().map(|entry| format!("/task/{entry}"));
    let words: &[&str] = match task.runtime {
        Runtime::Python => &["python3"],
        Runtime::Shell => &["sh"],
        Runtime::R => &["Rscript", "--vanilla"],
        Runtime::Notebook => &[
            "jupyter",
            "nbconvert",
            "--to",
            "notebook",
            "--execute",
            "--output-dir",
            "/out",
        ],
        Runtime::Container => &[],
    };
    words.iter().map(|word| (*word).to_owned()).chain(entry).collect()
}

/// Whether something is here: where, or why not as a sentence.
pub type Found = Result<String, String>;

/// What an executor can do here, in words for the node's card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offers {
    /// The executor, with its version.
    pub executor: String,
    /// What stands between a task and this computer.
    pub walls: Vec<String>,
    /// Each limit, and what holds it.
    pub limits: Vec<(&'static str, String)>,
    /// Each runtime: where it is, or why not.
    pub runtimes: Vec<(Runtime, Found)>,
}

/// Looks for the program of a runtime in the folders that a task can see.
pub(crate) fn find(runtime: Runtime, folders: &[PathBuf]) -> Found {
    let program = match runtime {
        Runtime::Python => "python3",
        Runtime::Shell => "sh",
        Runtime::R => "Rscript",
        Runtime::Notebook => "jupyter",
        Runtime::Container => return Err("Needs Podman or Docker.".to_owned()),
    };
    match program_in(program, folders) {
        Some(path) => Ok(path.display().to_string()),
        None => {
            let looked: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
            Err(format!("{program} is not in {}.", looked.join(", ")))
        }
    }
}

/// The first file of that name that may be carried out.
pub(crate) fn program_in(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    folders
        .iter()
        .map(|folder| folder.join(program))
        .find(|path| executable(path))
}

#[cfg(unix)]
fn executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn executable(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_started_by_its_runtime() {
        let task = |runtime: &str| {
            let text = format!("format = 1\nname = \"x\"\nruntime = \"{runtime}\"\nentry = \"-a/b\"");
            argv(&Task::parse(text.as_bytes()).unwrap())
        };
        assert_eq!(task("python"), ["python3", "/task/-a/b"]);
        assert_eq!(task("shell"), ["sh", "/task/-a/b"]);
        assert_eq!(task("r"), ["Rscript", "--vanilla", "/task/-a/b"]);
        assert_eq!(task("notebook").last().unwrap(), "/task/-a/b");
    }

    #[test]
    fn what_is_missing_is_said_with_where_it_was_looked_for() {
        assert!(
            find(Runtime::Shell, &["/nowhere".into(), "/bin".into()])
                .unwrap()
                .ends_with("/bin/sh")
        );
        let said = find(Runtime::R, &["/nowhere".into()]).unwrap_err();
        assert_eq!(said, "Rscript is not in /nowhere.");
    }
}
