//! Durations, counts, sizes and shares as short text for people.

/// Returns a duration as text: `340µs`, `4.5ms`, `45ms`, `1.23s`, `2m 3s`, `1h 2m`, `3d 4h`.
///
/// ```
/// use flowglass_insight::quantity::duration;
/// assert_eq!(duration(1_234_000_000), "1.23s");
/// assert_eq!(duration(123_000_000_000), "2m 3s");
/// ```
#[must_use]
pub fn duration(duration_ns: u64) -> String {
    const MICRO: u64 = 1_000;
    const MILLI: u64 = 1_000_000;
    const SECOND: u64 = 1_000_000_000;
    // The limits lie where rounding would reach the next unit, so that 999.7 ms is `1.00s` and never `1000ms`.
    match duration_ns {
        0..MICRO => format!("{duration_ns}ns"),
        MICRO..999_500 => small(duration_ns, MICRO, "µs"),
        999_500..999_500_000 => small(duration_ns, MILLI, "ms"),
        999_500_000..9_995_000_000 => format!("{:.2}s", ratio(duration_ns, SECOND)),
        9_995_000_000..59_950_000_000 => format!("{:.1}s", ratio(duration_ns, SECOND)),
        _ => long(duration_ns.saturating_add(SECOND / 2) / SECOND),
    }
}

/// Returns a duration given in milliseconds as text, as [`duration`] does; nothing below zero and no not-a-number.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float becomes the nearest u64 there is")]
pub fn duration_ms(duration_ms: f64) -> String {
    duration((duration_ms * 1e6) as u64)
}

/// Returns an elapsed time as a clock shows it: `0:07`, `12:34`, `1:02:03`.
#[must_use]
pub fn clock(duration_ns: u64) -> String {
    let seconds = duration_ns / 1_000_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

/// Returns a whole number with commas: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number with its noun: `1 item`, `1,234 items`.
#[must_use]
pub fn counted(number: u64, singular: &str) -> String {
    format!("{} {singular}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Returns a size as text, in decimal units: `512 B`, `3.4 MB`.
#[must_use]
pub fn bytes(size_bytes: u64) -> String {
    let mut limit = 1_000;
    let mut units = ["kB", "MB", "GB", "TB", "PB", "EB"].iter();
    if size_bytes < limit {
        return format!("{size_bytes} B");
    }
    let mut unit = units.next().unwrap_or(&"kB");
    while size_bytes / limit >= 1_000 {
        let Some(next) = units.next() else { break };
        (unit, limit) = (next, limit * 1_000);
    }
    let value = ratio(size_bytes, limit);
    if value < 99.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// Returns a share of one as text: `83 %`, `0.4 %`, `0 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    // Nothing but all of it is 100 %.
    let percent = if (0.995..1.0).contains(&share) { 99.0 } else { share * 100.0 };
    let whole = percent == 0.0 || !percent.is_finite() || percent.abs() >= 9.95;
    if whole { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// Returns a rate as text: `5.2 items/s`, `1,200 items/s`, `3.0 items/min` where it is slower than one in ten seconds.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are shown, not reckoned with")]
pub fn rate(per_second: f64, noun: &str) -> String {
    match per_second {
        fast if fast >= 99.95 => format!("{} {noun}/s", count(fast.round() as u64)),
        slow if slow < 0.1 => format!("{:.1} {noun}/min", slow * 60.0),
        _ => format!("{per_second:.1} {noun}/s"),
    }
}

fn small(value: u64, unit: u64, name: &str) -> String {
    let value = ratio(value, unit);
    if value < 9.95 { format!("{value:.1}{name}") } else { format!("{value:.0}{name}") }
}

fn long(seconds: u64) -> String {
    match seconds {
        0..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits at most")]
fn ratio(value: u64, unit: u64) -> f64 {
    value as f64 / unit as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_at_most_and_never_pass_their_unit() {
        let cases = [
            (0, "0ns"),
            (999, "999ns"),
            (1_000, "1.0µs"),
            (340_000, "340µs"),
            (999_499, "999µs"),
            (999_500, "1.0ms"),
            (9_960_000, "10ms"),
            (45_000_000, "45ms"),
            (999_500_000, "1.00s"),
            (9_999_000_000, "10.0s"),
            (59_960_000_000, "1m 0s"),
            (123_400_000_000, "2m 3s"),
            (3_599_600_000_000, "1h 0m"),
            (273_600_000_000_000, "3d 4h"),
            (u64::MAX, "213503d 23h"),
        ];
        for (duration_ns, text) in cases {
            assert_eq!(duration(duration_ns), text);
        }
        assert_eq!(duration_ms(f64::NAN), "0ns");
        assert_eq!(duration_ms(-4.0), "0ns");
    }

    #[test]
    fn numbers_are_grouped_and_sizes_scaled() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "item"), "1 item");
        assert_eq!([0, 999, 3_400_000, u64::MAX].map(bytes), ["0 B", "999 B", "3.4 MB", "18.4 EB"]);
        assert_eq!([0.0, 0.004, 0.276, 0.999, 1.0].map(percent), ["0 %", "0.4 %", "28 %", "99 %", "100 %"]);
        assert_eq!(rate(5.23, "items"), "5.2 items/s");
        assert_eq!(rate(1_200.4, "items"), "1,200 items/s");
        assert_eq!(rate(0.05, "items"), "3.0 items/min");
        assert_eq!(clock(3_723_000_000_000), "1:02:03");
        assert_eq!(clock(7_900_000_000), "0:07");
    }
}
