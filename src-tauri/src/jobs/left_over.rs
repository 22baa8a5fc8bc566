//! Uploads that the program did not live to finish: they wait among the jobs of its next run, gone on with by their own files,
//! which the page never names.

use holdfast_commands::{App, Command};
use holdfast_engine::{Error, Result, Session, WaitingUpload};

use super::{Job, Jobs, blank};
use crate::desk::Desk;
use crate::types::{Event, JobState, JobView, LeftOver};

/// Finds what earlier runs left, once: what this run begins is among its jobs anyway.
pub(crate) async fn find_left_over(desk: &Desk, app: &App) -> Result<()> {
    if desk.jobs.inner().looked_back {
        return Ok(());
    }
    let session = app.session().await?;
    let mut jobs = Vec::new();
    // The oldest first, as in the list.
    for upload in session.waiting_uploads().await?.into_iter().rev() {
        let project_name = project_name(&session, &upload).await;
        jobs.push(job(upload, project_name));
    }
    for view in desk.jobs.take(jobs) {
        desk.tell(Event::Job { job: Box::new(view) });
    }
    Ok(())
}

/// Gives a job up. What an earlier run left is removed from the server and from here: there is nothing left to show then, as
/// with one that has ended and is put away.
pub(crate) async fn give_up(desk: &Desk, id: u32) -> Result<Option<JobView>> {
    let Some(version) = desk.jobs.left_over(id) else {
        return Ok(desk.jobs.end(id));
    };
    match desk.run(Command::UploadAbandon { version }).await {
        Ok(_) | Err(Error::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    desk.jobs.inner().jobs.remove(&id);
    Ok(None)
}

impl Jobs {
    /// Lists what earlier runs left. Nothing stands there twice.
    fn take(&self, jobs: Vec<Job>) -> Vec<JobView> {
        let mut inner = self.inner();
        if std::mem::replace(&mut inner.looked_back, true) {
            return Vec::new();
        }
        let mut views = Vec::new();
        for mut job in jobs {
            if inner.jobs.values().any(|known| same(&known.command, &job.command)) {
                continue;
            }
            inner.last += 1;
            job.view.id = inner.last;
            views.push(job.view.clone());
            inner.jobs.insert(job.view.id, job);
        }
        views
    }

    /// The version that a job would make, if an earlier run left it and nobody went on with it.
    fn left_over(&self, id: u32) -> Option<String> {
        self.inner().jobs.get(&id)?.version.clone()
    }
}

fn job(upload: WaitingUpload, project_name: Option<String>) -> Job {
    let view = JobView {
        project: upload.space.to_string(),
        kind: upload.kind,
        name: upload.name.clone(),
        left_over: Some(LeftOver {
            project_name,
            begun_ms: upload.begun_ms,
            files: upload.so_far.files,
            bytes: upload.so_far.bytes,
        }),
        state: JobState::Paused,
        ..blank()
    };
    let command = Command::Upload {
        kind: upload.kind,
        project: view.project.clone(),
        name: upload.name,
        note: upload.note,
        paths: upload.sources,
        include_hidden: upload.include_hidden,
    };
    Job {
        version: Some(upload.version.to_string()),
        ..Job::new(view, command)
    }
}

/// Whether two uploads are of the same files into the same item: the engine takes them for one, whatever is said about it.
fn same(one: &Command, other: &Command) -> bool {
    let key = |command: &Command| match command {
        Command::Upload {
            kind,
            project,
            name,
            paths,
            include_hidden,
            ..
        } => Some((*kind, project.clone(), name.clone(), paths.clone(), *include_hidden)),
        _ => None,
    };
    key(one).is_some_and(|one| key(other) == Some(one))
}

/// What this device calls the project; a list of one's own uploads needs no server and fails for no project's trouble.
async fn project_name(session: &Session, upload: &WaitingUpload) -> Option<String> {
    let view = session.view(upload.space).await.ok()?;
    Some(view.space.contents().name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(name: &str, path: &str) -> Job {
        let view = JobView {
            name: name.into(),
            state: JobState::Paused,
            ..blank()
        };
        let command = Command::Upload {
            kind: view.kind,
            project: "p".into(),
            name: name.into(),
            note: String::new(),
            paths: vec![path.into()],
            include_hidden: true,
        };
        Job::new(view, command)
    }

    #[test]
    fn what_is_left_is_listed_once() {
        let jobs = Jobs::default();
        jobs.inner().last = 1;
        jobs.inner().jobs.insert(1, upload("a", "/a"));
        let mut other = upload("a", "/b");
        other.version = Some("v".into());
        let listed = jobs.take(vec![upload("a", "/a"), other, upload("b", "/a")]);
        assert_eq!(listed.iter().map(|view| view.id).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(jobs.left_over(2).as_deref(), Some("v"));
        assert_eq!((jobs.left_over(1), jobs.left_over(9)), (None, None));
        assert!(jobs.take(vec![upload("c", "/c")]).is_empty());
    }
}
