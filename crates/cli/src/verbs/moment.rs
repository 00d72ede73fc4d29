//! Moments as people write them on the command line: `2d` ago, a day, a time.

use std::time::{SystemTime, UNIX_EPOCH};

use flowglass::model::parse_duration;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads a moment in nanoseconds since 1970 UTC: a length of time before now, or a day or a time in the local zone.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    read(text, now()).ok_or_else(|| "write it like `2d`, `12h`, `2026-11-21` or `2026-11-21T10:30`".to_owned())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn read(text: &str, now: i64) -> Option<i64> {
    if let Some(ago) = parse_duration(text.strip_prefix('-').unwrap_or(text)) {
        return Some(now.saturating_sub(i64::try_from(ago.as_nanos()).ok()?));
    }
    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => moment,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::system()).ok()?.timestamp(),
    };
    i64::try_from(moment.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_many_forms() {
        let hour = 3_600_000_000_000;
        assert_eq!((read("1h", 5 * hour), read("-1h", 5 * hour)), (Some(4 * hour), Some(4 * hour)));
        assert_eq!(read("1970-01-02T00:00:00Z", 0), Some(24 * hour));
        assert!(read("2026-11-21", 0).is_some() && read("2026-11-21 10:30", 0).is_some());
        assert_eq!((read("soon", 0), read("", 0)), (None, None));
        assert!(parse("soon").unwrap_err().contains("2d"));
    }
}
