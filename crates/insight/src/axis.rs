//! Marks on a time axis: round times, as many as there is room for.

use crate::quantity;

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A mark on a time axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Where it stands, in nanoseconds from the beginning of the axis.
    pub offset_ns: u64,
    /// What stands there: `0`, `250ms`, `1.5s`, `2m 30s`.
    pub label: String,
}

/// Returns marks at round times on an axis of this length, the first at 0, at most so many behind it.
#[must_use]
pub fn ticks(duration_ns: u64, at_most: usize) -> Vec<Tick> {
    let step_ns = step_ns(duration_ns, at_most.max(1) as u64);
    let offsets =
        (0..=at_most as u64).filter_map(|at| step_ns.checked_mul(at)).take_while(|&offset_ns| offset_ns <= duration_ns);
    let offsets = offsets.take(if duration_ns == 0 { 1 } else { usize::MAX });
    offsets.map(|offset_ns| Tick { offset_ns, label: label(offset_ns) }).collect()
}

fn step_ns(duration_ns: u64, at_most: u64) -> u64 {
    let decimal = (0..9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    let seconds = [1, 2, 5, 10, 15, 30].map(|count| count * SECOND);
    let minutes = [1, 2, 5, 10, 15, 30].map(|count| count * MINUTE);
    let hours = [1, 2, 3, 6, 12].map(|count| count * HOUR);
    let days = (0..5).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power) * DAY));
    let mut steps = decimal.chain(seconds).chain(minutes).chain(hours).chain(days);
    steps
        .find(|step_ns| duration_ns / step_ns < at_most || step_ns.checked_mul(at_most) == Some(duration_ns))
        .unwrap_or(u64::MAX)
}

fn label(offset_ns: u64) -> String {
    match offset_ns {
        0 => "0".to_owned(),
        1..MICRO => format!("{offset_ns}ns"),
        MICRO..MILLI => format!("{}µs", thousandths(offset_ns, MICRO)),
        MILLI..SECOND => format!("{}ms", thousandths(offset_ns, MILLI)),
        SECOND..MINUTE => format!("{}s", thousandths(offset_ns, SECOND)),
        _ => quantity::duration(offset_ns).replace(" 0s", "").replace(" 0m", "").replace(" 0h", ""),
    }
}

#[expect(clippy::cast_precision_loss, reason = "steps are round, so that few digits remain")]
fn thousandths(value: u64, unit: u64) -> f64 {
    (value * 1_000 / unit) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(duration_ns: u64, at_most: usize) -> String {
        ticks(duration_ns, at_most).into_iter().map(|tick| tick.label + " ").collect()
    }

    #[test]
    fn marks_stand_at_round_times() {
        assert_eq!(labels(1_230 * MILLI, 5), "0 500ms 1s ");
        assert_eq!(labels(1_230 * MILLI, 8), "0 200ms 400ms 600ms 800ms 1s 1.2s ");
        assert_eq!(labels(400 * SECOND, 5), "0 2m 4m 6m ");
        assert_eq!(labels(7_000, 4), "0 2µs 4µs 6µs ");
        assert_eq!(labels(100 * DAY, 3), "0 50d 100d ");
    }

    #[test]
    fn edges_hold() {
        assert_eq!(labels(0, 5), "0 ");
        assert_eq!(labels(5, 0), "0 ");
        assert!(ticks(u64::MAX, 6).len() <= 7);
    }
}
