//! What a task says of itself: read from the project, and held against a folder before it is uploaded.

use std::path::{Path, PathBuf};

use holdfast_engine::transfer::find_record;
use holdfast_engine::{Error, Result, Session, View, find_item, find_version};
use holdfast_protocol::item::{Item, ItemKind, Version};
use holdfast_task::{FILE_NAME, LARGEST, Task};
use tokio_util::sync::CancellationToken;

use super::number;
use super::order::faults;
use crate::app::done;
use crate::run::find_project;
use crate::view::{Outcome, TaskView};

/// Sealed bytes that may be fetched to read a manifest of 64 KiB.
const BUDGET: u64 = 160 << 20;

pub(super) async fn show(
    session: &Session,
    project: &str,
    name: &str,
    version: Option<&str>,
    cancel: &CancellationToken,
) -> Result<Outcome> {
    let view = find_project(session, project, false).await?;
    let item = find_item(&view.space, &[ItemKind::Task], name, false)?;
    let version = find_version(item, version)?;
    let task = read_task(session, &view, item, version, cancel).await?;
    let number = number(&view.space, item.id, version.id);
    done(&TaskView::of(item, number, task))
}

/// What a task says of itself.
///
/// # Errors
/// [`Error::Missing`] for one without a manifest, [`Error::Invalid`] for one that can't be read.
pub(crate) async fn read_task(
    session: &Session,
    view: &View,
    item: &Item,
    version: &Version,
    cancel: &CancellationToken,
) -> Result<Task> {
    let space = view.space.authority().space();
    let records = session.listing(space, item, version, cancel).await?;
    // A task is uploaded as its folder, or as what is in it.
    let at_top = find_record(&records, FILE_NAME);
    let record = at_top.map_err(|_| {
        Error::Missing(format!(
            "The task \"{}\" has no {FILE_NAME} at the top of its files.",
            item.name
        ))
        .advise(format!(
            "Write one, and upload the folder again: `holdfast task upload PROJECT DIR --name \"{}\"`.",
            item.name
        ))
    })?;
    if record.size > LARGEST as u64 {
        return Err(Error::Invalid(format!(
            "{FILE_NAME} of \"{}\" is larger than 64 KiB.",
            item.name
        )));
    }
    let length = usize::try_from(record.size).unwrap_or(LARGEST);
    let mut file = session.stored_file(space, item, version, record.clone(), BUDGET, cancel)?;
    let bytes = file.read_at(0, length).await?;
    Task::parse(&bytes).map_err(|fault| faults(&format!("{FILE_NAME} of \"{}\"", item.name), &[fault]))
}

/// Whether these files are a task: a manifest at the top that can be read, and the file that it begins with.
///
/// # Errors
/// [`Error::Invalid`] that says what is wrong, [`Error::Io`] for a manifest that can't be opened. Of sources that are not there at all
/// nothing is said: the upload does.
pub(crate) async fn folder(sources: &[PathBuf]) -> Result<()> {
    let sources = sources.to_vec();
    tokio::task::spawn_blocking(move || folder_now(&sources))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
}

fn folder_now(sources: &[PathBuf]) -> Result<()> {
    if sources.iter().any(|source| source.symlink_metadata().is_err()) {
        return Ok(());
    }
    let manifest = at_top(sources, FILE_NAME).ok_or_else(|| {
        Error::Invalid(format!(
            "These files are no task: there is no {FILE_NAME} at their top, which says how to start it."
        ))
        .advise("Write one, and choose the folder that it is in.")
    })?;
    let io = |error: &std::io::Error| Error::io(&manifest, error);
    let length = manifest.metadata().map_err(|error| io(&error))?.len();
    // One that is larger is refused for its size; there is no need to read it.
    let bytes = if length > LARGEST as u64 {
        vec![0; LARGEST + 1]
    } else {
        std::fs::read(&manifest).map_err(|error| io(&error))?
    };
    let task = Task::parse(&bytes).map_err(|fault| faults(&format!("{FILE_NAME} can't be used"), &[fault]))?;
    match task.entry.as_deref() {
        Some(entry) if at_top(sources, entry).is_none() => Err(Error::Invalid(format!(
            "{FILE_NAME} begins the task with {entry}, and there is no such file."
        ))
        .advise("Name a file of the task's folder as its entry, or add that file.")),
        _ => Ok(()),
    }
}

/// Where a file of the task is on this computer. A folder that is the only source is the task; else each source stands under its name.
fn at_top(sources: &[PathBuf], path: &str) -> Option<PathBuf> {
    // What stands behind a link is not uploaded.
    let is = |path: &Path, file: bool| {
        path.symlink_metadata()
            .is_ok_and(|data| if file { data.is_file() } else { data.is_dir() })
    };
    let found = match sources {
        [folder] if is(folder, false) => folder.join(path),
        _ => {
            let (first, rest) = path.split_once('/').unwrap_or((path, ""));
            let source = sources
                .iter()
                .find(|source| source.file_name().is_some_and(|name| name == first))?;
            if rest.is_empty() {
                source.clone()
            } else {
                source.join(rest)
            }
        }
    };
    is(&found, true).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "format = 1\nname = \"Count\"\nruntime = \"shell\"\nentry = \"src/main.sh\"\n";

    fn refused(sources: &[PathBuf]) -> String {
        folder_now(sources).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn only_a_task_is_uploaded_as_one() {
        let root = tempfile::tempdir().expect("a folder");
        let (top, src) = (root.path().to_owned(), root.path().join("src"));
        let manifest = top.join(FILE_NAME);
        std::fs::create_dir(&src).expect("a folder");
        let alone = std::slice::from_ref(&top);
        assert!(refused(alone).contains("are no task"));
        assert_eq!(refused(&[top.join("nothing")]), "", "the upload says so");

        std::fs::write(&manifest, MANIFEST.replace("shell", "perl")).expect("a manifest");
        assert!(refused(alone).contains("holdfast-task.toml can't be used: runtime: \"perl\" is none"));
        std::fs::write(&manifest, vec![b' '; LARGEST + 1]).expect("a manifest");
        assert!(refused(alone).contains("larger than 64 KiB"));

        std::fs::write(&manifest, MANIFEST).expect("a manifest");
        assert!(refused(alone).contains("begins the task with src/main.sh, and there is no such file"));
        std::fs::write(src.join("main.sh"), "true\n").expect("a script");
        // As its folder, and as what is in it.
        assert_eq!(refused(alone), "");
        assert_eq!(refused(&[manifest.clone(), src.clone()]), "");
        assert!(refused(std::slice::from_ref(&manifest)).contains("no such file"));
        assert!(refused(std::slice::from_ref(&src)).contains("are no task"));
        assert!(
            refused(&[top.clone(), src]).contains("are no task"),
            "it would stand in a folder"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_no_manifest() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::write(root.path().join("real.toml"), MANIFEST).expect("a manifest");
        std::os::unix::fs::symlink("real.toml", root.path().join(FILE_NAME)).expect("a link");
        assert!(refused(&[root.path().to_owned()]).contains("are no task"));
    }
}
