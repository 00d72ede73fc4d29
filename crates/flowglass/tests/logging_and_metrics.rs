//! The callbacks that come with Flowglass: a log for people, a log for programs, and numbers.

use std::io::{self, Write};
use std::sync::Arc;

use flowglass::prelude::*;
use flowglass::{Callbacks, Logging, Metrics};
use parking_lot::Mutex;

/// A file that can be read while it is written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

#[node(output = "cleaned")]
fn clean(password: &str) -> String {
    password.trim().to_owned()
}

#[node(output = "number")]
fn parse(cleaned: &str) -> Result<u64, std::num::ParseIntError> {
    cleaned.parse()
}

#[node(output = "total")]
fn add(numbers: Vec<u64>) -> u64 {
    numbers.iter().sum()
}

fn pipeline() -> Pipeline {
    let inner = Pipeline::builder("one").nodes(nodes![clean, parse]).build().unwrap();
    let mapped = inner.as_node().map_over("password", "texts").output("number", "numbers");
    let whole = Pipeline::builder("sum").node(mapped).node(add {}).build().unwrap();
    Pipeline::builder("root").node(whole.as_node()).build().unwrap()
}

fn log(logging: impl FnOnce(Paper) -> Logging<Paper>, texts: &[&str]) -> String {
    let paper = Paper::default();
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let callbacks = Callbacks::new().with(logging(paper.clone()));
    let run = pipeline().run(inputs! { texts: texts }).callbacks(callbacks);
    let _ = run.wait();
    paper.text()
}

/// Durations differ from run to run.
fn same_times(text: &str) -> String {
    let mut rest = text;
    let mut same = String::new();
    while let Some((before, after)) = rest.split_once('(') {
        same.push_str(before);
        let inside = after.split_once(')').map_or(after, |(inside, _)| inside);
        same.push_str(if inside.ends_with('s') { "(0.00s" } else { "(" });
        rest = if inside.ends_with('s') { &after[inside.len()..] } else { after };
    }
    same + rest
}

#[test]
fn people_read_lines_indented_by_depth() {
    insta::assert_snapshot!(same_times(&log(Logging::human, &["1", " 2"])), @"
    [root] Pipeline started: root
      → Nested pipeline: sum
      [root > sum] Pipeline started: sum
        → Map: one
        → Item: one[0]
          → Node: clean
          ✓ Node: clean (0.00s)
          → Node: parse
          ✓ Node: parse (0.00s)
        ✓ Item: one[0] (0.00s)
        → Item: one[1]
          → Node: clean
          ✓ Node: clean (0.00s)
          → Node: parse
          ✓ Node: parse (0.00s)
        ✓ Item: one[1] (0.00s)
        ✓ Map: one (0.00s)
        → Node: add
        ✓ Node: add (0.00s)
      [root > sum] Pipeline finished: sum (0.00s)
      ✓ Nested pipeline: sum (0.00s)
    [root] Pipeline finished: root (0.00s)
    ");
}

#[test]
fn an_error_is_one_line_where_it_happened() {
    insta::assert_snapshot!(same_times(&log(Logging::human, &["1", "s3cret"])), @"
    [root] Pipeline started: root
      → Nested pipeline: sum
      [root > sum] Pipeline started: sum
        → Map: one
        → Item: one[0]
          → Node: clean
          ✓ Node: clean (0.00s)
          → Node: parse
          ✓ Node: parse (0.00s)
        ✓ Item: one[0] (0.00s)
        → Item: one[1]
          → Node: clean
          ✓ Node: clean (0.00s)
          → Node: parse
          ✗ Node failed: parse: invalid digit found in string
          ✗ Node: parse (0.00s)
        ✗ Item: one[1] (0.00s)
        ✗ Map: one (0.00s)
        ◌ Node: add (skipped)
      [root > sum] Pipeline failed: sum (0.00s)
      ✗ Nested pipeline: sum (0.00s)
    [root] Pipeline failed: root (0.00s)
    ");
    let quiet = log(|out| Logging::human(out).at_least(flowglass::model::Severity::WARN), &["1", "s3cret"]);
    assert_eq!(quiet.lines().count(), 1, "{quiet}");
}

#[test]
fn programs_read_the_same_fields_for_the_same_things() {
    let text = log(Logging::json, &["1", "s3cret"]);
    assert!(!text.contains("s3cret"), "names and never values: {text}");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        for field in ["message", "level", "unix_ns", "run_id", "span_id", "depth", "pipeline_path", "current_pipeline", "event"]
        {
            let is_there =
                !line[field].is_null() || (field == "span_id" && line["event"].as_str().unwrap().ends_with("skipped"));
            assert!(is_there, "{field} of {line}");
        }
    }
    let find = |message: &str| lines.iter().find(|line| line["message"].as_str().unwrap().starts_with(message)).unwrap();
    let started = find("Pipeline started: root");
    assert_eq!((&started["level"], &started["pipeline_id"]), (&"info".into(), &"root".into()));
    assert_eq!(started["input_keys"], serde_json::json!(["texts"]));
    let nested = find("Nested pipeline started: sum");
    assert_eq!((&nested["parent_id"], &nested["child_id"], &nested["depth"]), (&"root".into(), &"sum".into(), &0.into()));
    let node = find("Node finished: clean");
    assert_eq!((&node["level"], &node["pipeline_path"]), (&"debug".into(), &"root > sum > one".into()));
    assert_eq!((&node["node_id"], &node["output_keys"]), (&"clean".into(), &serde_json::json!(["cleaned"])));
    assert!(node["duration"].is_number() && node["index"].is_number());
    let error = find("Node failed: parse: invalid digit");
    assert_eq!((&error["level"], &error["error_message"]), (&"error".into(), &"invalid digit found in string".into()));
    assert_eq!(lines.iter().filter(|line| line["level"] == "error").count(), 1, "{text}");
}

#[test]
fn what_the_cache_says_and_keeps_is_logged() {
    let (cache, node) = (flowglass::MemoryCache::new(), Pipeline::builder("root").node(spend {}).build().unwrap());
    let said = || {
        let paper = Paper::default();
        let callbacks = Callbacks::new().with(Logging::json(paper.clone()));
        node.run(inputs! { steps: 2_u64 }).cache(cache.clone()).callbacks(callbacks).wait().unwrap();
        let lines = paper.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>();
        let ended = lines.into_iter().find(|line| line["node_id"] == "spend" && line["duration"].is_number()).unwrap();
        (ended["cache_status"].as_str().unwrap().to_owned(), ended["cache_signature"].is_string())
    };
    assert_eq!([said(), said()], [("write".to_owned(), false), ("hit".to_owned(), true)]);
}

#[test]
fn a_log_that_can_not_be_written_is_reported_and_hurts_nobody() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let callbacks = Callbacks::new().with(Logging::json(Full));
    let run = pipeline().run(inputs! { texts: vec!["1".to_owned()] }).callbacks(callbacks).wait().unwrap();
    let failures = run.callback_failures();
    assert_eq!((failures.len(), failures[0].callback(), failures[0].message()), (1, "Logging", "no space left"));
}

#[node(output = "spent")]
fn spend(steps: u64) -> u64 {
    (0..steps).fold(1, |state: u64, step| std::hint::black_box(state.wrapping_mul(31).wrapping_add(step)))
}

#[test]
fn metrics_tell_what_the_process_used_where_that_is_asked_for() {
    let pipeline = Pipeline::builder("root").node(spend {}).build().unwrap();
    let (plain, metrics) = (Metrics::new(), Metrics::new().with_usage());
    let callbacks = Callbacks::new().with(plain.clone()).with(metrics.clone());
    pipeline.run(inputs! { steps: 200_000_u64 }).no_telemetry().callbacks(callbacks).wait().unwrap();
    assert!(plain.snapshot().nodes[0].cpu.is_none() && !plain.snapshot().to_string().contains("MEMORY"));
    let used = &metrics.snapshot().nodes[0];
    assert!(used.cpu.unwrap() > std::time::Duration::ZERO && used.memory_bytes.unwrap() > 1 << 20, "{used:?}");
    assert!(metrics.snapshot().to_string().lines().next().unwrap().ends_with("CPU  MEMORY"));
}

#[test]
fn spans_tell_what_the_process_used_where_that_is_asked_for() {
    let each = spend {}.named("each").map_over("steps", "many").output("spent", "all");
    let pipeline = Pipeline::builder("root").node(spend {}).node(each).build().unwrap();
    let trace = |metrics: Metrics| {
        let callbacks = Callbacks::new().with(metrics);
        let inputs = inputs! { steps: 200_000_u64, many: vec![1_000_u64] };
        pipeline.run(inputs).cache(flowglass::MemoryCache::new()).callbacks(callbacks).wait().unwrap().trace()
    };
    let used = |span: &flowglass::model::Span| {
        let of = |key: &str| span.attributes.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
        Some((of("process.cpu.time")?.as_f64()?, of("process.memory.usage")?.as_f64()?))
    };
    let spans = trace(Metrics::new().with_usage());
    for span in &spans {
        let is_call = span.name == "node spend" || span.name == "item 0";
        assert_eq!(used(span).is_some(), is_call, "{} has {:?}", span.name, span.attributes);
    }
    let (cpu, memory) = used(spans.iter().find(|span| span.name == "node spend").unwrap()).unwrap();
    assert!(cpu > 0.0 && memory > 1e6, "{cpu} s, {memory} bytes");
    assert!(trace(Metrics::new()).iter().all(|span| used(span).is_none()));
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let metrics = Metrics::new();
    let callbacks = Callbacks::new().with(metrics.clone());
    let texts: Vec<String> = vec!["1".to_owned(), "x".to_owned()];
    let _ = pipeline().run(inputs! { texts: texts }).callbacks(callbacks).wait();
    let text = metrics.snapshot().to_prometheus();
    let parse = r#"{pipeline="root > sum > one",node="parse"}"#;
    let says = |line: String| assert!(text.lines().any(|known| known == line), "{line} in {text}");
    says(format!("flowglass_node_executions_total{parse} 2"));
    says(format!("flowglass_node_errors_total{parse} 1"));
    says(format!("flowglass_node_duration_seconds_count{parse} 2"));
    assert!(text.contains("flowglass_node_duration_seconds{pipeline=\"root > sum > one\",node=\"parse\",quantile=\"0.95\"} "));
    assert!(!text.contains("memory_bytes"), "what wasn't measured isn't told");
}

#[test]
fn metrics_count_over_runs() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = Metrics::new();
    let callbacks = Callbacks::new().with(metrics.clone());
    for texts in [vec!["1", "2"], vec!["1", "x"]] {
        let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
        let cache = DiskCache::open(folder.path()).unwrap();
        let _ = pipeline().run(inputs! { texts: texts }).cache(cache).callbacks(callbacks.clone()).wait();
    }
    let snapshot = metrics.snapshot();
    let find = |node: &str| snapshot.nodes.iter().find(|metrics| metrics.node == node).unwrap();
    let parse = find("parse");
    assert_eq!((parse.calls, parse.failures, parse.cache_hits), (3, 1, 0), "an item cached whole tells of no nodes");
    assert_eq!((parse.pipeline_path.as_str(), parse.depth), ("root > sum > one", 2));
    assert!(parse.percentile(0.95).unwrap() >= parse.percentile(0.5).unwrap());
    assert_eq!((find("add").calls, find("add").skipped), (1, 1));
    let table = snapshot.to_string();
    let widths: Vec<usize> = table.lines().map(|line| line.chars().count()).collect();
    assert!(table.starts_with("NODE") && widths.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
    assert!(table.contains("root > sum > one > parse      3       1"), "{table}");
}
