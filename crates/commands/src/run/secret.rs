//! Verbs about secrets.

use std::collections::BTreeSet;

use holdfast_engine::{Error, NewSecret, Result, Session, View, find_item, find_version};
use holdfast_import::host_of;
use holdfast_protocol::SecretText;
use holdfast_protocol::id::VersionId;
use holdfast_protocol::item::{Audience, Content, Field, Item, ItemKind, SecretType, Version};
use zeroize::Zeroizing;

use crate::app::{App, done, ended};
use crate::command::{Command, Expiry, FieldInput};
use crate::run::{Handles, find_project, handle_of};
use crate::secret_types::field_info;
use crate::view::{
    DoneView, EditView, Ending, FieldView, IdView, MovedView, Outcome, PurgedView, SecretDetail, SecretVersionView,
    SecretView,
};

const SECRET: &[ItemKind] = &[ItemKind::Secret];

pub(super) async fn run(app: &App, command: Command) -> Result<Outcome> {
    let session = app.session().await?;
    let session = session.as_ref();
    match command {
        Command::SecretAdd {
            project,
            secret_type,
            name,
            note,
            fields,
            expires_ms,
        } => {
            let view = place(session, project.as_deref()).await?;
            if fields.is_empty() {
                return Err(Error::Invalid(
                    "a secret needs at least one field, for example --field token=-".into(),
                ));
            }
            let audience = audience_of(secret_type, &fields);
            let new = NewSecret {
                secret_type,
                name: name.clone(),
                description: note,
                tags: Vec::new(),
                fields: fields.into_iter().map(field).collect(),
                audience,
                expires_ms,
            };
            let id = session.add_secret(view.space.authority().space(), new).await?;
            done(&IdView {
                id: id.to_string(),
                name,
            })
        }
        Command::SecretList { project, trashed } => list(session, project.as_deref(), trashed).await,
        Command::SecretShow {
            project,
            name,
            reveal,
            version,
        } => {
            let view = place(session, project.as_deref()).await?;
            let item = find_item(&view.space, SECRET, &name, false)?;
            done(&detail(item, find_version(item, version.as_deref())?, reveal)?)
        }
        Command::SecretEdit {
            project,
            name,
            fields,
            remove,
            seen,
        } => {
            let view = place(session, project.as_deref()).await?;
            let seen = seen
                .map(|id| id.parse::<VersionId>())
                .transpose()
                .map_err(|_| Error::Invalid("that is not the id of a version".into()))?;
            let edited = session
                .edit_secret(view.space.authority().space(), &name, seen, |old, audience| {
                    for name in &remove {
                        let before = old.len();
                        old.retain(|field| field.name != *name);
                        if old.len() == before {
                            return Err(Error::NotFound {
                                what: "field",
                                name: name.clone(),
                            });
                        }
                    }
                    let before = url_host(old);
                    for new in fields.iter().cloned().map(field) {
                        match old.iter_mut().find(|field| field.name == new.name) {
                            Some(field) => *field = new,
                            None => old.push(new),
                        }
                    }
                    let edited = |name: &str| {
                        remove.iter().any(|gone| gone == name) || fields.iter().any(|field| field.name == name)
                    };
                    move_audience(audience, old, edited);
                    if old.iter().all(|field| field.name != "host") && before.is_some_and(|host| host == audience.host)
                    {
                        // It came from the address and goes with it.
                        audience.host = url_host(old).unwrap_or_default();
                    }
                    Ok(())
                })
                .await?;
            let ending = if edited.conflict {
                Ending::Conflict
            } else {
                Ending::Done
            };
            ended(
                ending,
                &EditView {
                    id: edited.id.to_string(),
                    conflict: edited.conflict,
                },
            )
        }
        Command::SecretDescribe {
            project,
            name,
            rename,
            note,
            expires,
        } => {
            let view = place(session, project.as_deref()).await?;
            let item = find_item(&view.space, SECRET, &name, false)?;
            let name = rename.unwrap_or_else(|| item.name.clone());
            let expires_ms = match expires {
                None => item.expires_ms,
                Some(Expiry::Never) => None,
                Some(Expiry::AtMs(ms)) => Some(ms),
            };
            let note = note.as_deref().unwrap_or(&item.description);
            let space = view.space.authority().space();
            session.describe_item(space, item.id, &name, note, expires_ms).await?;
            done(&IdView {
                id: item.id.to_string(),
                name,
            })
        }
        Command::SecretHistory { project, name } => {
            let view = place(session, project.as_deref()).await?;
            let item = find_item(&view.space, SECRET, &name, false)?;
            let (mut views, mut handles) = (Vec::new(), Handles::new(session));
            for (index, version) in item.versions.iter().enumerate() {
                views.push(SecretVersionView {
                    version: index + 1,
                    id: version.id.to_string(),
                    author: handles.of(version.author).await?,
                    created_ms: version.created_ms,
                    note: version.note.clone(),
                });
            }
            done(&views)
        }
        Command::SecretRestore { project, name, version } => {
            let view = place(session, project.as_deref()).await?;
            let space = view.space.authority().space();
            let id = session.restore_secret_version(space, &name, &version).await?;
            done(&IdView {
                id: id.to_string(),
                name,
            })
        }
        Command::SecretUntrash { project, name } => {
            let view = place(session, project.as_deref()).await?;
            let id = session.untrash_secret(view.space.authority().space(), &name).await;
            let id = id.map_err(|error| match error {
                Error::AlreadyExists(_) => {
                    let place = project.as_ref().map(|project| format!(" --in \"{project}\""));
                    error.advise(format!(
                        "Give the other one another name first: holdfast secret edit \"{name}\"{} --name NEW-NAME",
                        place.unwrap_or_default()
                    ))
                }
                other => other,
            })?;
            done(&IdView {
                id: id.to_string(),
                name,
            })
        }
        Command::SecretMove { project, name, to } => {
            let from = place(session, project.as_deref()).await?;
            let target = find_project(session, &to, false).await?;
            moved(session, &from, &name, &target).await
        }
        Command::SecretRemove { project, name } => {
            let view = place(session, project.as_deref()).await?;
            let id = find_item(&view.space, SECRET, &name, false)?.id;
            session.trash_item(view.space.authority().space(), id).await?;
            done(&DoneView::YES)
        }
        Command::SecretPurge { project, name } => {
            let view = place(session, project.as_deref()).await?;
            let items = match name {
                Some(name) => BTreeSet::from([find_item(&view.space, SECRET, &name, true)?.id]),
                None => {
                    let all = view.space.contents().items().values();
                    all.filter(|item| item.kind == ItemKind::Secret && item.trashed_ms.is_some())
                        .map(|item| item.id)
                        .collect()
                }
            };
            if items.is_empty() {
                return done(&PurgedView {
                    items: Vec::new(),
                    bytes: 0,
                    project: false,
                });
            }
            let purged = session.purge_items(view.space.authority().space(), &items).await?;
            done(&PurgedView {
                items: purged.items,
                bytes: purged.bytes,
                project: false,
            })
        }
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

/// The old copy is only in the trash, and whoever could read it may have: both are said.
async fn moved(session: &Session, from: &View, name: &str, to: &View) -> Result<Outcome> {
    let (authority, contents) = (from.space.authority(), from.space.contents());
    let name = find_item(&from.space, SECRET, name, false)?.name.clone();
    let id = session
        .move_secret(authority.space(), &name, to.space.authority().space())
        .await?;
    let mut readable_by = Vec::new();
    for member in authority.members().keys().filter(|id| **id != session.principal()) {
        readable_by.push(handle_of(session, *member).await?);
    }
    readable_by.sort();
    let is_project = authority.space() != session.account().vault;
    done(&MovedView {
        id: id.to_string(),
        change_secrets: if readable_by.is_empty() {
            Vec::new()
        } else {
            vec![name.clone()]
        },
        name,
        from: is_project.then(|| contents.name().to_owned()),
        readable_by,
    })
}

/// A project's secrets, or one's own.
pub(super) async fn place(session: &Session, project: Option<&str>) -> Result<View> {
    match project {
        Some(project) => find_project(session, project, false).await,
        None => session.vault().await,
    }
}

fn field(input: FieldInput) -> Field {
    Field {
        name: input.name,
        value: SecretText::new(Zeroizing::new(input.value.expose().to_owned())),
    }
}

/// A field called `host`, `account` or `purpose` says where the secret may be handed over; so does the address of a login.
fn audience_of(secret_type: SecretType, fields: &[FieldInput]) -> Audience {
    let value = |name: &str| {
        fields
            .iter()
            .find(|field| field.name == name)
            .map(|field| field.value.expose().to_owned())
            .unwrap_or_default()
    };
    let mut host = value("host");
    if host.is_empty() && secret_type == SecretType::Credentials {
        host = host_of(&value("url")).unwrap_or_default();
    }
    Audience {
        host,
        account: value("account"),
        purpose: value("purpose"),
    }
}

/// What was edited says anew where the secret may be handed over; a field that is gone no longer limits it.
fn move_audience(audience: &mut Audience, fields: &[Field], edited: impl Fn(&str) -> bool) {
    for (name, part) in [
        ("host", &mut audience.host),
        ("account", &mut audience.account),
        ("purpose", &mut audience.purpose),
    ] {
        if edited(name) {
            let field = fields.iter().find(|field| field.name == name);
            *part = field.map(|field| field.value.expose().to_owned()).unwrap_or_default();
        }
    }
}

/// The host of a login's address.
fn url_host(fields: &[Field]) -> Option<String> {
    fields
        .iter()
        .find(|field| field.name == "url")
        .and_then(|field| host_of(field.value.expose()))
}

async fn list(session: &Session, project: Option<&str>, trashed: bool) -> Result<Outcome> {
    let view = place(session, project).await?;
    let mut views: Vec<SecretView> = view
        .space
        .contents()
        .items()
        .values()
        .filter(|item| item.kind == ItemKind::Secret && item.trashed_ms.is_some() == trashed)
        .map(secret_view)
        .collect();
    if project.is_none() && !trashed {
        // The key of each encrypted project is a secret of this user: wrapped with his public key, in the project's log.
        // Also of a project that can't be used at the moment: this device has the key.
        let all = session.all_projects().await?;
        let known = all.trouble.into_iter().filter_map(|trouble| trouble.known);
        for view in all.views.into_iter().chain(known) {
            let authority = view.space.authority();
            if authority.core().encrypted
                && authority.role(session.principal()).is_some()
                && view.space.current_key().is_some()
                && !view.space.contents().is_removed()
            {
                views.push(SecretView {
                    id: authority.space().to_string(),
                    name: format!("Project key of {}", view.space.contents().name()),
                    r#type: "project-key".into(),
                    changed: authority.core().created_ms,
                    changed_ms: authority.core().created_ms,
                    expires_ms: None,
                    trashed_ms: None,
                });
            }
        }
    }
    views.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    done(&views)
}

fn secret_view(item: &Item) -> SecretView {
    let secret_type = item.secret_type.and_then(|kind| serde_json::to_value(kind).ok());
    let newest = item.versions.last();
    let changed_ms = newest.map_or(item.created_ms, |version| version.created_ms);
    SecretView {
        id: item.id.to_string(),
        name: item.name.clone(),
        r#type: secret_type
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default(),
        changed: changed_ms,
        changed_ms,
        expires_ms: item.expires_ms,
        trashed_ms: item.trashed_ms,
    }
}

fn detail(item: &Item, version: &Version, reveal: bool) -> Result<SecretDetail> {
    let Content::Fields { fields, audience } = &version.content else {
        return Err(Error::damaged("a secret"));
    };
    let hidden = |name: &str| {
        let info = item.secret_type.and_then(|secret_type| field_info(secret_type, name));
        info.is_none_or(|info| info.hidden)
    };
    let number = item.versions.iter().position(|other| other.id == version.id);
    Ok(SecretDetail {
        secret: secret_view(item),
        note: item.description.clone(),
        fields: fields
            .iter()
            .map(|field| FieldView {
                name: field.name.clone(),
                hidden: hidden(&field.name),
                value: (reveal || !hidden(&field.name)).then(|| field.value.expose().to_owned()),
            })
            .collect(),
        version: version.id.to_string(),
        number: number.map_or(0, |number| number + 1),
        versions: item.versions.len(),
        host: audience.host.clone(),
        account: audience.account.clone(),
        purpose: audience.purpose.clone(),
    })
}
