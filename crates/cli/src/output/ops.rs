//! What people are told about backups, doctors and moves.

use holdfast_commands::view::{
    AccountResetView, BackupView, DamagedPartView, DiagnosticsView, DoctorView, RelocatedView, RelocationPlanView,
    RestoreView, StayingView,
};
use holdfast_engine::Level;

use super::clean;
use super::table::{Table, bytes, count};
use super::when::minute;

pub(crate) fn backed_up(view: BackupView) -> String {
    format!(
        "{}: {}, {}, {} in {}. {} were copied, {} were there already.\n{}",
        clean(&view.path),
        count_of(view.accounts, "account"),
        count_of(view.spaces, "project or vault"),
        bytes(view.bytes),
        count_of(view.packs, "pack"),
        bytes(view.copied_bytes),
        bytes(view.kept_bytes),
        damaged("The server has lost", view.damaged, &view.damaged_parts)
    )
}

pub(crate) fn restored(view: RestoreView) -> String {
    format!(
        "{}: the server of {}, with {}, {}, {} in {}.\n{}\n{}",
        clean(&view.path),
        minute(view.made_ms),
        count_of(view.accounts, "account"),
        count_of(view.spaces, "project or vault"),
        bytes(view.bytes),
        count_of(view.packs, "pack"),
        view.notice,
        damaged("The backup lacks", view.damaged, &view.damaged_parts)
    )
}

pub(crate) fn account_reset(view: AccountResetView) -> String {
    let devices = match view.devices {
        0 => "No device of it was signed in.".to_owned(),
        1 => "Its one device is signed out.".to_owned(),
        more => format!("Its {more} devices are signed out."),
    };
    format!(
        "{} belongs to nobody now; the account {} had it. {devices}\n{}\n",
        clean(&view.handle),
        clean(&view.id),
        clean(&view.notice)
    )
}

fn damaged(what: &str, number: u64, parts: &[DamagedPartView]) -> String {
    if number == 0 {
        return String::new();
    }
    let lines: Vec<String> = parts
        .iter()
        .map(|part| {
            format!(
                "  pack {}, part {}: {}\n",
                clean(&part.pack),
                part.part,
                clean(&part.why)
            )
        })
        .collect();
    format!("{what} {}:\n{}", count_of(number, "part"), lines.concat())
}

pub(crate) fn doctor(view: DoctorView) -> String {
    let mut text = String::new();
    for finding in &view.findings {
        let level = match finding.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Bad => "BAD ",
        };
        text += &format!("{level}  {} ({})\n", clean(&finding.message), clean(&finding.code));
        if !finding.next.is_empty() {
            text += &format!("      {}\n", clean(&finding.next));
        }
    }
    text + &match (view.bad, view.warnings) {
        (0, 0) => "All is well.\n".to_owned(),
        (0, warnings) => format!("Nothing is bad; {} worth a look.\n", are(warnings)),
        (bad, _) => format!("{} to be put right.\n", are(bad)),
    }
}

fn are(number: usize) -> String {
    match number {
        1 => "one thing is".into(),
        more => format!("{more} things are"),
    }
}

pub(crate) fn diagnostics(view: DiagnosticsView) -> String {
    view.text
}

pub(crate) fn relocation_plan(view: RelocationPlanView) -> String {
    let mut table = Table::new(&["MOVES", "SIZE", "ID"]);
    for moving in view.moving {
        let name = if moving.vault {
            "Your own secrets".into()
        } else {
            moving.name
        };
        table.row([name, bytes(moving.bytes), moving.id]);
    }
    let mut text = table.text("Nothing.");
    text += &format!(
        "\n{} of {}, {}.\n",
        bytes(view.bytes),
        clean(&view.from),
        count_of(view.packs, "pack")
    );
    text += &stays(&view.staying);
    if view.uploads > 0 {
        text += "An upload was begun here and not finished: run it again before you move.\n";
    }
    text
}

pub(crate) fn relocated(view: RelocatedView) -> String {
    let mut text = format!(
        "You are at {} now: {} and your own secrets, {}. All of it was read back and is the same.\n\
         The old server still has its copy. Other devices move with the same command.\n",
        clean(&view.server),
        count(view.projects as u64, "project"),
        bytes(view.bytes),
    );
    if view.kit {
        text += "Your Recovery Kit works there too: write the new address on it.\n";
    }
    text + &stays(&view.left)
}

fn stays(staying: &[StayingView]) -> String {
    if staying.is_empty() {
        return String::new();
    }
    let mut text = "Stays at the old server:\n".to_owned();
    for left in staying {
        let why = match left.why.as_str() {
            "shared" => "somebody else is or was in it",
            "left" => "you are not in it any more",
            other => other,
        };
        text += &format!("  {}: {}\n", clean(left.name.as_ref().unwrap_or(&left.id)), clean(why));
    }
    text
}

fn count_of(number: u64, one: &str) -> String {
    match (one, number) {
        ("project or vault", 1) => "1 project or vault".into(),
        ("project or vault", more) => format!("{more} projects and vaults"),
        _ => count(number, one),
    }
}

#[cfg(test)]
mod tests {
    use holdfast_engine::Finding;

    use super::*;

    #[test]
    fn a_doctor_says_what_next() {
        let view = DoctorView::of(vec![
            Finding::ok("database", "Sound."),
            Finding::bad("pack-missing", "One is gone.", "Look for it."),
        ]);
        assert_eq!(
            doctor(view),
            "ok    Sound. (database)\nBAD   One is gone. (pack-missing)\n      Look for it.\none thing is to be put right.\n"
        );
        assert!(doctor(DoctorView::of(Vec::new())).ends_with("All is well.\n"));
    }
}
