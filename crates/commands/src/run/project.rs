//! Verbs about projects and who is in them.

use std::sync::Arc;

use holdfast_engine::ports::Progress;
use holdfast_engine::{Error, GOOD_FOR_MS, Invitation, Opened, Relocked, Result, Session, Trouble, View};
use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::id::{PrincipalId, RunId, SpaceId};
use holdfast_protocol::item::{ItemKind, PinState};
use holdfast_protocol::replay::EventKind;
use holdfast_protocol::run::End;
use tokio_util::sync::CancellationToken;

use crate::app::{App, done, ended};
use crate::command::Command;
use crate::run::{Handles, PutOut, find_project, handle_of, put_out};
use crate::view::{
    ActivityView, DoneView, Ending, ErrorView, IdView, InvitationView, ItemName, KindCount, LeftView, MemberView,
    Outcome, ProjectDetail, ProjectView, PurgedView, RelockView, RemovedView, ShareView, WaitingView,
};

/// How long the list of projects says of one that somebody put this user out of it.
const TOLD_FOR_MS: u64 = 30 * 24 * 60 * 60 * 1000;

pub(super) async fn run(
    app: &App,
    command: Command,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<Outcome> {
    let session = app.session().await?;
    let session = session.as_ref();
    match command {
        Command::ProjectCreate { name, standard } => create(session, &name, standard).await,
        Command::ProjectList => list(session).await,
        Command::ProjectShow { project } => show(session, &project).await,
        Command::ProjectRename { project, name } => {
            let id = find_project(session, &project, false).await?.space.authority().space();
            refuse_taken(session, &name, Some(id)).await?;
            session.rename_project(id, &name).await?;
            done(&IdView {
                id: id.to_string(),
                name,
            })
        }
        Command::ProjectDelete { project } => {
            let view = find_project(session, &project, false).await?;
            session.trash_project(view.space.authority().space(), true).await?;
            done(&DoneView::YES)
        }
        Command::ProjectRestore { project } => {
            let view = find_project(session, &project, true).await?;
            // By its id it is found wherever it is.
            if view.space.contents().trashed_ms().is_none() {
                return Err(Error::NotFound {
                    what: "project in the trash",
                    name: project,
                });
            }
            refuse_taken(
                session,
                view.space.contents().name(),
                Some(view.space.authority().space()),
            )
            .await?;
            session.trash_project(view.space.authority().space(), false).await?;
            done(&DoneView::YES)
        }
        Command::ProjectPurge { project } => {
            let view = match find_project(session, &project, true).await {
                Err(error) if error.code() == "not-found" => find_project(session, &project, false).await?,
                found => found?,
            };
            let purged = session.purge(view.space.authority().space()).await?;
            done(&PurgedView {
                items: purged.items,
                bytes: purged.bytes,
                project: purged.project,
            })
        }
        Command::ProjectRelock { project, dry_run } => {
            let id = find_project(session, &project, false).await?.space.authority().space();
            relock(app, session, id, dry_run, &progress, &cancel).await
        }
        Command::ProjectShare { project, handle, role } => {
            let view = find_project(session, &project, false).await?;
            let person = session.share(view.space.authority().space(), &handle, role).await?;
            done(&ShareView {
                handle: person.bundle.bundle.handle.clone(),
                id: person.bundle.bundle.principal.to_string(),
                role,
                checked: person.state,
                since_ms: person.since_ms,
                words: person.words().join(" "),
            })
        }
        Command::ProjectRole { project, handle, role } => {
            let view = find_project(session, &project, false).await?;
            let principal = member(session, &view, &handle).await?;
            session
                .set_role(view.space.authority().space(), principal, role)
                .await?;
            let views = members(session, &find_project(session, &project, false).await?).await?;
            let id = principal.to_string();
            let changed = views.into_iter().find(|view| view.id == id);
            done(&changed.ok_or_else(|| Error::Internal("a member who is not there".into()))?)
        }
        Command::InvitationList { project } => {
            let view = find_project(session, &project, false).await?;
            let waiting = session.waiting_invitations(view.space.authority().space()).await?;
            let views: Vec<WaitingView> = waiting
                .into_iter()
                .map(|waiting| WaitingView {
                    id: waiting.id.to_string(),
                    handle: waiting.handle,
                    role: waiting.role,
                    expires_ms: waiting.expires_ms,
                })
                .collect();
            done(&views)
        }
        Command::InvitationWithdraw { project, invitation } => withdraw(session, &project, &invitation).await,
        Command::ProjectInvite { project, address, role } => {
            let view = find_project(session, &project, false).await?;
            let invitation = session.invite(view.space.authority().space(), &address, role).await?;
            // It is made already, whatever becomes of this question.
            let has_account = session
                .account_of(&address)
                .await
                .is_ok_and(|account| account.is_some());
            done(&InvitationView {
                invitation: invitation.text().to_string(),
                handle: address,
                expires_ms: session.now_ms() + GOOD_FOR_MS,
                has_account,
            })
        }
        Command::InvitationAccept { text } => {
            let inviter = session.accept_invitation(&Invitation::parse(text.expose())?).await?;
            done(&IdView {
                id: String::new(),
                name: inviter,
            })
        }
        Command::ProjectMembers { project } => {
            match session.answered_invitations().await {
                Ok(answered) => answered.failed.iter().for_each(|error| app.alarm(None, error)),
                Err(Error::Unreachable(_)) => {}
                Err(other) => return Err(other),
            }
            let view = find_project(session, &project, false).await?;
            done(&members(session, &view).await?)
        }
        Command::ProjectRemove { project, handle } => remove(session, &project, &handle).await,
        Command::ProjectLeave { project } => {
            let view = find_project(session, &project, false).await?;
            session.leave(view.space.authority().space()).await?;
            done(&DoneView::YES)
        }
        Command::ProjectActivity { project } => activity(session, &project).await,
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

async fn create(session: &Session, name: &str, standard: bool) -> Result<Outcome> {
    refuse_taken(session, name, None).await?;
    let space = session.create_project(name, !standard).await?;
    done(&project_view(session, &View { space, fresh: true }))
}

/// Refuses a name that another project has than the one that is to get it.
async fn refuse_taken(session: &Session, name: &str, this: Option<SpaceId>) -> Result<()> {
    match find_project(session, name, false).await {
        Err(error) if error.code() == "not-found" => Ok(()),
        Ok(view) if Some(view.space.authority().space()) == this => Ok(()),
        _ => Err(
            Error::AlreadyExists(format!("There is already a project called \"{name}\".")).advise(format!(
                "Choose another name, or give the other one another: holdfast project rename \"{name}\" NEW-NAME"
            )),
        ),
    }
}

async fn list(session: &Session) -> Result<Outcome> {
    let all = session.all_projects().await?;
    let is_in =
        |view: &View| view.space.authority().role(session.principal()).is_some() && !view.space.contents().is_removed();
    let mut views: Vec<ProjectView> = all
        .views
        .iter()
        .filter(|view| is_in(view))
        .map(|view| project_view(session, view))
        .collect();
    let mut left_out = false;
    for trouble in &all.trouble {
        if trouble.known.as_ref().is_none_or(is_in) {
            // Anybody can let anybody into a project that nobody can open: listed, but nothing is missing.
            left_out |= trouble.seen;
            views.push(trouble_view(session, trouble));
        }
    }
    views.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let mut outcome = ended(if left_out { Ending::Partial } else { Ending::Done }, &views)?;
    for view in &all.views {
        let out = put_out(session, view).await?;
        let recent = |out: &PutOut| out.time_ms.saturating_add(TOLD_FOR_MS) > session.now_ms();
        outcome.notes.extend(out.filter(recent).map(|out| out.sentence));
    }
    Ok(outcome)
}

/// A project that can't be used, as far as this device knows it.
fn trouble_view(session: &Session, trouble: &Trouble) -> ProjectView {
    let known = match &trouble.known {
        Some(view) => project_view(session, view),
        // Nothing is promised of what was never seen.
        None => ProjectView {
            id: trouble.space.to_string(),
            name: String::new(),
            encrypted: false,
            role: None,
            members: 0,
            bytes: 0,
            changed_ms: 0,
            trashed: false,
            fresh: false,
            trouble: None,
        },
    };
    ProjectView {
        trouble: Some(ErrorView::from(&trouble.error)),
        ..known
    }
}

async fn show(session: &Session, project: &str) -> Result<Outcome> {
    let view = find_project(session, project, false).await?;
    let kinds = [
        ItemKind::Dataset,
        ItemKind::Model,
        ItemKind::Task,
        ItemKind::Artifact,
        ItemKind::Secret,
        ItemKind::Note,
    ];
    let items = kinds
        .into_iter()
        .map(|kind| {
            let all = view.space.contents().items().values();
            KindCount {
                kind,
                count: all
                    .filter(|item| item.kind == kind && item.trashed_ms.is_none())
                    .count(),
            }
        })
        .collect();
    done(&ProjectDetail {
        project: project_view(session, &view),
        items,
        people: members(session, &view).await?,
        key_epoch: view.space.authority().epoch(),
    })
}

fn project_view(session: &Session, view: &View) -> ProjectView {
    let (authority, contents) = (view.space.authority(), view.space.contents());
    ProjectView {
        id: authority.space().to_string(),
        name: contents.name().to_owned(),
        encrypted: authority.core().encrypted,
        role: authority.role(session.principal()),
        members: authority.members().len(),
        bytes: authority.live_bytes(),
        changed_ms: authority.time_ms(),
        trashed: contents.trashed_ms().is_some(),
        fresh: view.fresh,
        trouble: None,
    }
}

async fn members(session: &Session, view: &View) -> Result<Vec<MemberView>> {
    let mut views = Vec::new();
    for member in view.space.authority().members().values() {
        let me = member.principal == session.principal();
        let person = session.known_person(member.principal).await?;
        views.push(MemberView {
            handle: handle_of(session, member.principal).await?,
            id: member.principal.to_string(),
            role: member.role,
            kind: "user".into(),
            checked: match &person {
                _ if me => PinState::Checked,
                Some(person) => person.state,
                None => PinState::NotChecked,
            },
            checked_ms: person.as_ref().map_or(member.since_ms, |person| person.since_ms),
            since_ms: member.since_ms,
            replaced: person.as_ref().is_some_and(|person| person.replaced),
            words: person.map(|person| person.words().join(" ")).unwrap_or_default(),
            me,
        });
    }
    views.sort_by(|a, b| b.role.cmp(&a.role).then_with(|| a.handle.cmp(&b.handle)));
    Ok(views)
}

/// Who in a project has this handle or id.
async fn member(session: &Session, view: &View, handle: &str) -> Result<PrincipalId> {
    // An id first: nobody can take another one's by choosing it as a handle.
    if let Ok(id) = handle.parse::<PrincipalId>()
        && view.space.authority().members().contains_key(&id)
    {
        return Ok(id);
    }
    let mut found = Vec::new();
    for member in view.space.authority().members().keys() {
        if handle_of(session, *member).await? == handle {
            found.push(*member);
        }
    }
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::NotFound {
            what: "member",
            name: handle.to_owned(),
        }),
        // Somebody who started over, and the account from before.
        several => {
            let ids: Vec<String> = several.iter().map(PrincipalId::to_string).collect();
            Err(Error::Ambiguous {
                name: handle.to_owned(),
                candidates: ids.join(", "),
            })
        }
    }
}

async fn withdraw(session: &Session, project: &str, invitation: &str) -> Result<Outcome> {
    let view = find_project(session, project, false).await?;
    let waiting = session.waiting_invitations(view.space.authority().space()).await?;
    let mut found = waiting
        .iter()
        .filter(|waiting| waiting.id.to_string() == invitation || waiting.handle == invitation);
    let first = found.next().ok_or_else(|| Error::NotFound {
        what: "invitation",
        name: invitation.to_owned(),
    })?;
    if let Some(second) = found.next() {
        return Err(Error::Ambiguous {
            name: invitation.to_owned(),
            candidates: format!("{}, {}", first.id, second.id),
        });
    }
    session.withdraw_invitation(first.id).await?;
    done(&DoneView::YES)
}

async fn remove(session: &Session, project: &str, handle: &str) -> Result<Outcome> {
    let view = find_project(session, project, false).await?;
    let principal = member(session, &view, handle).await?;
    if principal == session.principal() {
        return Err(Error::Invalid("that is you; use `holdfast project leave`".into()));
    }
    let id = view.space.authority().space();
    let could_open = session.remove_member(id, principal).await?;
    done(&RemovedView {
        handle: handle_of(session, principal).await?,
        could_open: could_open
            .items
            .into_iter()
            .map(|Opened { kind, name, trashed }| ItemName { kind, name, trashed })
            .collect(),
        change_secrets: could_open.secrets,
        new_key: view.space.authority().core().encrypted,
    })
}

async fn relock(
    app: &App,
    session: &Session,
    space: SpaceId,
    dry_run: bool,
    progress: &Arc<dyn Progress>,
    cancel: &CancellationToken,
) -> Result<Outcome> {
    let relocked = match dry_run {
        true => Relocked {
            done: session.relock_plan(space).await?,
            ..Relocked::default()
        },
        false => session.relock(space, &app.spool(), progress, cancel).await?,
    };
    let left = relocked.left.iter().map(|(name, error)| LeftView {
        name: name.clone(),
        error: error.into(),
    });
    let view = RelockView {
        items: relocked.done.items,
        versions: relocked.done.versions,
        bytes: relocked.done.bytes,
        dropped_bytes: relocked.dropped_bytes,
        left: left.collect(),
    };
    match view.left.is_empty() {
        true => done(&view),
        false => ended(Ending::Partial, &view),
    }
}

async fn activity(session: &Session, project: &str) -> Result<Outcome> {
    let view = find_project(session, project, false).await?;
    let mut views = Vec::new();
    let mut handles = Handles::new(session);
    for event in view.space.contents().events() {
        let who = handles.of(event.author).await?;
        let (what, text) = tell(&mut handles, &event.kind).await?;
        views.push(ActivityView {
            seq: event.seq,
            time_ms: event.time_ms,
            text: format!("{who} {text}"),
            what: what.into(),
            who,
        });
    }
    done(&views)
}

async fn tell(handles: &mut Handles<'_>, kind: &EventKind) -> Result<(&'static str, String)> {
    Ok(match kind {
        EventKind::Created => ("created", "made the project".into()),
        EventKind::Added(whom, role) => (
            "added",
            format!("let {} in as {}", handles.of(*whom).await?, role_word(*role)),
        ),
        EventKind::Removed(whom) => ("removed", format!("removed {}", handles.of(*whom).await?)),
        EventKind::Left => ("left", "left".into()),
        EventKind::RoleChanged(whom, role) => (
            "role-changed",
            format!("made {} {}", handles.of(*whom).await?, role_word(*role)),
        ),
        EventKind::KeysChanged => ("keys-changed", "has new keys, confirmed by the old ones".into()),
        EventKind::Rotated => ("rotated", "renewed the project's key".into()),
        EventKind::NodeAuthorised(node, scope) => (
            "node-authorised",
            format!(
                "authorised the node {} {}",
                handles.of(*node).await?,
                match scope {
                    NodeScope::Runs => "to do runs",
                    NodeScope::Project => "for the whole project",
                }
            ),
        ),
        EventKind::NodeWithdrawn(node) => (
            "node-withdrawn",
            format!("withdrew the node {}", handles.of(*node).await?),
        ),
        EventKind::RunOrdered(run) => ("run-started", format!("started the run {}", short(*run))),
        EventKind::RunWithdrawn(run) => ("run-stopped", format!("stopped the run {}", short(*run))),
        EventKind::RunAdopted(run, end) => (
            "run-ended",
            format!("took over the run {}, which {}", short(*run), end_word(*end)),
        ),
        EventKind::SpaceRenamed(name) => ("renamed", format!("renamed the project to \"{name}\"")),
        EventKind::SpaceTrashed => ("trashed", "put the project into the trash".into()),
        EventKind::SpaceRestored => ("restored", "took the project out of the trash".into()),
        EventKind::ItemAdded(kind, name) => ("item-added", format!("added the {} \"{name}\"", kind_word(*kind))),
        EventKind::VersionAdded(kind, name) => (
            "version-added",
            format!("added a version of the {} \"{name}\"", kind_word(*kind)),
        ),
        EventKind::ItemChanged(kind, old, new) if old == new => {
            ("item-changed", format!("changed the {} \"{new}\"", kind_word(*kind)))
        }
        EventKind::ItemChanged(kind, old, new) => (
            "item-changed",
            format!("renamed the {} \"{old}\" to \"{new}\"", kind_word(*kind)),
        ),
        EventKind::Trashed(kind, name) => (
            "item-trashed",
            format!("put the {} \"{name}\" into the trash", kind_word(*kind)),
        ),
        EventKind::Restored(kind, name) => (
            "item-restored",
            format!("took the {} \"{name}\" out of the trash", kind_word(*kind)),
        ),
        EventKind::Purged(kind, name) => (
            "item-purged",
            format!("removed the {} \"{name}\" for good", kind_word(*kind)),
        ),
    })
}

/// The beginning of a run's id: enough to tell runs of one project apart.
pub(super) fn short(run: RunId) -> String {
    run.to_string().chars().take(8).collect()
}

pub(super) fn end_word(end: End) -> &'static str {
    match end {
        End::Succeeded => "succeeded",
        End::Failed => "failed",
        End::Stopped => "was stopped",
        End::OverLimit => "went over a limit",
        End::BrokenOff => "was broken off",
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Contributor => "contributor",
        Role::Reader => "reader",
    }
}

pub(super) fn kind_word(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Dataset => "dataset",
        ItemKind::Model => "model",
        ItemKind::Task => "task",
        ItemKind::Artifact => "artifact",
        ItemKind::Secret => "secret",
        _ => "note",
    }
}
