//! Which traces are recorded: by their ids, by the names of their pipelines, and by how they end.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::TraceId;

use crate::Recorder;
use crate::fate::Fate;

/// Which traces a recorder records; see [`RecorderBuilder::sampling`](crate::RecorderBuilder::sampling).
///
/// A trace is chosen by its id alone, so that every process that has the same rate chooses the same; one that somebody else has
/// begun is recorded if they say so in its `traceparent`. Metrics count all that is done, whatever is chosen.
///
/// Where an error happens in a trace that wasn't chosen, it is recorded from there on: what failed, what is around it, and what
/// follows, marked with `trace.incomplete`. To have such traces whole, and slow ones too, ask for that
/// ([`keep_errors`](Self::keep_errors), [`keep_slow`](Self::keep_slow)): then everything is recorded, and each trace that wasn't
/// chosen is held in memory until it is known how it ends.
///
/// ```
/// use std::time::Duration;
/// use flowglass_record::{Recorder, Sampling};
///
/// let sampling = Sampling::rate(0.01).pipeline("nightly*", 1.0).pipeline("health", 0.0).keep_slow(Duration::from_secs(5));
/// let recorder = Recorder::builder().sampling(sampling).build();
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    rate: f64,
    rules: Vec<(String, f64)>,
    promotes_errors: bool,
    tail: Tail,
}

/// Which traces that weren't chosen are kept all the same when they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) keeps_errors: bool,
    pub(crate) slow_ns: Option<u64>,
    /// How much may be held until it is known, in bytes.
    pub(crate) bytes: usize,
}

/// What becomes of a trace; see [`Recorder::sample`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is recorded.
    Record,
    /// It is recorded and held until it is known whether it failed or was slow.
    Hold,
    /// It is recorded from an error on.
    OnError,
    /// It isn't recorded.
    Never,
}

impl Verdict {
    /// Returns what holds for work inside of a span that is recorded or not: of an item that sampling leaves out, what failed
    /// is recorded, and what follows.
    pub(crate) const fn inside(self, is_recorded: bool) -> Self {
        match self {
            Self::Record | Self::Hold if !is_recorded => Self::OnError,
            verdict => verdict,
        }
    }

    pub(crate) fn new_fate(self) -> Option<Arc<Fate>> {
        matches!(self, Self::Hold | Self::OnError).then(Arc::default)
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self::all()
    }
}

impl Sampling {
    /// Records every trace: the default.
    #[must_use]
    pub const fn all() -> Self {
        Self::rate(1.0)
    }

    /// Records about this fraction of all traces, in [0, 1]. At 0 no trace is recorded for any reason.
    #[must_use]
    pub const fn rate(rate: f64) -> Self {
        let tail = Tail { keeps_errors: false, slow_ns: None, bytes: 64 * 1024 * 1024 };
        Self { rate, rules: Vec::new(), promotes_errors: true, tail }
    }

    /// Records another fraction of the runs of this pipeline, and of traces whose first span is called so. `*` stands for any
    /// text; of several names that fit, the first counts.
    #[must_use]
    pub fn pipeline(mut self, name: impl Into<String>, rate: f64) -> Self {
        self.rules.push((name.into(), rate));
        self
    }

    /// Says whether a trace that wasn't chosen is recorded from an error on. Default: yes.
    #[must_use]
    pub const fn promote_errors(mut self, promotes: bool) -> Self {
        self.promotes_errors = promotes;
        self
    }

    /// Keeps every trace whole in which something failed.
    #[must_use]
    pub const fn keep_errors(mut self) -> Self {
        self.tail.keeps_errors = true;
        self
    }

    /// Keeps every trace whole that takes at least so long.
    #[must_use]
    pub fn keep_slow(mut self, at_least: Duration) -> Self {
        self.tail.slow_ns = Some(u64::try_from(at_least.as_nanos()).unwrap_or(u64::MAX));
        self
    }

    /// Sets how much may be held of traces that are not decided, in bytes. When it is more, the oldest is let go. Default: 64 MB.
    #[must_use]
    pub const fn held_bytes(mut self, bytes: usize) -> Self {
        self.tail.bytes = bytes;
        self
    }

    /// Says whether traces are held until their end.
    pub(crate) const fn holds(&self) -> bool {
        self.tail.keeps_errors || self.tail.slow_ns.is_some()
    }

    pub(crate) const fn tail(&self) -> Tail {
        self.tail
    }

    pub(crate) const fn promotes_errors(&self) -> bool {
        self.promotes_errors
    }

    /// Says what becomes of a trace. `parent` is what whoever began it says, where somebody else did.
    #[inline]
    pub(crate) fn verdict(&self, trace: TraceId, name: &str, parent: Option<bool>) -> Verdict {
        // Most recorders take all there is.
        if self.rate >= 1.0 && self.rules.is_empty() && parent.is_none() {
            return Verdict::Record;
        }
        self.verdict_by_rate(trace, name, parent)
    }

    fn verdict_by_rate(&self, trace: TraceId, name: &str, parent: Option<bool>) -> Verdict {
        let rate = self.rules.iter().find(|(pattern, _)| fits(pattern, name)).map_or(self.rate, |(_, rate)| *rate);
        if rate <= 0.0 {
            return Verdict::Never;
        }
        if parent.unwrap_or_else(|| is_chosen(trace, rate)) {
            Verdict::Record
        } else if self.holds() {
            Verdict::Hold
        } else if self.promotes_errors {
            Verdict::OnError
        } else {
            Verdict::Never
        }
    }
}

impl Sampling {
    /// Says whether a trace may be chosen, of which only the id is known.
    pub(crate) fn may_choose(&self, trace: TraceId) -> bool {
        let most = self.rules.iter().fold(self.rate, |most, (_, rate)| most.max(*rate));
        most > 0.0 && is_chosen(trace, most)
    }
}

impl Recorder {
    /// Says what becomes of a trace that begins with a pipeline or a span of this name. `parent` is whether somebody else who
    /// began it records it, where somebody did.
    #[must_use]
    pub fn sample(&self, trace: TraceId, name: &str, parent: Option<bool>) -> Verdict {
        self.core().map_or(Verdict::Never, |core| core.sampling.verdict(trace, name, parent))
    }
}

/// Says whether a trace is among this fraction of all, as OpenTelemetry has it
/// (<https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>): the last 56 bits of its id, which W3C
/// wants to be random, are at least the threshold.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^56, and a tiny rate is rounded")]
fn is_chosen(trace: TraceId, rate: f64) -> bool {
    const ALL: f64 = (1_u64 << 56) as f64;
    let [.., _, r0, r1, r2, r3, r4, r5, r6] = trace.to_bytes();
    let randomness = u64::from_be_bytes([0, r0, r1, r2, r3, r4, r5, r6]);
    // What is no number chooses all.
    let threshold = ((1.0 - rate) * ALL).round().max(0.0) as u64;
    randomness >= threshold
}

/// Says whether a name fits a pattern, in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trace(randomness: u64) -> TraceId {
        TraceId::from_bytes((u128::from(u64::MAX) << 64 | u128::from(randomness)).to_be_bytes())
    }

    #[test]
    fn thresholds_are_opentelemetrys() {
        // One in four is `th:c`, one in 2^56 `th:ffffffffffffff`, all `th:0`.
        for (randomness, rate, chosen) in [
            (0xc0_0000_0000_0000, 0.25, true),
            (0xbf_ffff_ffff_ffff, 0.25, false),
            (0x80_0000_0000_0000, 0.5, true),
            (0x7f_ffff_ffff_ffff, 0.5, false),
            (0, 1.0, true),
            (0xff_ffff_ffff_ffff, 1e-9, true),
            (0xff_0000_0000_0000, 1e-9, false),
        ] {
            assert_eq!(is_chosen(trace(randomness), rate), chosen, "{randomness:x} at {rate}");
        }
        // The byte before the last seven doesn't count.
        assert_eq!(is_chosen(trace(0x00ff_ffff_ffff_ffff), 0.1), is_chosen(trace(0xffff_ffff_ffff_ffff), 0.1));
    }

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, wanted) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abc", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*b", "ab", false),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn the_rules_are_asked_in_their_order_and_zero_is_off() {
        let sampling = Sampling::rate(1e-12).pipeline("a*", 1.0).pipeline("ab", 0.0).pipeline("off", 0.0);
        let verdict = |name, parent| sampling.verdict(trace(0), name, parent);
        assert_eq!((verdict("ab", None), verdict("b", None)), (Verdict::Record, Verdict::OnError));
        assert_eq!((verdict("off", Some(true)), verdict("b", Some(true))), (Verdict::Never, Verdict::Record));
        assert_eq!(verdict("a", Some(false)), Verdict::OnError, "whoever began it says so");
        let tail = sampling.clone().keep_errors();
        assert_eq!((tail.verdict(trace(0), "b", None), tail.verdict(trace(0), "off", None)), (Verdict::Hold, Verdict::Never));
        assert_eq!(sampling.promote_errors(false).verdict(trace(0), "b", None), Verdict::Never);
        assert_eq!(Recorder::off().sample(trace(0), "b", Some(true)), Verdict::Never);
    }

    proptest! {
        #[test]
        fn what_a_low_rate_chooses_a_higher_one_does_too(id in any::<u128>(), low in 0.0..1.0_f64, high in 0.0..1.0_f64) {
            let (low, high) = (low.min(high), low.max(high));
            let trace = TraceId::from_bytes(id.to_be_bytes());
            prop_assert!(!is_chosen(trace, low) || is_chosen(trace, high));
        }

        #[test]
        fn about_as_many_are_chosen_as_wanted(rate in 0.01..0.99_f64, seed in any::<u64>()) {
            let mut random = fastrand::Rng::with_seed(seed);
            let chosen = (0..20_000).filter(|_| is_chosen(trace(random.u64(..)), rate)).count();
            prop_assert!((chosen as f64 / 20_000.0 - rate).abs() < 0.03, "{chosen} at {rate}");
        }
    }
}
