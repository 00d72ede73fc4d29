//! What is said of a run's configuration: the same on graphs and on progress bars, with what the run was given counting first.

use std::time::Duration;

use flowglass::insight::Progress;
use flowglass::prelude::*;
use flowglass::term::progress::{View, frame};
use flowglass::term::{Options, graph};
use flowglass::{LocalBackend, Setting};

#[node(output = "low")]
fn lower(text: &str) -> String {
    text.to_lowercase()
}

#[node(output = "length")]
fn measure(low: &str) -> usize {
    low.len()
}

fn threads(workers: usize) -> LocalBackend {
    LocalBackend::threads().max_workers(workers)
}

/// `outer > inner > lower`, of which each says something, and `measure`, which says nothing.
fn outer() -> Pipeline {
    let retried = lower {}.retry(Retry::attempts(3));
    let inner = Pipeline::builder("inner").node(retried).backend(threads(2)).build().unwrap();
    let outer = Pipeline::builder("outer").node(inner.as_node()).node(measure {});
    outer.cache(MemoryCache::new()).timeout(Duration::from_secs(5)).build().unwrap()
}

/// The labels in a text, in their order.
fn labels(text: &str) -> Vec<&str> {
    let is_label = |word: &&str| word.starts_with(['[', '↓']);
    text.lines().flat_map(|line| line.split("  ").filter(is_label)).map(str::trim).collect()
}

#[test]
fn graphs_and_bars_carry_the_same_labels() {
    let outer = outer();
    let expected = ["[MemoryCache]* [timeout 5s]*", "[threads ×2]* ↓[MemoryCache] ↓[timeout 5s]", "[3 attempts]*"];
    let drawn = graph::render(outer.graph(), &outer.settings(), &Options::plain(120));
    assert_eq!(labels(&drawn), expected, "{drawn}");
    let run = outer.run(inputs! { text: "A" });
    let progress = Progress::new(&run.sites()).with_settings(&run.settings());
    let bars = frame(&progress, 0, &View { options: Options::plain(120), height: 20, workers: None }).join("\n");
    assert_eq!(labels(&bars), expected, "{bars}");
}

#[test]
fn what_a_run_is_given_counts_first() {
    let said = |settings: flowglass::model::GraphSettings, path: &str| {
        settings.of(path).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let outer = outer();
    let run = outer.run(inputs! { text: "A" }).no_cache().backend(threads(8)).callbacks(flowglass::Callbacks::new());
    assert_eq!(said(run.settings(), "outer"), "[threads ×8]* [no cache]* [callbacks]* [timeout 5s]*");
    assert_eq!(said(run.settings(), "outer > inner"), "[threads ×2]* ↓[no cache] ↓[callbacks] ↓[timeout 5s]");
    let closed = outer.with_timeout(Setting::Off).run(inputs! { text: "A" });
    assert_eq!(said(closed.settings(), "outer"), "[MemoryCache]* [no timeout]*");
}

#[test]
fn a_map_says_it_where_its_parts_stand() {
    let map = outer().map(inputs! { text: vec!["A".to_owned()] }, ["text"]).no_cache();
    let settings = map.settings();
    let sites = map.sites();
    let known = |path: &str| sites.iter().any(|site| &*site.path == path);
    assert!(settings.0.keys().all(|path| known(path)), "{settings:?}");
    assert_eq!(settings.of("outer > outer > inner")[0].to_string(), "[threads ×2]*");
    assert_eq!(settings.of("outer")[0].to_string(), "[no cache]*");
}
