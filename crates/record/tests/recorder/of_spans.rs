//! Metrics that spans feed: each end once, recorded or not, lost or not; and values that are asked for.

use std::time::Duration;

use flowglass_model::{Attributes, Failure, Metric, MetricPoint, MetricValue, SpanType, Status, flags};
use flowglass_record::{Frame, Measures, NO_INDEX, Recorder, Scope, ScopeSpec, SpanEnd, SpanMeter, SpanMetric, SpanTemplate};
use flowglass_record::{RecorderBuilder, Tick, Verdict};

use crate::support::{PATIENCE, Taken, template};

const METRICS: [(&str, Measures); 5] = [
    ("added", Measures::Sum),
    ("last", Measures::Last),
    ("ends", Measures::Ends),
    ("failures", Measures::Failures),
    ("seconds", Measures::Seconds),
];

fn metered(sampled: bool) -> ScopeSpec {
    let metric = |(name, measures)| SpanMetric { name, unit: "s", description: "", measures };
    let meter = SpanMeter { attributes: vec![("node.id".into(), "n".into())], metrics: METRICS.map(metric).to_vec() };
    let templates = [SpanTemplate { meter, ..template("node n", SpanType::Node, false, &[]) }];
    let trace_id = flowglass_model::TraceId::random();
    let verdict = if sampled { Verdict::Record } else { Verdict::Never };
    ScopeSpec { trace_id, verdict, templates: templates.into(), attributes: Attributes::new() }
}

fn recorder(change: impl FnOnce(RecorderBuilder) -> RecorderBuilder) -> (Recorder, Taken) {
    let taken = Taken::default();
    let builder = Recorder::builder().export_interval(Duration::from_secs(3600)).sink("taken", taken.clone());
    (change(builder).build(), taken)
}

fn frame(scope: &Scope) -> Frame {
    let (parent, start) = (scope.current(), Tick::now());
    Frame { span: scope.next_span(), parent, template: 0, index: NO_INDEX, start, flags: flags::SAMPLED }
}

fn end<'a>(frame: Frame, failure: Option<&'a Failure>) -> SpanEnd<'a> {
    let status = if failure.is_some() { Status::Error } else { Status::Ok };
    let (message, values, extra) = ("", &[][..], &[][..]);
    SpanEnd { frame, end: Tick::now(), status, message, values, extra, failure }
}

fn points(taken: &Taken, name: &str) -> Vec<(Metric, MetricPoint)> {
    let mut found = Vec::new();
    for batch in taken.batches() {
        let points = batch.points().map(|point| (point.metric().unwrap().to_metric(), point.to_point()));
        found.extend(points.filter(|(metric, _)| metric.name == name));
    }
    found
}

/// What a counter has counted, or how many values a histogram has.
fn counted(taken: &Taken, name: &str) -> f64 {
    let value = |(_, point): (Metric, MetricPoint)| match point.value {
        MetricValue::Number(number) => number.as_f64(),
        MetricValue::Exponential(histogram) => f64::from(u32::try_from(histogram.totals.count).unwrap()),
        other => panic!("{other:?}"),
    };
    points(taken, name).into_iter().map(value).sum()
}

#[test]
fn an_end_counts_once_whether_it_is_recorded_or_not() {
    for sampled in [true, false] {
        let (recorder, taken) = recorder(|builder| builder);
        let scope = recorder.scope(metered(sampled));
        let failure = Failure { error_type: "Io".into(), message: String::new(), causes: Vec::new() };
        for failure in [None, Some(&failure), None] {
            let frame = frame(&scope);
            if sampled {
                scope.record(&end(frame, failure));
            } else {
                scope.count_end(&frame, Tick::now(), if failure.is_some() { Status::Error } else { Status::Ok });
            }
        }
        let found = frame(&scope).uncounted();
        scope.record(&end(found, None));
        scope.count_end(&found, Tick::now(), Status::Ok);
        scope.count(0, 0, 5);
        scope.count(0, 1, 2.5);
        scope.count(0, 99, 1);
        scope.count(7, 0, 1);
        recorder.flush(PATIENCE).unwrap();
        let all = ["ends", "failures", "seconds", "added", "last"].map(|name| counted(&taken, name));
        assert_eq!(all, [3.0, 1.0, 3.0, 5.0, 2.5], "sampled: {sampled}");
        let (_, failed) = points(&taken, "failures").remove(0);
        assert_eq!(failed.attributes.len(), if sampled { 2 } else { 1 }, "what isn't recorded has no type");
        let (metric, point) = points(&taken, "seconds").remove(0);
        assert_eq!(
            (metric.unit.as_str(), point.attributes, point.exemplars.len()),
            ("s", vec![("node.id".into(), "n".into())], usize::from(sampled))
        );
    }
}

#[test]
fn counts_are_exact_though_records_are_lost() {
    const ENDS: usize = 20_000;
    let (recorder, taken) = recorder(|builder| builder.buffer_size(1).buffer_bytes(1));
    std::thread::scope(|threads| {
        for sampled in [true, false] {
            let recorder = &recorder;
            threads.spawn(move || {
                let scope = recorder.scope(metered(sampled));
                for _ in 0..ENDS {
                    let frame = frame(&scope);
                    if sampled {
                        scope.record(&end(frame, None));
                    } else {
                        scope.count_end(&frame, Tick::now(), Status::Ok);
                    }
                    scope.count(0, 0, 1);
                }
            });
        }
    });
    recorder.flush(PATIENCE).unwrap();
    let stats = recorder.stats();
    assert!(stats.dropped_buffer_full.spans > 0, "{stats:?}");
    assert_eq!(stats.recorded.spans, ENDS as u64, "what isn't recorded is no span: {stats:?}");
    for name in ["ends", "seconds", "added"] {
        assert_eq!(counted(&taken, name), 2.0 * ENDS as f64, "{name}");
    }
}

#[test]
fn a_recorder_without_sinks_measures_nothing() {
    let recorder = Recorder::in_memory();
    let scope = recorder.scope(metered(false));
    scope.count_end(&frame(&scope), Tick::now(), Status::Ok);
    scope.count(0, 0, 1);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(recorder.stats().recorded.total(), 0);
}

#[test]
fn a_value_is_asked_for_when_metrics_are_told() {
    let (recorder, taken) = recorder(|builder| builder);
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
    let next = std::sync::Arc::clone(&asked);
    let next = move || Some(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) * 10);
    recorder.gauge("depth").observe(&[], next.clone());
    recorder.counter("total").observe(&[], || Some(7));
    recorder.up_down_counter("open").observe(&[], || Some(3));
    recorder.gauge("nothing").observe(&[], || None::<i64>);
    recorder.gauge("broken").observe(&[], || -> Option<i64> { panic!("as planned") });
    (0..3).for_each(|_| recorder.flush(PATIENCE).unwrap());
    assert_eq!(points(&taken, "depth").len(), 3);
    assert_eq!(counted(&taken, "depth"), 30.0);
    assert_eq!(counted(&taken, "total"), 7.0, "a total that stays the same is told once");
    assert_eq!(points(&taken, "open").last().unwrap().1.value, MetricValue::Number(3.into()));
    assert!(points(&taken, "nothing").is_empty() && points(&taken, "broken").is_empty());
}

#[test]
fn what_the_process_uses_is_told_where_it_is_asked_for() {
    let told = |observes| {
        let (recorder, taken) = recorder(|builder| builder.process_metrics(observes));
        recorder.flush(PATIENCE).unwrap();
        taken
    };
    let taken = told(true);
    assert!(counted(&taken, "process.cpu.time") > 0.0);
    if cfg!(target_os = "linux") {
        for name in ["process.memory.usage", "process.thread.count", "process.unix.file_descriptor.count"] {
            assert_eq!(points(&taken, name).len(), 1, "{name}");
        }
    }
    assert!(points(&told(false), "process.cpu.time").is_empty());
}
