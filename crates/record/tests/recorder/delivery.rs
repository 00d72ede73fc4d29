//! What is recorded is delivered or counted as dropped, whatever the threads and the sinks do.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{
    Gated, ITEM, NODE, PATIENCE, PIPELINE, assert_conserved, end, frame, record_one, recorder, recorder_of, scope, spec,
};
use flowglass_model::{
    Attributes, Batch, Failure, Fingerprint, Graph, LogRecord, Severity, Sink, SinkError, SinkErrorKind, SpanType, Status,
    conventions,
};
use flowglass_record::{NO_INDEX, Recorder, SinkFailureKind, SpanEnd, Value};

#[test]
fn a_span_arrives_as_it_was_recorded() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let root = frame(&scope, PIPELINE);
    scope.enter(&root);
    let node = frame(&scope, NODE);
    scope.enter(&node);
    scope.exit();
    let nested = flowglass_model::AttributeValue::List(vec![1_i64.into(), "two".into()]);
    scope.record(&SpanEnd {
        values: &[
            Value::Str("text"),
            Value::None,
            Value::Int(-3),
            Value::Float(0.5),
            Value::Bool(true),
            Value::Bytes(&[0, 255]),
            Value::Int(7),
        ],
        extra: &[("nested", Value::Json(&nested)), ("a", Value::Str("overwritten"))],
        ..end(node)
    });
    scope.exit();
    scope.record(&end(root));
    recorder.flush(PATIENCE).unwrap();

    let span = taken.span("node n");
    assert_eq!((span.parent_id, span.span_type, span.trace_id), (root.span, SpanType::Node, scope.trace_id()));
    assert_eq!(span.status, Status::Ok);
    let attributes: Vec<(&str, String)> =
        span.attributes.iter().map(|(key, value)| (key.as_str(), value.to_json().to_string())).collect();
    let expected = [
        ("static", "\"node n\""),
        ("a", "\"overwritten\""),
        ("c", "-3"),
        ("d", "0.5"),
        ("e", "true"),
        ("f", "\"00ff\""),
        ("nested", "[1,\"two\"]"),
    ];
    assert_eq!(attributes, expected.map(|(key, value)| (key, value.to_owned())));
    assert!(taken.span("pipeline p").parent_id.is_none());
    assert!(taken.span("pipeline p").start_unix_ns <= span.start_unix_ns);
}

#[test]
fn an_index_ends_the_name() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let mut item = frame(&scope, ITEM);
    scope.record(&end(item));
    item.index = 7;
    scope.record(&end(item));
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["item", "item 7"]);
    assert_eq!(taken.span("item 7").attribute(conventions::MAP_INDEX).and_then(|index| index.as_int()), Some(7));
    assert_eq!(item.span, taken.span("item 7").span_id);
    assert_ne!(item.index, NO_INDEX);
}

#[test]
fn a_failure_becomes_an_exception() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let failure =
        Failure { error_type: "io".into(), message: "no such file".into(), causes: vec!["open".into(), "ENOENT".into()] };
    let node = frame(&scope, NODE);
    scope.record(&SpanEnd { status: Status::Error, message: "no such file", failure: Some(&failure), ..end(node) });
    recorder.flush(PATIENCE).unwrap();
    let span = taken.span("node n");
    assert_eq!((span.status, span.status_message.as_str()), (Status::Error, "no such file"));
    assert_eq!(span.text(conventions::ERROR_TYPE), Some("io"));
    let batches = taken.batches();
    let event = batches[0].events().next().unwrap();
    assert_eq!(event.owner().1, node.span);
    let texts: Vec<String> = event.to_event().attributes.into_iter().map(|(_, value)| value.as_str().unwrap().into()).collect();
    assert_eq!((event.name(), texts.join("|").as_str()), ("exception", "io|no such file|open\nENOENT"));
    assert_eq!(recorder.stats().recorded.total(), 2);
}

#[test]
fn common_attributes_yield_to_the_spans_own() {
    let (recorder, taken) = recorder_of(Recorder::builder().attribute("env", "test").attribute("a", "recorder"));
    let scope = recorder.scope(spec(true, vec![("team".into(), "blue".into()), ("env".into(), "scope".into())]));
    scope.record(&SpanEnd { values: &[Value::Str("span")], ..end(frame(&scope, NODE)) });
    recorder.flush(PATIENCE).unwrap();
    let span = taken.span("node n");
    assert_eq!((span.text("env"), span.text("team"), span.text("a")), (Some("scope"), Some("blue"), Some("span")));
}

#[test]
fn an_unsampled_scope_records_what_fails_and_what_follows() {
    let (recorder, taken) = recorder();
    let scope = recorder.scope(spec(false, Attributes::new()));
    record_one(&scope, NODE);
    scope.record(&SpanEnd { status: Status::Error, ..end(frame(&scope, NODE)) });
    record_one(&scope, PIPELINE);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.names(), ["node n", "pipeline p"]);
    assert!(taken.spans().iter().all(|span| span.attribute(conventions::TRACE_INCOMPLETE).is_some()));
}

#[test]
fn long_values_are_cut_off_and_counted() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let text = "ü".repeat(10_000);
    scope.record(&SpanEnd { values: &[Value::Str(&text), Value::Str("short")], ..end(frame(&scope, NODE)) });
    let huge = [Value::Str(&text); 6];
    scope.record(&SpanEnd { values: &huge, message: &text, ..end(frame(&scope, NODE)) });
    recorder.flush(PATIENCE).unwrap();
    let spans = taken.spans();
    assert_eq!(spans[0].text("a").unwrap().len(), 16 * 1024);
    assert_eq!(spans[0].text("b"), Some("short"));
    assert!(spans[1].text("a").unwrap().starts_with("üü"), "cut to what a buffer holds");
    assert_eq!(recorder.stats().truncated_values, 8);
    assert_conserved(&recorder.stats());
}

#[test]
fn a_record_that_no_buffer_holds_is_dropped_and_counted() {
    let (recorder, taken) = recorder_of(Recorder::builder().buffer_size(1));
    let scope = scope(&recorder);
    let many = [("key", Value::Int(1)); 1000];
    scope.record(&SpanEnd { extra: &many, ..end(frame(&scope, NODE)) });
    record_one(&scope, NODE);
    recorder.flush(PATIENCE).unwrap();
    let stats = recorder.stats();
    assert_eq!((taken.names().len(), stats.recorded.total(), stats.dropped_buffer_full.total()), (1, 2, 1));
    assert_conserved(&stats);
}

#[test]
fn nothing_is_lost_between_threads() {
    let (recorder, taken) = recorder();
    const THREADS: usize = 4;
    const SPANS: usize = 5_000;
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                let scope = scope(&recorder);
                (0..SPANS).for_each(|_| _ = record_one(&scope, NODE));
            });
        }
        threads.spawn(|| (0..20).for_each(|_| recorder.flush(PATIENCE).unwrap()));
    });
    recorder.flush(PATIENCE).unwrap();
    let ids: std::collections::HashSet<_> = taken.spans().into_iter().map(|span| span.span_id).collect();
    assert_eq!(ids.len(), THREADS * SPANS);
    assert_conserved(&recorder.stats());
    let sequences: Vec<u64> = taken.batches().iter().map(|batch| batch.sequence).collect();
    assert!(sequences.iter().copied().eq(1..=sequences.len() as u64), "{sequences:?}");
}

#[test]
fn two_recorders_on_one_thread_keep_their_buffers() {
    let ((first, first_taken), (second, second_taken)) = (recorder(), recorder());
    let (first_scope, second_scope) = (scope(&first), scope(&second));
    for _ in 0..1000 {
        record_one(&first_scope, NODE);
        record_one(&second_scope, ITEM);
    }
    first.flush(PATIENCE).unwrap();
    second.flush(PATIENCE).unwrap();
    assert!(first_taken.names().iter().all(|name| name == "node n"));
    assert!(second_taken.names().iter().all(|name| name == "item"));
    assert_eq!((first_taken.spans().len(), second_taken.spans().len()), (1000, 1000));
    // A buffer for each switch would have been 2,000 of 64 KiB: more than there are.
    assert_eq!((first.stats().dropped_buffer_full.total(), second.stats().dropped_buffer_full.total()), (0, 0));
}

/// Passes on what log records say.
struct Logs(crossbeam_channel::Sender<LogRecord>);

impl Sink for Logs {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        for log in batch.logs().map(|log| log.to_log()) {
            // Nobody listens any more once the test has heard enough.
            let _ = self.0.send(log);
        }
        Ok(())
    }
}

#[test]
fn a_queue_that_is_nearly_full_is_warned_of() {
    let (logs, told) = crossbeam_channel::unbounded();
    let (begun, _) = crossbeam_channel::unbounded();
    let (permit, permits) = crossbeam_channel::unbounded();
    let recorder = Recorder::builder()
        .export_interval(Duration::from_millis(1))
        .queue_bytes(256 * 1024)
        .sink("hanging", Gated { begun, permits })
        .sink("logs", Logs(logs))
        .build();
    let scope = scope(&recorder);
    while recorder.stats().sinks[0].nearly_full == 0 {
        // Each turn takes as long as the machine is busy: so few are needed.
        (0..64).for_each(|_| _ = record_one(&scope, NODE));
        let _ = recorder.flush(Duration::ZERO);
        // The other one has room for what it is to be told.
        while recorder.stats().sinks[1].queued_bytes > 0 {
            std::thread::yield_now();
        }
    }
    let log = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!((log.event_name.as_str(), log.severity), (conventions::RECORDER_NEARLY_FULL, Severity::WARN));
    assert_eq!(log.attributes, [(conventions::RECORDER_QUEUE.to_owned(), "hanging".into())]);
    assert!(log.body.as_str().unwrap().contains("the queue of hanging"), "{log:?}");
    drop(permit);
}

#[test]
fn a_blocked_sink_costs_counted_spans_and_no_others() {
    let taken = crate::support::Taken::default();
    let (begun, has_begun) = crossbeam_channel::unbounded();
    let (permit, permits) = crossbeam_channel::unbounded();
    let recorder = Recorder::builder()
        .export_interval(Duration::from_secs(3600))
        .queue_bytes(1)
        .sink("gated", Gated { begun, permits })
        .sink("taken", taken.clone())
        .build();
    let scope = scope(&recorder);
    for round in 0..10 {
        record_one(&scope, NODE);
        let error = recorder.flush(Duration::ZERO).map_or_else(|error| error.failures()[0].sink.clone(), |()| String::new());
        assert_eq!(error, "gated");
        if round == 0 {
            has_begun.recv().unwrap();
        }
    }
    for _ in 0..10 {
        permit.send(()).unwrap();
    }
    recorder.flush(PATIENCE).unwrap();
    let stats = recorder.stats();
    assert_conserved(&stats);
    assert_eq!(stats.recorded.total(), 10);
    let gated = &stats.sinks[0];
    assert!(gated.delivered.total() >= 1 && gated.dropped_queue_full.total() >= 1, "{gated:?}");
    assert_eq!(taken.spans().len() as u64, stats.sinks[1].delivered.total());
}

#[test]
fn overload_is_counted_exactly() {
    let (recorder, taken) = recorder_of(Recorder::builder().buffer_size(1).buffer_bytes(1));
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let scope = scope(&recorder);
                (0..2_000).for_each(|_| _ = record_one(&scope, NODE));
            });
        }
    });
    recorder.flush(PATIENCE).unwrap();
    let stats = recorder.stats();
    assert_eq!(stats.recorded.total(), 8_000);
    assert_conserved(&stats);
    let told: u64 = taken.batches().iter().map(|batch| batch.dropped).sum();
    assert_eq!(told, stats.dropped_buffer_full.total());
}

/// Fails in turn as its script says.
struct Scripted(Vec<SinkErrorKind>);

impl Sink for Scripted {
    fn write(&mut self, _: &Arc<Batch>) -> Result<(), SinkError> {
        self.0.pop().map_or(Ok(()), |kind| Err(SinkError::new(kind, "out of order")))
    }
}

#[test]
fn an_error_that_may_pass_is_tried_again() {
    let sink = Scripted(vec![SinkErrorKind::Unavailable, SinkErrorKind::Unavailable]);
    let recorder = Recorder::builder().retry(2, Duration::ZERO).sink("scripted", sink).build();
    record_one(&scope(&recorder), NODE);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(recorder.stats().sinks[0].delivered.total(), 1);
}

#[test]
fn an_error_that_stays_drops_the_batch_and_is_told_once() {
    let recorder = Recorder::builder().retry(1, Duration::ZERO).sink("bad", Scripted(vec![SinkErrorKind::Permanent])).build();
    let scope = scope(&recorder);
    record_one(&scope, NODE);
    let error = recorder.flush(PATIENCE).unwrap_err();
    assert_eq!(error.to_string(), "not everything recorded was delivered: `bad` failed: out of order");
    assert!(!error.is_retryable());
    record_one(&scope, NODE);
    recorder.flush(PATIENCE).unwrap();
    let stats = recorder.stats();
    assert_eq!((stats.sinks[0].delivered.total(), stats.sinks[0].dropped_failed.total()), (1, 1));
    assert_conserved(&stats);
}

struct Panicking;

impl Sink for Panicking {
    fn write(&mut self, _: &Arc<Batch>) -> Result<(), SinkError> {
        panic!("lost my head")
    }
}

#[test]
fn a_sink_that_panics_is_used_no_more() {
    let taken = crate::support::Taken::default();
    let recorder = Recorder::builder().sink("panicking", Panicking).sink("taken", taken.clone()).build();
    let scope = scope(&recorder);
    for _ in 0..2 {
        record_one(&scope, NODE);
        let error = recorder.flush(PATIENCE).unwrap_err();
        assert_eq!(error.failures().len(), 1);
        assert_eq!(error.failures()[0].kind, SinkFailureKind::Failed);
        assert_eq!(error.failures()[0].message, "it panicked: lost my head");
    }
    let stats = recorder.stats();
    assert_eq!((stats.sinks[0].dropped_failed.total(), stats.sinks[1].delivered.total()), (2, 2));
    assert_eq!(stats.sinks[0].error.as_deref(), Some("it panicked: lost my head"));
    assert_conserved(&stats);
}

#[test]
fn a_threads_end_loses_nothing() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    for _ in 0..10 {
        let scope = scope.clone();
        std::thread::spawn(move || record_one(&scope, NODE)).join().unwrap();
    }
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.spans().len(), 10);
}

#[test]
fn dropping_the_last_handle_delivers() {
    let (recorder, taken) = recorder();
    record_one(&scope(&recorder), NODE);
    drop(recorder);
    assert_eq!(taken.spans().len(), 1);
}

#[test]
fn after_shutdown_everything_is_counted_as_dropped() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    record_one(&scope, NODE);
    recorder.shutdown(PATIENCE).unwrap();
    record_one(&scope, NODE);
    recorder.shutdown(PATIENCE).unwrap();
    assert_eq!(taken.spans().len(), 1);
    let stats = recorder.stats();
    assert_eq!((stats.recorded.total(), stats.sinks[0].dropped_failed.total()), (2, 1));
    assert_conserved(&stats);
}

#[test]
fn a_graph_is_told_once() {
    let (recorder, taken) = recorder();
    let graph = |name: &str, byte| {
        Arc::new(Graph {
            fingerprint: Fingerprint::from_bytes([byte; 16]),
            name: name.into(),
            version: String::new(),
            inputs: Vec::new(),
            nodes: Vec::new(),
        })
    };
    for _ in 0..2 {
        recorder.graph(&graph("a", 1));
        recorder.flush(PATIENCE).unwrap();
    }
    recorder.graph(&graph("b", 2));
    recorder.flush(PATIENCE).unwrap();
    let names: Vec<String> = taken
        .batches()
        .iter()
        .flat_map(|batch| batch.graphs.iter().map(|graph| graph.name.clone()).collect::<Vec<_>>())
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_recorder_that_is_off_does_nothing() {
    let recorder = Recorder::off();
    let scope = scope(&recorder);
    assert!(recorder.is_off() && !scope.is_sampled() && scope.next_span().is_none());
    let _active = scope.activate();
    record_one(&scope, NODE);
    assert!(!recorder.root_span("root").is_recorded());
    assert!(recorder.retain(scope.trace_id()).spans().is_empty());
    recorder.shutdown(Duration::ZERO).unwrap();
    assert_eq!(recorder.stats(), Default::default());
}

#[test]
fn many_short_scopes_leave_nothing_behind() {
    let (recorder, taken) = recorder();
    for _ in 0..20_000 {
        record_one(&scope(&recorder), NODE);
    }
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.spans().len(), 20_000);
    assert_conserved(&recorder.stats());
}
