//! Log records as lines, with the trace and the span that they were said in.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowglass::prelude::*;
use flowglass::{Sampling, Severity, logs};

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn json(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[node(output = "rows")]
fn load(path: String) -> usize {
    flowglass::log(Severity::INFO, "before", &[("path", path.as_str().into())]);
    {
        let _inner = span("inner");
        flowglass::log(Severity::DEBUG, "inside", &[]);
    }
    // The end of an inner span takes nothing from the records of the outer one.
    flowglass::log(Severity::ERROR, "after", &[]);
    path.len()
}

#[test]
fn every_record_carries_its_trace_and_its_span_sampled_or_not() {
    for sampling in [Sampling::all(), Sampling::rate(0.0)] {
        let lines = Lines::default();
        let sink = logs::json().to(lines.clone());
        let recorder = Recorder::builder().sampling(sampling.clone()).sink("logs", sink).build();
        let pipeline = Pipeline::builder("load").nodes(nodes![load]).build().unwrap();
        let run = pipeline.run(inputs! { path: "a.csv" }).telemetry(recorder.clone()).wait().unwrap();
        recorder.log(Severity::INFO, "outside", &[]);
        recorder.flush(PATIENCE).unwrap();
        let lines = lines.json();
        let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(messages, ["before", "inside", "after", "outside"]);
        assert!(lines[..3].iter().all(|line| line["trace_id"] == run.id().trace.to_string()));
        assert_eq!(lines[0]["span_id"], lines[2]["span_id"]);
        assert!(lines[3].get("trace_id").is_none() && lines[3].get("span_id").is_none());
        if sampling == Sampling::all() {
            assert_ne!(lines[0]["span_id"], lines[1]["span_id"]);
        }
    }
}

#[test]
fn a_file_is_written_on_and_a_writer_that_fails_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs.txt");
    for message in ["first", "second"] {
        let recorder = Recorder::builder().sink("logs", logs::human().level(Severity::INFO).to_file(&file).unwrap()).build();
        recorder.log(Severity::INFO, message, &[]);
        recorder.log(Severity::DEBUG, "left out", &[]);
        recorder.shutdown(PATIENCE).unwrap();
    }
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().map(|line| line.split(' ').next_back().unwrap()).collect::<Vec<_>>(), ["first", "second"]);
    assert!(logs::json().to_file(folder.path()).is_err(), "a folder is no file");
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no room"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let recorder = Recorder::builder().sink("logs", logs::json().to(Full)).build();
    recorder.log(Severity::INFO, "lost", &[]);
    assert!(recorder.flush(PATIENCE).unwrap_err().to_string().contains("no room"));
    let stats = recorder.stats();
    assert_eq!((stats.sinks[0].dropped_failed.logs, stats.recorded.logs), (1, 1));
}
