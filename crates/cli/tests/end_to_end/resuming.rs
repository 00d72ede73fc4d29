//! `--resume`: a run that takes up another.

use crate::harness::{Home, node};

const FAILS_FIRST: &str = "name = 'p'\n[[node]]\noutput = 'a'\nshell = 'echo a >> log; echo a'\n\
    [[node]]\noutput = 'b'\nshell = 'echo {a}; test -e ok'\n";

#[test]
fn what_was_finished_comes_from_the_cache_and_the_runs_are_linked() {
    let home = Home::with(FAILS_FIRST);
    let failed = home.run(&[]).exits(1).run_id();
    home.file("ok", "");
    let run = home.run(&["--json", "--resume", &failed[..12]]).ok().json();
    assert_eq!((&node(&run, "p > a")["cache_status"], &node(&run, "p > b")["cache_status"]), (&"hit".into(), &"write".into()));
    assert_eq!(home.read("log"), "a\n");
    let shown = home.shown();
    assert_ne!(shown["run"]["run_id"], failed.as_str());
    let root = shown["spans"].as_array().unwrap().iter().find(|span| span["span_type"] == "pipeline").unwrap();
    assert_eq!(root["attributes"]["run.resumes"], failed.as_str());
}

#[test]
fn a_map_is_taken_up_where_it_failed() {
    let home = Home::with(
        "name = 'p'\n[inputs]\nx = { type = 'int' }\n[[node]]\noutput = 'out'\nshell = 'test {x} -ne 2 -o -e ok; echo {x} >> log'\n",
    );
    home.file("p.toml", home.read("p.toml").replace("test {x} -ne 2 -o -e ok;", "test {x} -ne 2 || test -e ok || exit 1;"));
    let failed = home.run(&["--map", "x=1,2,3"]).exits(1).run_id();
    home.file("ok", "");
    let run = home.run(&["--json", "--map", "x=1,2,3", "--resume", &failed]).ok().json();
    assert_eq!(run["map"]["cached"], 2);
    assert_eq!(home.read("log").lines().filter(|line| *line == "2").count(), 1);
    let shown = home.shown();
    let root = shown["spans"].as_array().unwrap().iter().find(|span| span["parent_id"].is_null()).unwrap();
    assert_eq!(root["attributes"]["run.resumes"], failed.as_str());
}

#[test]
fn a_run_that_is_not_there_starts_nothing() {
    let home = Home::with(FAILS_FIRST);
    home.run(&["--resume", "abc"]).refuses(&["`abc`"]);
    assert!(!home.has("log"));
}
