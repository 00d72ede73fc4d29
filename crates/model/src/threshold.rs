//! OpenTelemetry's consistent probability sampling: how random a trace is, and how random it must be to be recorded.
//!
//! The specification is <https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>.

use std::fmt;

use crate::TraceId;

/// So many hexadecimal digits both have.
const DIGITS: u32 = 14;
/// So many different traces there are.
const ALL: u64 = 1 << 56;
/// A threshold is rounded to so many digits behind leading `f`s, as the specification recommends.
const PRECISION: u32 = 4;

/// From which [`Randomness`] on traces are recorded: the fraction of all traces that aren't, in parts of 2^56.
///
/// All who follow the specification compute the same threshold of a rate and compare it with the same randomness, so that a trace that
/// is recorded at a low rate is recorded at every higher one as well, wherever that is decided.
///
/// ```
/// use flowglass_model::{Randomness, Threshold};
///
/// let threshold = Threshold::of_rate(0.01);
/// assert_eq!(threshold.to_string(), "fd70a");
/// assert!(threshold.admits(Randomness::parse("fe000000000000").unwrap()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u64);

/// How random a trace is: 56 bits that all who take part in a trace know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Randomness(u64);

impl Threshold {
    /// Every trace is recorded.
    pub const NOTHING_REJECTED: Self = Self(0);

    /// Returns the threshold at which about this fraction of all traces is recorded: all at 1 and above, and if it is no number; one
    /// in 2^56 at the least.
    #[must_use]
    pub fn of_rate(rate: f64) -> Self {
        if rate.is_nan() || rate >= 1.0 {
            return Self::NOTHING_REJECTED;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 2^56")]
        let recorded = (rate * ALL as f64).round().max(1.0) as u64;
        let leading = recorded.leading_zeros().saturating_sub(u64::BITS - 4 * DIGITS);
        let unit = 1 << (4 * DIGITS.saturating_sub(PRECISION + leading / 4));
        let rounded = (ALL - recorded + unit / 2) / unit * unit;
        Self(rounded.min(ALL - unit))
    }

    /// Reads the sub-key `th` of a trace state: up to 14 hexadecimal digits, of which trailing zeros may be left out.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = u32::try_from(text.len()).ok().filter(|digits| (1..=DIGITS).contains(digits))?;
        Some(Self(hexadecimal(text)? << (4 * (DIGITS - digits))))
    }

    /// Returns the fraction of all traces that is recorded.
    #[must_use]
    pub fn rate(self) -> f64 {
        (ALL - self.0) as f64 / ALL as f64
    }

    /// Says whether a trace is recorded that is so random.
    #[must_use]
    pub const fn admits(self, randomness: Randomness) -> bool {
        randomness.0 >= self.0
    }
}

impl fmt::Display for Threshold {
    /// Writes what [`parse`](Self::parse) reads, in as few digits as there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:014x}", self.0);
        let significant = digits.trim_end_matches('0');
        f.write_str(if significant.is_empty() { "0" } else { significant })
    }
}

impl Randomness {
    /// Returns that of a trace of which nobody has said it: the last 56 bits of its id, which W3C wants to be random.
    #[must_use]
    pub const fn of(trace: TraceId) -> Self {
        let [.., r0, r1, r2, r3, r4, r5, r6] = trace.to_bytes();
        Self(u64::from_be_bytes([0, r0, r1, r2, r3, r4, r5, r6]))
    }

    /// Reads the sub-key `rv` of a trace state: 14 hexadecimal digits in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_whole = text.len() == DIGITS as usize && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        is_whole.then(|| hexadecimal(text)).flatten().map(Self)
    }
}

/// Reads digits alone: no sign.
fn hexadecimal(text: &str) -> Option<u64> {
    let are_digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    are_digits.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The specification's table for a precision of four digits, and what it says of them.
    #[test]
    fn thresholds_are_the_specifications() {
        for (one_in, wanted, rate) in [
            (1.0, "0", 1.0),
            (2.0, "8", 0.5),
            (3.0, "aaab", 0.333_328_247_070_312_5),
            (4.0, "c", 0.25),
            (5.0, "cccd", 0.199_996_948_242_187_5),
            (8.0, "e", 0.125),
            (10.0, "e666", 0.100_006_103_515_625),
            (16.0, "f", 0.0625),
            (100.0, "fd70a", 0.010_000_228_881_835_938),
            (1e3, "ffbe77", 0.000_999_987_125_396_728_5),
            (1e4, "fff9724", 0.000_100_001_692_771_911_62),
            (1e5, "ffff583a", 1.000_007_614_493_37e-5),
            (1e6, "ffffef39", 1.000_007_614_493_37e-6),
        ] {
            let threshold = Threshold::of_rate(1.0 / one_in);
            assert_eq!(threshold.to_string(), wanted, "one in {one_in}");
            assert!((threshold.rate() / rate - 1.0).abs() < 1e-12, "{} instead of {rate}", threshold.rate());
        }
    }

    #[test]
    fn the_ends_of_the_range_are_met() {
        for rate in [1.0, 1.5, f64::INFINITY, f64::NAN, 0.999_999_9] {
            assert_eq!(Threshold::of_rate(rate), Threshold::NOTHING_REJECTED, "{rate}");
        }
        for rate in [0.0, -1.0, f64::NEG_INFINITY, 1e-300, 2_f64.powi(-56)] {
            assert_eq!(Threshold::of_rate(rate).to_string(), "ffffffffffffff", "{rate}");
        }
        assert_eq!(Threshold::of_rate(0.9999).to_string(), "0007", "leading zeros stay");
    }

    /// The specification's examples: trailing zeros are left out, and a value stands for what it is with them.
    #[test]
    fn values_are_read_as_the_specification_says() {
        for (text, rate) in [("0", 1.0), ("8", 0.5), ("c", 0.25), ("C", 0.25), ("c0000000000000", 0.25), ("08", 0.96875)] {
            assert_eq!(Threshold::parse(text).map(Threshold::rate), Some(rate), "{text}");
        }
        for text in ["", "g", "+1", "-1", " 1", "0x1", "fd70a3d70a3d70a", "é"] {
            assert_eq!(Threshold::parse(text), None, "{text}");
        }
        for text in ["", "6e6d1a75832a2", "6e6d1a75832a2f0", "6E6D1A75832A2F", "6e6d1a75832a2g", "+e6d1a75832a2f"] {
            assert_eq!(Randomness::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_trace_is_recorded_from_its_randomness_on() {
        // The specification's example: recorded at thresholds up to the randomness itself.
        let randomness = Randomness::parse("6e6d1a75832a2f").unwrap();
        for (threshold, is_recorded) in [("0", true), ("6e6d1a75832a2f", true), ("6e6d1a75832a3", false), ("8", false)] {
            assert_eq!(Threshold::parse(threshold).unwrap().admits(randomness), is_recorded, "{threshold}");
        }
        let trace: TraceId = "0123456789abcdefff6e6d1a75832a2f".parse().unwrap();
        assert_eq!(Randomness::of(trace), randomness, "the same as of an id that ends like this");
    }

    proptest! {
        #[test]
        fn a_threshold_comes_back(rate in 0.0..1.0_f64) {
            let threshold = Threshold::of_rate(rate);
            prop_assert_eq!(Threshold::parse(&threshold.to_string()), Some(threshold));
        }

        #[test]
        fn a_lower_rate_rejects_no_less(exponents in (-60.0..0.0_f64, -60.0..0.0_f64)) {
            let (low, high) = (exponents.0.min(exponents.1).exp2(), exponents.0.max(exponents.1).exp2());
            prop_assert!(Threshold::of_rate(low) >= Threshold::of_rate(high));
        }

        #[test]
        fn a_rate_is_met_to_four_digits(exponent in -40.0..0.0_f64) {
            let rate = exponent.exp2();
            let met = Threshold::of_rate(rate).rate();
            prop_assert!((met / rate - 1.0).abs() < 1.0 / 4096.0, "{} instead of {}", met, rate);
        }
    }
}
