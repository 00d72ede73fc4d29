//! Arbitrary OTLP messages, of which nothing needs to be put straight: every scope has items and is unlike its neighbours.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = AnyValue> {
    use any_value::Value;
    let leaf = prop_oneof![
        text().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        float().prop_map(Value::DoubleValue),
        vec(any::<u8>(), 0..20).prop_map(Value::BytesValue),
    ];
    let leaf = prop_oneof![9 => leaf.prop_map(Some), 1 => Just(None)].prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec((text(), inner).prop_map(entry), 0..3).prop_map(|values| Value::KvlistValue(KeyValueList { values })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn entry((key, value): (String, AnyValue)) -> KeyValue {
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z.]{0,12}", "\\PC{0,90}"]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), -1e300..1e300f64, -100.0..100.0f64]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((text(), value()).prop_map(entry), 0..4)
}

/// A time that both sides can say.
fn time() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..=i64::MAX as u64 / 2, 1_700_000_000_000_000_000..1_800_000_000_000_000_000u64]
}

fn drops() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0), 1 => any::<u32>()]
}

fn id<const N: usize>() -> impl Strategy<Value = Vec<u8>> {
    any::<[u8; N]>().prop_map(|mut bytes| {
        bytes[0] |= 1;
        bytes.to_vec()
    })
}

fn maybe_id<const N: usize>() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(Vec::new()), id::<N>()]
}

fn resource() -> impl Strategy<Value = Resource> {
    (attributes(), drops()).prop_map(|(attributes, dropped_attributes_count)| Resource {
        attributes,
        dropped_attributes_count,
        ..Resource::default()
    })
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(), drops()).prop_map(|(name, version, attributes, dropped_attributes_count)| {
        InstrumentationScope { name, version, attributes, dropped_attributes_count }
    })
}

/// A scope, the address of its schema, and its items.
type OfScope<T> = (InstrumentationScope, String, Vec<T>);

/// Lists of lists of items, as resources and scopes have them, and what is said of each.
fn layers<T: std::fmt::Debug>(
    item: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<(Resource, String, Vec<OfScope<T>>)>> {
    let of_scope = (scope(), text(), vec(item, 1..4));
    vec((resource(), text(), vec(of_scope, 1..3)), 0..3).prop_map(|mut layers| {
        for (_, _, scopes) in &mut layers {
            scopes.iter_mut().zip(0..).for_each(|((scope, ..), place)| scope.name.push_str(&format!("#{place}")));
        }
        layers
    })
}

fn event() -> impl Strategy<Value = Event> {
    (time(), text(), attributes(), drops()).prop_map(|(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
        time_unix_nano,
        name,
        attributes,
        dropped_attributes_count,
    })
}

fn link() -> impl Strategy<Value = Link> {
    (id::<16>(), id::<8>(), text(), attributes(), drops(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn status() -> impl Strategy<Value = Option<Status>> {
    let said =
        (text(), 0..3i32).prop_filter("a status that says something", |(message, code)| *code != 0 || !message.is_empty());
    option::of(said.prop_map(|(message, code)| Status { message, code }))
}

pub(crate) fn span() -> impl Strategy<Value = Span> {
    let ids = (id::<16>(), id::<8>(), maybe_id::<8>(), text());
    let shape = (text(), 1..6i32, time(), 0..1_000_000_000u64, any::<u32>());
    let parts = (vec(event(), 0..3), vec(link(), 0..3), drops(), drops(), drops());
    (ids, shape, attributes(), parts, status()).prop_map(|(ids, shape, attributes, parts, status)| {
        let (trace_id, span_id, parent_span_id, trace_state) = ids;
        let (name, kind, start_time_unix_nano, length, flags) = shape;
        let (events, links, dropped_attributes_count, dropped_events_count, dropped_links_count) = parts;
        Span {
            trace_id,
            span_id,
            trace_state,
            parent_span_id,
            flags,
            name,
            kind,
            start_time_unix_nano,
            end_time_unix_nano: start_time_unix_nano + length,
            attributes,
            dropped_attributes_count,
            events,
            dropped_events_count,
            links,
            dropped_links_count,
            status,
        }
    })
}

pub(crate) fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    layers(span()).prop_map(|layers| {
        let of_resource = layers.into_iter().map(|(resource, schema_url, scopes)| {
            let of_scope = |(scope, schema_url, spans)| ScopeSpans { scope: Some(scope), spans, schema_url };
            ResourceSpans { resource: Some(resource), scope_spans: scopes.into_iter().map(of_scope).collect(), schema_url }
        });
        let mut request = ExportTraceServiceRequest { resource_spans: of_resource.collect() };
        number(request.resource_spans.iter_mut().flat_map(|of| &mut of.scope_spans).flat_map(|of| &mut of.spans));
        request
    })
}

/// Gives each span an id that no other has.
pub(crate) fn number<'a>(spans: impl Iterator<Item = &'a mut Span>) {
    spans.zip(1..).for_each(|(span, number)| span.span_id[7] = number);
}

fn log() -> impl Strategy<Value = LogRecord> {
    let words = (0..25i32, text(), text(), option::of(value().prop_filter("a body", |body| body.value.is_some())));
    let place = (maybe_id::<16>(), maybe_id::<8>(), any::<u32>());
    (time(), time(), words, attributes(), drops(), place).prop_map(|(time, observed, words, attributes, dropped, place)| {
        let (severity_number, severity_text, event_name, body) = words;
        let (trace_id, span_id, flags) = place;
        LogRecord {
            time_unix_nano: time,
            observed_time_unix_nano: observed,
            severity_number,
            severity_text,
            body,
            attributes,
            dropped_attributes_count: dropped,
            flags,
            trace_id,
            span_id,
            event_name,
        }
    })
}

pub(crate) fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    layers(log()).prop_map(|layers| {
        let of_resource = layers.into_iter().map(|(resource, schema_url, scopes)| {
            let of_scope = |(scope, schema_url, log_records)| ScopeLogs { scope: Some(scope), log_records, schema_url };
            ResourceLogs { resource: Some(resource), scope_logs: scopes.into_iter().map(of_scope).collect(), schema_url }
        });
        ExportLogsServiceRequest { resource_logs: of_resource.collect() }
    })
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    let value = prop_oneof![float().prop_map(exemplar::Value::AsDouble), any::<i64>().prop_map(exemplar::Value::AsInt)];
    (attributes(), time(), option::of(value), maybe_id::<8>(), maybe_id::<16>()).prop_map(
        |(filtered_attributes, time_unix_nano, value, span_id, trace_id)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value,
        },
    )
}

fn exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    vec(exemplar(), 0..3)
}

fn number_point() -> impl Strategy<Value = NumberDataPoint> {
    let value = prop_oneof![
        float().prop_map(number_data_point::Value::AsDouble),
        any::<i64>().prop_map(number_data_point::Value::AsInt)
    ];
    // A point without a value says so in its flags.
    (attributes(), time(), time(), exemplars(), option::of(value)).prop_map(|(attributes, start, time, exemplars, value)| {
        NumberDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            exemplars,
            flags: u32::from(value.is_none()),
            value,
        }
    })
}

fn explicit_point() -> impl Strategy<Value = HistogramDataPoint> {
    let totals = (any::<u64>(), option::of(float()), option::of(float()), option::of(float()));
    let buckets = (vec(any::<u64>(), 0..5), vec(float(), 0..5));
    (attributes(), time(), time(), totals, buckets, exemplars()).prop_map(
        |(attributes, start, time, totals, buckets, exemplars)| HistogramDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            count: totals.0,
            sum: totals.1,
            bucket_counts: buckets.0,
            explicit_bounds: buckets.1,
            exemplars,
            flags: 0,
            min: totals.2,
            max: totals.3,
        },
    )
}

fn buckets() -> impl Strategy<Value = Option<Buckets>> {
    let said =
        (any::<i32>(), vec(any::<u64>(), 0..5)).prop_filter("buckets", |(offset, counts)| *offset != 0 || !counts.is_empty());
    option::of(said.prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }))
}

fn exponential_point() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    let totals = (any::<u64>(), option::of(float()), option::of(float()), option::of(float()));
    let shape = (any::<i32>(), any::<u64>(), float(), buckets(), buckets());
    (attributes(), time(), time(), totals, shape, exemplars()).prop_map(
        |(attributes, start, time, totals, shape, exemplars)| ExponentialHistogramDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            count: totals.0,
            sum: totals.1,
            scale: shape.0,
            zero_count: shape.1,
            positive: shape.3,
            negative: shape.4,
            flags: 0,
            exemplars,
            min: totals.2,
            max: totals.3,
            zero_threshold: shape.2,
        },
    )
}

fn summary_point() -> impl Strategy<Value = SummaryDataPoint> {
    let quantile = (float(), float()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value });
    (attributes(), time(), time(), any::<u64>(), float(), vec(quantile, 0..4)).prop_map(
        |(attributes, start, time, count, sum, quantile_values)| SummaryDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            count,
            sum,
            quantile_values,
            flags: 0,
        },
    )
}

fn data() -> impl Strategy<Value = Data> {
    let sum = (vec(number_point(), 1..3), 0..3i32, any::<bool>());
    prop_oneof![
        vec(number_point(), 1..3).prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        sum.prop_map(|(data_points, aggregation_temporality, is_monotonic)| {
            Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
        }),
        (vec(explicit_point(), 1..3), 0..3i32).prop_map(|(data_points, aggregation_temporality)| Data::Histogram(Histogram {
            data_points,
            aggregation_temporality
        })),
        (vec(exponential_point(), 1..3), 0..3i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary_point(), 1..3).prop_map(|data_points| Data::Summary(Summary { data_points })),
    ]
}

fn metric() -> impl Strategy<Value = Metric> {
    (text(), text(), text(), attributes(), data()).prop_map(|(name, description, unit, metadata, data)| Metric {
        name,
        description,
        unit,
        metadata,
        data: Some(data),
    })
}

pub(crate) fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    layers(metric()).prop_map(|layers| {
        let of_resource = layers.into_iter().map(|(resource, schema_url, scopes)| {
            let of_scope = |(scope, schema_url, metrics)| ScopeMetrics { scope: Some(scope), metrics, schema_url };
            ResourceMetrics { resource: Some(resource), scope_metrics: scopes.into_iter().map(of_scope).collect(), schema_url }
        });
        ExportMetricsServiceRequest { resource_metrics: of_resource.collect() }
    })
}
