//! What the examples promise: exit codes, hits the second time, and exactly the right misses after an edit.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::place::Place;

/// The nodes of a run by their paths.
fn nodes(run: &Value) -> BTreeMap<&str, &Value> {
    let nodes = run["nodes"].as_array().unwrap();
    nodes.iter().map(|node| (node["path"].as_str().unwrap(), node)).collect()
}

/// The paths of what didn't come from the cache.
fn misses(run: &Value) -> Vec<&str> {
    nodes(run).into_iter().filter(|(_, node)| node["cache_status"] != "hit").map(|(path, _)| path).collect()
}

/// How many items of a map didn't come from the cache.
fn missed_items(run: &Value, path: &str) -> u64 {
    let node = nodes(run)[path];
    node["count"].as_u64().unwrap() - node["hits"].as_u64().unwrap()
}

#[test]
fn the_census_runs_again_only_what_an_edit_changes() {
    const FILE: &str = "examples/census/census.toml";
    let place = Place::new();
    let first = place.run_json(FILE);
    assert_eq!(first["status"], "ok");
    let report = first["outputs"]["report"].as_str().unwrap();
    for part in ["model", "insight", "all", "THE LONGEST FUNCTIONS", "NEARLY THE SAME", "CONTRIBUTING.md"] {
        assert!(report.contains(part), "{report}");
    }
    let again = place.run_json(FILE);
    assert_eq!(misses(&again), [""; 0]);
    assert_eq!(again["outputs"], first["outputs"]);

    place.append("crates/model/src/id.rs", "// One line more.\n");
    let edited = place.run_json(FILE);
    let expected = [
        "census > portraits",
        "census > report",
        "census > report > longest",
        "census > report > parts",
        "census > report > report",
        "census > sources",
        "census > twins",
    ];
    assert_eq!(misses(&edited), expected);
    assert_eq!((missed_items(&edited, "census > portraits"), missed_items(&edited, "census > twins")), (1, 1));

    place.append("CHANGELOG.md", "One line more.\n");
    let edited = place.run_json(FILE);
    let expected =
        ["census > pages", "census > readings", "census > report", "census > report > reading", "census > report > report"];
    assert_eq!(misses(&edited), expected);
    assert_eq!(missed_items(&edited, "census > readings"), 1);
}

#[test]
fn another_question_to_the_index_makes_only_the_answer_anew() {
    let place = Place::new();
    let first = place.run_json("examples/index/index.toml word=Span");
    let answer = first["outputs"]["answer"].as_str().unwrap();
    assert!(answer.starts_with("Span stands in ") && answer.contains(".rs:"), "{answer}");
    assert_eq!(misses(&place.run_json("examples/index/index.toml word=Span")), [""; 0]);
    let other = place.run_json("examples/index/index.toml word=nowhereatall");
    assert_eq!(misses(&other), ["index > answer"]);
    assert!(other["outputs"]["answer"].as_str().unwrap().starts_with("nowhereatall stands nowhere; 0 longer"));
}

#[test]
fn examples_run_from_any_folder_on_any_folder() {
    let place = Place::new();
    place.write("examples/words.py", "import alpha\nalpha()\n");
    let done = place.sh_in("examples", "flowglass run index/index.toml word=alpha folder=. ending=py --quiet");
    assert_eq!((done.exit_code, done.stderr.as_str()), (0, ""));
    assert!(done.stdout.starts_with("alpha stands in 2 lines of 1 files") && done.stdout.contains(":1,2"), "{}", done.stdout);
}

#[test]
fn failures_are_shown_and_only_they_are_tried_again() {
    const FILE: &str = "examples/failing/failing.toml";
    let place = Place::new();
    let done = place.sh(&format!("flowglass run {FILE}"));
    assert_eq!((done.exit_code, done.stdout.as_str()), (1, ""));
    for shown in [
        "line 3: `n/a` is no temperature",
        "attempt 3",
        "readings/east.csv: No such file",
        "took longer than its timeout",
        "failing > report: ◌ skipped",
        "error: failing > means: 3 of 4 items failed",
        "failing > means[1] > mean: `awk` exited with code 1",
    ] {
        assert!(done.stderr.contains(shown), "no `{shown}` in\n{}", done.stderr);
    }
    let run = place.run_json(FILE);
    let nodes = nodes(&run);
    let means = nodes["failing > means"];
    assert_eq!((&means["count"], &means["failed"], &means["hits"]), (&4.into(), &3.into(), &1.into()));
    assert_eq!((&nodes["failing > report"]["status"], &run["status"]), (&"skipped".into(), &"error".into()));

    place.write("examples/failing/readings/south.csv", "time,celsius\n12:00,12.5\n");
    let done = place.sh(&format!("flowglass run {FILE} stations=south,north"));
    assert_eq!((done.exit_code, done.stdout.as_str()), (0, "north 7.0\nsouth 12.5\n"), "{}", done.stderr);
}

#[test]
fn a_quiet_run_still_says_why_it_failed() {
    let done = Place::new().sh("flowglass run examples/failing/failing.toml --quiet stations=south");
    assert_eq!((done.exit_code, done.stdout.as_str()), (1, ""));
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    assert!(done.stderr.starts_with("error: ") && done.stderr.contains("`n/a` is no temperature"), "{}", done.stderr);
}
