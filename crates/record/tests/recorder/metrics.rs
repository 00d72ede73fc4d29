//! Metrics: from instruments to points, series and their bound, exemplars, and the way back to rest.

use std::time::Duration;

use flowglass_model::{
    AttributeValue, Batch, Metric, MetricKind, MetricPoint, MetricValue, Number, Severity, Sink, SinkError, Temporality,
};
use flowglass_record::{Recorder, current};

use crate::support::{PATIENCE, Taken, assert_conserved, recorder, recorder_of};

impl Taken {
    fn points(&self) -> Vec<(Metric, MetricPoint)> {
        let of = |batch: &Batch| -> Vec<_> {
            batch.points().map(|point| (point.metric().unwrap().to_metric(), point.to_point())).collect()
        };
        self.batches().iter().flat_map(|batch| of(batch)).collect()
    }

    /// The values of a metric in the order in which they were told.
    fn values(&self, name: &str) -> Vec<MetricValue> {
        self.points().into_iter().filter(|(metric, _)| metric.name == name).map(|(_, point)| point.value).collect()
    }
}

fn number(number: impl Into<Number>) -> MetricValue {
    MetricValue::Number(number.into())
}

#[test]
fn each_instrument_tells_what_its_kind_does() {
    let (recorder, taken) = recorder();
    let measure = |at: i32| {
        recorder.counter("requests").unit("{request}").description("Requests served").add(at, &[("route", "/".into())]);
        recorder.counter("requests").add(-1, &[("route", "/".into())]);
        recorder.up_down_counter("waiting").add(at - 3, &[]);
        recorder.gauge("temperature").set(20.5 + f64::from(at), &[]);
        recorder.histogram("latency").unit("s").record(Duration::from_millis(250), &[]);
        recorder.flush(PATIENCE).unwrap();
    };
    measure(1);
    measure(2);
    assert_eq!(taken.values("requests"), [number(1), number(2)], "differences, and nothing that falls");
    assert_eq!(taken.values("waiting"), [number(-2), number(-3)], "the value");
    assert_eq!(taken.values("temperature"), [number(21.5), number(22.5)]);
    let (metric, point) = &taken.points()[0];
    assert_eq!((metric.unit.as_str(), metric.description.as_str()), ("{request}", "Requests served"));
    assert_eq!((metric.kind, metric.temporality), (MetricKind::Counter, Temporality::Delta));
    assert_eq!(point.attributes, [("route".to_owned(), AttributeValue::from("/"))]);
    assert!(point.start_unix_ns > 0 && point.start_unix_ns <= point.unix_ns);
    let MetricValue::Exponential(latency) = &taken.values("latency")[0] else { panic!("no distribution") };
    assert_eq!((latency.totals.count, latency.totals.sum, latency.quantile(0.5)), (1, Some(0.25), Some(0.25)));
    assert_conserved(&recorder.stats());
}

#[test]
fn what_does_not_change_is_not_told_again() {
    let (recorder, taken) = recorder();
    let counter = recorder.counter("n").with(&[]);
    counter.add(1);
    counter.add(0.5);
    (0..3).for_each(|_| recorder.flush(PATIENCE).unwrap());
    assert_eq!(taken.values("n"), [number(1.5)]);
}

#[test]
fn a_bound_instrument_is_the_same_series() {
    let (recorder, taken) = recorder();
    let counter = recorder.counter("n");
    let bound = counter.with(&[("a", 1.into()), ("b", true.into())]);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| (0..1000).for_each(|_| bound.add(1)));
        }
    });
    counter.add(1, &[("b", true.into()), ("a", 1.into())]);
    recorder.counter("n").add(1, &[("a", 2.into())]);
    recorder.flush(PATIENCE).unwrap();
    let mut values: Vec<f64> = taken
        .points()
        .iter()
        .map(|(_, point)| match point.value {
            MetricValue::Number(number) => number.as_f64(),
            _ => panic!("no number"),
        })
        .collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values, [1.0, 4001.0]);
}

#[test]
fn too_many_sets_of_attributes_are_counted_in_one() {
    let (recorder, taken) = recorder_of(Recorder::builder().attribute_sets(2));
    let counter = recorder.counter("n");
    (0..5).for_each(|at| counter.add(1, &[("user", at.into())]));
    counter.with(&[("user", 9.into())]).add(1);
    recorder.flush(PATIENCE).unwrap();
    let overflow: Vec<MetricPoint> = taken
        .points()
        .into_iter()
        .map(|(_, point)| point)
        .filter(|point| point.attributes[0].0 == "otel.metric.overflow")
        .collect();
    assert_eq!((taken.points().len(), overflow.len(), &overflow[0].value), (3, 1, &number(4)));
    assert_eq!(recorder.stats().overflowed_measurements, 4);
    let warnings: Vec<_> =
        taken.batches().iter().flat_map(|batch| batch.logs().map(|log| log.to_log()).collect::<Vec<_>>()).collect();
    assert_eq!((warnings.len(), warnings[0].severity, warnings[0].event_name.as_str()), (1, Severity::WARN, "metric.overflow"));
    assert_conserved(&recorder.stats());
}

#[test]
fn a_measurement_in_a_span_is_the_way_to_its_trace() {
    let (recorder, taken) = recorder();
    let counter = recorder.counter("n").with(&[]);
    counter.add(1);
    let here = {
        let _root = recorder.root_span("root");
        counter.add(7);
        counter.add(8);
        current().unwrap()
    };
    recorder.flush(PATIENCE).unwrap();
    let exemplars = taken.points()[0].1.exemplars.clone();
    assert_eq!((exemplars.len(), exemplars[0].value), (1, Some(Number::Int(7))));
    assert_eq!((exemplars[0].trace_id, exemplars[0].span_id), (here.trace_id(), here.span_id()));
}

struct Telling(crossbeam_channel::Sender<u64>);

impl Sink for Telling {
    fn write(&mut self, batch: &std::sync::Arc<Batch>) -> Result<(), SinkError> {
        let _ = self.0.send(batch.counts().points);
        Ok(())
    }
}

#[test]
fn a_measurement_wakes_a_recorder_that_rests() {
    let (sender, written) = crossbeam_channel::unbounded();
    let recorder = Recorder::builder().export_interval(Duration::from_millis(1)).sink("telling", Telling(sender)).build();
    let gauge = recorder.gauge("g").with(&[]);
    for value in 0..20 {
        gauge.set(value);
        assert_eq!(written.recv_timeout(PATIENCE), Ok(1), "nobody flushes");
    }
}

#[test]
fn an_instrument_of_a_recorder_that_is_off_does_nothing() {
    let off = Recorder::off();
    off.counter("n").unit("x").add(1, &[]);
    off.histogram("h").with(&[]).record(0.5);
}
