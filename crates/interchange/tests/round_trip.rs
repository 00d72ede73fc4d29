//! What is written as lines is read as it was: every kind of record, whatever is in it.

use std::sync::Arc;

use flowglass_interchange::jsonl::{Reader, Writer};
use flowglass_model::{
    AttributeValue, Attributes, Batch, BatchBuilder, Buckets, Exemplar, ExplicitHistogram, ExponentialHistogram,
    InstrumentationScope, LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Resource, Severity, Span, SpanDrops,
    SpanEvent, SpanId, SpanKind, SpanLink, SpanType, Status, Summary, Temporality, Totals, TraceId, WriterId,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z.]{0,8}",
        "\\PC{0,12}",
        Just("$bytes".to_owned()),
        Just("$map".to_owned()),
        Just("a\n\"\u{0}\\".to_owned())
    ]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("a number equals itself", |number| !number.is_nan()),
        Just(1.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0)
    ]
}

fn value() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        Just(AttributeValue::Null),
        text().prop_map(AttributeValue::Str),
        any::<bool>().prop_map(AttributeValue::Bool),
        any::<i64>().prop_map(AttributeValue::Int),
        float().prop_map(AttributeValue::Float),
        vec(any::<u8>(), 0..6).prop_map(AttributeValue::Bytes),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(AttributeValue::List),
            vec((text(), inner), 0..3).prop_map(AttributeValue::Map)
        ]
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    vec((text(), value()), 0..4)
}

fn trace() -> impl Strategy<Value = TraceId> {
    prop_oneof![Just(TraceId::NONE), any::<[u8; 16]>().prop_map(TraceId::from_bytes)]
}

fn id() -> impl Strategy<Value = SpanId> {
    any::<u64>().prop_map(SpanId::from_u64)
}

fn scope() -> impl Strategy<Value = Option<Arc<InstrumentationScope>>> {
    let scope = (text(), text(), attributes(), any::<u32>(), text()).prop_map(
        |(name, version, attributes, dropped_attributes, schema_url)| {
            Arc::new(InstrumentationScope { name, version, attributes, dropped_attributes, schema_url })
        },
    );
    option::of(scope)
}

fn event() -> impl Strategy<Value = SpanEvent> {
    (text(), any::<i64>(), attributes(), any::<u32>()).prop_map(|(name, unix_ns, attributes, dropped_attributes)| SpanEvent {
        name,
        unix_ns,
        attributes,
        dropped_attributes,
    })
}

fn link() -> impl Strategy<Value = SpanLink> {
    (trace(), id(), text(), any::<u32>(), attributes(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, flags, attributes, dropped_attributes)| SpanLink {
            trace_id,
            span_id,
            trace_state,
            flags,
            attributes,
            dropped_attributes,
        },
    )
}

fn one<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    (0..all.len()).prop_map(|at| all[at])
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (trace(), id(), id(), text());
    let words = (one(SpanKind::ALL), one(SpanType::ALL), one(Status::ALL), text(), any::<u32>());
    let parts = (attributes(), vec(event(), 0..3), vec(link(), 0..2), text(), any::<[u32; 3]>(), scope());
    (ids, words, (any::<i64>(), any::<u64>()), parts).prop_map(|(ids, words, (start_unix_ns, duration_ns), parts)| Span {
        trace_id: ids.0,
        span_id: ids.1,
        parent_id: ids.2,
        name: ids.3,
        kind: words.0,
        span_type: words.1,
        status: words.2,
        status_message: words.3,
        start_unix_ns,
        duration_ns,
        flags: words.4,
        attributes: parts.0,
        events: parts.1,
        links: parts.2,
        trace_state: parts.3,
        dropped: SpanDrops { attributes: parts.4[0], events: parts.4[1], links: parts.4[2] },
        scope: parts.5,
    })
}

fn log() -> impl Strategy<Value = LogRecord> {
    let words = (0..25u8, text(), text(), value(), any::<u32>());
    (any::<[i64; 2]>(), words, trace(), id(), attributes(), any::<u32>(), scope()).prop_map(
        |(times, words, trace_id, span_id, attributes, dropped_attributes, scope)| LogRecord {
            unix_ns: times[0],
            observed_unix_ns: times[1],
            severity: Severity(words.0),
            severity_text: words.1,
            event_name: words.2,
            body: words.3,
            trace_id,
            span_id,
            flags: words.4,
            attributes,
            dropped_attributes,
            scope,
        },
    )
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![any::<i64>().prop_map(Number::Int), float().prop_map(Number::Float)]
}

fn totals() -> impl Strategy<Value = Totals> {
    (any::<u64>(), option::of(float()), option::of(float()), option::of(float())).prop_map(|(count, sum, min, max)| Totals {
        count,
        sum,
        min,
        max,
    })
}

fn buckets() -> impl Strategy<Value = Buckets> {
    (any::<i32>(), vec(any::<u64>(), 0..4)).prop_map(|(offset, counts)| Buckets { offset, counts })
}

fn point() -> impl Strategy<Value = MetricPoint> {
    let explicit = (totals(), vec(float(), 0..4), vec(any::<u64>(), 0..4))
        .prop_map(|(totals, bounds, counts)| MetricValue::Explicit(ExplicitHistogram { totals, bounds, counts }));
    let exponential = (totals(), any::<i32>(), float(), any::<u64>(), buckets(), buckets()).prop_map(
        |(totals, scale, zero_threshold, zero_count, positive, negative)| {
            MetricValue::Exponential(ExponentialHistogram { totals, scale, zero_threshold, zero_count, positive, negative })
        },
    );
    let summary = (totals(), vec((float(), float()), 0..3))
        .prop_map(|(totals, quantiles)| MetricValue::Summary(Summary { totals, quantiles }));
    let value = prop_oneof![Just(MetricValue::Missing), number().prop_map(MetricValue::Number), explicit, exponential, summary];
    let exemplar = (any::<i64>(), option::of(number()), trace(), id(), attributes())
        .prop_map(|(unix_ns, value, trace_id, span_id, attributes)| Exemplar { unix_ns, value, trace_id, span_id, attributes });
    (any::<[i64; 2]>(), value, attributes(), vec(exemplar, 0..2)).prop_map(|(times, value, attributes, exemplars)| {
        MetricPoint { start_unix_ns: times[0], unix_ns: times[1], value, attributes, exemplars }
    })
}

fn metric() -> impl Strategy<Value = (Metric, Vec<MetricPoint>)> {
    let words = (text(), text(), text(), one(MetricKind::ALL), one(Temporality::ALL));
    (words, attributes(), scope(), vec(point(), 1..4)).prop_map(|(words, metadata, scope, points)| {
        let (name, description, unit, kind, temporality) = words;
        (Metric { name, description, unit, kind, temporality, metadata, scope }, points)
    })
}

/// Everything that is in a batch, owned.
#[derive(Debug, Clone, PartialEq)]
struct Whole {
    resource: Resource,
    spans: Vec<Span>,
    free_events: Vec<(TraceId, SpanEvent)>,
    logs: Vec<LogRecord>,
    metrics: Vec<(Metric, Vec<MetricPoint>)>,
}

fn whole() -> impl Strategy<Value = Whole> {
    let resource = (attributes(), any::<u32>(), text()).prop_map(|(attributes, dropped_attributes, schema_url)| Resource {
        attributes,
        dropped_attributes,
        schema_url,
    });
    let others = (vec((trace(), event()), 0..3), vec(log(), 0..4), vec(metric(), 0..3));
    (resource, vec(span(), 0..4), others).prop_map(|(resource, mut spans, (free_events, logs, metrics))| {
        // Ids tell spans apart, and those that still run come behind the others.
        spans.iter_mut().zip(1..).for_each(|(span, number)| span.span_id = SpanId::from_u64(number));
        spans.sort_by_key(|span| span.status == Status::Running);
        Whole { resource, spans, free_events, logs, metrics }
    })
}

fn batch(whole: &Whole) -> Batch {
    let mut builder = BatchBuilder::new(WriterId::random(), 1, Arc::new(whole.resource.clone()));
    whole.spans.iter().for_each(|span| builder.push(span));
    whole.free_events.iter().for_each(|(trace, event)| builder.push_owned_event((*trace, SpanId::NONE), event));
    whole.logs.iter().for_each(|log| builder.push_owned_log(log));
    for (metric, points) in &whole.metrics {
        let row = builder.push_owned_metric(metric);
        points.iter().for_each(|point| builder.push_owned_point(row, point));
    }
    builder.finish()
}

fn read(batch: &Batch) -> Whole {
    let span = |span: flowglass_model::SpanRef<'_>| {
        let (mut owned, owner) = (span.to_span(), (span.row().trace_id, span.row().span_id));
        owned.events = batch.events().filter(|event| event.owner() == owner).map(|event| event.to_event()).collect();
        let links = batch.links().filter(|link| (link.row().trace_id, link.row().span_id) == owner);
        owned.links = links.map(|link| link.to_link()).collect();
        owned
    };
    let mut metrics: Vec<(Metric, Vec<MetricPoint>)> = batch.metrics().map(|metric| (metric.to_metric(), Vec::new())).collect();
    batch.points().for_each(|point| metrics[point.row().metric as usize].1.push(point.to_point()));
    let free = batch.events().filter(|event| event.owner().1.is_none());
    Whole {
        resource: (*batch.resource).clone(),
        spans: batch.spans().chain(batch.opened()).map(span).collect(),
        free_events: free.map(|event| (event.owner().0, event.to_event())).collect(),
        logs: batch.logs().map(|log| log.to_log()).collect(),
        metrics,
    }
}

fn has_records(whole: &Whole) -> bool {
    !(whole.spans.is_empty() && whole.free_events.is_empty() && whole.logs.is_empty() && whole.metrics.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_goes_out_comes_back_equal(wholes in vec(whole(), 1..4)) {
        let (mut writer, mut file) = (Writer::new(), Vec::new());
        wholes.iter().for_each(|whole| writer.write(&batch(whole), &mut file));
        let back: Vec<Whole> = Reader::new(file.as_slice()).map(|batch| read(&batch.unwrap())).collect();
        let wanted: Vec<Whole> = wholes.into_iter().filter(has_records).collect();
        // Neighbours of one resource come back as one batch.
        if wanted.windows(2).all(|pair| pair[0].resource != pair[1].resource) {
            prop_assert_eq!(back, wanted);
        } else {
            let count = |wholes: &[Whole]| wholes.iter().map(|whole| whole.spans.len() + whole.logs.len()).sum::<usize>();
            prop_assert_eq!(count(&back), count(&wanted));
        }
    }

    /// Whatever is read, it ends with batches or an error, never with a panic.
    #[test]
    fn no_input_makes_it_panic(whole in whole(), cut in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>(), byte: u8) {
        let (mut writer, mut file) = (Writer::new(), Vec::new());
        writer.write(&batch(&whole), &mut file);
        if !file.is_empty() {
            let at = flip.index(file.len());
            file[at] = byte;
            file.truncate(cut.index(file.len()) + 1);
        }
        let _ = Reader::new(file.as_slice()).count();
    }
}

fn told(file: &[u8]) -> String {
    Reader::new(file).find_map(Result::err).map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    const HEAD: &str = "{\"type\":\"header\",\"format\":\"flowglass\",\"version\":1}\n{\"type\":\"resource\",\"number\":0,\"attributes\":{}}\n";
    let with = |line: &str| told(format!("{HEAD}{line}\n").as_bytes());
    let wrong = [
        with("{\"type\":\"event\",\"resource\":0,\"name\":\"x\"}"),
        with("{\"type\":\"event\",\"resource\":7,\"name\":\"x\",\"unix_ns\":1}"),
        with("{\"type\":\"event\",\"resource\":0,\"name\":5,\"unix_ns\":1}"),
        with("{\"type\":\"spam\"}"),
        with("{\"type\":\"event\",\"resource\":0,\"trace_id\":\"xyz\",\"name\":\"\",\"unix_ns\":1}"),
        with("{\"type\":\"event\",\"resource\":0,\"name\":\"x\",\"unix_ns\":1,\"attributes\":{\"a\":{\"$bytes\":1}}}"),
        with("{\"type\":\"event\","),
        with("no json"),
        told(b"{\"type\":\"header\",\"format\":\"flowglass\",\"version\":9}"),
        told(b"{\"type\":\"event\",\"name\":\"\xff\"}"),
        told("{\"a\":".repeat(500).as_bytes()),
    ];
    insta::assert_snapshot!(wrong.join("\n"));
}
