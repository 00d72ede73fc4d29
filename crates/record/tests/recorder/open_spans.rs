//! A span is told as open or as ended: never as both, never as neither.

use crate::support::{ITEM, NODE, PATIENCE, PIPELINE, Taken, end, frame, recorder, recorder_of, scope, spec};
use flowglass_model::{Attributes, Batch, SpanId, Status};
use flowglass_record::{Frame, Recorder, Scope, Tick, span};

fn opened(batch: &Batch) -> Vec<SpanId> {
    batch.opened.span_id.clone()
}

fn closed(batch: &Batch) -> Vec<SpanId> {
    batch.closed.iter().map(|(_, span)| *span).collect()
}

#[test]
fn a_runs_root_is_told_at_once_and_closed_with_its_end() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let root = frame(&scope, PIPELINE);
    scope.enter(&root);
    recorder.flush(PATIENCE).unwrap();
    recorder.flush(PATIENCE).unwrap();
    scope.exit();
    scope.record(&end(root));
    recorder.flush(PATIENCE).unwrap();

    let batches = taken.batches();
    assert_eq!(batches.len(), 2, "nothing new, no batch");
    assert_eq!((opened(&batches[0]), batches[0].spans().len()), (vec![root.span], 0));
    let pending = batches[0].opened().next().unwrap().to_span();
    assert_eq!((pending.name.as_str(), pending.status, pending.is_run_root()), ("pipeline p", Status::Running, true));
    assert_eq!((opened(&batches[1]), closed(&batches[1])), (vec![], vec![root.span]));
    assert_eq!(batches[1].spans.span_id, [root.span]);
}

/// What is open for longer is told of at the first look.
const TRIVIAL_NS: u64 = 50_000_000;

/// Opens a node and looks before it has been open for long; where something kept this thread from it, once more.
fn looked_at_early() -> (Recorder, Taken, Scope, Frame) {
    loop {
        let (recorder, taken) = recorder();
        let scope = scope(&recorder);
        let node = frame(&scope, NODE);
        scope.enter(&node);
        recorder.flush(PATIENCE).unwrap();
        if node.start.elapsed_ns(Tick::now()) < TRIVIAL_NS {
            return (recorder, taken, scope, node);
        }
    }
}

#[test]
fn a_node_is_told_when_a_second_look_finds_it() {
    let (recorder, taken, _scope, node) = looked_at_early();
    assert!(taken.batches().is_empty());
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(opened(&taken.batches()[0]), [node.span]);
}

#[test]
fn a_node_that_ends_between_looks_is_only_ended() {
    let (recorder, taken, scope, node) = looked_at_early();
    scope.exit();
    scope.record(&end(node));
    recorder.flush(PATIENCE).unwrap();
    let batches = taken.batches();
    assert_eq!((batches.len(), opened(&batches[0]), closed(&batches[0])), (1, vec![], vec![]));
    assert_eq!(batches[0].spans.span_id, [node.span]);
}

#[test]
fn a_parked_span_is_open_and_its_children_hang_on_it() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let node = frame(&scope, NODE);
    scope.enter(&node);
    scope.park();
    assert!(scope.current().is_none());
    recorder.flush(PATIENCE).unwrap();
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(opened(&taken.batches()[0]), [node.span]);

    scope.resume(node.span);
    let child = frame(&scope, ITEM);
    assert_eq!(child.parent, node.span);
    scope.suspend();
    scope.close(node.span);
    scope.record(&end(node));
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(closed(&taken.batches()[1]), [node.span]);
}

#[test]
fn an_unsampled_span_is_never_told() {
    let (recorder, taken) = recorder();
    let scope = scope(&recorder);
    let mut item = frame(&scope, ITEM);
    item.flags = 0;
    scope.enter(&item);
    let _active = scope.activate();
    assert!(!span("inside").is_recorded());
    let unsampled = recorder.scope(spec(false, Attributes::new()));
    let mut root = frame(&unsampled, PIPELINE);
    root.flags = 0;
    unsampled.enter(&root);
    recorder.flush(PATIENCE).unwrap();
    recorder.flush(PATIENCE).unwrap();
    assert!(taken.batches().is_empty());
}

#[test]
fn what_a_scope_leaves_open_is_told_as_cancelled() {
    let (recorder, taken) = recorder();
    let told = scope(&recorder);
    let root = frame(&told, PIPELINE);
    told.enter(&root);
    recorder.flush(PATIENCE).unwrap();
    let untold = scope(&recorder);
    let node = frame(&untold, NODE);
    untold.enter(&node);
    untold.park();
    drop((told, untold));
    recorder.flush(PATIENCE).unwrap();
    let (root_span, node_span) = (taken.span("pipeline p"), taken.span("node n"));
    assert_eq!((root_span.status, node_span.status), (Status::Cancelled, Status::Cancelled));
    assert_eq!(closed(&taken.batches()[1]), [root.span]);
    assert_eq!(node_span.span_id, node.span);
    recorder.flush(PATIENCE).unwrap();
    assert_eq!(taken.batches().len(), 2);
}

#[test]
fn an_end_that_was_lost_is_made_up() {
    let (recorder, taken) = recorder_of(Recorder::builder().buffer_size(1).buffer_bytes(1));
    let scope = scope(&recorder);
    let root = frame(&scope, PIPELINE);
    scope.enter(&root);
    recorder.flush(PATIENCE).unwrap();
    scope.exit();
    let text = "x".repeat(100);
    let too_much = [("key", flowglass_record::Value::Str(&text)); 1000];
    scope.record(&flowglass_record::SpanEnd { extra: &too_much, ..end(root) });
    assert_eq!(recorder.stats().dropped_buffer_full.total(), 1);
    recorder.flush(PATIENCE).unwrap();
    recorder.flush(PATIENCE).unwrap();
    let span = taken.span("pipeline p");
    assert_eq!((span.status, span.span_id), (Status::Interrupted, root.span));
    assert_eq!(closed(taken.batches().last().unwrap()), [root.span]);
    crate::support::assert_conserved(&recorder.stats());
}

#[test]
fn spans_that_open_and_end_under_the_collectors_eyes_are_told_once() {
    let (recorder, taken) = recorder();
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                for _ in 0..500 {
                    let scope = scope(&recorder);
                    let root = frame(&scope, PIPELINE);
                    scope.enter(&root);
                    let node = frame(&scope, NODE);
                    scope.enter(&node);
                    scope.park();
                    scope.close(node.span);
                    scope.record(&end(node));
                    scope.exit();
                    scope.record(&end(root));
                }
            });
        }
        threads.spawn(|| (0..300).for_each(|_| recorder.flush(PATIENCE).unwrap()));
    });
    recorder.flush(PATIENCE).unwrap();
    let mut open = std::collections::HashSet::new();
    let mut ended = std::collections::HashSet::new();
    for batch in taken.batches() {
        for span in closed(&batch) {
            assert!(open.remove(&span) && batch.spans.span_id.contains(&span), "closed what was open, with its end");
        }
        for &span in &batch.spans.span_id {
            assert!(ended.insert(span) && !open.contains(&span), "ended once, and closed if it was told as open");
        }
        for span in opened(&batch) {
            assert!(!ended.contains(&span) && open.insert(span), "opened once, before its end");
        }
    }
    assert!(open.is_empty());
    assert_eq!(ended.len(), 2_000);
}

/// A sink that tells when it was given a batch, waits for permission, and keeps it.
struct Slow {
    begun: crossbeam_channel::Sender<()>,
    permits: crossbeam_channel::Receiver<()>,
    taken: Taken,
}

impl flowglass_model::Sink for Slow {
    fn write(&mut self, batch: &std::sync::Arc<flowglass_model::Batch>) -> Result<(), flowglass_model::SinkError> {
        let _ = self.begun.send(());
        let _ = self.permits.recv();
        self.taken.write(batch)
    }
}

#[test]
fn a_sink_that_had_no_room_learns_what_is_open_and_what_has_ended() {
    let (begun, has_begun) = crossbeam_channel::unbounded();
    let (permit, permits) = crossbeam_channel::unbounded();
    let taken = Taken::default();
    let slow = Slow { begun, permits, taken: taken.clone() };
    let builder = Recorder::builder().export_interval(std::time::Duration::from_secs(3600)).queue_bytes(1).sink("slow", slow);
    let recorder = builder.build();
    let flush = || drop(recorder.flush(std::time::Duration::ZERO));
    let open = |name| recorder.start_span(flowglass_model::TraceId::random(), SpanId::NONE, name);
    // Seen by two looks, so that the sink is told.
    let first = open("first");
    flush();
    flush();
    has_begun.recv().unwrap();
    let (second, third) = (open("second"), open("third"));
    flush();
    flush();
    recorder.end_span(first, flowglass_model::Status::Ok, "");
    recorder.end_span(third, flowglass_model::Status::Ok, "");
    flush();
    (0..10).for_each(|_| permit.send(()).unwrap());
    recorder.flush(PATIENCE).unwrap();
    recorder.flush(PATIENCE).unwrap();
    let batches = taken.batches();
    let opened: Vec<String> =
        batches.iter().flat_map(|batch| batch.opened().map(|span| span.name().to_owned()).collect::<Vec<_>>()).collect();
    let closed: Vec<SpanId> = batches.iter().flat_map(|batch| batch.closed.iter().map(|(_, span)| *span)).collect();
    assert_eq!((opened, closed), (vec!["first".to_owned(), "second".to_owned()], vec![first]));
    assert_eq!(recorder.stats().sinks[0].dropped_queue_full.spans, 2, "their ends are lost, and counted");
    crate::support::assert_conserved(&recorder.stats());
    recorder.end_span(second, flowglass_model::Status::Ok, "");
}
