//! Durations as people write them: `10s`, `1m30s`, `500ms`.

use std::time::Duration;

/// Reads a duration: numbers with the units `ns`, `us` (or `µs`), `ms`, `s`, `m`, `h` and `d`, one behind the other.
///
/// Numbers may have a fraction (`1.5s`). None if the text is anything else, or is longer than a `u64` of nanoseconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (part, after) = take_part(rest)?;
        total = total.checked_add(part)?;
        rest = after.trim_start();
    }
    u64::try_from(total.as_nanos()).is_ok().then_some(total)
}

fn take_part(text: &str) -> Option<(Duration, &str)> {
    let (number, after) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let (unit, after) = after.split_at(after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len()));
    let unit_seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some((Duration::try_from_secs_f64(number * unit_seconds).ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        assert_eq!(parse_duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("20µs"), parse_duration("20000ns"));
        assert_eq!(parse_duration(" 1h 0.5s "), Some(Duration::from_millis(3_600_500)));
        assert_eq!(parse_duration("2d"), Some(Duration::from_secs(172_800)));
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", "10", "s", "10 s", "1..5s", "-1s", "1e3s", "10sec", "99999999999999999999d", "1000000d", "٣s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
