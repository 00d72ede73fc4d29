//! Log records, events with and without a span, links, what is said of the current span from below, and limits.

use std::time::Duration;

use flowglass_model::{AttributeValue, LogRecord, RecordCounts, Severity, Span, SpanId, Status, TraceId, TraceParent};
use flowglass_record::{Recorder, SpanLimits, Value, add_event, current, log, set_attribute, set_error, span};

use crate::support::{NODE, PATIENCE, Taken, assert_conserved, end, frame, recorder, recorder_of, scope};

impl Taken {
    fn logs(&self) -> Vec<LogRecord> {
        self.batches().iter().flat_map(|batch| batch.logs().map(|log| log.to_log()).collect::<Vec<_>>()).collect()
    }

    /// The events with the traces and spans that they belong to.
    fn events(&self) -> Vec<((TraceId, SpanId), String)> {
        let of = |batch: &flowglass_model::Batch| {
            batch.events().map(|event| (event.owner(), event.name().to_owned())).collect::<Vec<_>>()
        };
        self.batches().iter().flat_map(|batch| of(batch)).collect()
    }

    fn event_names(&self) -> Vec<String> {
        self.events().into_iter().map(|(_, name)| name).collect()
    }
}

#[test]
fn log_records_stand_where_they_were_said() {
    let (recorder, taken) = recorder();
    recorder.log(Severity::INFO, "before", &[("n", 1.into())]);
    let here = {
        let _root = recorder.root_span("root");
        recorder.log_event("disk.full", Severity::WARN, "inside", &[]);
        log(Severity::ERROR, 2.5, &[]);
        current().unwrap()
    };
    log(Severity::ERROR, "nowhere", &[]);
    recorder.flush(PATIENCE).unwrap();
    let logs = taken.logs();
    let bodies: Vec<&AttributeValue> = logs.iter().map(|log| &log.body).collect();
    assert_eq!(bodies, [&AttributeValue::from("before"), &"inside".into(), &2.5.into()]);
    assert_eq!((logs[0].trace_id, logs[0].severity, logs[0].attributes.len()), (TraceId::NONE, Severity::INFO, 1));
    assert_eq!(
        (logs[1].trace_id, logs[1].span_id, logs[1].event_name.as_str()),
        (here.trace_id(), here.span_id(), "disk.full")
    );
    assert!(logs[0].unix_ns > 1_600_000_000_000_000_000 && logs[2].flags == 1);
    assert_conserved(&recorder.stats());
}

#[test]
fn events_need_no_trace() {
    let (recorder, taken) = recorder();
    let trace = TraceId::random();
    recorder.event("deployed", &[("version", "2".into())]);
    recorder.event_in(trace, SpanId::NONE, "approved", &[]);
    recorder.flush(PATIENCE).unwrap();
    let wanted = [((TraceId::NONE, SpanId::NONE), "deployed".to_owned()), ((trace, SpanId::NONE), "approved".to_owned())];
    assert_eq!(taken.events(), wanted);
}

#[test]
fn a_loose_record_wakes_a_recorder_that_rests() {
    let (sender, written) = crossbeam_channel::unbounded();
    let sink = Telling(sender);
    let recorder = Recorder::builder().export_interval(Duration::from_millis(1)).sink("telling", sink).build();
    for _ in 0..20 {
        recorder.log(Severity::INFO, "said", &[]);
        assert_eq!(written.recv_timeout(PATIENCE), Ok(1), "nobody flushes");
    }
}

struct Telling(crossbeam_channel::Sender<u64>);

impl flowglass_model::Sink for Telling {
    fn write(&mut self, batch: &std::sync::Arc<flowglass_model::Batch>) -> Result<(), flowglass_model::SinkError> {
        let _ = self.0.send(batch.counts().logs);
        Ok(())
    }
}

/// What may be said from anywhere below a span: of a user's span, and of a node's that the engine ends well.
fn say() {
    set_attribute("rows", 3);
    add_event("halfway", &[("at", 0.5.into())]);
    set_error("too few rows");
}

fn assert_said(span: &Span) {
    assert_eq!((span.status, span.status_message.as_str()), (Status::Error, "too few rows"));
    assert_eq!(span.attribute("rows"), Some(&AttributeValue::Int(3)), "a number stays a number");
}

#[test]
fn the_current_span_can_be_spoken_of_from_below() {
    let (recorder, taken) = recorder();
    {
        let _root = recorder.root_span("root");
        let _inner = span("inner");
        say();
    }
    let scope = scope(&recorder);
    let node = frame(&scope, NODE);
    scope.enter(&node);
    {
        let _active = scope.activate();
        say();
    }
    scope.exit();
    scope.record(&end(node));
    say();
    recorder.flush(PATIENCE).unwrap();
    assert_said(&taken.span("inner"));
    assert_said(&taken.span("node n"));
    assert_eq!((taken.span("root").status, taken.event_names()), (Status::Ok, vec!["halfway".to_owned(); 2]));
}

#[test]
fn links_go_with_their_span() {
    let (recorder, taken) = recorder();
    let other = TraceParent { trace_id: TraceId::random(), parent_id: SpanId::random(), sampled: true };
    let id = {
        let root = recorder.root_span("root");
        root.link(other, &[("why", "batched".into())]);
        root.id()
    };
    recorder.flush(PATIENCE).unwrap();
    let batch = &taken.batches()[0];
    let link = batch.links().next().unwrap();
    assert_eq!(
        (link.row().span_id, link.row().linked_trace_id, link.row().linked_span_id),
        (id, other.trace_id, other.parent_id)
    );
    assert_eq!(link.to_link().attributes, [("why".to_owned(), "batched".into())]);
}

#[test]
fn a_span_has_its_first_and_its_last_events() {
    let limits = SpanLimits { events: 4, attributes: 2, links: 1, ..SpanLimits::default() };
    let (recorder, taken) = recorder_of(Recorder::builder().limits(limits));
    {
        let root = recorder.root_span("root");
        ["e0", "e1", "e2", "e3", "e4", "e5", "e6"].into_iter().for_each(|name| _ = root.event(name, &[("k", 1.into())]));
        ["a", "b", "c", "b"].into_iter().enumerate().for_each(|(at, key)| _ = root.attr(key, at));
        let to = TraceParent { trace_id: TraceId::random(), parent_id: SpanId::random(), sampled: false };
        root.link(to, &[]).link(to, &[]).link(to, &[]);
    }
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.event_names(), ["e0", "e1", "e5", "e6"]);
    let root = taken.span("root");
    assert_eq!((root.dropped.events, root.dropped.attributes, root.dropped.links), (3, 1, 2));
    let attributes: Vec<(&str, i64)> =
        root.attributes.iter().map(|(key, value)| (key.as_str(), value.as_int().unwrap())).collect();
    assert_eq!(attributes, [("a", 0), ("b", 3)], "of one that is there, the last value counts");
    let stats = recorder.stats();
    assert_eq!((stats.dropped_over_limit.events, stats.dropped_attributes), (3, 3));
    assert_eq!(stats.recorded, RecordCounts { spans: 1, events: 7, logs: 0, points: 0 });
    assert_conserved(&stats);
}

#[test]
fn a_flush_passes_on_what_was_held_back() {
    let limits = SpanLimits { events: 2, ..SpanLimits::default() };
    let (recorder, taken) = recorder_of(Recorder::builder().limits(limits));
    let root = recorder.root_span("root");
    root.event("first", &[]).event("second", &[]);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.event_names(), ["first", "second"]);
    assert_conserved(&recorder.stats());
}

#[test]
fn a_recorder_that_is_off_takes_everything() {
    let off = Recorder::off();
    assert!(!off.is_enabled());
    off.log(Severity::INFO, "x", &[("k", Value::None)]);
    off.event("x", &[]);
    let trace = off.start_trace("x");
    assert!(trace.is_zero() && off.start_span(trace, SpanId::NONE, "y").is_none());
    assert!(!off.end_trace(trace, Status::Ok, ""));
    off.flush(PATIENCE).unwrap();
    off.shutdown(PATIENCE).unwrap();
}
