//! Whoever runs a graph - this thread, several, or workers - gives the same values, the same errors and the same spans.

use std::collections::{BTreeMap, HashMap};

use flowglass::model::{Span, SpanId, Status};
use flowglass::prelude::*;
use flowglass::{Backend, CacheStats, DiskCache, Execution, LocalBackend};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::copies_at;
use crate::shapes::{pipeline, shapes, with_one_failure};
use crate::spans::paths;

/// What can be told of a run, whoever ran it.
#[derive(Debug, PartialEq)]
struct Facts {
    /// The values, or what failed.
    outcome: Result<BTreeMap<String, u64>, Failed>,
    /// Each span by its path, with how it ended and what the cache said; of a run that failed nothing, because what else ran by
    /// then is a matter of time.
    spans: Vec<String>,
    /// What the cache did, the time that it saved left out.
    cache: (u64, u64, u64),
}

#[derive(Debug, PartialEq)]
struct Failed {
    kind: flowglass::ErrorKind,
    message: String,
    path: String,
    index: Option<u64>,
}

impl Facts {
    /// Leaves out what is a matter of time while a cache is filled: of two equal computations one may come from the other, and of
    /// two equal pipelines one may come whole, so that inside of it nothing is asked.
    fn timeless(self) -> Self {
        Self { spans: Vec::new(), cache: (0, 0, 0), ..self }
    }
}

fn facts(run: &Run) -> Facts {
    let outcome = match run.error() {
        None => Ok(run.outputs().map(|(name, _)| (name.to_owned(), run.get::<u64>(name).unwrap_or(u64::MAX))).collect()),
        Some(error) => Err(Failed {
            kind: error.kind(),
            message: error.message().to_owned(),
            path: error.path().to_owned(),
            index: error.index(),
        }),
    };
    let spans = run.trace();
    // Also of a run that failed no span may hang in the air.
    let all = paths(&spans);
    assert!(spans.iter().all(|span| span.status != Status::Running), "{all:?}");
    let spans = if outcome.is_ok() { told(&spans) } else { Vec::new() };
    let CacheStats { hits, misses, writes, .. } = *run.cache_stats();
    let cache = if outcome.is_ok() { (hits, misses, writes) } else { (0, 0, 0) };
    Facts { outcome, spans, cache }
}

fn told(spans: &[Span]) -> Vec<String> {
    let by_id: HashMap<SpanId, &Span> = spans.iter().map(|span| (span.span_id, span)).collect();
    let path = |span: &Span| {
        let mut names = vec![span.name.as_str()];
        let mut at = span;
        while let Some(parent) = by_id.get(&at.parent_id) {
            names.push(&parent.name);
            at = parent;
        }
        names.reverse();
        names.join(" > ")
    };
    let mut told: Vec<String> = spans
        .iter()
        .map(|span| format!("{} {} {}", path(span), span.status.as_str(), span.text("cache.status").unwrap_or("-")))
        .collect();
    told.sort();
    told
}

/// Runs a pipeline to its end, whatever that is.
fn run(pipeline: &Pipeline, backend: Backend, cache: Option<&DiskCache>) -> Facts {
    let run = pipeline.run(inputs! { x: 5_u64 }).backend(backend);
    let run = if let Some(cache) = cache { run.cache(cache.clone()) } else { run };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    facts(&runtime.block_on(run.settle()).unwrap())
}

/// What a pipeline comes to without a cache, with an empty one, and once more.
fn thrice(pipeline: &Pipeline, backend: &Backend) -> [Facts; 3] {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path()).unwrap();
    let [without, filling, filled] = [None, Some(&cache), Some(&cache)].map(|cache| run(pipeline, backend.clone(), cache));
    [without, filling.timeless(), filled]
}

#[test]
fn every_way_of_running_a_graph_gives_the_same() {
    let local = |execution| LocalBackend { node_execution: execution, map_execution: execution, max_workers: Some(3) };
    let away = Backend::from(flowglass::over(copies_at(2, "shapes_entry")));
    let ways = [Backend::from(local(Execution::Async)), local(Execution::Threads).into(), away];
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(32) });
    let result = runner.run(&shapes(), |shape| {
        let pipeline = pipeline(&with_one_failure(shape)).unwrap();
        let expected = thrice(&pipeline, &LocalBackend::sequential().into());
        for way in &ways {
            prop_assert_eq!(&thrice(&pipeline, way), &expected, "{:?}", way);
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
