//! Moments as SQLite writes them: `2026-11-21 14:08:51.123456`, in UTC. Those of other forms compare with them as moments.

use std::cmp::Ordering;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The name of the collation that compares moments.
pub(super) const COLLATION: &str = "MOMENT";
/// Texts tell microseconds: a moment may be later than its text by less than this.
pub(super) const GRAIN_NS: i64 = 1_000;

/// Writes a moment as SQLite's own functions do, with microseconds.
pub(super) fn text(unix_ns: i64) -> String {
    let moment = Timestamp::from_nanosecond(i128::from(unix_ns).div_euclid(1_000) * 1_000).unwrap_or_default();
    let at = Zoned::new(moment, TimeZone::UTC).datetime();
    let micros = at.subsec_nanosecond() / 1_000;
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{micros:06}",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// Reads a moment: a day, with a time or without, with a zone or in UTC, with a space or a `T` between.
pub(super) fn parse(text: &str) -> Option<i64> {
    // A year of four digits comes first: nothing else is read as a moment by accident.
    if !text.as_bytes().get(..4)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => moment,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    i64::try_from(moment.as_nanosecond()).ok()
}

/// Compares two texts: as moments, if both are some.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    if is_own(left) && is_own(right) {
        return left.cmp(right);
    }
    match (parse(left), parse(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        // Moments come before all else, so that this is one order.
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// Says whether [`text`] wrote this, by its length and its signs: such texts are in the order of their letters.
fn is_own(text: &str) -> bool {
    const SIGNS: &[u8; 26] = b"0000-00-00 00:00:00.000000";
    let fits = |(found, sign): (&u8, &u8)| if *sign == b'0' { found.is_ascii_digit() } else { found == sign };
    text.len() == SIGNS.len() && text.as_bytes().iter().zip(SIGNS).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_sqlite_does_and_read_in_many_forms() {
        let at = 1_763_733_600_123_456_789;
        assert_eq!(text(at), "2025-11-21 14:00:00.123456");
        assert_eq!(parse(&text(at)), Some(1_763_733_600_123_456_000));
        assert_eq!(text(-1), "1969-12-31 23:59:59.999999");
        let whole = Some(1_763_733_600_000_000_000);
        for form in ["2025-11-21 14:00", "2025-11-21 14:00:00", "2025-11-21T14:00:00Z", "2025-11-21T15:00:00+01:00"] {
            assert_eq!(parse(form), whole, "{form}");
        }
        assert_eq!(parse("2025-11-21"), Some(1_763_683_200_000_000_000));
        for form in ["", "yesterday", "12", "é", "2025", "9999-99-99"] {
            assert_eq!(parse(form), None, "{form}");
        }
    }

    #[test]
    fn moments_compare_as_such() {
        let own = text(1_763_733_600_123_456_789);
        assert_eq!(compare(&own, "2025-11-21 14:00:00"), Ordering::Greater);
        assert_eq!(compare(&own, "2025-11-21T15:00:00.123456+01:00"), Ordering::Equal);
        assert_eq!(compare(&own, "2025-11-21T14:00:01Z"), Ordering::Less);
        assert_eq!(
            (compare(&own, "x"), compare("x", &own), compare("x", "y")),
            (Ordering::Less, Ordering::Greater, Ordering::Less)
        );
    }
}
