//! What nodes print in workers: a log record of their spans, there when the run is over, also where the worker died of it.

use std::time::Duration;

use flowglass::model::{AttributeValue, LogRecord, SpanId};
use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use flowglass::{Chunk, Run};

use crate::pipelines::{loud, survivors};
use crate::workers;

/// The records of what was printed in a span, by what they say.
fn printed(telemetry: &TestRecorder, span: SpanId) -> Vec<(String, LogRecord)> {
    telemetry.recorder().flush(Duration::from_secs(60)).unwrap();
    let logs = telemetry.logs().into_iter().filter(|log| log.event_name == "worker.output" && log.span_id == span);
    logs.map(|log| (log.body.as_str().unwrap_or_default().to_owned(), log)).collect()
}

fn said_of<'a>(log: &'a LogRecord, key: &str) -> Option<&'a str> {
    log.attributes.iter().find(|(known, _)| known == key).and_then(|(_, value)| value.as_str())
}

fn span_named(run: &Run, name: &str) -> SpanId {
    run.trace().iter().find(|span| span.name == name).unwrap().span_id
}

#[test]
fn what_a_node_prints_is_a_log_record_of_its_span() {
    let telemetry = TestRecorder::new();
    let run = loud().unwrap().run(inputs! { number: 7_u64 }).backend(workers(1)).telemetry(telemetry.recorder().clone());
    let run = run.wait().unwrap();
    let printed = printed(&telemetry, span_named(&run, "node shout"));
    for (line, stream) in [("[out of node 7]", "stdout"), ("[err of node 7]", "stderr")] {
        let (_, log) = printed.iter().find(|(said, _)| said == line).unwrap();
        assert_eq!((log.trace_id, said_of(log, "log.iostream")), (run.id().trace, Some(stream)));
        assert_eq!(said_of(log, "worker.id"), Some("processes-1"));
    }
    assert!(printed.iter().any(|(said, _)| *said == "o".repeat(3_000)), "long lines come whole");
}

#[test]
fn each_item_of_a_chunk_has_its_own_lines() {
    let telemetry = TestRecorder::new();
    let map = loud().unwrap().map(inputs! { number: vec![10_u64, 11, 12] }, ["number"]);
    let map = map.backend(workers(1).chunk(Chunk::Items(3))).telemetry(telemetry.recorder().clone()).wait().unwrap();
    let spans = map.trace();
    for (index, number) in [(0, 10), (1, 11), (2, 12)] {
        let is_item = |span: &&flowglass::model::Span| {
            span.attributes.iter().any(|(key, value)| key == "map.index" && *value == AttributeValue::Int(index))
        };
        let item = spans.iter().find(is_item).unwrap_or_else(|| panic!("no item {index} in {spans:?}")).span_id;
        let printed = printed(&telemetry, item);
        let errors: Vec<&str> = printed.iter().map(|(said, _)| said.as_str()).filter(|said| said.starts_with("[err")).collect();
        assert_eq!(errors, [format!("[err of node {number}]")]);
        assert!(printed.iter().any(|(said, _)| said.ends_with(&format!("[out of node {number}]"))));
    }
}

#[test]
fn the_last_words_of_a_worker_are_heard() {
    let (folder, telemetry) = (tempfile::tempdir().unwrap(), TestRecorder::new());
    let run = survivors().unwrap().run(inputs! { file: folder.path().join("died") }).backend(workers(1));
    let run = run.telemetry(telemetry.recorder().clone()).wait().unwrap();
    assert_eq!(run.get::<u64>("survived").unwrap(), 7);
    let printed = printed(&telemetry, span_named(&run, "node die_once"));
    assert!(printed.iter().any(|(said, _)| said == "last words"), "{printed:?}");
}
