//! Published weaknesses of what we use: RustSec's for the crates, npm's for the page.
//!
//! Both lists are elsewhere. Where they can't be asked nobody knows more than before: that is said, and counted as skipped: only
//! what they answer fails the check.

use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{NO_DENY, Verdict, has_deny, said_by_the_tool};
use crate::page::Node;
use crate::process::show_and_run;
use crate::workspace::{Metadata, cargo, root};

/// Of the crates, by cargo-deny.
pub(crate) fn of_crates(_: &Metadata) -> Result<Verdict> {
    if !has_deny() {
        return Ok(Verdict::Skipped(NO_DENY.to_owned()));
    }
    let fetched = cargo("deny").args(["fetch", "db"]).stderr(Stdio::piped()).output()?;
    if !fetched.status.success() {
        let said = String::from_utf8_lossy(&fetched.stderr).into_owned();
        let why = said
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        return Ok(Verdict::Skipped(format!(
            "NOT LOOKED UP: RustSec's list can't be fetched from here ({})",
            why.trim()
        )));
    }
    let mut check = cargo("deny");
    check.args(["check", "--hide-inclusion-graph", "advisories"]);
    Ok(said_by_the_tool(show_and_run(&mut check)?))
}

/// Of the page's packages, those that build it and test it among them, by `npm audit`.
pub(crate) fn of_the_page(meta: &Metadata) -> Result<Verdict> {
    if !Node::needs(meta).is_empty() {
        return Ok(Verdict::Skipped("no Node: cargo xtask run brings it".to_owned()));
    }
    let mut audit = Node::ensure(meta)?.npm()?;
    audit
        .current_dir(root().join("ui"))
        .args(["audit", "--json", "--package-lock-only"]);
    // It ends with 1 for a weakness and for no answer alike; only what it prints parts them.
    let output = audit.stdin(Stdio::null()).output().context("cannot start npm")?;
    Ok(read_audit(&String::from_utf8_lossy(&output.stdout)))
}

fn read_audit(text: &str) -> Verdict {
    let answer: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let Some(found) = answer.get("vulnerabilities").and_then(Value::as_object) else {
        let why = answer.pointer("/error/summary").or_else(|| answer.get("message"));
        let why = why.and_then(Value::as_str).unwrap_or("no answer");
        return Verdict::Skipped(format!("NOT LOOKED UP: npm's list can't be asked from here ({why})"));
    };
    let lines = found.iter().map(|(name, about)| {
        let text = |key: &str| about.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
        format!("npm:{name} {}: {}", text("range"), text("severity"))
    });
    Verdict::from_faults(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_answer_is_no_weakness_and_is_said() {
        for text in [
            "",
            "{}",
            r#"{"message": "405 Method Not Allowed", "error": {"summary": ""}}"#,
        ] {
            assert!(
                matches!(read_audit(text), Verdict::Skipped(why) if why.starts_with("NOT LOOKED UP")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_weakness_fails() {
        let good = r#"{"auditReportVersion": 2, "vulnerabilities": {}}"#;
        assert!(matches!(read_audit(good), Verdict::Good));
        let bad = r#"{"vulnerabilities": {"vite": {"name": "vite", "severity": "high", "range": "<9"}}}"#;
        assert!(matches!(read_audit(bad), Verdict::Bad(faults) if faults == ["npm:vite <9: high"]));
    }
}
