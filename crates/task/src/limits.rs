//! How much of a machine a task may take: amounts as people write them, what holds if nothing is said, and what nobody gets.

use std::time::Duration;

use toml::Value;

use crate::fault::Fault;
use crate::section::Section;

/// How much a run may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the start of the task's first process to the end of its last.
    pub time: Duration,
    /// Memory of all its processes together.
    pub memory_bytes: u64,
    /// Thousandths of a processor.
    pub milli_cpus: u32,
    /// Processes and threads at one time.
    pub processes: u32,
    /// What it may write, each to its outputs and to its temporary folder.
    pub disk_bytes: u64,
    /// What of its output is kept.
    pub log_bytes: u64,
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(3600),
            memory_bytes: 2 * GIB,
            milli_cpus: 1000,
            processes: 512,
            disk_bytes: GIB,
            log_bytes: 10 * MIB,
        }
    }
}

/// What a manifest may ask for at most. A node's operator sets lower ones.
pub const CEILINGS: Limits = Limits {
    time: Duration::from_secs(7 * 86_400),
    memory_bytes: 4096 * GIB,
    milli_cpus: 1_024_000,
    processes: 32_768,
    disk_bytes: 4096 * GIB,
    log_bytes: GIB,
};

const FLOORS: Limits = Limits {
    time: Duration::from_secs(1),
    memory_bytes: 16 * MIB,
    milli_cpus: 100,
    processes: 4,
    disk_bytes: MIB,
    log_bytes: 1024,
};

impl Limits {
    /// The lower of each: what was asked for, as far as it is allowed.
    #[must_use]
    pub fn within(self, most: Self) -> Self {
        Self {
            time: self.time.min(most.time),
            memory_bytes: self.memory_bytes.min(most.memory_bytes),
            milli_cpus: self.milli_cpus.min(most.milli_cpus),
            processes: self.processes.min(most.processes),
            disk_bytes: self.disk_bytes.min(most.disk_bytes),
            log_bytes: self.log_bytes.min(most.log_bytes),
        }
    }

    pub(crate) fn read(section: Option<Section>) -> Result<Self, Fault> {
        let mut limits = Self::default();
        let Some(mut section) = section else { return Ok(limits) };
        if let Some(text) = section.text("time")? {
            let given = duration(&text).ok_or_else(|| {
                Fault::new(
                    "limits.time",
                    "is no time",
                    "Write it like \"90 s\", \"15 min\", \"1h30m\" or \"2 d\".",
                )
            })?;
            limits.time = between("time", given, FLOORS.time, CEILINGS.time, "1 s", "7 d")?;
        }
        let sizes = [
            (
                "memory",
                &mut limits.memory_bytes,
                FLOORS.memory_bytes,
                CEILINGS.memory_bytes,
                "16 MiB",
                "4 TiB",
            ),
            (
                "disk",
                &mut limits.disk_bytes,
                FLOORS.disk_bytes,
                CEILINGS.disk_bytes,
                "1 MiB",
                "4 TiB",
            ),
            (
                "log",
                &mut limits.log_bytes,
                FLOORS.log_bytes,
                CEILINGS.log_bytes,
                "1 KiB",
                "1 GiB",
            ),
        ];
        for (key, limit, least, most, least_said, most_said) in sizes {
            if let Some(text) = section.text(key)? {
                let given = bytes(&text).ok_or_else(|| {
                    Fault::new(
                        format!("limits.{key}"),
                        "is no size",
                        "Write it like \"512 MiB\", \"2 GiB\" or \"500 MB\".",
                    )
                })?;
                *limit = between(key, given, least, most, least_said, most_said)?;
            }
        }
        if let Some(given) = section.take("cpus") {
            let cpus = match &given {
                #[expect(clippy::cast_precision_loss, reason = "what is that large is refused below")]
                Value::Integer(number) => *number as f64,
                Value::Float(number) if number.is_finite() => *number,
                other => return Err(section.wrong("cpus", other, "a number", "Write it like 4 or 0.5.")),
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it saturates, and is bounded here"
            )]
            let milli = (cpus * 1000.0).round() as u32;
            limits.milli_cpus = between("cpus", milli, FLOORS.milli_cpus, CEILINGS.milli_cpus, "0.1", "1024")?;
        }
        if let Some(given) = section.take("processes") {
            let Value::Integer(number) = given else {
                return Err(section.wrong("processes", &given, "a whole number", "Write it like 64."));
            };
            let number = u32::try_from(number.max(0)).unwrap_or(u32::MAX);
            limits.processes = between("processes", number, FLOORS.processes, CEILINGS.processes, "4", "32768")?;
        }
        section.end()?;
        Ok(limits)
    }
}

fn between<T: PartialOrd>(
    key: &str,
    given: T,
    least: T,
    most: T,
    least_said: &str,
    most_said: &str,
) -> Result<T, Fault> {
    if given < least || given > most {
        let what = format!("is not between {least_said} and {most_said}");
        return Err(Fault::new(
            format!("limits.{key}"),
            what,
            "Choose an amount in between.",
        ));
    }
    Ok(given)
}

/// An amount of bytes as people write it: `2 GiB`, `512MiB`, `1.5 GB`, `1000 B`.
#[must_use]
pub fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 9] = [
        ("B", 1),
        ("KB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", MIB),
        ("GiB", GIB),
        ("TiB", 1 << 40),
    ];
    let (number, unit, rest) = amount(text)?;
    if !rest.is_empty() {
        return None;
    }
    let (_, size) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    scaled(number, *size)
}

/// A time as people write it: `90s`, `15 min`, `1h 30m`, `2 d`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&[&str], u64); 4] = [
        (&["s", "sec", "second", "seconds"], 1),
        (&["m", "min", "minute", "minutes"], 60),
        (&["h", "hour", "hours"], 3600),
        (&["d", "day", "days"], 86_400),
    ];
    let (mut left, mut seconds) = (text, 0u64);
    for _ in 0..4 {
        let (number, unit, rest) = amount(left)?;
        let (_, size) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        seconds = seconds.checked_add(scaled(number, *size)?)?;
        if rest.is_empty() {
            return Some(Duration::from_secs(seconds));
        }
        left = rest;
    }
    None
}

/// A number, its unit, and what comes after.
fn amount(text: &str) -> Option<(f64, &str, &str)> {
    let text = text.trim();
    if text.len() > 40 {
        return None;
    }
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(unit_at);
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    Some((number.parse().ok()?, unit, rest.trim()))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded here, and a limit is no count of money"
)]
fn scaled(number: f64, size: u64) -> Option<u64> {
    let product = number * size as f64;
    (product.is_finite() && product < 1e18).then(|| product.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_as_people_write_them() {
        assert_eq!(bytes("2 GiB"), Some(2 * GIB));
        assert_eq!(bytes("512MiB"), Some(512 * MIB));
        assert_eq!(bytes("1.5 gib"), Some(1_610_612_736));
        assert_eq!(bytes("500 MB"), Some(500_000_000));
        for wrong in [
            "",
            "2",
            "GiB",
            "2 Gi B",
            "-1 GiB",
            "1e9 B",
            "1.2.3 B",
            "9999999999999 TiB",
            "2 GiB 3",
            "²GiB",
        ] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("15 min"), Some(Duration::from_secs(900)));
        assert_eq!(duration("0.5 d"), Some(Duration::from_secs(43_200)));
        for wrong in ["", "1", "1 y", "1h1h1h1h1h", "h", "1h30"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
