//! What is handed out gives what it would have given here.

use std::sync::{Arc, Mutex};

use flowglass::model::{EventVerb, SpanEvent, Subject};
use flowglass::prelude::*;
use flowglass::testing::TestRecorder;
use flowglass::{Backend, Callbacks, Chunk, ErrorKind, LocalBackend, Logging};

use crate::pipelines::{Model, halves, middle_of, models, on, report, sums};
use crate::spans::paths;
use crate::workers;

#[test]
fn nodes_run_in_another_process() {
    let run = sums().unwrap().run(inputs! { number: 7 }).backend(workers(2)).wait().unwrap();
    assert_eq!(run.get::<u64>("sum").unwrap(), 50);
    assert_ne!(run.get::<u32>("pid").unwrap(), std::process::id());
}

#[test]
fn a_map_runs_in_several_processes_and_keeps_its_order() {
    let numbers: Vec<u64> = (0..500).collect();
    for chunk in [Chunk::Auto, Chunk::Items(7)] {
        let map = sums().unwrap().map(inputs! { number: numbers.clone() }, ["number"]).backend(workers(2).chunk(chunk)).wait();
        let map = map.unwrap();
        assert_eq!(map.column::<u64>("sum").unwrap(), numbers.iter().map(|number| number * number + 1).collect::<Vec<_>>());
        let mut pids = map.column::<u32>("pid").unwrap();
        pids.sort_unstable();
        pids.dedup();
        assert_eq!(pids.len(), 2, "both workers had something to do");
    }
}

#[test]
fn state_is_built_once_in_each_worker() {
    let (backend, model) = (workers(1).chunk(Chunk::Items(2)), Stateful::<Model>::new("model"));
    for _ in 0..2 {
        let inputs = inputs! { number: vec![1_u64, 2, 3, 4, 5], model: model.clone() };
        let map = models().unwrap().map(inputs, ["number"]).backend(backend.clone()).wait().unwrap();
        assert_eq!(map.column::<u64>("before").unwrap(), [1, 2, 3, 4, 5], "none was built before");
    }
    assert!(!model.is_built(), "nothing is built here");
}

#[test]
fn one_worker_serves_two_pipelines_and_many_runs() {
    let backend = workers(1);
    let mut pids = Vec::new();
    for number in [3_u64, 4] {
        let run = sums().unwrap().run(inputs! { number: number }).backend(backend.clone()).wait().unwrap();
        pids.push(run.get::<u32>("pid").unwrap());
        let run = halves().unwrap().run(inputs! { number: 4_u64 }).backend(backend.clone()).wait().unwrap();
        assert_eq!(run.get::<u64>("half").unwrap(), 2);
    }
    assert_eq!(pids[0], pids[1], "a worker stays");
}

#[test]
fn a_pipeline_inside_of_a_local_one_is_handed_out_whole() {
    let numbers: Vec<u64> = vec![1, 2, 3];
    let local = report().unwrap().run(inputs! { number: 5_u64, numbers: numbers.clone() }).wait().unwrap();
    let away = report().unwrap().run(inputs! { number: 5_u64, numbers: numbers }).backend(workers(2)).wait().unwrap();
    assert_eq!(local.get::<u64>("total").unwrap(), 14 + 3 + 26);
    assert_eq!(away.get::<u64>("total").unwrap(), local.get::<u64>("total").unwrap());
}

#[test]
fn each_level_has_a_backend_of_its_own() {
    // local > workers > local: the middle one hands its nodes out, the innermost says that it stays.
    let outer = |inner: Pipeline, middle: Backend| {
        Pipeline::builder("outer").node(on(middle_of(&inner), middle)).build().unwrap().run(inputs! { number: 2_u64 })
    };
    let telemetry = TestRecorder::new();
    let inner = on(sums(), LocalBackend::sequential());
    let run = outer(inner, workers(1).into()).telemetry(telemetry.recorder().clone()).wait().unwrap();
    let pid = |name: &str| run.get::<u32>(name).unwrap();
    assert!(pid("inner_pid") == std::process::id() && pid("middle_pid") != std::process::id());
    let here = outer(sums().unwrap(), LocalBackend::default().into()).wait().unwrap();
    assert_eq!(paths(&run.trace()), paths(&here.trace()));

    let crossing = |event: &SpanEvent| {
        let said = |key: &str| event.attributes.iter().find(|(known, _)| known == key).and_then(|(_, value)| value.as_str());
        (event.name.clone(), said("backend.from").unwrap().to_owned(), said("backend.to").unwrap().to_owned())
    };
    let there = |from: &str, to: &str| {
        [
            ("backend.entered".to_owned(), from.to_owned(), to.to_owned()),
            ("backend.left".to_owned(), to.to_owned(), from.to_owned()),
        ]
    };
    let crossings = |name: &str| {
        let spans = run.trace();
        let span = spans.iter().find(|span| span.name == name).unwrap();
        (span.span_id, span.events.iter().map(crossing).collect::<Vec<_>>())
    };
    let ((inside, home), (away, out)) = (crossings("pipeline sums"), crossings("node away"));
    assert_eq!((home.as_slice(), out.as_slice()), (&there("processes", "local")[..], &there("local", "processes")[..]));

    // The same, as log records of these spans.
    telemetry.recorder().flush(std::time::Duration::from_secs(60)).unwrap();
    for (span, from, to) in [(inside, "processes", "local"), (away, "local", "processes")] {
        let logs: Vec<_> = telemetry.logs().into_iter().filter(|log| log.span_id == span).collect();
        assert_eq!(logs.iter().map(|log| log.event_name.as_str()).collect::<Vec<_>>(), ["backend.entered", "backend.left"]);
        let body = logs[0].body.as_str().unwrap();
        assert!(body.contains(&format!("goes from `{from}` to `{to}`")) && logs[0].trace_id == run.id().trace, "{body}");
    }
}

#[test]
fn a_pipeline_that_a_worker_does_not_know_is_named() {
    let stranger = Pipeline::builder("stranger").node(crate::pipelines::square {}).backend(workers(1)).build().unwrap();
    let error = stranger.run(inputs! { number: 2_u64 }).wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Worker);
    assert!(error.to_string().contains("doesn't know the pipeline `stranger`"), "{error}");
    assert_eq!(error.path(), "stranger > square");
}

#[test]
fn a_map_crosses_the_border_once() {
    let numbers: Vec<u64> = (0..20).collect();
    let map = sums().unwrap().map(inputs! { number: numbers }, ["number"]).backend(workers(1)).wait().unwrap();
    for span in map.trace() {
        let events: Vec<&str> = span.events.iter().map(|event| event.name.as_str()).collect();
        let expected: &[&str] = if span.name.starts_with("map") { &["backend.entered", "backend.left"] } else { &[] };
        assert_eq!(events, expected, "{}", span.name);
    }
}

/// A log that can be read while something writes to it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn logs_tell_where_work_goes_with_telemetry_and_without() {
    for recorded in [true, false] {
        let log = Log::default();
        let callbacks = Callbacks::new().with(Logging::human(log.clone())).with(Logging::json(log.clone()));
        let run = sums().unwrap().run(inputs! { number: 7 }).outputs(["square"]).callbacks(callbacks).backend(workers(1));
        let run = if recorded { run } else { run.no_telemetry() };
        run.wait().unwrap();
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let moved: Vec<&str> = log.lines().filter(|line| line.contains("⇄")).collect();
        let expected =
            ["  ⇄ Node: square: from local to processes", "  ⇄ Node: square: from processes to local (done by processes-1)"];
        assert_eq!(moved, expected, "{log}");
        assert!(log.contains(r#""backend_from":"processes""#) && log.contains(r#""worker_id":"processes-1""#), "{log}");
    }
}

#[test]
fn errors_say_where_and_how_often() {
    let map = halves().unwrap().map(inputs! { number: vec![2_u64, 3, 20, 8] }, ["number"]).backend(workers(2)).wait().unwrap();
    assert_eq!((map.failed(), map.item::<u64>(0, "half").unwrap(), map.item::<u64>(3, "half").unwrap()), (2, 1, 4));
    let item = map.items().nth(1).unwrap();
    let odd = item.error().unwrap();
    assert_eq!((odd.kind(), odd.message(), odd.attempts()), (ErrorKind::Node, "3 is odd", 2));
    assert_eq!(odd.path(), "halves[1] > halve");
    let item = map.items().nth(2).unwrap();
    let panic = item.error().unwrap();
    assert_eq!((panic.kind(), panic.message()), (ErrorKind::Panic, "panicked: ten times 2"));
    assert_eq!(panic.run(), Some(map.id()));
}

#[test]
fn a_call_is_tried_again_by_the_driver() {
    let run = halves().unwrap().run(inputs! { number: 3_u64 }).backend(workers(1)).wait();
    let error = run.err().unwrap();
    assert_eq!((error.attempts(), error.path()), (2, "halves > halve"));
}

#[test]
fn what_happens_in_a_worker_is_told_here_in_one_order() {
    type Told = Arc<Mutex<Vec<(u64, Subject, String, EventVerb)>>>;
    let tell = |backend: Option<flowglass::RemoteBackend>| {
        let told = Told::default();
        let hear = Arc::clone(&told);
        let run = report().unwrap().run(inputs! { number: 5_u64, numbers: vec![1_u64, 2] }).observe(move |event| {
            hear.lock().unwrap().push((event.seq, event.site.subject, event.site.path.to_string(), event.kind.verb()));
        });
        match backend {
            Some(backend) => run.backend(backend).wait().unwrap(),
            None => run.wait().unwrap(),
        };
        let told = std::mem::take(&mut *told.lock().unwrap());
        assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "in one order");
        let mut told: Vec<_> =
            told.into_iter().map(|(_, subject, path, verb)| format!("{subject:?} {path} {verb:?}")).collect();
        told.sort();
        told
    };
    let mut away = tell(Some(workers(2)));
    // What is handed out goes there and comes back, which a local run knows nothing of.
    let moved: Vec<String> = away.extract_if(.., |told| told.ends_with("Moved")).collect();
    assert_eq!(moved[..2], ["Map report > each Moved", "Map report > each Moved"]);
    assert_eq!((moved.len(), away), (6, tell(None)));
}
