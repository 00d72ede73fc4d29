//! The durations of a map's items as its span carries them: an exponential histogram, read back.

use flowglass_model::AttributeValue;

/// Durations by size, in buckets that grow by a constant factor.
///
/// Bucket `i` holds what lies in `(base^(offset+i), base^(offset+i+1)]` nanoseconds with `base = 2^(2^-scale)`, as
/// [OpenTelemetry defines it](https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram).
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    scale: i64,
    zero: u64,
    offset: i64,
    counts: Vec<u64>,
    /// All durations together, in nanoseconds.
    pub sum_ns: u64,
    /// The least duration, in nanoseconds.
    pub min_ns: u64,
    /// The greatest duration, in nanoseconds.
    pub max_ns: u64,
}

impl Histogram {
    /// Reads the attribute `map.durations`; none if it isn't one.
    #[must_use]
    pub fn from_attribute(value: &AttributeValue) -> Option<Self> {
        let AttributeValue::Map(entries) = value else { return None };
        let find = |key: &str| entries.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        let number = |key: &str| find(key).and_then(AttributeValue::as_int);
        let natural = |key: &str| number(key).and_then(|number| u64::try_from(number).ok());
        let AttributeValue::List(counts) = find("counts")? else { return None };
        Some(Self {
            scale: number("scale")?,
            zero: natural("zero").unwrap_or_default(),
            offset: number("offset")?,
            counts: counts
                .iter()
                .map(|count| count.as_int().and_then(|count| u64::try_from(count).ok()))
                .collect::<Option<_>>()?,
            sum_ns: natural("sum_ns").unwrap_or_default(),
            min_ns: natural("min_ns").unwrap_or_default(),
            max_ns: natural("max_ns")?,
        })
    }

    /// Returns how many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(self.zero, |sum, &count| sum.saturating_add(count))
    }

    /// Estimates the duration that a share `q` (0 to 1) of all do not pass, in nanoseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn quantile_ns(&self, q: f64) -> u64 {
        let rank = self.count() as f64 * q;
        let mut seen = self.zero;
        if seen as f64 >= rank {
            return self.min_ns;
        }
        for (at, &count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(count);
            if seen as f64 >= rank {
                return self.middle_ns(at).clamp(self.min_ns.min(self.max_ns), self.max_ns);
            }
        }
        self.max_ns
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest u64 there is, and the caller clamps it"
    )]
    fn middle_ns(&self, at: usize) -> u64 {
        let exponent = (self.offset as f64 + at as f64 + 0.5) * (-(self.scale as f64)).exp2();
        exponent.exp2() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(scale: i64, offset: i64, counts: &[i64], max_ns: i64) -> AttributeValue {
        let counts = AttributeValue::List(counts.iter().map(|&count| AttributeValue::Int(count)).collect());
        let int = AttributeValue::Int;
        let entries = [("scale", int(scale)), ("offset", int(offset)), ("counts", counts), ("max_ns", int(max_ns))];
        AttributeValue::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    #[test]
    fn quantiles_lie_in_their_bucket() {
        let histogram = Histogram::from_attribute(&attribute(0, 10, &[9, 1], 4_000)).unwrap();
        assert_eq!(histogram.count(), 10);
        assert!((1_024..=2_048).contains(&histogram.quantile_ns(0.5)));
        assert!((2_048..=4_096).contains(&histogram.quantile_ns(0.99)));
        assert_eq!(histogram.quantile_ns(2.0), 4_000);
    }

    #[test]
    fn hostile_attributes_are_no_histogram_or_harmless() {
        assert_eq!(Histogram::from_attribute(&AttributeValue::Bool(true)), None);
        assert_eq!(Histogram::from_attribute(&attribute(0, 0, &[-1], 5)), None);
        for (scale, offset) in [(i64::MAX, i64::MIN), (i64::MIN, i64::MAX), (i64::MIN, 0)] {
            let histogram = Histogram::from_attribute(&attribute(scale, offset, &[i64::MAX, i64::MAX, i64::MAX], 5)).unwrap();
            assert!(histogram.quantile_ns(0.5) <= 5);
        }
    }
}
