//! The line of a metric with its points.

use flowglass_model::{Attributes, Exemplar, Metric, MetricKind, MetricPoint, SpanId, Temporality, TraceId};
use serde::{Deserialize, Serialize};

use super::point::{NumberLine, PointValue};
use super::{Scope, is_default, scope_line, scope_of};
use crate::jsonl::value;

#[derive(Serialize, Deserialize)]
pub(in crate::jsonl) struct MetricLine {
    pub(in crate::jsonl) resource: u32,
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
    pub(in crate::jsonl) fn new(resource: u32, metric: Metric, points: Vec<MetricPoint>) -> Self {
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

    pub(in crate::jsonl) fn into_metric(self) -> (Metric, Vec<MetricPoint>) {
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
