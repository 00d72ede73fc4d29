//! Puts owned records of every kind into a batch, as a decoder or a test has them.

use std::sync::Arc;

use super::columns::{Scalar, SpanRow};
use super::extras::Extra;
use super::links::LinkRow;
use super::logs::LogRow;
use super::metrics::{ExemplarRow, MetricRow, PointRow, PointValue};
use super::{BatchBuilder, Sym};
use crate::{
    Attributes, Exemplar, InstrumentationScope, LogRecord, Metric, MetricPoint, MetricValue, Number, Span, SpanEvent, SpanId,
    SpanLink, Status, TraceId,
};

impl BatchBuilder {
    /// Adds an owned span with its events and links: to `opened` while it runs, else to `spans`.
    pub fn push(&mut self, span: &Span) {
        let row = self.span_row(span);
        let extra = Extra {
            scope: self.scope(span.scope.as_ref()),
            trace_state: self.intern(&span.trace_state),
            dropped_attributes: span.dropped.attributes,
            dropped_events: span.dropped.events,
            dropped_links: span.dropped.links,
        };
        let attributes = self.pairs(&span.attributes);
        let batch = self.batch_mut();
        let spans = if span.status == Status::Running { &mut batch.opened } else { &mut batch.spans };
        spans.extras.set(spans.len(), extra);
        spans.push(row, attributes);
        let owner = (span.trace_id, span.span_id);
        span.events.iter().for_each(|event| self.push_owned_event(owner, event));
        span.links.iter().for_each(|link| self.push_owned_link(owner, link));
    }

    /// Adds an owned event of a span, of a trace without a span, or of neither.
    pub fn push_owned_event(&mut self, owner: (TraceId, SpanId), event: &SpanEvent) {
        let name = self.intern(&event.name);
        let attributes = self.pairs(&event.attributes);
        let events = &mut self.batch_mut().events;
        events.extras.set(events.len(), dropping(event.dropped_attributes));
        self.push_event(owner, name, event.unix_ns, attributes);
    }

    /// Adds an owned link of a span.
    pub fn push_owned_link(&mut self, (trace_id, span_id): (TraceId, SpanId), link: &SpanLink) {
        let row =
            LinkRow { trace_id, span_id, linked_trace_id: link.trace_id, linked_span_id: link.span_id, flags: link.flags };
        let extra = Extra { trace_state: self.intern(&link.trace_state), ..dropping(link.dropped_attributes) };
        let attributes = self.pairs(&link.attributes);
        let links = &mut self.batch_mut().links;
        links.extras.set(links.len(), extra);
        self.push_link(row, attributes);
    }

    /// Adds an owned log record.
    pub fn push_owned_log(&mut self, log: &LogRecord) {
        let row = LogRow {
            trace_id: log.trace_id,
            span_id: log.span_id,
            unix_ns: log.unix_ns,
            observed_unix_ns: log.observed_unix_ns,
            severity: log.severity,
            severity_text: self.intern(&log.severity_text),
            event_name: self.intern(&log.event_name),
            body: self.scalar(&log.body),
            flags: log.flags,
        };
        let extra = Extra { scope: self.scope(log.scope.as_ref()), ..dropping(log.dropped_attributes) };
        let attributes = self.pairs(&log.attributes);
        let logs = &mut self.batch_mut().logs;
        logs.extras.set(logs.len(), extra);
        self.push_log(row, attributes);
    }

    /// Adds an owned metric, once for all its points; returns its row.
    pub fn push_owned_metric(&mut self, metric: &Metric) -> u32 {
        let row = MetricRow {
            name: self.intern(&metric.name),
            description: self.intern(&metric.description),
            unit: self.intern(&metric.unit),
            kind: metric.kind,
            temporality: metric.temporality,
        };
        let extra = Extra { scope: self.scope(metric.scope.as_ref()), ..Extra::default() };
        let metadata = self.pairs(&metric.metadata);
        let metrics = &mut self.batch_mut().metrics;
        metrics.extras.set(metrics.len(), extra);
        self.push_metric(row, metadata)
    }

    /// Adds an owned point of the metric in this row, with its exemplars.
    pub fn push_owned_point(&mut self, metric: u32, point: &MetricPoint) {
        point.exemplars.iter().for_each(|exemplar| self.push_owned_exemplar(exemplar));
        let value = self.point_value(&point.value);
        let row = PointRow { metric, start_unix_ns: point.start_unix_ns, unix_ns: point.unix_ns, value };
        let attributes = self.pairs(&point.attributes);
        self.push_point(row, attributes);
    }

    /// Returns the number of a scope, from 1, and remembers it; 0 for none.
    pub fn scope(&mut self, scope: Option<&Arc<InstrumentationScope>>) -> u32 {
        let Some(scope) = scope else { return 0 };
        let scopes = &mut self.batch_mut().scopes;
        let known = scopes.iter().rposition(|known| Arc::ptr_eq(known, scope) || known == scope);
        let at = known.unwrap_or_else(|| {
            scopes.push(Arc::clone(scope));
            scopes.len() - 1
        });
        u32::try_from(at + 1).unwrap_or_default()
    }

    fn span_row(&mut self, span: &Span) -> SpanRow {
        SpanRow {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            name: self.intern(&span.name),
            kind: span.kind,
            span_type: span.span_type,
            status: span.status,
            status_message: self.intern(&span.status_message),
            start_unix_ns: span.start_unix_ns,
            duration_ns: span.duration_ns,
            flags: span.flags,
        }
    }

    fn push_owned_exemplar(&mut self, exemplar: &Exemplar) {
        let Exemplar { unix_ns, value, trace_id, span_id, ref attributes } = *exemplar;
        let attributes = self.pairs(attributes);
        self.push_exemplar(ExemplarRow { unix_ns, value, trace_id, span_id }, attributes);
    }

    fn point_value(&mut self, value: &MetricValue) -> PointValue {
        let points = &mut self.batch_mut().points;
        match value {
            MetricValue::Missing => PointValue::Missing,
            MetricValue::Number(Number::Int(number)) => PointValue::Int(*number),
            MetricValue::Number(Number::Float(number)) => PointValue::Float(*number),
            MetricValue::Explicit(histogram) => PointValue::Explicit(points.explicit.push(histogram)),
            MetricValue::Exponential(histogram) => PointValue::Exponential(points.exponential.push(histogram)),
            MetricValue::Summary(summary) => PointValue::Summary(points.summaries.push(summary)),
        }
    }

    fn pairs(&mut self, attributes: &Attributes) -> Vec<(Sym, Scalar)> {
        attributes.iter().map(|(key, value)| (self.intern(key), self.scalar(value))).collect()
    }
}

fn dropping(dropped_attributes: u32) -> Extra {
    Extra { dropped_attributes, ..Extra::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AttributeValue, Batch, Buckets, ExplicitHistogram, ExponentialHistogram, MetricKind, Severity, SpanDrops, SpanKind,
        SpanType, Summary, Temporality, Totals, WriterId,
    };

    fn scope(name: &str) -> Arc<InstrumentationScope> {
        let attributes = vec![("a".into(), true.into())];
        Arc::new(InstrumentationScope { name: name.into(), version: "1".into(), attributes, ..Default::default() })
    }

    fn span() -> Span {
        Span {
            trace_id: TraceId::random(),
            span_id: SpanId::random(),
            parent_id: SpanId::NONE,
            name: "node clean".into(),
            kind: SpanKind::Internal,
            span_type: SpanType::Node,
            status: Status::Error,
            status_message: "too dirty".into(),
            start_unix_ns: -5,
            duration_ns: 7,
            flags: 1,
            attributes: vec![
                ("a".into(), "text".into()),
                ("b".into(), AttributeValue::List(vec![1i64.into(), AttributeValue::Map(vec![("k".into(), 0.5.into())])])),
                ("c".into(), AttributeValue::Bytes(vec![0xff, 0])),
                ("d".into(), AttributeValue::Null),
            ],
            events: vec![SpanEvent {
                name: "exception".into(),
                unix_ns: 1,
                attributes: vec![("x".into(), true.into())],
                dropped_attributes: 2,
            }],
            links: vec![SpanLink {
                trace_id: TraceId::random(),
                span_id: SpanId::random(),
                trace_state: "a=b".into(),
                flags: 0x301,
                attributes: vec![("l".into(), 1i64.into())],
                dropped_attributes: 3,
            }],
            trace_state: "vendor=x".into(),
            dropped: SpanDrops { attributes: 1, events: 2, links: 3 },
            scope: Some(scope("lib")),
        }
    }

    fn whole(batch: &Batch) -> Vec<Span> {
        let owned = |span: crate::SpanRef<'_>| {
            let (mut owned, owner) = (span.to_span(), (span.row().trace_id, span.row().span_id));
            owned.events = batch.events().filter(|event| event.owner() == owner).map(|event| event.to_event()).collect();
            let links = batch.links().filter(|link| (link.row().trace_id, link.row().span_id) == owner);
            owned.links = links.map(|link| link.to_link()).collect();
            owned
        };
        batch.spans().chain(batch.opened()).map(owned).collect()
    }

    #[test]
    fn spans_come_back_equal() {
        let spans = [span(), Span { scope: None, dropped: SpanDrops::default(), trace_state: String::new(), ..span() }];
        let running = Span { status: Status::Running, scope: Some(scope("other")), ..span() };
        let mut builder = BatchBuilder::new(WriterId::random(), 1, Arc::default());
        spans.iter().chain([&running]).for_each(|span| builder.push(span));
        let batch = builder.finish();
        assert_eq!(whole(&batch), [spans[0].clone(), spans[1].clone(), running]);
        assert_eq!((batch.spans().len(), batch.opened().len(), batch.scopes.len()), (2, 1, 2));
        assert_eq!((batch.counts().spans, batch.counts().events, batch.counts().total()), (2, 3, 5));
    }

    #[test]
    fn events_need_neither_a_span_nor_a_trace() {
        let event = SpanEvent { name: "deployed".into(), unix_ns: 9, ..SpanEvent::default() };
        let owners = [(TraceId::NONE, SpanId::NONE), (TraceId::random(), SpanId::NONE)];
        let mut builder = BatchBuilder::default();
        owners.iter().for_each(|owner| builder.push_owned_event(*owner, &event));
        let batch = builder.finish();
        assert!(batch.events().map(|found| (found.owner(), found.to_event())).eq(owners.map(|owner| (owner, event.clone()))));
    }

    #[test]
    fn logs_come_back_equal() {
        let logs = [
            LogRecord::default(),
            LogRecord {
                unix_ns: 5,
                observed_unix_ns: 6,
                severity: Severity::WARN,
                severity_text: "warning".into(),
                event_name: "disk.full".into(),
                body: AttributeValue::Map(vec![("free".into(), 0i64.into())]),
                trace_id: TraceId::random(),
                span_id: SpanId::random(),
                flags: 1,
                attributes: vec![("k".into(), "v".into())],
                dropped_attributes: 4,
                scope: Some(scope("lib")),
            },
        ];
        let mut builder = BatchBuilder::default();
        logs.iter().for_each(|log| builder.push_owned_log(log));
        let batch = builder.finish();
        assert!(batch.logs().map(|log| log.to_log()).eq(logs));
        assert_eq!(batch.counts().logs, 2);
    }

    fn points() -> Vec<MetricPoint> {
        let totals = Totals { count: 3, sum: Some(4.5), min: Some(0.5), max: None };
        let buckets = |offset| Buckets { offset, counts: vec![1, 0, 2] };
        let exponential = ExponentialHistogram {
            totals,
            scale: -2,
            zero_threshold: 0.1,
            zero_count: 7,
            positive: buckets(-9),
            negative: buckets(3),
        };
        let values = [
            MetricValue::Missing,
            MetricValue::Number(Number::Int(-3)),
            MetricValue::Number(Number::Float(0.25)),
            MetricValue::Explicit(ExplicitHistogram { totals, bounds: vec![1.0], counts: vec![1, 2] }),
            MetricValue::Exponential(exponential),
            MetricValue::Exponential(ExponentialHistogram::default()),
            MetricValue::Summary(Summary { totals, quantiles: vec![(0.5, 1.0), (0.99, 2.0)] }),
        ];
        let exemplar = |value| Exemplar {
            unix_ns: 1,
            value,
            trace_id: TraceId::random(),
            span_id: SpanId::random(),
            attributes: vec![("e".into(), 1i64.into())],
        };
        let exemplars = |at: usize| if at == 2 { vec![exemplar(None), exemplar(Some(Number::Int(1)))] } else { Vec::new() };
        let point = |(at, value)| MetricPoint {
            start_unix_ns: 1,
            unix_ns: 2,
            value,
            attributes: vec![("node.id".into(), "a".into())],
            exemplars: exemplars(at),
        };
        values.into_iter().enumerate().map(point).collect()
    }

    #[test]
    fn metrics_come_back_equal() {
        let metric = Metric {
            description: "How long".into(),
            unit: "s".into(),
            metadata: vec![("m".into(), 1i64.into())],
            scope: Some(scope("lib")),
            ..Metric::new("node.duration", MetricKind::Exponential, Temporality::Delta)
        };
        let bare = Metric::new("x", MetricKind::Gauge, Temporality::Unspecified);
        let mut builder = BatchBuilder::default();
        let rows = [&bare, &metric].map(|metric| builder.push_owned_metric(metric));
        let points = points();
        points.iter().for_each(|point| builder.push_owned_point(rows[1], point));
        let batch = builder.finish();
        assert!(batch.metrics().map(|metric| metric.to_metric()).eq([bare, metric.clone()]));
        assert!(batch.points().all(|point| point.metric().unwrap().to_metric() == metric));
        assert_eq!(batch.points().map(|point| point.to_point()).collect::<Vec<_>>(), points);
        assert!(!batch.is_empty() && batch.counts().points == 7 && batch.size_bytes() > 500);
    }
}
