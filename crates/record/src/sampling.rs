//! Which traces are recorded: by their ids, by the names of their pipelines, and by how they end.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{Randomness, Status, Threshold, TraceId};

use crate::fate::Fate;
use crate::held::Judgement;
use crate::open::Frame;
use crate::scope_shared::ScopeShared;
use crate::{Recorder, context};

/// Which traces a recorder records; see [`RecorderBuilder::sampling`](crate::RecorderBuilder::sampling).
///
/// A trace is chosen by its id alone, so that every process that has the same rate chooses the same; one that somebody else has
/// begun is recorded if they say so in its `traceparent`. Metrics count all that is done, whatever is chosen. Whoever is called from
/// a trace that was chosen is told by which rate, in `tracestate` (`ot=th:…`), as OpenTelemetry has it; so are readers of the recorded
/// spans, of which those that would have been recorded anyway (what failed, what was slow) stand for themselves alone (`ot=th:0`).
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
    /// It is recorded because chance chose it: it stands for all those that this threshold rejects.
    Chosen(Threshold),
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
            verdict if verdict.records() && !is_recorded => Self::OnError,
            verdict => verdict,
        }
    }

    /// Says whether what is in the trace is recorded from the start on.
    pub(crate) const fn records(self) -> bool {
        matches!(self, Self::Record | Self::Chosen(_) | Self::Hold)
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

    /// Says whether a span that ends so is recorded in a trace that wasn't chosen.
    pub(crate) fn keeps_anyway(&self, scope: &ScopeShared, frame: &Frame, status: Status, duration_ns: u64) -> bool {
        if self.holds() {
            return self.tail.judge(scope, frame, status, duration_ns) == Judgement::Keep;
        }
        self.promotes_errors && status == Status::Error
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
        match parent {
            _ if rate <= 0.0 => Verdict::Never,
            Some(true) => Verdict::Record,
            Some(false) => self.unless_chosen(),
            None => chosen(trace, rate).map_or_else(|| self.unless_chosen(), Verdict::Chosen),
        }
    }

    /// Says what becomes of a trace that somebody else has begun, of which only the id is known.
    pub(crate) fn verdict_of_unknown(&self, trace: TraceId) -> Verdict {
        let most = self.rules.iter().fold(self.rate, |most, (_, rate)| most.max(*rate));
        match most {
            most if most <= 0.0 => Verdict::Never,
            most if chosen(trace, most).is_some() => Verdict::Record,
            _ => self.unless_chosen(),
        }
    }

    /// Says what becomes of a trace that isn't chosen.
    const fn unless_chosen(&self) -> Verdict {
        match (self.holds(), self.promotes_errors) {
            (true, _) => Verdict::Hold,
            (false, true) => Verdict::OnError,
            (false, false) => Verdict::Never,
        }
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

/// Returns the threshold by which a trace is among this fraction of all, if it is, as OpenTelemetry has it
/// (<https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>): by its id, or by what those say of its
/// randomness who have sent it here.
fn chosen(trace: TraceId, rate: f64) -> Option<Threshold> {
    let threshold = Threshold::of_rate(rate);
    let randomness = context::randomness_of(trace).unwrap_or_else(|| Randomness::of(trace));
    threshold.admits(randomness).then_some(threshold)
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
        let all = Verdict::Chosen(Threshold::NOTHING_REJECTED);
        assert_eq!((verdict("ab", None), verdict("b", None)), (all, Verdict::OnError));
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
            prop_assert!(chosen(trace, low).is_none() || chosen(trace, high).is_some());
        }

        #[test]
        fn about_as_many_are_chosen_as_wanted(rate in 0.01..0.99_f64, seed in any::<u64>()) {
            let mut random = fastrand::Rng::with_seed(seed);
            let chosen = (0..20_000).filter(|_| chosen(trace(random.u64(..)), rate).is_some()).count();
            prop_assert!((chosen as f64 / 20_000.0 - rate).abs() < 0.03, "{chosen} at {rate}");
        }
    }
}
