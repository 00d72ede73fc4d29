//! Ten processes and one cache on disk: each finds what the others wrote, and nothing is lost or mixed up.
//!
//! A test starts this same program again to run the `child` function, which without a parent does nothing.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use flowglass_engine::value::Value;
use flowglass_engine::{
    Call, DiskCache, Inputs, Invocation, Node, NodeExt, NodeSpec, Output, Outputs, Param, Pipeline, inputs, type_of,
};

const FOLDER: &str = "FLOWGLASS_TEST_CACHE";
const NUMBER: &str = "FLOWGLASS_TEST_NUMBER";
const PROCESSES: u64 = 10;
const RUNS: u64 = 30;

/// Repeats a text so often that some results lie in their entries and some in files of their own.
struct Repeat;

impl Node for Repeat {
    fn spec(&self) -> NodeSpec {
        NodeSpec {
            params: vec![Param { name: "number".to_owned(), ty: type_of!(u64), default: None }],
            outputs: vec![Output { name: "text".to_owned(), ty: type_of!(String) }],
            code: Some([1; 32]),
            ..NodeSpec::new("repeat", "function", type_of!(String))
        }
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let made = call.take::<u64>(0).map(|number| Outputs::from_elem(Arc::new(repeated(number)) as Value, 1));
        Call::Ready(made.map_err(Into::into))
    }
}

fn repeated(number: u64) -> String {
    let times = if number.is_multiple_of(5) { 5_000 } else { 3 };
    format!("{number} ").repeat(times)
}

/// Runs with each number, beginning elsewhere in each process; returns how many runs came from the cache.
fn run_all(folder: &Path, first: u64) -> u64 {
    let pipeline = Pipeline::builder("p").node(Repeat.named("repeat")).build().unwrap();
    let cache = DiskCache::open(folder).unwrap();
    let run = |number: u64| {
        let inputs: Inputs = inputs! { number: number };
        let run = pipeline.run(inputs).cache(cache.clone()).no_telemetry().wait().unwrap();
        assert_eq!(run.get::<String>("text").unwrap(), repeated(number));
        assert_eq!(run.cache_stats().problem, None);
        run.cache_stats().hits
    };
    (0..RUNS).map(|at| run((first * 3 + at) % RUNS)).sum()
}

#[test]
fn child() {
    #[expect(clippy::disallowed_methods, reason = "how a child is told what it is")]
    let (Some(folder), Ok(number)) = (std::env::var_os(FOLDER), std::env::var(NUMBER)) else { return };
    run_all(Path::new(&folder), number.parse().unwrap());
}

fn start(folder: &Path, number: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact"]).env(FOLDER, folder).env(NUMBER, number.to_string());
    command.stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn ten_processes_write_one_cache() {
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<Child> = (0..PROCESSES).map(|number| start(folder.path(), number)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(run_all(folder.path(), 0), RUNS, "what was computed in another process counts in this one");
    let stats = DiskCache::open(folder.path()).unwrap().stats().unwrap();
    assert_eq!((stats.entries, stats.damages, stats.values), (RUNS, 0, RUNS / 5));
}
