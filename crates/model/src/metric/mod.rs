//! Metrics: what they are called and how they are measured, and their points.

mod buckets;
mod explicit;
mod exponential;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use buckets::Buckets;
pub use explicit::{DifferentBounds, ExplicitHistogram};
pub use exponential::ExponentialHistogram;

use crate::{Attributes, InstrumentationScope, MetricKind, SpanId, Temporality, TraceId};

/// What a metric is called, how it is measured and in which unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// What it is called, dotted: `node.duration`.
    pub name: String,
    /// What it says, in a sentence.
    pub description: String,
    /// The unit, as UCUM writes it: `s`, `By`, `{item}`, `1`.
    pub unit: String,
    /// What its points are.
    pub kind: MetricKind,
    /// Since when its points count; [`Temporality::Unspecified`] for gauges and summaries.
    pub temporality: Temporality,
    /// Keys and values about the metric itself.
    pub metadata: Attributes,
    /// What recorded it.
    pub scope: Option<Arc<InstrumentationScope>>,
}

impl Metric {
    /// Makes a metric without description, unit and metadata.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: MetricKind, temporality: Temporality) -> Self {
        let (description, unit, metadata) = (String::new(), String::new(), Attributes::new());
        Self { name: name.into(), description, unit, kind, temporality, metadata, scope: None }
    }
}

/// The value of one metric for one set of attributes over a time, or at one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricPoint {
    /// Since when it counts, in nanoseconds since 1970 UTC; 0 where that isn't known.
    pub start_unix_ns: i64,
    /// Until when it counts, or when it was measured, in nanoseconds since 1970 UTC.
    pub unix_ns: i64,
    /// The value.
    pub value: MetricValue,
    /// The dimensions.
    pub attributes: Attributes,
    /// Single measurements, with the spans in which they were made.
    pub exemplars: Vec<Exemplar>,
}

/// A number as it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
}

impl Number {
    /// Returns the number as a floating-point one.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a reader of numbers accepts what f64 can hold")]
    pub const fn as_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

macro_rules! number_from {
    ($($from:ty => |$value:ident| $into:expr),+ $(,)?) => {
        $(impl From<$from> for Number {
            #[inline]
            fn from($value: $from) -> Self {
                $into
            }
        })+
    };
}

number_from!(
    i64 => |number| Self::Int(number),
    i32 => |number| Self::Int(number.into()),
    u32 => |number| Self::Int(number.into()),
    u64 => |number| Self::Int(i64::try_from(number).unwrap_or(i64::MAX)),
    usize => |number| Self::Int(i64::try_from(number).unwrap_or(i64::MAX)),
    f64 => |number| Self::Float(number),
    f32 => |number| Self::Float(number.into()),
    std::time::Duration => |time| Self::Float(time.as_secs_f64()),
);

/// The value of a point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricValue {
    /// There is none: the source says that it stopped measuring.
    Missing,
    /// One number.
    Number(Number),
    /// A distribution in buckets with given bounds.
    Explicit(ExplicitHistogram),
    /// A distribution in buckets that grow exponentially.
    Exponential(ExponentialHistogram),
    /// Quantiles that the source calculated.
    Summary(Summary),
}

impl MetricValue {
    /// Returns what a distribution says in all; nothing of a single number.
    #[must_use]
    pub fn totals(&self) -> Option<Totals> {
        match self {
            Self::Explicit(histogram) => Some(histogram.totals),
            Self::Exponential(histogram) => Some(histogram.totals),
            Self::Summary(summary) => Some(summary.totals),
            Self::Missing | Self::Number(_) => None,
        }
    }

    /// Returns the value below which this share (0 to 1) of a distribution's values lies, as far as it is known.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        match self {
            Self::Explicit(histogram) => histogram.quantile(share),
            Self::Exponential(histogram) => histogram.quantile(share),
            Self::Summary(summary) => summary.quantiles.iter().find(|(at, _)| *at == share).map(|(_, value)| *value),
            Self::Missing | Self::Number(_) => None,
        }
    }
}

/// What all distributions say.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// How many values there were.
    pub count: u64,
    /// Their sum, where it means anything.
    pub sum: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

impl Totals {
    /// Returns the mean; nothing where there are no values or no sum.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean is no exact number")]
    pub fn mean(&self) -> Option<f64> {
        self.sum.filter(|_| self.count > 0).map(|sum| sum / self.count as f64)
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.merge(&Self { count: 1, sum: Some(value), min: Some(value), max: Some(value) });
    }

    /// Adds other values. What only one of both knows is not known of the whole, unless the other has no values.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.count == 0 || other.count == 0 {
            *self = if self.count == 0 { *other } else { *self };
            return;
        }
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.zip(other.sum).map(|(one, more)| one + more);
        self.min = self.min.zip(other.min).map(|(one, more)| one.min(more));
        self.max = self.max.zip(other.max).map(|(one, more)| one.max(more));
    }
}

/// Quantiles that a source calculated: received from others, never recorded here.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Count and sum.
    pub totals: Totals,
    /// Quantiles (0 to 1) and their values.
    pub quantiles: Vec<(f64, f64)>,
}

/// One measurement, with the span in which it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    /// When it was measured, in nanoseconds since 1970 UTC.
    pub unix_ns: i64,
    /// What was measured; nothing where the source doesn't say.
    pub value: Option<Number>,
    /// The trace, or [`TraceId::NONE`].
    pub trace_id: TraceId,
    /// The span, or [`SpanId::NONE`].
    pub span_id: SpanId,
    /// Attributes of the measurement that the point doesn't have.
    pub attributes: Attributes,
}
