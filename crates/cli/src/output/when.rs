//! Dates and times for people: UTC, to the minute.

use time::format_description::{StaticFormatDescription, well_known::Rfc3339};
use time::macros::format_description;
use time::{Date, OffsetDateTime};

const MINUTE: StaticFormatDescription = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
const DAY: StaticFormatDescription = format_description!("[year]-[month]-[day]");

/// A point in time, milliseconds since 1970-01-01 UTC.
pub(super) fn minute(ms: u64) -> String {
    at(ms, MINUTE)
}

/// Its day.
pub(super) fn day(ms: u64) -> String {
    at(ms, DAY)
}

fn at(ms: u64, form: StaticFormatDescription) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    // Other people's clocks say what they like.
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(form).ok())
        .unwrap_or_else(|| "at no time that exists".into())
}

/// Reads `2027-01-31` (midnight UTC) or a full RFC 3339 time; milliseconds since 1970-01-01 UTC.
pub(crate) fn parse_date(text: &str) -> Result<u64, String> {
    let day = Date::parse(text, DAY).map(|date| date.midnight().assume_utc());
    let time = day.or_else(|_| OffsetDateTime::parse(text, &Rfc3339));
    let seconds = time.map_err(|_| "expected a date like 2027-01-31")?.unix_timestamp();
    u64::try_from(seconds)
        .map(|seconds| seconds * 1000)
        .map_err(|_| "that was before 1970".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_and_read() {
        assert_eq!(minute(0), "1970-01-01 00:00 UTC");
        assert_eq!(minute(1_795_392_345_678), "2026-11-23 00:05 UTC");
        assert_eq!(minute(u64::MAX), "at no time that exists");
        assert_eq!(parse_date("2026-11-23").map(day).as_deref(), Ok("2026-11-23"));
        assert_eq!(
            parse_date("2026-11-23T01:25:45+01:00").map(minute).as_deref(),
            Ok("2026-11-23 00:25 UTC")
        );
        for text in ["", "tomorrow", "2026-13-01", "1969-01-01"] {
            assert!(parse_date(text).is_err(), "{text}");
        }
    }
}
