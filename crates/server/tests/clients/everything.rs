//! A batch with all that OTLP can carry, and a way to compare what becomes of it.

use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Batch, BatchBuilder, Buckets, Exemplar, ExplicitHistogram, ExponentialHistogram, InstrumentationScope,
    LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Resource, Severity, Span, SpanDrops, SpanEvent, SpanId,
    SpanKind, SpanLink, Status, Summary, Temporality, Totals, TraceId, WriterId,
};

const TIME: i64 = 1_790_000_000_123_456_789;

/// Compares batches record by record, so that what differs is short.
pub(crate) fn compare(arrived: &[Arc<Batch>], sent: &[Arc<Batch>], way: &str) {
    let (arrived, sent) = (told(arrived), told(sent));
    compare_each(&arrived.resources, &sent.resources, way);
    compare_each(&arrived.spans, &sent.spans, way);
    compare_each(&arrived.points, &sent.points, way);
    compare_each(&arrived.logs, &sent.logs, way);
}

fn compare_each<T: PartialEq + std::fmt::Debug>(arrived: &[T], sent: &[T], way: &str) {
    assert_eq!(arrived.len(), sent.len(), "{way}");
    arrived.iter().zip(sent).for_each(|(arrived, sent)| assert_eq!(arrived, sent, "{way}"));
}

/// All records, in an order that doesn't hang on batches.
struct Told {
    resources: Vec<Resource>,
    spans: Vec<Span>,
    points: Vec<(Metric, MetricPoint)>,
    logs: Vec<LogRecord>,
}

/// Returns how many spans, points and log records there are.
pub(crate) fn count(batches: &[Arc<Batch>]) -> usize {
    batches.iter().map(|batch| batch.spans().len() + batch.points().len() + batch.logs().len()).sum()
}

/// Takes batches apart.
fn told(batches: &[Arc<Batch>]) -> Told {
    let mut told = Told { resources: Vec::new(), spans: Vec::new(), points: Vec::new(), logs: Vec::new() };
    for batch in batches {
        if !told.resources.contains(&batch.resource) {
            told.resources.push((*batch.resource).clone());
        }
        told.spans.extend(crate::story::whole_spans(batch));
        let points = batch.points();
        told.points.extend(points.map(|point| (point.metric().unwrap().to_metric(), point.to_point())));
        told.logs.extend(batch.logs().map(|log| log.to_log()));
    }
    told.spans.sort_by_key(|span| span.name.clone());
    told.points.sort_by_key(|(metric, point)| (metric.name.clone(), point.unix_ns));
    told.logs.sort_by_key(|log| log.unix_ns);
    told
}

/// Makes the batch. `number` tells its records from those of others.
pub(crate) fn batch(number: u8, has_metrics: bool) -> Arc<Batch> {
    let writer = WriterId::from_bytes([9; 16]);
    // As it says itself which process it is, nothing is added to it on the wire.
    let instance = ("service.instance.id".into(), writer.to_string().into());
    let resource = Resource {
        attributes: [vec![("service.name".into(), "words".into())], attributes(), vec![instance]].concat(),
        dropped_attributes: 2,
        schema_url: "https://opentelemetry.io/schemas/1.27.0".into(),
    };
    let mut builder = BatchBuilder::new(writer, 1, Arc::new(resource));
    spans(number).iter().for_each(|span| builder.push(span));
    for (metric, points) in metrics(number).into_iter().filter(|_| has_metrics) {
        let metric = builder.push_owned_metric(&metric);
        points.iter().for_each(|point| builder.push_owned_point(metric, point));
    }
    logs(number).iter().for_each(|log| builder.push_owned_log(log));
    Arc::new(builder.finish())
}

fn attributes() -> Vec<(String, AttributeValue)> {
    let map = AttributeValue::Map(vec![("inner".into(), AttributeValue::List(vec![1i64.into(), "two".into()]))]);
    vec![
        ("text".into(), "é✓\n\"quoted\"".into()),
        ("flag".into(), true.into()),
        ("least".into(), i64::MIN.into()),
        ("tiny".into(), AttributeValue::Float(5e-324)),
        ("bytes".into(), AttributeValue::Bytes(vec![0, 255, 128])),
        ("map".into(), map),
        ("nothing in it".into(), "".into()),
    ]
}

fn scope() -> Option<Arc<InstrumentationScope>> {
    Some(Arc::new(InstrumentationScope {
        name: "cart".into(),
        version: "1.2".into(),
        attributes: attributes(),
        dropped_attributes: 3,
        schema_url: "https://opentelemetry.io/schemas/1.26.0".into(),
    }))
}

fn spans(number: u8) -> [Span; 2] {
    let trace_id = TraceId::from_bytes([number; 16]);
    let link = SpanLink {
        trace_id: TraceId::from_bytes([77; 16]),
        span_id: SpanId::from_u64(78),
        trace_state: "vendor=there".into(),
        flags: 0x301,
        attributes: attributes(),
        dropped_attributes: 4,
    };
    let event = SpanEvent { name: "said".into(), unix_ns: TIME + 5, attributes: attributes(), dropped_attributes: 5 };
    let all = Span {
        trace_id,
        span_id: SpanId::from_u64(1),
        name: "all of it".into(),
        kind: SpanKind::Consumer,
        status: Status::Error,
        status_message: "it broke".into(),
        start_unix_ns: TIME,
        duration_ns: 1_000_000_007,
        flags: 0x101,
        attributes: attributes(),
        events: vec![event.clone(), SpanEvent { name: "and again".into(), unix_ns: TIME + 6, ..event }],
        links: vec![link],
        trace_state: "vendor=here,other=1".into(),
        dropped: SpanDrops { attributes: 6, events: 7, links: 8 },
        scope: scope(),
        ..Span::default()
    };
    let child =
        Span { trace_id, span_id: SpanId::from_u64(2), parent_id: all.span_id, name: "child".into(), ..Span::default() };
    [all, Span { start_unix_ns: TIME, scope: scope(), ..child }]
}

fn metrics(number: u8) -> [(Metric, Vec<MetricPoint>); 5] {
    let totals = Totals { count: 6, sum: Some(-4.5), min: Some(-3.0), max: Some(1.5) };
    let explicit = ExplicitHistogram { totals, bounds: vec![-1.0, 0.5], counts: vec![1, 2, 3] };
    let exponential = ExponentialHistogram {
        totals,
        scale: 3,
        zero_threshold: 1e-9,
        zero_count: 1,
        positive: Buckets { offset: -2, counts: vec![1, 0, 2] },
        negative: Buckets { offset: 5, counts: vec![2] },
    };
    let summary =
        Summary { totals: Totals { min: None, max: None, ..totals }, quantiles: vec![(0.0, -3.0), (0.5, 0.1), (1.0, 1.5)] };
    let metric = |name: &str, kind, temporality| Metric {
        description: "What it says".into(),
        unit: "s".into(),
        metadata: attributes(),
        scope: scope(),
        ..Metric::new(name, kind, temporality)
    };
    let number = i64::from(number);
    let points =
        |values: Vec<MetricValue>| (0..).zip(values).map(|(at, value)| point(TIME + number * 10 + at, value)).collect();
    let numbers = [Number::Int(-7), Number::Float(0.25)].map(MetricValue::Number);
    [
        (metric("a.counter", MetricKind::Counter, Temporality::Delta), points(numbers.to_vec())),
        (
            metric("b.gauge", MetricKind::Gauge, Temporality::Unspecified),
            points([&numbers[..], &[MetricValue::Missing]].concat()),
        ),
        (metric("c.histogram", MetricKind::Explicit, Temporality::Cumulative), points(vec![MetricValue::Explicit(explicit)])),
        (
            metric("d.exponential", MetricKind::Exponential, Temporality::Delta),
            points(vec![MetricValue::Exponential(exponential)]),
        ),
        (metric("e.summary", MetricKind::Summary, Temporality::Unspecified), points(vec![MetricValue::Summary(summary)])),
    ]
}

fn point(unix_ns: i64, value: MetricValue) -> MetricPoint {
    let exemplar = Exemplar {
        unix_ns: TIME + 1,
        value: Some(Number::Float(1.5)),
        trace_id: TraceId::from_bytes([7; 16]),
        span_id: SpanId::from_u64(8),
        attributes: attributes(),
    };
    let has_exemplars = !matches!(value, MetricValue::Summary(_));
    let exemplars = if has_exemplars { vec![exemplar] } else { Vec::new() };
    MetricPoint { start_unix_ns: TIME - 10, unix_ns, value, attributes: attributes(), exemplars }
}

fn logs(number: u8) -> [LogRecord; 2] {
    let all = LogRecord {
        unix_ns: TIME + i64::from(number) * 10,
        observed_unix_ns: TIME + 2,
        severity: Severity(13),
        severity_text: "Warnung".into(),
        event_name: "stock.low".into(),
        body: AttributeValue::Map(attributes()),
        trace_id: TraceId::from_bytes([number; 16]),
        span_id: SpanId::from_u64(1),
        flags: 1,
        attributes: attributes(),
        dropped_attributes: 9,
        scope: scope(),
    };
    [all.clone(), LogRecord { unix_ns: all.unix_ns + 1, observed_unix_ns: TIME, scope: all.scope, ..LogRecord::default() }]
}
