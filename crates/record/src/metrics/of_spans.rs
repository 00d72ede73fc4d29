//! Metrics that the ends of spans feed, whether these are recorded or not: what they are, and how they are measured.

use flowglass_model::{Attributes, MetricKind, Number, Status, conventions};

use super::exemplar::Kept;
use super::meters::Instrument;
use crate::Value;
use crate::core::Core;

/// The metrics that a template's spans feed: those that are recorded, and those that aren't.
///
/// Nothing is measured where the span ends: what is recorded says it all, and of a span that isn't recorded a record of four
/// words is written. The collector measures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpanMeter {
    /// What tells the series apart from those of other spans.
    pub attributes: Attributes,
    /// The metrics.
    pub metrics: Vec<SpanMetric>,
}

/// One metric that spans feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanMetric {
    /// What it is called.
    pub name: &'static str,
    /// Its unit, as UCUM writes it.
    pub unit: &'static str,
    /// What it says, in a sentence.
    pub description: &'static str,
    /// What of a span is measured.
    pub measures: Measures,
}

/// What of a span is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measures {
    /// That it ended: a counter.
    Ends,
    /// That it failed: a counter, with the attribute `error.type`.
    Failures,
    /// How long it took, in seconds: a histogram.
    Seconds,
    /// Numbers that [`Scope::count`](crate::Scope::count) adds: a counter.
    Sum,
    /// The last number that [`Scope::count`](crate::Scope::count) gave: a gauge.
    Last,
}

/// The end of a span, to be measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MeteredEnd<'a> {
    pub(crate) status: Status,
    pub(crate) duration_ns: u64,
    /// Empty where it isn't known.
    pub(crate) error_type: &'a str,
    /// The span, where it is recorded.
    pub(super) exemplar: Option<Kept>,
}

impl<'a> MeteredEnd<'a> {
    /// Makes the end of a span that isn't recorded, or was lost.
    pub(crate) const fn unseen(status: Status, duration_ns: u64, error_type: &'a str) -> Self {
        Self { status, duration_ns, error_type, exemplar: None }
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds in a distribution need no more digits")]
    pub(super) fn seconds(&self) -> Number {
        Number::Float(self.duration_ns as f64 / 1e9)
    }
}

impl SpanMeter {
    /// Measures the end of a span at once. The collector has a quicker way; this one is for what doesn't get to it.
    #[cold]
    pub(crate) fn measure_end(&self, core: &Core, end: &MeteredEnd<'_>) {
        for metric in &self.metrics {
            let number = match metric.measures {
                Measures::Ends => Number::Int(1),
                Measures::Seconds => end.seconds(),
                Measures::Failures if end.status == Status::Error => {
                    metric.instrument(core).series(&failed(&self.attributes, end.error_type)).measure(Number::Int(1));
                    continue;
                }
                Measures::Failures | Measures::Sum | Measures::Last => continue,
            };
            metric.instrument(core).series(&borrowed(&self.attributes)).measure(number);
        }
        core.expect_news();
    }

    /// Measures a number at once.
    #[cold]
    pub(crate) fn measure(&self, core: &Core, metric: usize, number: Number) {
        if let Some(metric) = self.metrics.get(metric) {
            metric.instrument(core).series(&borrowed(&self.attributes)).measure(number);
            core.expect_news();
        }
    }
}

impl SpanMetric {
    pub(super) fn instrument(&self, core: &Core) -> std::sync::Arc<Instrument> {
        let instrument = core.instrument(self.name, self.measures.kind());
        let _ = instrument.unit.set(self.unit.to_owned());
        let _ = instrument.description.set(self.description.to_owned());
        instrument
    }
}

impl Measures {
    const fn kind(self) -> MetricKind {
        match self {
            Self::Ends | Self::Failures | Self::Sum => MetricKind::Counter,
            Self::Seconds => MetricKind::Exponential,
            Self::Last => MetricKind::Gauge,
        }
    }
}

pub(super) fn borrowed(attributes: &Attributes) -> Vec<(&str, Value<'_>)> {
    attributes.iter().map(|(key, value)| (key.as_str(), Value::Json(value))).collect()
}

/// Returns the attributes of a failure's series.
pub(super) fn failed<'a>(attributes: &'a Attributes, error_type: &'a str) -> Vec<(&'a str, Value<'a>)> {
    let mut set = borrowed(attributes);
    if !error_type.is_empty() {
        set.push((conventions::ERROR_TYPE, Value::Str(error_type)));
    }
    set
}
