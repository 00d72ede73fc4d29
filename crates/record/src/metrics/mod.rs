//! Metrics: instruments that user code and the engine measure with, aggregated here and told at each export interval.
//!
//! Counters and histograms are told as differences since the last time, so that a process in which nothing happens tells
//! nothing, and sums over any time are sums of points. Gauges and up-down counters tell their value where it was set.

mod attribute_set;
mod cells;
mod distribution;
mod exemplar;
mod export;
mod instrument;
mod meters;
mod observed;
mod of_spans;
mod series;
mod span_meters;

pub use instrument::{BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter, Counter, Gauge, Histogram, UpDownCounter};
pub(crate) use meters::{Instrument, Meters};
pub(crate) use of_spans::MeteredEnd;
pub use of_spans::{Measures, SpanMeter, SpanMetric};
pub(crate) use span_meters::SpanMeters;
