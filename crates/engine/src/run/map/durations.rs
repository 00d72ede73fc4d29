//! Durations of a map's items, counted in buckets that grow by a constant factor.
//!
//! An exponential histogram as OpenTelemetry defines it
//! (<https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram>), at scale 6: neighbouring bounds
//! differ by 1.09 %, so a percentile is off by at most 0.55 %.

use flowglass_model::AttributeValue;

const SCALE: i64 = 6;

/// Counts durations exactly, whichever items have spans.
#[derive(Default)]
pub(crate) struct Durations {
    zero: u64,
    /// The first bucket's number; buckets follow each other.
    offset: i64,
    counts: Vec<u64>,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
}

impl Durations {
    pub(crate) fn add(&mut self, duration_ns: u64) {
        let first = self.zero == 0 && self.counts.is_empty();
        self.min_ns = if first { duration_ns } else { self.min_ns.min(duration_ns) };
        self.max_ns = self.max_ns.max(duration_ns);
        self.sum_ns = self.sum_ns.saturating_add(duration_ns);
        if duration_ns == 0 {
            self.zero += 1;
            return;
        }
        let bucket = bucket(duration_ns);
        if self.counts.is_empty() {
            self.offset = bucket;
        }
        if bucket < self.offset {
            let missing = usize::try_from(self.offset - bucket).unwrap_or(0);
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.offset = bucket;
        }
        let at = usize::try_from(bucket - self.offset).unwrap_or(0);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
    }

    /// Returns the form kept in the attribute `map.durations`.
    pub(crate) fn to_attribute(&self) -> AttributeValue {
        let int = |number: u64| AttributeValue::Int(number.try_into().unwrap_or(i64::MAX));
        let entry = |key: &str, value| (key.to_owned(), value);
        AttributeValue::Map(vec![
            entry("scale", AttributeValue::Int(SCALE)),
            entry("zero", int(self.zero)),
            entry("offset", AttributeValue::Int(self.offset)),
            entry("counts", AttributeValue::List(self.counts.iter().map(|&count| int(count)).collect())),
            entry("sum_ns", int(self.sum_ns)),
            entry("min_ns", int(self.min_ns)),
            entry("max_ns", int(self.max_ns)),
        ])
    }
}

/// The bucket that holds this duration: bucket `i` is `(base^i, base^(i+1)]` with `base = 2^(2^-SCALE)`.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a u64's logarithm is below 64 · 2^SCALE")]
fn bucket(duration_ns: u64) -> i64 {
    let position = (duration_ns as f64).log2() * (SCALE as f64).exp2();
    position.ceil() as i64 - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_have_their_upper_bound_inside() {
        assert_eq!(bucket(1), -1);
        assert_eq!(bucket(2), 63);
        assert_eq!(bucket(1024), 639);
        assert_eq!(bucket(1025), 640);
    }

    #[test]
    fn every_duration_is_counted_in_any_order() {
        let mut durations = Durations::default();
        for duration in [0, 1_000, 5, 1_000_000, u64::MAX, 7] {
            durations.add(duration);
        }
        assert_eq!(durations.counts.iter().sum::<u64>() + durations.zero, 6);
        assert_eq!((durations.min_ns, durations.max_ns, durations.sum_ns), (0, u64::MAX, u64::MAX));
    }
}
