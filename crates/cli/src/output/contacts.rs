//! What people are told about others they know, and about those who are invited.

use holdfast_commands::view::{MemberView, PersonView, WaitingView};

use super::clean;
use super::people::{REPLACED, checked, role};
use super::table::Table;
use super::when::minute;

pub(crate) fn people(views: Vec<PersonView>) -> String {
    let mut table = Table::new(&["HANDLE", "CHECKED", "SECURITY WORDS", "PROJECTS IN COMMON"]);
    for view in views {
        table.row([
            view.handle,
            match view.replaced {
                true => REPLACED.into(),
                false => checked(view.checked, view.since_ms),
            },
            view.words,
            view.projects.join(", "),
        ]);
    }
    table.text("Nobody yet. Share a project, or look somebody up: holdfast words HANDLE")
}

pub(crate) fn role_changed(view: MemberView) -> String {
    format!("{} is {} now.\n", clean(&view.handle), role(view.role))
}

pub(crate) fn invitations(views: Vec<WaitingView>) -> String {
    let mut table = Table::new(&["HANDLE", "ROLE", "GOOD UNTIL", "ID"]);
    for view in views {
        table.row([view.handle, role(view.role).into(), minute(view.expires_ms), view.id]);
    }
    table.text("Nobody is waited for.")
}
