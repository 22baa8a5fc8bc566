//! Whether a profile is as it should be, and the report of it that can be shown to strangers.

use std::fmt::Write as _;
use std::path::Path;

use holdfast_engine::{Finding, Host, Level};

/// What can be seen without a key.
pub(crate) async fn examine(host: &Host, spool: &Path) -> Vec<Finding> {
    let mut findings = holdfast_engine::examine(host).await;
    let waiting = findings
        .iter()
        .any(|finding| finding.code == "uploads" && finding.level != Level::Ok);
    findings.push(leftovers(spool, waiting));
    findings
}

/// Sealed packs that no upload needs any more.
fn leftovers(spool: &Path, waiting: bool) -> Finding {
    let mut bytes = 0;
    let files = std::fs::read_dir(spool).into_iter().flatten().flatten();
    for file in files {
        bytes += file.metadata().map(|found| found.len()).unwrap_or_default();
    }
    match bytes {
        0 => Finding::ok("spool", "No sealed packs lie about."),
        _ if waiting => Finding::ok("spool", "Sealed packs wait for their uploads to go on.").count(bytes),
        _ => Finding::warn(
            "spool",
            "Sealed packs of uploads that have ended were left behind.",
            "They go with the next upload; or remove the files in the profile's folder \"spool\".",
        )
        .count(bytes),
    }
}

/// A report that holds no names, no addresses and no paths: codes, levels and numbers. `what` is `profile` or `server`.
#[must_use]
pub fn diagnostics(what: &str, findings: &[Finding]) -> String {
    let mut text = format!(
        "holdfast {} on {} {}, {what}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    for finding in findings {
        let level = match finding.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Bad => "bad",
        };
        let count = finding.count.map(|count| format!(" {count}")).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{level:<4} {}{count}", finding.code);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_name_nobody() {
        let findings = [
            Finding::ok("account", "The account of ana@example.org is whole."),
            Finding::warn("server", "https://files.example.org does not answer.", "Ask ana.").count(7),
        ];
        let text = diagnostics("profile", &findings);
        assert!(text.ends_with("profile\nok   account\nwarn server 7\n"), "{text}");
        assert!(!text.contains("ana") && !text.contains("example"), "{text}");
    }

    #[test]
    fn what_is_left_in_the_spool_is_told() {
        let spool = tempfile::tempdir().unwrap();
        assert_eq!(leftovers(spool.path(), false).level, Level::Ok);
        std::fs::write(spool.path().join("x"), [0; 9]).unwrap();
        assert_eq!(leftovers(spool.path(), true).level, Level::Ok);
        let left = leftovers(spool.path(), false);
        assert_eq!((left.level, left.count), (Level::Warn, Some(9)));
    }
}
