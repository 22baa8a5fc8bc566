//! What people are told about accounts, projects and each other.

use holdfast_commands::view::{
    ActivityView, CameView, DeviceView, ErrorView, IdView, InvitationView, KeyChangeView, KitView, MemberView,
    MonitorView, ProjectDetail, ProjectView, PurgedView, RelockView, RemovedView, SecondSecretView, ShareView,
    StatusView, WhoamiView, WitnessingView, WordsView,
};
use holdfast_engine::fingerprint_text;
use holdfast_protocol::entry::Role;
use holdfast_protocol::item::{ItemKind, PinState};

use super::clean;
use super::table::{Table, bytes, count, facts};
use super::when::{day, minute};
use crate::run::{AccountView, ListeningView, OwnNodeView, WitnessingAtView};

pub(crate) fn status(view: StatusView) -> String {
    let Some(handle) = view.handle else {
        return "No account here yet. Run `holdfast signup` or `holdfast signin`.\n".into();
    };
    let state = match (view.unlocked, view.keys_held) {
        (false, _) => "locked",
        (true, Some(false)) => "unlocked; this system lets keys reach the swap file (`ulimit -l`): encrypt it",
        (true, _) => "unlocked",
    };
    let text = facts(&[
        ("account", handle),
        ("server", view.server.unwrap_or_default()),
        ("state", state.into()),
        ("server answers", if view.online { "yes" } else { "no" }.into()),
    ]);
    let news: Vec<String> = view.news.iter().map(|came| came_in(came) + "\n").collect();
    let alarms: Vec<String> = view.alarms.iter().map(alarm).collect();
    text + &news.concat() + &alarms.concat()
}

/// Somebody answered an invitation.
pub(crate) fn came_in(view: &CameView) -> String {
    format!(
        "{} answered your invitation and is in \"{}\" as {}.",
        clean(&view.handle),
        clean(&view.project_name),
        role(view.role)
    )
}

/// What must be looked at, set apart.
pub(crate) fn alarm(view: &ErrorView) -> String {
    format!(
        "\n!! {}\n!! {} ({})\n",
        clean(&view.message),
        clean(&view.next),
        clean(&view.code)
    )
}

pub(crate) fn whoami(view: WhoamiView) -> String {
    facts(&[
        ("handle", view.handle),
        ("name", view.name.unwrap_or_default()),
        ("id", view.id),
        ("server", view.server),
        ("key pair", format!("{} bits", view.bits)),
        ("key changes", view.key_changes.to_string()),
        ("newest change", minute(view.newest_ms)),
        ("security words", view.words),
    ])
}

/// The Master Key, set apart, for the one time it is shown.
pub(crate) fn master_key(phrase: &str) -> String {
    format!(
        "Your Master Key:\n\n    {phrase}\n\nWrite it down now: it is shown this once. It is the one phrase that opens \
         everything.\nNobody else has it, and nobody can reset it.\n"
    )
}

/// The second secret, set apart, when there is a new one.
pub(crate) fn second_secret(text: &str) -> String {
    format!(
        "Your second secret:\n\n    {text}\n\nThis computer keeps it. Signing in on another one takes it beside the Master Key: it \
         stands on the Recovery\nKit, and `holdfast key second-secret` shows it again here. Without a computer that has it and \
         without the kit,\nthe Master Key alone opens nothing.\n"
    )
}

/// The same, when it was asked for.
pub(crate) fn second_secret_again(view: SecondSecretView) -> String {
    format!("{}\n", view.second_secret)
}

pub(crate) fn account(view: AccountView) -> String {
    facts(&[
        ("account", view.handle),
        ("server", view.server),
        ("security words", view.words),
        ("newest change", view.newest_ms.map(minute).unwrap_or_default()),
        ("Recovery Kit", view.kit.unwrap_or_default()),
        ("waiting for", view.invited_by.unwrap_or_default()),
    ])
}

/// A node, on its own console.
pub(crate) fn own_node(view: OwnNodeView) -> String {
    let said = view.said;
    let state = match (view.running, said.connected) {
        (false, _) => "not working: holdfast node start --secret-file FILE",
        (true, true) => "working",
        (true, false) => "working; waiting for the server",
    };
    let operators = match said.operators.is_empty() {
        true => "nobody yet: holdfast node trust HANDLE --words \"…\" --secret-file FILE".to_owned(),
        false => said.operators.join(", "),
    };
    facts(&[
        ("node", view.name),
        ("server", view.server),
        ("security words", view.words),
        ("follows", operators),
        ("state", state.into()),
        ("runs", said.runs.join(", ")),
        ("trouble", said.trouble.unwrap_or_default()),
    ])
}

/// A new account, or one that was opened with a kit: without a kit, losing the Master Key is losing everything.
pub(crate) fn new_keys(view: AccountView) -> String {
    let kit = match view.kit {
        Some(_) => "",
        None => "There is no Recovery Kit for these keys. Make one: holdfast kit new --out kit.pdf\n",
    };
    account(view) + kit
}

pub(crate) fn listening(view: ListeningView) -> String {
    let metrics = view.metrics.map(|url| format!("Metrics at {url}\n"));
    let fingerprint = view.fingerprint.map(|fingerprint| {
        format!(
            "Fingerprint of its certificate, for people to compare:\n    {}\n",
            fingerprint_text(fingerprint)
        )
    });
    format!(
        "Listening on {}\n{}{}Key of its log of keys, for witnesses:\n    {}\nStop with Ctrl-C.\n",
        view.listening,
        fingerprint.unwrap_or_default(),
        metrics.unwrap_or_default(),
        view.log
    )
}

pub(crate) fn witnessing_at(view: WitnessingAtView) -> String {
    let key = format!(
        "Key of this witness, for servers and those who rely on it:\n    {}\n",
        view.key
    );
    match view.listening {
        Some(url) => format!("Listening on {url}\n{key}Stop with Ctrl-C.\n"),
        None => key,
    }
}

/// One's own, to read out.
pub(crate) fn my_words(view: WordsView) -> String {
    format!(
        "{}\n    {}\nTell them to whoever asks, by voice or in person.\n",
        clean(&view.handle),
        view.words
    )
}

pub(crate) fn words(view: WordsView) -> String {
    let handle = clean(&view.handle);
    let known = if view.another {
        format!(
            "!! Another account has the name {handle} now than the one that is known here. Either {handle} started over, or \
             somebody pretends to be {handle}.\n!! Let the six words be read to you, on a call or face to face. Only if they are \
             these: holdfast verify {handle} --words \"...\""
        )
    } else {
        checked(view.checked.state, view.checked.since_ms)
    };
    format!("{handle}\n    {}\n{known}\n", view.words)
}

/// What is said beside an account that its person has no longer.
pub(super) const REPLACED: &str = "from before starting over";

/// Whom to remove, and why.
fn replaced(views: &[MemberView]) -> String {
    let old = views.iter().filter(|view| view.replaced && !view.me);
    old.map(|view| {
        let handle = clean(&view.handle);
        format!(
            "\n!! {} is {handle}'s account before {handle} started over: whoever has its Master Key still reads this project.\n\
             !! Remove it: holdfast project remove PROJECT {}\n",
            view.id, view.id
        )
    })
    .collect()
}

pub(crate) fn verified(view: WordsView) -> String {
    format!("They match. {} is checked from now on.\n", clean(&view.handle))
}

fn witnesses(said: &WitnessingView) -> String {
    let mut table = Table::new(&["WITNESS", "SAW", "WHEN"]);
    for row in &said.witnesses {
        table.row([
            clean(&row.name),
            row.size.map_or_else(|| "nothing".into(), |size| count(size, "key")),
            row.signed_ms.map_or_else(|| "not in the last 24 hours".into(), minute),
        ]);
    }
    format!(
        "{} of them have been seen by {} of {} witnesses, as of {}.\n{}",
        said.size,
        said.needed,
        said.witnesses.len(),
        minute(said.as_of_ms),
        table.text("")
    )
}

pub(crate) fn monitor(view: MonitorView) -> String {
    let mut table = Table::new(&["NUMBER", "MADE", "SECURITY WORDS", "WHOSE"]);
    for found in &view.published {
        table.row([
            found.number.to_string(),
            found.created_ms.map_or_else(|| "not shown".into(), minute),
            found.words.clone().unwrap_or_else(|| "not shown".into()),
            if found.known {
                "yours".into()
            } else if view.is_before(found) {
                "another account of your name, before yours".into()
            } else {
                "not known to this computer".into()
            },
        ]);
    }
    let unknown = view.published.iter().any(|found| !found.known);
    let witnesses = view.witnessing.as_ref().map(witnesses);
    format!(
        "{}{} in the server's log of keys, {} in your name.\n{}{}",
        table.text(""),
        count(view.size, "key"),
        view.published.len(),
        witnesses.unwrap_or_default(),
        if unknown {
            "If you did not make it, on another computer or before you started over, somebody pretends to be you. Tell those you \
             work with, by voice, and whoever runs the server.\n"
        } else {
            ""
        }
    )
}

pub(super) fn checked(state: PinState, since_ms: u64) -> String {
    match state {
        PinState::NotChecked => "not checked yet".into(),
        PinState::Checked if since_ms == 0 => "checked".into(),
        PinState::Checked => format!("checked since {}", day(since_ms)),
        PinState::Changed => format!("new keys on {}, confirmed by the checked ones", day(since_ms)),
    }
}

pub(crate) fn key_change(view: KeyChangeView) -> String {
    let text = facts(&[
        ("key pair", format!("{} bits", view.bits)),
        ("security words", view.words),
        ("Recovery Kit", view.kit.clone().unwrap_or_default()),
    ]);
    let kit = match view.kit {
        Some(_) => "",
        None => "The Recovery Kit you had has ended. Make a new one: holdfast kit new --out kit.pdf\n",
    };
    let second = view.second_secret.as_deref().map(second_secret).unwrap_or_default();
    let left = super::left_out(&view.skipped);
    // One of them is the vault.
    let projects = match view.spaces.saturating_sub(1) {
        0 => "Your own secrets have the new keys.\n".into(),
        1 => "1 project and your own secrets have the new keys.\n".into(),
        more => format!("{more} projects and your own secrets have the new keys.\n"),
    };
    let projects = if left.is_empty() { projects } else { String::new() };
    format!(
        "Your Master Key is changed. Other devices need the new one: holdfast signin.\n{text}{second}{projects}{kit}{left}"
    )
}

pub(crate) fn kit(view: KitView) -> String {
    format!(
        "The Recovery Kit is in {}. Print it and keep it like a passport.\n",
        clean(&view.path)
    )
}

pub(crate) fn devices(views: Vec<DeviceView>) -> String {
    let mut table = Table::new(&["ID", "SIGNED IN", "LAST SEEN", ""]);
    for view in views {
        let here = if view.current { "this one" } else { "" };
        table.row([view.id, minute(view.created_ms), minute(view.seen_ms), here.into()]);
    }
    table.text("No device is signed in.")
}

pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Reader => "reader",
        Role::Contributor => "contributor",
        Role::Owner => "owner",
    }
}

pub(crate) fn project_created(view: ProjectView) -> String {
    let lock = if view.encrypted {
        "encrypted"
    } else {
        "NOT encrypted: the server can read it"
    };
    format!("\"{}\" is made ({lock}).\n", clean(&view.name))
}

pub(crate) fn projects(views: Vec<ProjectView>) -> String {
    let trouble: Vec<String> = views.iter().filter_map(project_trouble).collect();
    let mut table = Table::new(&["NAME", "ROLE", "PEOPLE", "SIZE", "CHANGED", "ID"]);
    for view in views {
        let mut name = view.name;
        if !view.encrypted && !name.is_empty() {
            name.push_str(" (not encrypted)");
        }
        if view.trashed {
            name.push_str(" (in the trash)");
        }
        if view.trouble.is_some() {
            name.push_str(" (!!)");
        }
        let role = view.role.map(role).unwrap_or_default();
        let people = view.members.to_string();
        table.row([
            name,
            role.into(),
            people,
            bytes(view.bytes),
            minute(view.changed_ms),
            view.id,
        ]);
    }
    table.text("No projects yet. Make one: holdfast project create \"My project\"") + &trouble.concat()
}

/// Why a project in the list can't be used.
fn project_trouble(view: &ProjectView) -> Option<String> {
    let trouble = view.trouble.as_ref()?;
    let name = if view.name.is_empty() { &view.id } else { &view.name };
    let message = format!("{name}: {}", trouble.message);
    Some(alarm(&ErrorView {
        message,
        ..trouble.clone()
    }))
}

pub(crate) fn project(view: ProjectDetail) -> String {
    let kinds: Vec<String> = view
        .items
        .iter()
        .filter(|kind| kind.count > 0)
        .map(|kind| count(kind.count as u64, kind_word(kind.kind)))
        .collect();
    let head = facts(&[
        ("project", view.project.name),
        ("id", view.project.id),
        (
            "encrypted",
            if view.project.encrypted {
                "yes"
            } else {
                "NO: the server can read it"
            }
            .into(),
        ),
        ("my role", view.project.role.map(role).unwrap_or_default().into()),
        ("on the server", bytes(view.project.bytes)),
        ("changed", minute(view.project.changed_ms)),
        (
            "key renewed",
            if view.project.encrypted && view.key_epoch > 0 {
                count(view.key_epoch.into(), "time")
            } else {
                String::new()
            },
        ),
        (
            "holds",
            if kinds.is_empty() {
                "nothing yet".into()
            } else {
                kinds.join(", ")
            },
        ),
    ]);
    let who = match view.people.len() {
        1 => "Only you can open it:".into(),
        people => format!("Only these {people} people can open it:"),
    };
    format!("{head}\n{who}\n{}", members(view.people))
}

pub(crate) fn kind_word(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Dataset => "dataset",
        ItemKind::Model => "model",
        ItemKind::Task => "task",
        ItemKind::Artifact => "artifact",
        ItemKind::Secret => "secret",
        _ => "note",
    }
}

pub(crate) fn members(views: Vec<MemberView>) -> String {
    let mut table = Table::new(&["HANDLE", "ROLE", "KIND", "CHECKED", "SECURITY WORDS"]);
    let notes = replaced(&views);
    for view in views {
        let checked = match (view.me, view.replaced) {
            (true, _) => "yourself".into(),
            (_, true) => REPLACED.into(),
            _ => checked(view.checked, view.checked_ms),
        };
        table.row([view.handle, role(view.role).into(), view.kind, checked, view.words]);
    }
    table.text("Nobody is in.") + &notes
}

pub(crate) fn shared(view: ShareView) -> String {
    let handle = clean(&view.handle);
    let head = format!("{handle} is in as {}.\n", role(view.role));
    match view.checked {
        PinState::Checked => head,
        PinState::Changed => format!(
            "{head}{handle} has had new keys since {}, signed with the ones you checked. To be sure, compare again. Are the six words \
             these?\n    {}\nThen: holdfast verify {handle} --words \"...\"\n",
            day(view.since_ms),
            view.words
        ),
        PinState::NotChecked => format!(
            "{head}You haven't checked that this is really {handle}: the server could be pretending. Call and ask for six words. \
             Are they these?\n    {}\nThen: holdfast verify {handle} --words \"...\"\n",
            view.words
        ),
    }
}

pub(crate) fn invitation(project: &str, as_what: Role, view: &InvitationView) -> String {
    let handle = clean(&view.handle);
    let text = format!(
        "Hand this to {handle} yourself, not by way of the server. It is good until {}.\n\n{}\n",
        minute(view.expires_ms),
        view.invitation
    );
    if !view.has_account {
        return text;
    }
    format!(
        "{text}\n{handle} has an account already. You can also let that account in at once: holdfast project share \"{}\" {handle} \
         --role {}\n",
        clean(project),
        role(as_what)
    )
}

pub(crate) fn joined(view: IdView) -> String {
    format!(
        "Answered. {} lets you in by using Holdfast the next time.\n",
        clean(&view.name)
    )
}

pub(crate) fn removed(view: RemovedView) -> String {
    let handle = clean(&view.handle);
    let mut text = format!("{handle} is out");
    text.push_str(if view.new_key {
        ", and can't open anything added or changed from now on.\n"
    } else {
        ".\n"
    });
    if !view.could_open.is_empty() || !view.change_secrets.is_empty() {
        text.push_str("What was seen can't be unseen. These could be opened:\n");
    }
    for item in &view.could_open {
        let place = if item.trashed { " (in the trash)" } else { "" };
        text.push_str(&format!("  {} {}{place}\n", kind_word(item.kind), clean(&item.name)));
    }
    for secret in &view.change_secrets {
        text.push_str(&format!("  secret {}: change it where it comes from\n", clean(secret)));
    }
    text
}

pub(crate) fn activity(views: Vec<ActivityView>) -> String {
    let mut table = Table::new(&["TIME", "WHAT HAPPENED"]);
    for view in views {
        table.row([minute(view.time_ms), view.text]);
    }
    table.text("Nothing happened yet.")
}

pub(crate) fn forgotten(view: PurgedView) -> String {
    format!("Forgotten for good, {} given back.\n", bytes(view.bytes))
}

pub(crate) fn purged(view: PurgedView) -> String {
    if view.items.is_empty() && view.project {
        return "The project is removed for good. It was empty.\n".into();
    }
    if view.items.is_empty() {
        return "Nothing was in the trash.\n".into();
    }
    let names: Vec<String> = view.items.iter().map(|name| format!("  {}\n", clean(name))).collect();
    format!(
        "Removed for good, {} given back:\n{}",
        bytes(view.bytes),
        names.concat()
    )
}

pub(crate) fn relocked(dry_run: bool, view: &RelockView) -> String {
    let what = format!(
        "{} in {}, {}",
        count(view.versions, "version"),
        count(view.items, "item"),
        bytes(view.bytes)
    );
    let mut text = match (dry_run, view.items) {
        (_, 0) if view.left.is_empty() => "Nothing is sealed under a key from before the current one.\n".to_owned(),
        (true, _) => format!("To be sealed anew: {what}.\n"),
        (false, _) => format!(
            "Sealed anew: {what}. The server keeps what it was before ({}) for 30 days.\n",
            bytes(view.dropped_bytes)
        ),
    };
    for left in &view.left {
        text += &format!("Left as it is: {}: {}\n", clean(&left.name), clean(&left.error.message));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_commands::view::ItemName;

    #[test]
    fn new_keys_of_somebody_checked_are_not_called_unchecked() {
        let told = |checked| {
            shared(ShareView {
                handle: "ana@example.org".into(),
                id: String::new(),
                role: Role::Reader,
                checked,
                since_ms: 1_795_392_345_678,
                words: "a b c d e f".into(),
            })
        };
        assert!(told(PinState::NotChecked).contains("You haven't checked"));
        let changed = told(PinState::Changed);
        assert!(
            changed.contains("new keys since 2026-11-23, signed with the ones you checked")
                && !changed.contains("haven't"),
            "{changed}"
        );
        assert_eq!(told(PinState::Checked), "ana@example.org is in as reader.\n");
    }

    #[test]
    fn an_account_that_is_there_can_be_let_in_at_once() {
        let told = |has_account| {
            invitation(
                "Scans",
                Role::Contributor,
                &InvitationView {
                    invitation: "text".into(),
                    handle: "ben@example.org".into(),
                    expires_ms: 0,
                    has_account,
                },
            )
        };
        let share = "holdfast project share \"Scans\" ben@example.org --role contributor";
        assert!(told(true).contains(share) && !told(false).contains("account"));
    }

    #[test]
    fn what_could_be_opened_in_the_trash_says_so() {
        let item = |name: &str, trashed| ItemName {
            kind: ItemKind::Dataset,
            name: name.into(),
            trashed,
        };
        let told = removed(RemovedView {
            handle: "ben@example.org".into(),
            could_open: vec![item("D1", false), item("D2", true)],
            change_secrets: Vec::new(),
            new_key: true,
        });
        assert!(told.contains("  dataset D1\n  dataset D2 (in the trash)\n"), "{told}");
    }

    #[test]
    fn a_key_change_is_told_without_inside_words() {
        let told = |spaces| {
            key_change(KeyChangeView {
                bits: 3072,
                spaces,
                words: String::new(),
                kit: None,
                second_secret: None,
                skipped: Vec::new(),
            })
        };
        assert!(told(4).contains("3 projects and your own secrets have the new keys."));
        assert!(told(2).contains("1 project and your own secrets"));
        assert!(told(1).contains("Your own secrets have the new keys."));
    }
}
