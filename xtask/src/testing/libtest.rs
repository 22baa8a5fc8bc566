//! Reads the cases out of what `cargo test` prints.

use crate::report::{Case, Outcome};

/// Takes one line after the other.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The crate whose tests run now.
    group: String,
    cases: Vec<Case>,
    /// Whether the lines are those of the list of failures at the end of a crate.
    listing: bool,
}

impl Reader {
    pub(crate) fn line(&mut self, line: &str) {
        let indented = line.starts_with("    ");
        let line = line.trim();
        match line {
            "failures:" => self.listing = true,
            // What a test's programs print may stand between its name and its outcome: this list has it all the same.
            name if self.listing && indented && !name.contains(' ') => self.failed(name),
            "" => {}
            _ => self.listing = false,
        }
        if let Some(rest) = line.strip_prefix("Running ") {
            // Running unittests src/lib.rs (target/debug/deps/holdfast_crypto-0123456789abcdef)
            if let Some((_, file)) = rest.rsplit_once('(') {
                self.group = crate_of(file.trim_end_matches(')'));
            }
        } else if let Some(name) = line.strip_prefix("Doc-tests ") {
            self.group = name.replace('_', "-");
        } else if let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            let (outcome, note) = match outcome {
                "ok" => (Outcome::Passed, None),
                "FAILED" => (Outcome::Failed, None),
                _ if outcome.starts_with("ignored") => (Outcome::Skipped, Some(outcome.to_owned())),
                _ => return,
            };
            let name = name.trim_end_matches(" - should panic").to_owned();
            self.cases.push(Case {
                group: self.group.clone(),
                name,
                outcome,
                seconds: None,
                note,
            });
        }
    }

    fn failed(&mut self, name: &str) {
        let known = |case: &&mut Case| case.group == self.group && case.name == name;
        match self.cases.iter_mut().find(known) {
            Some(case) => case.outcome = Outcome::Failed,
            None => self.cases.push(Case {
                group: self.group.clone(),
                name: name.to_owned(),
                outcome: Outcome::Failed,
                seconds: None,
                note: None,
            }),
        }
    }

    pub(crate) fn finish(self) -> Vec<Case> {
        self.cases
    }
}

/// `…/deps/holdfast_crypto-0123456789abcdef` is `holdfast-crypto`; a test binary keeps its own name.
fn crate_of(file: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
    if name.starts_with("holdfast_") {
        name.replace('_', "-")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_cargo_test_prints() {
        let mut reader = Reader::default();
        for line in "\
     Running unittests src/lib.rs (target/debug/deps/holdfast_crypto-0f6a2c51ae28cf8f)
running 3 tests
test rsa::derives ... ok
test boxes::opens - should panic ... FAILED
test slow ... ignored, only by hand
test chatty ... a program said something
FAILED

failures:

---- boxes::opens stdout ----
said so

failures:
    boxes::opens
    chatty

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out
     Running main_job.rs (target/debug/deps/main_job-0f6a2c51ae28cf8f)
test share ... ok
   Doc-tests holdfast_crypto
test crates/crypto/src/lib.rs - (line 12) ... ok"
            .lines()
        {
            reader.line(line);
        }
        let cases = reader.finish();
        let seen: Vec<_> = cases
            .iter()
            .map(|c| (c.group.as_str(), c.name.as_str(), c.outcome))
            .collect();
        assert_eq!(
            seen,
            [
                ("holdfast-crypto", "rsa::derives", Outcome::Passed),
                ("holdfast-crypto", "boxes::opens", Outcome::Failed),
                ("holdfast-crypto", "slow", Outcome::Skipped),
                ("holdfast-crypto", "chatty", Outcome::Failed),
                ("main_job", "share", Outcome::Passed),
                (
                    "holdfast-crypto",
                    "crates/crypto/src/lib.rs - (line 12)",
                    Outcome::Passed
                ),
            ]
        );
    }
}
