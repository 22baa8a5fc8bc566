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

/// Reads `90s`, `30min`, `12h`, `7d`, also one after the other: milliseconds.
pub(crate) fn parse_span(text: &str) -> Result<u64, String> {
    const EXPECTED: &str = "expected a time like 30min, 12h or 7d";
    let mut left = text.trim();
    let mut total: u64 = 0;
    while !left.is_empty() {
        let digits = left.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = left.split_at(digits);
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, rest) = rest.split_at(letters);
        let unit: u64 = match unit {
            "s" => 1,
            "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(EXPECTED.into()),
        };
        let number: u64 = number.parse().map_err(|_| EXPECTED)?;
        let part = number.checked_mul(unit * 1000).ok_or(EXPECTED)?;
        total = total.checked_add(part).ok_or(EXPECTED)?;
        left = rest;
    }
    if total == 0 {
        return Err(EXPECTED.into());
    }
    Ok(total)
}

/// Reads when something ends: so long from now, or a date; milliseconds since 1970-01-01 UTC.
pub(crate) fn parse_until(text: &str) -> Result<u64, String> {
    let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or(0) * 1000;
    let until = match parse_span(text) {
        Ok(span) => now.saturating_add(span),
        Err(_) => parse_date(text).map_err(|_| "expected a time like 12h or 7d, or a date like 2027-01-31")?,
    };
    if until <= now {
        return Err("that is over already".into());
    }
    Ok(until)
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

    #[test]
    fn spans_have_units() {
        for (text, ms) in [
            ("90s", 90_000),
            ("30min", 1_800_000),
            ("12h", 43_200_000),
            ("1d12h", 129_600_000),
        ] {
            assert_eq!(parse_span(text), Ok(ms), "{text}");
        }
        for text in [
            "",
            "12",
            "h",
            "0h",
            "-1h",
            "1w",
            "1h30",
            "99999999999999999999d",
            "999999999999999d",
        ] {
            assert!(parse_span(text).is_err(), "{text}");
        }
        assert!(parse_until("2020-01-01").is_err());
        assert!(parse_until("forever").is_err());
        let tomorrow = parse_until("24h").expect("a time");
        assert!(parse_until("2h").expect("a time") < tomorrow);
    }
}
