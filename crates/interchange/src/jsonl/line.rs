//! What stands on a line: the records of the model, in the words that are written.

use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Attributes, Buckets, Exemplar, ExplicitHistogram, ExponentialHistogram, Graph, InstrumentationScope,
    LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Resource, Severity, Span, SpanDrops, SpanEvent, SpanId,
    SpanKind, SpanLink, SpanType, Status, Summary, Temporality, Totals, TraceId,
};
use serde::{Deserialize, Serialize};

use super::real::{Real, all, plain};
use super::value;

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Line {
    Header { format: String, version: u32 },
    Resource(ResourceLine),
    Span(Box<SpanLine>),
    Event(EventLine),
    Link(LinkLine),
    Log(Box<LogLine>),
    Metric(Box<MetricLine>),
    Graph { graph: Graph },
}

/// Leaves out what is as it is by default.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize, Deserialize)]
pub(super) struct ResourceLine {
    pub(super) number: u32,
    #[serde(with = "value::object")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped_attributes: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    schema_url: String,
}

impl ResourceLine {
    pub(super) fn new(number: u32, resource: &Resource) -> Self {
        let Resource { attributes, dropped_attributes, schema_url } = resource.clone();
        Self { number, attributes, dropped_attributes, schema_url }
    }

    pub(super) fn into_resource(self) -> Resource {
        Resource { attributes: self.attributes, dropped_attributes: self.dropped_attributes, schema_url: self.schema_url }
    }
}

#[derive(Serialize, Deserialize, Clone)]
struct Scope {
    name: String,
    #[serde(default, skip_serializing_if = "is_default")]
    version: String,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped_attributes: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    schema_url: String,
}

fn scope_line(scope: Option<&Arc<InstrumentationScope>>) -> Option<Scope> {
    let InstrumentationScope { name, version, attributes, dropped_attributes, schema_url } = (**scope?).clone();
    Some(Scope { name, version, attributes, dropped_attributes, schema_url })
}

fn scope_of(line: Option<Scope>) -> Option<Arc<InstrumentationScope>> {
    let Scope { name, version, attributes, dropped_attributes, schema_url } = line?;
    Some(Arc::new(InstrumentationScope { name, version, attributes, dropped_attributes, schema_url }))
}

#[derive(Serialize, Deserialize)]
pub(super) struct SpanLine {
    pub(super) resource: u32,
    trace_id: TraceId,
    span_id: SpanId,
    #[serde(default, skip_serializing_if = "is_default")]
    parent_id: SpanId,
    name: String,
    kind: SpanKind,
    span_type: SpanType,
    status: Status,
    #[serde(default, skip_serializing_if = "is_default")]
    message: String,
    start_unix_ns: i64,
    duration_ns: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    flags: u32,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    trace_state: String,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped: SpanDrops,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
}

impl SpanLine {
    /// Takes a span without its events and links.
    pub(super) fn new(resource: u32, span: Span) -> Self {
        Self {
            resource,
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            name: span.name,
            kind: span.kind,
            span_type: span.span_type,
            status: span.status,
            message: span.status_message,
            start_unix_ns: span.start_unix_ns,
            duration_ns: span.duration_ns,
            flags: span.flags,
            attributes: span.attributes,
            trace_state: span.trace_state,
            dropped: span.dropped,
            scope: scope_line(span.scope.as_ref()),
        }
    }

    pub(super) fn into_span(self) -> Span {
        Span {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_id: self.parent_id,
            name: self.name,
            kind: self.kind,
            span_type: self.span_type,
            status: self.status,
            status_message: self.message,
            start_unix_ns: self.start_unix_ns,
            duration_ns: self.duration_ns,
            flags: self.flags,
            attributes: self.attributes,
            trace_state: self.trace_state,
            dropped: self.dropped,
            scope: scope_of(self.scope),
            events: Vec::new(),
            links: Vec::new(),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct EventLine {
    pub(super) resource: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) trace_id: TraceId,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) span_id: SpanId,
    name: String,
    unix_ns: i64,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped_attributes: u32,
}

impl EventLine {
    pub(super) fn new(resource: u32, (trace_id, span_id): (TraceId, SpanId), event: SpanEvent) -> Self {
        let SpanEvent { name, unix_ns, attributes, dropped_attributes } = event;
        Self { resource, trace_id, span_id, name, unix_ns, attributes, dropped_attributes }
    }

    pub(super) fn into_event(self) -> SpanEvent {
        let Self { name, unix_ns, attributes, dropped_attributes, .. } = self;
        SpanEvent { name, unix_ns, attributes, dropped_attributes }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct LinkLine {
    pub(super) resource: u32,
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    linked_trace_id: TraceId,
    linked_span_id: SpanId,
    #[serde(default, skip_serializing_if = "is_default")]
    trace_state: String,
    #[serde(default, skip_serializing_if = "is_default")]
    flags: u32,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped_attributes: u32,
}

impl LinkLine {
    pub(super) fn new(resource: u32, (trace_id, span_id): (TraceId, SpanId), link: SpanLink) -> Self {
        Self {
            resource,
            trace_id,
            span_id,
            linked_trace_id: link.trace_id,
            linked_span_id: link.span_id,
            trace_state: link.trace_state,
            flags: link.flags,
            attributes: link.attributes,
            dropped_attributes: link.dropped_attributes,
        }
    }

    pub(super) fn into_link(self) -> SpanLink {
        SpanLink {
            trace_id: self.linked_trace_id,
            span_id: self.linked_span_id,
            trace_state: self.trace_state,
            flags: self.flags,
            attributes: self.attributes,
            dropped_attributes: self.dropped_attributes,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct LogLine {
    pub(super) resource: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    trace_id: TraceId,
    #[serde(default, skip_serializing_if = "is_default")]
    span_id: SpanId,
    unix_ns: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    observed_unix_ns: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    severity: Severity,
    #[serde(default, skip_serializing_if = "is_default")]
    severity_text: String,
    #[serde(default, skip_serializing_if = "is_default")]
    event_name: String,
    #[serde(default, with = "value::plain", skip_serializing_if = "is_default")]
    body: AttributeValue,
    #[serde(default, skip_serializing_if = "is_default")]
    flags: u32,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped_attributes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
}

impl LogLine {
    pub(super) fn new(resource: u32, log: LogRecord) -> Self {
        Self {
            resource,
            trace_id: log.trace_id,
            span_id: log.span_id,
            unix_ns: log.unix_ns,
            observed_unix_ns: log.observed_unix_ns,
            severity: log.severity,
            severity_text: log.severity_text,
            event_name: log.event_name,
            body: log.body,
            flags: log.flags,
            attributes: log.attributes,
            dropped_attributes: log.dropped_attributes,
            scope: scope_line(log.scope.as_ref()),
        }
    }

    pub(super) fn into_log(self) -> LogRecord {
        LogRecord {
            unix_ns: self.unix_ns,
            observed_unix_ns: self.observed_unix_ns,
            severity: self.severity,
            severity_text: self.severity_text,
            event_name: self.event_name,
            body: self.body,
            trace_id: self.trace_id,
            span_id: self.span_id,
            flags: self.flags,
            attributes: self.attributes,
            dropped_attributes: self.dropped_attributes,
            scope: scope_of(self.scope),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct MetricLine {
    pub(super) resource: u32,
    name: String,
    kind: MetricKind,
    temporality: Temporality,
    #[serde(default, skip_serializing_if = "is_default")]
    unit: String,
    #[serde(default, skip_serializing_if = "is_default")]
    description: String,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    metadata: Attributes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    points: Vec<PointLine>,
}

impl MetricLine {
    pub(super) fn new(resource: u32, metric: Metric, points: Vec<MetricPoint>) -> Self {
        Self {
            resource,
            scope: scope_line(metric.scope.as_ref()),
            name: metric.name,
            kind: metric.kind,
            temporality: metric.temporality,
            unit: metric.unit,
            description: metric.description,
            metadata: metric.metadata,
            points: points.into_iter().map(PointLine::new).collect(),
        }
    }

    pub(super) fn into_metric(self) -> (Metric, Vec<MetricPoint>) {
        let metric = Metric {
            name: self.name,
            description: self.description,
            unit: self.unit,
            kind: self.kind,
            temporality: self.temporality,
            metadata: self.metadata,
            scope: scope_of(self.scope),
        };
        (metric, self.points.into_iter().map(PointLine::into_point).collect())
    }
}

#[derive(Serialize, Deserialize)]
struct PointLine {
    unix_ns: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    start_unix_ns: i64,
    #[serde(flatten)]
    value: PointValue,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exemplars: Vec<ExemplarLine>,
}

impl PointLine {
    fn new(point: MetricPoint) -> Self {
        Self {
            unix_ns: point.unix_ns,
            start_unix_ns: point.start_unix_ns,
            value: PointValue::new(point.value),
            attributes: point.attributes,
            exemplars: point.exemplars.into_iter().map(ExemplarLine::new).collect(),
        }
    }

    fn into_point(self) -> MetricPoint {
        MetricPoint {
            start_unix_ns: self.start_unix_ns,
            unix_ns: self.unix_ns,
            value: self.value.into_value(),
            attributes: self.attributes,
            exemplars: self.exemplars.into_iter().map(ExemplarLine::into_exemplar).collect(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct ExemplarLine {
    unix_ns: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<NumberLine>,
    #[serde(default, skip_serializing_if = "is_default")]
    trace_id: TraceId,
    #[serde(default, skip_serializing_if = "is_default")]
    span_id: SpanId,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
}

impl ExemplarLine {
    fn new(exemplar: Exemplar) -> Self {
        let Exemplar { unix_ns, value, trace_id, span_id, attributes } = exemplar;
        Self { unix_ns, value: value.map(NumberLine::new), trace_id, span_id, attributes }
    }

    fn into_exemplar(self) -> Exemplar {
        let Self { unix_ns, value, trace_id, span_id, attributes } = self;
        Exemplar { unix_ns, value: value.map(NumberLine::into_number), trace_id, span_id, attributes }
    }
}

/// A number as it was measured: whole ones have no decimal point.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum NumberLine {
    Int(i64),
    Real(Real),
}

impl NumberLine {
    const fn new(number: Number) -> Self {
        match number {
            Number::Int(number) => Self::Int(number),
            Number::Float(number) => Self::Real(Real(number)),
        }
    }

    const fn into_number(self) -> Number {
        match self {
            Self::Int(number) => Number::Int(number),
            Self::Real(Real(number)) => Number::Float(number),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct TotalsLine {
    count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<Real>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<Real>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<Real>,
}

impl TotalsLine {
    fn new(totals: Totals) -> Self {
        let Totals { count, sum, min, max } = totals;
        Self { count, sum: sum.map(Real), min: min.map(Real), max: max.map(Real) }
    }

    fn into_totals(self) -> Totals {
        let real = |number: Option<Real>| number.map(|number| number.0);
        Totals { count: self.count, sum: real(self.sum), min: real(self.min), max: real(self.max) }
    }
}

/// The value of a point, under a key that says of what kind it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PointValue {
    Missing(()),
    Value(NumberLine),
    Explicit {
        #[serde(flatten)]
        totals: TotalsLine,
        bounds: Vec<Real>,
        counts: Vec<u64>,
    },
    Exponential {
        #[serde(flatten)]
        totals: TotalsLine,
        scale: i32,
        zero_threshold: Real,
        zero_count: u64,
        positive: Buckets,
        negative: Buckets,
    },
    Summary {
        #[serde(flatten)]
        totals: TotalsLine,
        quantiles: Vec<(Real, Real)>,
    },
}

impl PointValue {
    fn new(value: MetricValue) -> Self {
        match value {
            MetricValue::Missing => Self::Missing(()),
            MetricValue::Number(number) => Self::Value(NumberLine::new(number)),
            MetricValue::Explicit(of) => {
                Self::Explicit { totals: TotalsLine::new(of.totals), bounds: all(&of.bounds), counts: of.counts }
            }
            MetricValue::Exponential(of) => Self::Exponential {
                totals: TotalsLine::new(of.totals),
                scale: of.scale,
                zero_threshold: Real(of.zero_threshold),
                zero_count: of.zero_count,
                positive: of.positive,
                negative: of.negative,
            },
            MetricValue::Summary(of) => {
                let quantiles = of.quantiles.into_iter().map(|(at, value)| (Real(at), Real(value))).collect();
                Self::Summary { totals: TotalsLine::new(of.totals), quantiles }
            }
        }
    }

    fn into_value(self) -> MetricValue {
        match self {
            Self::Missing(()) => MetricValue::Missing,
            Self::Value(number) => MetricValue::Number(number.into_number()),
            Self::Explicit { totals, bounds, counts } => {
                MetricValue::Explicit(ExplicitHistogram { totals: totals.into_totals(), bounds: plain(bounds), counts })
            }
            Self::Exponential { totals, scale, zero_threshold, zero_count, positive, negative } => {
                MetricValue::Exponential(ExponentialHistogram {
                    totals: totals.into_totals(),
                    scale,
                    zero_threshold: zero_threshold.0,
                    zero_count,
                    positive,
                    negative,
                })
            }
            Self::Summary { totals, quantiles } => {
                let quantiles = quantiles.into_iter().map(|(at, value)| (at.0, value.0)).collect();
                MetricValue::Summary(Summary { totals: totals.into_totals(), quantiles })
            }
        }
    }
}
