//! Verbs about nodes, as a member has them.

use std::collections::BTreeSet;

use holdfast_crypto::security_words;
use holdfast_engine::{Error, Opened, Person, Result, Session, View};
use holdfast_protocol::entry::NodeScope;
use holdfast_protocol::id::{PrincipalId, RunId};
use holdfast_protocol::item::{ItemKind, PinState};
use holdfast_protocol::replay::Space;
use holdfast_protocol::run::Card;
use holdfast_protocol::wire::NodeRow;

use super::account::words_view;
use super::{find_project, handle_of};
use crate::app::{App, done};
use crate::command::Command;
use crate::view::{
    AuthorisedView, CardView, DoneView, ItemName, NodeInviteView, NodeProjectView, NodeView, Outcome, WithdrawnView,
};

/// How long a node is authorised for if nothing else is said.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

pub(super) async fn run(app: &App, command: Command) -> Result<Outcome> {
    let session = app.session().await?;
    let session = session.as_ref();
    match command {
        Command::NodeInvite => invite(session).await,
        Command::NodeList => list(session).await,
        Command::NodeWords { node } => done(&words_view(&session.node(&node).await?)),
        Command::NodeVerify { node, words } => done(&words_view(&session.verify_node(&node, &words).await?)),
        Command::NodeAuthorise {
            project,
            node,
            whole_project,
            until_ms,
        } => {
            let view = find_project(session, &project, false).await?;
            let until_ms = until_ms.unwrap_or_else(|| session.now_ms().saturating_add(DAY_MS));
            let scope = if whole_project {
                NodeScope::Project
            } else {
                NodeScope::Runs
            };
            let space = view.space.authority().space();
            let node = session.authorise_node(space, &node, scope, until_ms).await?;
            done(&AuthorisedView {
                node: node.bundle.bundle.handle.clone(),
                id: node.bundle.bundle.principal.to_string(),
                scope: scope_word(scope).to_owned(),
                until_ms,
            })
        }
        Command::NodeWithdraw { project, node } => withdraw(session, &project, &node).await,
        Command::NodeEnd { node } => {
            let rows = session.nodes().await?;
            let row = rows
                .iter()
                .find(|row| row.principal.to_string() == node)
                .or_else(|| rows.iter().find(|row| row.handle == node))
                .ok_or_else(|| no_node(&node))?;
            if !row.mine {
                return Err(Error::NotAllowed("somebody else enrolled this node".into())
                    .advise("Withdraw it from your projects instead: holdfast node withdraw PROJECT NODE"));
            }
            session.end_node(row.principal).await?;
            done(&DoneView::YES)
        }
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

async fn invite(session: &Session) -> Result<Outcome> {
    let token = session.invite_node().await?;
    let account = session.account();
    let words = security_words(&session.keyring().current().bundle().fingerprint.0).join(" ");
    // What this device confirmed once, the other computer need not confirm again, and must not take from the server itself.
    let pinned = account
        .server_key
        .map(|key| format!(" --server-fingerprint {key}"))
        .unwrap_or_default();
    let command = format!(
        "holdfast node enrol --server {}{pinned} --token {} --operator {} --operator-words \"{words}\" --name NAME --secret-file FILE --generate",
        account.server, token.token, account.handle
    );
    done(&NodeInviteView {
        token: token.token,
        expires_ms: token.expires_ms,
        server: account.server,
        operator: account.handle,
        words,
        command,
    })
}

async fn list(session: &Session) -> Result<Outcome> {
    let views = session.all_projects().await?.views;
    let views: Vec<&View> = views.iter().filter(|view| is_in(session, view)).collect();
    let rows = match session.nodes().await {
        Ok(rows) => rows,
        Err(Error::Unreachable(_)) => Vec::new(),
        Err(other) => return Err(other),
    };
    let mut all: BTreeSet<PrincipalId> = rows.iter().map(|row| row.principal).collect();
    for view in &views {
        all.extend(view.space.authority().nodes().keys());
    }
    let mut nodes = Vec::new();
    for principal in all {
        let row = rows.iter().find(|row| row.principal == principal);
        nodes.push(node_view(session, &views, principal, row).await?);
    }
    nodes.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    done(&nodes)
}

async fn node_view(
    session: &Session,
    views: &[&View],
    principal: PrincipalId,
    row: Option<&NodeRow>,
) -> Result<NodeView> {
    // What this device knows, else what the server shows: its words are those to compare.
    let person = match session.known_person(principal).await? {
        None if row.is_some() => match session.node(&principal.to_string()).await {
            Ok(person) => Some(person),
            Err(Error::Unreachable(_) | Error::NotFound { .. }) => None,
            Err(other) => return Err(other),
        },
        known => known,
    };
    let projects = views.iter().filter_map(|view| {
        let node = view.space.authority().nodes().get(&principal)?;
        Some(NodeProjectView {
            id: view.space.authority().space().to_string(),
            name: view.space.contents().name().to_owned(),
            scope: scope_word(node.scope).to_owned(),
            until_ms: node.until_ms,
            over: node.until_ms <= session.now_ms(),
        })
    });
    let card = row.and_then(|row| row.card.as_ref()).zip(person.as_ref());
    // A card that the node did not sign is none.
    let card = card.and_then(|(card, person)| Card::verified(&card.0, principal, &person.bundle.verify).ok());
    Ok(NodeView {
        id: principal.to_string(),
        name: match (&person, row) {
            (Some(person), _) => person.bundle.bundle.handle.clone(),
            (None, Some(row)) => row.handle.clone(),
            (None, None) => principal.to_string(),
        },
        checked: person.as_ref().map_or(PinState::NotChecked, |person| person.state),
        checked_ms: person.as_ref().map_or(0, |person| person.since_ms),
        words: person.map(|person| person.words().join(" ")).unwrap_or_default(),
        mine: row.is_some_and(|row| row.mine),
        seen_ms: row.and_then(|row| row.seen_ms),
        projects: projects.collect(),
        card: card.map(CardView::from),
    })
}

async fn withdraw(session: &Session, project: &str, node: &str) -> Result<Outcome> {
    let view = find_project(session, project, false).await?;
    let principal = authorised_node(session, &view, node).await?;
    let withdrawn = session.withdraw_node(view.space.authority().space(), principal).await?;
    let (could_open, change_secrets) = match withdrawn.scope {
        NodeScope::Project => {
            let items = withdrawn.could_open.items.into_iter();
            (
                items
                    .map(|Opened { kind, name, trashed }| ItemName { kind, name, trashed })
                    .collect(),
                withdrawn.could_open.secrets,
            )
        }
        NodeScope::Runs => given(&view.space, &withdrawn.given),
    };
    done(&WithdrawnView {
        node: handle_of(session, principal).await?,
        scope: scope_word(withdrawn.scope).to_owned(),
        could_open,
        change_secrets,
        stopped: withdrawn.stopped.iter().map(ToString::to_string).collect(),
        new_key: withdrawn.scope == NodeScope::Project && view.space.authority().core().encrypted,
    })
}

/// What a node was given with these runs: tasks, inputs, and the names of secrets.
fn given(space: &Space, runs: &[RunId]) -> (Vec<ItemName>, Vec<String>) {
    let (mut items, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for run in runs.iter().filter_map(|run| space.contents().runs().get(run)) {
        items.insert(run.spec.task.item);
        items.extend(run.spec.inputs.iter().map(|input| input.granted.item));
        secrets.extend(run.spec.secrets.iter().map(|used| used.item));
    }
    let known = space.contents().items();
    let names = items.iter().filter_map(|id| known.get(id)).map(|item| ItemName {
        kind: item.kind,
        name: item.name.clone(),
        trashed: item.trashed_ms.is_some(),
    });
    let is_secret = |item: &&holdfast_protocol::item::Item| item.kind == ItemKind::Secret;
    let secrets = secrets.iter().filter_map(|id| known.get(id)).filter(is_secret);
    (names.collect(), secrets.map(|item| item.name.clone()).collect())
}

/// Which node of a project has this name or id.
pub(super) async fn authorised_node(session: &Session, view: &View, name: &str) -> Result<PrincipalId> {
    let nodes = view.space.authority().nodes();
    // An id first: nobody can take another one's by choosing it as a name.
    if let Ok(id) = name.parse::<PrincipalId>()
        && nodes.contains_key(&id)
    {
        return Ok(id);
    }
    for principal in nodes.keys() {
        if handle_of(session, *principal).await? == name {
            return Ok(*principal);
        }
    }
    // It may be there and not be authorised: then that is what has to be said.
    let person: Person = session.node(name).await?;
    let (node, project) = (person.bundle.bundle.handle, view.space.contents().name());
    Err(
        Error::Missing(format!("The node {node} is not authorised in \"{project}\".")).advise(format!(
            "An owner authorises it: holdfast node authorise \"{project}\" {node}"
        )),
    )
}

pub(super) fn is_in(session: &Session, view: &View) -> bool {
    view.space.authority().role(session.principal()).is_some() && !view.space.contents().is_removed()
}

fn no_node(name: &str) -> Error {
    Error::NotFound {
        what: "node",
        name: name.to_owned(),
    }
}

fn scope_word(scope: NodeScope) -> &'static str {
    match scope {
        NodeScope::Runs => "runs",
        NodeScope::Project => "project",
    }
}
