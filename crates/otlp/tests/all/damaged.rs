//! Metrics and logs whose bytes were damaged: what others accept is accepted, and means the same to both.
//!
//! What they mean is compared by what we send on, read by others: requests of any kind come back equal (see `round_trips`), so a
//! difference is one of reading.

use std::fmt::Debug;

use flowglass_otlp::{Decoded, Limits, Signal, decode, encode_logs, encode_metrics};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric, NumberDataPoint};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;

/// Bytes that are changed, and where the request breaks off.
fn damage() -> impl Strategy<Value = (Vec<(Index, u8)>, Option<Index>)> {
    (proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4), proptest::option::of(any::<Index>()))
}

fn damaged(request: &impl Message, (changes, cut): &(Vec<(Index, u8)>, Option<Index>)) -> Vec<u8> {
    let mut bytes = request.encode_to_vec();
    if bytes.is_empty() {
        return bytes;
    }
    for (at, byte) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
    bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
    bytes
}

/// What was read of a request that others accept: nothing of it was left out.
fn accepted(signal: Signal, bytes: &[u8]) -> Decoded {
    let ours = decode(signal, bytes, Limits::default()).expect("what others accept is accepted");
    assert_eq!(ours.rejected.count(), 0, "{}", ours.rejected.message());
    ours
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn logs_mean_what_they_mean_to_others(request in crate::any::logs(), damage in damage()) {
        let bytes = damaged(&request, &damage);
        if let Ok(theirs) = ExportLogsServiceRequest::decode(bytes.as_slice()) && logs_of(&theirs).iter().all(|log| is_sound_log(log)) {
            let ours = accepted(Signal::Logs, &bytes);
            let mut sent = Vec::new();
            let written: usize = ours.batches.iter().map(|batch| encode_logs(batch, &mut sent)).sum();
            prop_assert_eq!(written, logs_of(&theirs).len());
            // What only they know was left out here, and counted.
            if ours.unknown_fields == 0 {
                let ours = ExportLogsServiceRequest::decode(sent.as_slice()).unwrap();
                prop_assert_eq!(told_by_logs(&ours), told_by_logs(&theirs));
            }
        }
    }

    #[test]
    fn metrics_mean_what_they_mean_to_others(request in crate::any::metrics(), damage in damage()) {
        let bytes = damaged(&request, &damage);
        if let Ok(theirs) = ExportMetricsServiceRequest::decode(bytes.as_slice()) && metrics_of(&theirs).iter().all(|metric| is_sound_metric(metric)) {
            let ours = accepted(Signal::Metrics, &bytes);
            let mut sent = Vec::new();
            ours.batches.iter().for_each(|batch| {
                encode_metrics(batch, &mut sent);
            });
            if ours.unknown_fields == 0 {
                let ours = ExportMetricsServiceRequest::decode(sent.as_slice()).unwrap();
                prop_assert_eq!(told_by_metrics(&ours), told_by_metrics(&theirs));
            }
        }
    }
}

fn logs_of(request: &ExportLogsServiceRequest) -> Vec<&LogRecord> {
    request.resource_logs.iter().flat_map(|of| &of.scope_logs).flat_map(|of| &of.log_records).collect()
}

fn metrics_of(request: &ExportMetricsServiceRequest) -> Vec<&Metric> {
    request.resource_metrics.iter().flat_map(|of| &of.scope_metrics).flat_map(|of| &of.metrics).collect()
}

/// Says whether ids are ids or not there, and times are times.
fn is_sound_place(trace: &[u8], span: &[u8], times: &[u64]) -> bool {
    let is_id = |id: &[u8], length| id.is_empty() || (id.len() == length && id.iter().any(|byte| *byte != 0));
    is_id(trace, 16) && is_id(span, 8) && times.iter().all(|time| i64::try_from(*time).is_ok())
}

fn is_sound_log(log: &LogRecord) -> bool {
    is_sound_place(&log.trace_id, &log.span_id, &[log.time_unix_nano, log.observed_time_unix_nano])
        && (0..=24).contains(&log.severity_number)
}

/// Says whether what our model has one word for is said in one way: a point either has a value or says that it has none.
fn is_sound_metric(metric: &Metric) -> bool {
    let is_point = |times: [u64; 2], flags: u32, exemplars: &[Exemplar]| {
        let is_sound = |exemplar: &Exemplar| is_sound_place(&exemplar.trace_id, &exemplar.span_id, &[exemplar.time_unix_nano]);
        is_sound_place(&[], &[], &times) && flags == 0 && exemplars.iter().all(is_sound)
    };
    let is_number = |point: &NumberDataPoint| {
        let flags = point.flags ^ u32::from(point.value.is_none());
        is_point([point.start_time_unix_nano, point.time_unix_nano], flags, &point.exemplars)
    };
    match &metric.data {
        None => false,
        Some(Data::Gauge(data)) => data.data_points.iter().all(is_number),
        Some(Data::Sum(data)) => (0..3).contains(&data.aggregation_temporality) && data.data_points.iter().all(is_number),
        Some(Data::Histogram(data)) => {
            let mut points = data.data_points.iter();
            (0..3).contains(&data.aggregation_temporality)
                && points.all(|at| is_point([at.start_time_unix_nano, at.time_unix_nano], at.flags, &at.exemplars))
        }
        Some(Data::ExponentialHistogram(data)) => {
            let mut points = data.data_points.iter();
            (0..3).contains(&data.aggregation_temporality)
                && points.all(|at| is_point([at.start_time_unix_nano, at.time_unix_nano], at.flags, &at.exemplars))
        }
        Some(Data::Summary(data)) => {
            data.data_points.iter().all(|at| is_point([at.start_time_unix_nano, at.time_unix_nano], at.flags, &[]))
        }
    }
}

/// Each item with all that stands around it, as text: of numbers, some aren't equal to themselves.
fn told<T: Debug>(
    resource: Option<&Resource>,
    resource_schema: &str,
    scope: Option<&InstrumentationScope>,
    scope_schema: &str,
    item: T,
) -> String {
    let (mut resource, mut scope) = (resource.cloned().unwrap_or_default(), scope.cloned().unwrap_or_default());
    settle(&mut resource.attributes);
    settle(&mut scope.attributes);
    format!("{resource:?} {resource_schema:?} {scope:?} {scope_schema:?} {item:?}")
}

fn told_by_logs(request: &ExportLogsServiceRequest) -> Vec<String> {
    let mut all = Vec::new();
    for of in &request.resource_logs {
        for scoped in &of.scope_logs {
            for log in &scoped.log_records {
                let mut log = log.clone();
                settle(&mut log.attributes);
                log.body = log.body.filter(|body| body.value.is_some());
                log.body.iter_mut().for_each(settle_value);
                all.push(told(of.resource.as_ref(), &of.schema_url, scoped.scope.as_ref(), &scoped.schema_url, log));
            }
        }
    }
    all
}

fn told_by_metrics(request: &ExportMetricsServiceRequest) -> Vec<String> {
    let mut all = Vec::new();
    for of in &request.resource_metrics {
        for scoped in &of.scope_metrics {
            for metric in &scoped.metrics {
                let mut metric = metric.clone();
                settle(&mut metric.metadata);
                metric.data.iter_mut().for_each(settle_data);
                all.push(told(of.resource.as_ref(), &of.schema_url, scoped.scope.as_ref(), &scoped.schema_url, metric));
            }
        }
    }
    all
}

fn settle_data(data: &mut Data) {
    let exemplars = |of: &mut Vec<Exemplar>| of.iter_mut().for_each(|exemplar| settle(&mut exemplar.filtered_attributes));
    let number = |point: &mut NumberDataPoint| {
        settle(&mut point.attributes);
        exemplars(&mut point.exemplars);
    };
    match data {
        Data::Gauge(data) => data.data_points.iter_mut().for_each(number),
        Data::Sum(data) => data.data_points.iter_mut().for_each(number),
        Data::Histogram(data) => data.data_points.iter_mut().for_each(|point| {
            settle(&mut point.attributes);
            exemplars(&mut point.exemplars);
        }),
        Data::ExponentialHistogram(data) => data.data_points.iter_mut().for_each(|point| {
            settle(&mut point.attributes);
            exemplars(&mut point.exemplars);
            for side in [&mut point.positive, &mut point.negative] {
                *side = side.take().filter(|buckets| buckets.offset != 0 || !buckets.bucket_counts.is_empty());
            }
        }),
        Data::Summary(data) => data.data_points.iter_mut().for_each(|point| settle(&mut point.attributes)),
    }
}

/// A value that isn't there is the same as one that is nothing.
fn settle(entries: &mut [KeyValue]) {
    entries.iter_mut().for_each(|entry| settle_value(entry.value.get_or_insert_default()));
}

fn settle_value(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::ArrayValue(list)) => list.values.iter_mut().for_each(settle_value),
        Some(Value::KvlistValue(map)) => settle(&mut map.values),
        _ => {}
    }
}
