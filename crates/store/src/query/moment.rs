//! Moments as people write them: `-1h`, `2026-11-21`, `2026-11-21T10:30`, `today`.

use flowglass_model::parse_duration;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// A moment: on the calendar, or seen from when the query runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So many nanoseconds before the query runs.
    Ago(u64),
    /// In nanoseconds since 1970 UTC.
    At(i64),
}

impl Moment {
    /// Reads a moment as queries write it, in the system's time zone: `-1h`, `today`, `2026-11-21`, `2026-11-21T10:30`. Of a day
    /// or a minute it is the beginning.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Period::parse(text, &TimeZone::system()).map(|period| period.first)
    }

    /// Returns the moment in nanoseconds since 1970 UTC, for a query that runs now.
    #[must_use]
    pub const fn unix_ns(self, now_unix_ns: i64) -> i64 {
        match self {
            Self::Ago(ago_ns) => now_unix_ns.saturating_sub_unsigned(ago_ns),
            Self::At(unix_ns) => unix_ns,
        }
    }
}

/// What a text names: from its first moment to its last. `2026-11-21` is a day, `-1h` one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) first: Moment,
    pub(super) last: Moment,
}

impl Period {
    /// Reads a moment, a minute, a day, `now`, `today` or `yesterday`, in this time zone.
    pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<Self> {
        if let Some(ago) = text.strip_prefix('-') {
            let ago = Moment::Ago(u64::try_from(parse_duration(ago)?.as_nanos()).ok()?);
            return Some(Self { first: ago, last: ago });
        }
        match text {
            "now" => Some(Self { first: Moment::Ago(0), last: Moment::Ago(0) }),
            "today" => Self::day(Zoned::now().with_time_zone(zone.clone()).date(), zone),
            "yesterday" => Self::day(Zoned::now().with_time_zone(zone.clone()).date().yesterday().ok()?, zone),
            _ => Self::date(text, zone),
        }
    }

    fn date(text: &str, zone: &TimeZone) -> Option<Self> {
        // A year of four digits comes first: nothing else is read as a date by accident.
        if !text.as_bytes().get(..4)?.iter().all(u8::is_ascii_digit) {
            return None;
        }
        if let Ok(moment) = text.parse::<Timestamp>() {
            let moment = Moment::At(unix_ns(moment)?);
            return Some(Self { first: moment, last: moment });
        }
        if text.len() <= 10 {
            return Self::day(text.parse().ok()?, zone);
        }
        let moment = text.parse::<DateTime>().ok()?;
        let first = unix_ns(moment.to_zoned(zone.clone()).ok()?.timestamp())?;
        // `10:30` is a minute; with seconds it is a moment.
        let is_minute = text.bytes().filter(|&byte| byte == b':').count() < 2;
        let last = if is_minute { first.checked_add(60_000_000_000 - 1)? } else { first };
        Some(Self { first: Moment::At(first), last: Moment::At(last) })
    }

    fn day(date: Date, zone: &TimeZone) -> Option<Self> {
        let start = date.to_zoned(zone.clone()).ok()?;
        let end = start.checked_add(1.day()).ok()?;
        let (first, end) = (unix_ns(start.timestamp())?, unix_ns(end.timestamp())?);
        Some(Self { first: Moment::At(first), last: Moment::At(end - 1) })
    }
}

fn unix_ns(moment: Timestamp) -> Option<i64> {
    i64::try_from(moment.as_nanosecond()).ok()
}

/// Returns the text of a moment, exact to the nanosecond.
pub(super) fn text(moment: Moment) -> String {
    match moment {
        Moment::Ago(0) => "now".to_owned(),
        Moment::Ago(ago_ns) => format!("-{}", duration_text(ago_ns)),
        Moment::At(unix_ns) => {
            // Every i64 of nanoseconds is a timestamp between the years 1677 and 2262.
            Timestamp::from_nanosecond(unix_ns.into()).map_or_else(|_| unix_ns.to_string(), |moment| moment.to_string())
        }
    }
}

/// Returns a duration as text in units that [`parse_duration`] reads, with nothing rounded.
pub(super) fn duration_text(mut duration_ns: u64) -> String {
    const UNITS: [(&str, u64); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    if duration_ns == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, unit_ns) in UNITS {
        let count = duration_ns / unit_ns;
        duration_ns %= unit_ns;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_the_length_that_they_name() {
        let length = |text: &str| {
            let Period { first: Moment::At(first), last: Moment::At(last) } = Period::parse(text, &TimeZone::UTC)? else {
                return Some(0);
            };
            Some(last - first + 1)
        };
        assert_eq!(length("2026-11-21"), Some(86_400_000_000_000));
        assert_eq!(length("2026-11-21T10:30"), Some(60_000_000_000));
        assert_eq!(length("2026-11-21T10:30:00Z"), Some(1));
        assert_eq!(length("-1h"), Some(0));
        for text in ["", "-", "tomorrow", "2026", "2026-13-01", "12", "-1", "9999-01-01", "2026-11-21T25:00"] {
            assert_eq!(length(text), None, "{text}");
        }
    }

    #[test]
    fn texts_lose_nothing() {
        for duration_ns in [0, 1, 999, 1_000, 61_000_000_001, u64::MAX / 2] {
            let read = parse_duration(&duration_text(duration_ns)).unwrap().as_nanos();
            assert_eq!(read, u128::from(duration_ns));
        }
        for unix_ns in [0, -1, i64::MIN, i64::MAX, 1_795_000_000_123_456_789] {
            let period = Period::parse(&text(Moment::At(unix_ns)), &TimeZone::UTC);
            assert_eq!(period.map(|period| period.first), Some(Moment::At(unix_ns)), "{unix_ns}");
        }
    }
}
