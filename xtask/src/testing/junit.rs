//! Reads the cases out of the JUnit file that nextest writes.
//!
//! Not an XML parser: it knows the tags nextest writes, and a file that holds none of them is empty.

use crate::report::{Case, Outcome};

/// All cases, in the file's order. A case that passed on a retry passed.
pub(crate) fn cases(xml: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for piece in xml.split("<testcase ").skip(1) {
        let Some((attributes, body)) = piece.split_once('>') else {
            continue;
        };
        let body = if attributes.ends_with('/') {
            ""
        } else {
            body.split("</testcase>").next().unwrap_or_default()
        };
        let failure = ["<failure", "<error"].iter().find_map(|tag| body.split_once(tag));
        let skipped = body.contains("<skipped");
        cases.push(Case {
            group: attribute(attributes, "classname").unwrap_or_default(),
            name: attribute(attributes, "name").unwrap_or_default(),
            outcome: match (failure, skipped) {
                (Some(_), _) => Outcome::Failed,
                (None, true) => Outcome::Skipped,
                (None, false) => Outcome::Passed,
            },
            seconds: attribute(attributes, "time").and_then(|text| text.parse().ok()),
            note: failure.and_then(|(_, rest)| {
                let tag = rest.split_once('>').map_or(rest, |(tag, _)| tag);
                attribute(tag, "message").or_else(|| attribute(tag, "type"))
            }),
        });
    }
    cases
}

/// The value of `name="..."`.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let padded = format!(" {tag}");
    let (_, rest) = padded.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(unescape(value))
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="1" errors="0" time="0.5">
  <testsuite name="holdfast-crypto" tests="2" disabled="0" errors="0" failures="1">
    <testcase name="rsa::derives" classname="holdfast-crypto" timestamp="t" time="0.203"/>
    <testcase name="boxes::opens &lt;8&gt;" classname="holdfast-crypto" timestamp="t" time="0.004">
      <failure message="thread &apos;x&apos; panicked" type="test failure with exit code 101">text</failure>
      <system-out>running 1 test</system-out>
    </testcase>
  </testsuite>
  <testsuite name="holdfast-tests::main_job" tests="1" failures="0">
    <testcase name="share" classname="holdfast-tests::main_job" timestamp="t" time="9.500">
      <system-out>&lt;failure&gt; is only a word here</system-out>
    </testcase>
  </testsuite>
</testsuites>"#;

    #[test]
    fn reads_what_nextest_writes() {
        let cases = cases(FILE);
        let seen: Vec<_> = cases.iter().map(|c| (c.name.as_str(), c.outcome, c.seconds)).collect();
        assert_eq!(
            seen,
            [
                ("rsa::derives", Outcome::Passed, Some(0.203)),
                ("boxes::opens <8>", Outcome::Failed, Some(0.004)),
                ("share", Outcome::Passed, Some(9.5)),
            ]
        );
        assert_eq!(cases[1].note.as_deref(), Some("thread 'x' panicked"));
        assert_eq!(cases[2].group, "holdfast-tests::main_job");
    }

    #[test]
    fn a_file_without_cases_is_empty() {
        assert_eq!(cases(""), []);
        assert_eq!(cases("<testsuites/>"), []);
    }
}
