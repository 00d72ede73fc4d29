//! Workers that die, hang or stop: nothing is lost in silence.

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flowglass::model::{Batch, Sink, SinkError, Status};
use flowglass::prelude::*;
use flowglass::{CancelToken, ErrorKind, OnWorkerLost, Recorder, RunBuilder};

use crate::pipelines::{footprints, hangs, seen_dying, survivors, threes, waits};
use crate::{copies, workers};

#[test]
fn a_killed_workers_call_is_given_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let run = survivors().unwrap().run(inputs! { file: folder.path().join("died") }).backend(workers(1)).wait().unwrap();
    assert_eq!(run.get::<u64>("survived").unwrap(), 7);
    let spans = run.trace();
    let node = spans.iter().find(|span| span.name == "node die_once").unwrap();
    let lost = node.events.iter().find(|event| event.name == "worker.lost").unwrap();
    assert!(lost.attributes.iter().any(|(_, value)| value.as_str().is_some_and(|text| text.contains("signal: 9"))), "{lost:?}");
    assert!(spans.iter().any(|span| span.name == "dying" && span.status == Status::Ok), "the second try is recorded");
}

/// Leaves a file when a batch tells that a span of this name is open.
struct Watch(&'static str, PathBuf);

impl Sink for Watch {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        if batch.opened().any(|span| span.name() == self.0) {
            std::fs::write(&self.1, "seen").unwrap();
        }
        Ok(())
    }
}

#[test]
fn what_a_killed_worker_had_open_is_interrupted_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (seen, died) = (folder.path().join("seen"), folder.path().join("died"));
    let recorder = Recorder::builder().sink("watch", Watch("dying", seen.clone())).build();
    let run =
        seen_dying().unwrap().run(inputs! { seen: seen, died: died }).telemetry(recorder).backend(workers(1)).wait().unwrap();
    let spans = run.trace();
    let node = spans.iter().find(|span| span.name == "node die_when_seen").unwrap();
    let dying: Vec<_> = spans.iter().filter(|span| span.name == "dying").collect();
    let said: Vec<_> = dying.iter().map(|span| (span.status, span.status_message.as_str(), span.parent_id)).collect();
    let node_id = node.span_id;
    assert_eq!(said, [(Status::Interrupted, "worker processes-1 died", node_id), (Status::Ok, "", node_id)]);
    assert!(dying[0].duration_ns > 0, "it lasted as long as it was seen");
    let lost = node.events.iter().find(|event| event.name == "worker.lost").unwrap();
    let count = lost.attributes.iter().find(|(key, _)| key == "worker.interrupted").and_then(|(_, count)| count.as_int());
    assert_eq!(count, Some(1));
}

#[test]
fn a_killed_workers_call_fails_where_it_must_not_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let backend = workers(1).on_worker_lost(OnWorkerLost::Fail);
    let run = survivors().unwrap().run(inputs! { file: folder.path().join("died") }).backend(backend).wait();
    let error = run.err().unwrap();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Worker, "survivors > die_once"));
    assert!(error.message().contains("worker `processes-1` was lost: it ended: signal: 9"), "{error}");
}

#[test]
fn of_a_chunk_only_the_item_at_fault_fails() {
    let numbers: Vec<u64> = (0..8).collect();
    let backend = workers(1).chunk(flowglass::Chunk::Items(8)).on_worker_lost(OnWorkerLost::Retry(1));
    let map = threes().unwrap().map(inputs! { number: numbers }, ["number"]).backend(backend).wait().unwrap();
    assert_eq!(map.failed(), 1);
    let item = map.items().nth(3).unwrap();
    let error = item.error().unwrap();
    assert!(error.message().contains("2 workers were lost with it"), "{error}");
    assert_eq!((error.index(), map.item::<u64>(7, "number_again").unwrap()), (Some(3), 7));
}

#[test]
fn a_node_that_hangs_is_timed_out_and_its_worker_replaced() {
    let backend = flowglass::over(copies(1).cancel_within(Duration::from_millis(50)));
    let run = hangs().unwrap().run(inputs! { number: 1_u64 }).backend(backend.clone()).wait();
    assert_eq!(run.err().unwrap().kind(), ErrorKind::Timeout);
    let run = threes().unwrap().run(inputs! { number: 1_u64 }).backend(backend).wait().unwrap();
    assert_eq!(run.get::<u64>("number_again").unwrap(), 1);
}

/// Passes on what is said of workers.
struct Said(std::sync::mpsc::Sender<String>);

impl Sink for Said {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let said = batch.logs().map(|log| log.to_log()).filter(|log| log.event_name == "worker.lost");
        said.for_each(|log| self.0.send(log.body.as_str().unwrap().to_owned()).unwrap());
        Ok(())
    }
}

#[test]
fn that_a_worker_had_to_be_ended_is_said_before_the_run_ends() {
    let (sender, said) = std::sync::mpsc::channel();
    let recorder = Recorder::builder().sink("said", Said(sender)).build();
    let backend = flowglass::over(copies(1).cancel_within(Duration::from_millis(50)));
    let run = hangs().unwrap().run(inputs! { number: 1_u64 }).telemetry(recorder.clone()).backend(backend.clone()).wait();
    assert_eq!(run.err().unwrap().kind(), ErrorKind::Timeout);
    recorder.flush(Duration::from_secs(60)).unwrap();
    let said = said.try_recv().unwrap();
    assert_eq!(said, "worker `processes-1` was lost: it did not stop within 50ms of being asked");
}

/// Waits in a pipeline that travels whole, so that a node's start is told by its worker.
fn waiting_inside(file: &Path, token: CancelToken) -> RunBuilder {
    let around = Pipeline::builder("around").node(waits().unwrap()).build().unwrap();
    let cancel = token.clone();
    around.run(inputs! { number: 1_u64, file: file.to_owned() }).cancel_with(token).observe(move |event| {
        if event.name() == "node.started" {
            cancel.cancel();
        }
    })
}

#[test]
fn what_a_stopped_worker_has_to_tell_is_told_before_the_run_ends() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dropped");
    let run = waiting_inside(&file, CancelToken::new()).backend(workers(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = runtime.block_on(run.settle()).unwrap();
    assert_eq!(run.error().unwrap().kind(), ErrorKind::Cancelled);
    assert!(file.exists(), "the node leaves the file when it is dropped");
    let waiting = run.trace().into_iter().find(|span| span.name == "node wait_long").unwrap();
    assert_ne!(waiting.status, Status::Running);
}

#[test]
fn a_cancelled_run_reaches_its_worker_though_nobody_waits_for_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dropped");
    let backend = workers(1);
    let token = CancelToken::new();
    let mut run = Box::pin(waiting_inside(&file, token.clone()).backend(backend.clone()).into_future());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            _ = &mut run => panic!("its worker answers later"),
            () = token.cancelled() => {}
        }
    });
    drop(run);
    // The node leaves the file when it is dropped.
    let run = footprints().unwrap().run(inputs! { file: file }).backend(backend).wait().unwrap();
    assert!(run.get::<bool>("is_there").unwrap());
}

#[test]
fn what_was_stopped_before_it_set_out_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (file, token) = (folder.path().join("dropped"), CancelToken::new());
    let cancel = token.clone();
    // This worker can't start, so that any job would fail as what it is.
    let nobody = flowglass::over(flowglass::ProcessWorkers::new(1).program("no-such-program-anywhere"));
    let run =
        waits().unwrap().run(inputs! { number: 1_u64, file: file }).backend(nobody).cancel_with(token).observe(move |event| {
            if event.name() == "node.started" {
                cancel.cancel();
            }
        });
    assert_eq!(run.wait().err().unwrap().kind(), ErrorKind::Cancelled);
}
