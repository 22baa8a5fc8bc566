//! Files that are generated and committed: a test run fails when they are not what would be generated now.
//!
//! Each is printed by an example of the package it is generated from.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::Verdict;
use crate::process::{Exit, output_of, show_and_run};
use crate::workspace::{Metadata, cargo, root};

/// A generated file: where it is committed, and the example that prints it.
struct Generated {
    file: &'static str,
    package: &'static str,
    example: &'static str,
}

const ALL: [Generated; 2] = [
    Generated {
        file: "docs/openapi.json",
        package: "holdfast-server",
        example: "openapi",
    },
    Generated {
        file: "ui/src/generated/types.ts",
        package: "holdfast-app",
        example: "typescript",
    },
];

/// Compares every generated file with what is committed.
pub(crate) fn check(meta: &Metadata) -> Result<Verdict> {
    let ready: Vec<_> = existing(meta);
    if ready.is_empty() {
        return Ok(Verdict::Skipped("nothing is generated yet".to_owned()));
    }
    if !build_examples()? {
        return Ok(Verdict::Bad(vec![
            "the examples that print them do not build".to_owned(),
        ]));
    }
    let mut faults = Vec::new();
    for generated in ready {
        let now = generated.text(meta)?;
        match fs::read_to_string(generated.path()) {
            Ok(committed) => faults.extend(difference(generated.file, &committed, &now)),
            Err(_) => faults.push(format!("{} is missing: cargo xtask gen", generated.file)),
        }
    }
    Ok(Verdict::from_faults(faults))
}

/// `cargo xtask gen`: writes them all.
pub(crate) fn write_all(args: &[String]) -> Result<()> {
    if let Some(arg) = args.first() {
        return Err(Exit::usage(format!("cargo xtask gen takes nothing, not `{arg}`")));
    }
    let meta = Metadata::load()?;
    let ready = existing(&meta);
    if ready.is_empty() {
        eprintln!("Nothing is generated yet.");
        return Ok(());
    }
    if !build_examples()? {
        return Err(Exit::silent());
    }
    for generated in ready {
        fs::write(generated.path(), generated.text(&meta)?)?;
        eprintln!("wrote {}", generated.file);
    }
    Ok(())
}

fn existing(meta: &Metadata) -> Vec<&'static Generated> {
    ALL.iter()
        .filter(|one| meta.has_target(one.package, "example", one.example))
        .collect()
}

/// With the flags of all other builds, so that the tests find everything built.
fn build_examples() -> Result<bool> {
    show_and_run(cargo("build").args(["--quiet", "--workspace", "--features", "holdfast-app/e2e", "--examples"]))
}

impl Generated {
    fn path(&self) -> PathBuf {
        root().join(self.file)
    }

    /// What would be committed now; it ends in one newline.
    fn text(&self, meta: &Metadata) -> Result<String> {
        let printed = output_of(&mut Command::new(
            meta.target_directory.join("debug").join("examples").join(format!(
                "{}{}",
                self.example,
                std::env::consts::EXE_SUFFIX
            )),
        ))?;
        Ok(format!("{}\n", printed.trim_end()))
    }
}

/// Names the first line in which the two differ.
fn difference(file: &str, committed: &str, now: &str) -> Option<String> {
    // The order of a JSON object's keys depends on what else is built: it says nothing.
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    let same_json = file.ends_with(".json") && value(committed).is_some_and(|old| Some(old) == value(now));
    if committed == now || same_json {
        return None;
    }
    let same = committed
        .lines()
        .zip(now.lines())
        .take_while(|(old, new)| old == new)
        .count();
    Some(format!("{file} has drifted from line {} on: cargo xtask gen", same + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_two_texts_part() {
        assert_eq!(difference("f", "a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("f.json", r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#), None);
        assert!(difference("f.json", r#"{"a":1}"#, r#"{"a":2}"#).is_some());
        let said = difference("f", "a\nb\nc\n", "a\nB\nc\n").unwrap();
        assert!(said.contains("line 2"), "{said}");
        let shorter = difference("f", "a\n", "a\nb\n").unwrap();
        assert!(shorter.contains("line 2"), "{shorter}");
    }
}
