//! Lines that a task writes about itself.

use serde::Deserialize;

/// Longest line, with its end. Pipes keep lines of this length whole.
pub(crate) const LONGEST: usize = 4096;

/// Most of them in one run.
#[cfg(target_os = "linux")]
pub(crate) const MOST: u64 = 100_000;

/// A value a task reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name: letters, digits, `.`, `_`, `-`, `/`.
    pub name: String,
    /// Any number, those that are none included.
    pub value: f64,
    /// When, by the task's own count.
    pub step: Option<i64>,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    value: Number,
    #[serde(default)]
    step: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(f64),
    Text(String),
}

/// Reads a line; none if it is no metric.
pub(crate) fn parse(line: &[u8]) -> Option<Metric> {
    let Line { name, value, step } = serde_json::from_slice(line).ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return None;
    }
    let value = match value {
        Number::Number(number) => number,
        Number::Text(text) => match text.as_str() {
            "nan" => f64::NAN,
            "inf" => f64::INFINITY,
            "-inf" => f64::NEG_INFINITY,
            _ => return None,
        },
    };
    Some(Metric { name, value, step })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_metric_or_nothing() {
        let metric = parse(br#"{"name": "loss/train", "value": 0.25, "step": 10, "time": 5}"#).unwrap();
        assert_eq!(
            (metric.name.as_str(), metric.value, metric.step),
            ("loss/train", 0.25, Some(10))
        );
        assert!(parse(br#"{"name": "x", "value": "nan"}"#).unwrap().value.is_nan());
        assert_eq!(parse(br#"{"name": "x", "value": 3}"#).unwrap().step, None);
        for wrong in [
            &b""[..],
            b"{}",
            b"loss=3",
            br#"{"name": "", "value": 1}"#,
            br#"{"name": "a b", "value": 1}"#,
            br#"{"name": "x", "value": "1"}"#,
            br#"{"name": "x", "value": null}"#,
            br#"{"name": "x", "value": 1, "step": 1.5}"#,
            b"\xff",
        ] {
            assert_eq!(parse(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }
}
