//! A process that is killed in the middle of a run, and what is found afterwards.

use serde_json::Value;

use crate::harness::{Home, Process};

/// How often the store is asked before it is taken for certain that nothing will come.
const QUESTIONS: usize = 1_000;

const BLOCKED: &str = "name = 'p'\n[[node]]\noutput = 'quick'\ncommand = ['echo', 'quick']\n\
    [[node]]\noutput = 'slow'\nshell = 'echo $$ {quick} > started; exec cat gate'\n";

/// Asks another process until it has the answer: the store is told of a run a moment after it has begun.
fn ask_until(home: &Home, arguments: &[&str], is_there: impl Fn(&Value) -> bool) -> Value {
    let mut answers = (0..QUESTIONS).map(|_| home.flowglass(arguments)).filter(|ended| ended.code == Some(0));
    answers.find_map(|ended| Some(ended.json()).filter(&is_there)).unwrap_or_else(|| panic!("{arguments:?}: it never came"))
}

fn span<'a>(shown: &'a Value, name: &str) -> Option<&'a Value> {
    shown["spans"].as_array().unwrap().iter().find(|span| span["name"] == name)
}

#[test]
fn a_killed_run_is_found_with_what_it_had_done() {
    let home = Home::with(BLOCKED);
    home.fifo("gate");
    let started = home.fifo("started");
    let running = home.call(&["run", "p.toml"]).start();
    let words = started.read();
    let orphan = Process::written(words.split_whitespace().next().unwrap());
    let listed = ask_until(&home, &["list", "--json"], |runs| runs[0]["status"] == "running");
    ask_until(&home, &["show", "--json"], |shown| span(shown, "node quick").is_some());
    ask_until(&home, &["query", "--json", "status:running", "node:slow"], |found| found["rows"][0]["name"] == "node slow");
    running.signal("KILL");
    assert_eq!(running.end().signal, Some(9));
    // Nobody is left to end what the killed process had started.
    orphan.signal("KILL");
    let after = home.flowglass(&["list", "--json"]).ok().json();
    assert_eq!(after.as_array().unwrap().len(), 1);
    assert_eq!((&after[0]["run_id"], &after[0]["status"]), (&listed[0]["run_id"], &"interrupted".into()));
    let shown = home.shown();
    assert_eq!(span(&shown, "node quick").unwrap()["status"], "ok");
    assert_eq!(span(&shown, "pipeline p").unwrap()["status"], "interrupted");
    assert_eq!(span(&shown, "node slow").unwrap()["status"], "interrupted");
    assert!(home.flowglass(&["show"]).ok().stdout.contains("⚠ slow"));
}

#[test]
fn the_next_run_goes_on_from_there() {
    let home = Home::with(BLOCKED);
    home.fifo("gate");
    let started = home.fifo("started");
    let running = home.call(&["run", "p.toml"]).start();
    let orphan = Process::written(started.read().split_whitespace().next().unwrap());
    ask_until(&home, &["list", "--json"], |runs| runs[0]["status"] == "running");
    running.signal("KILL");
    running.end();
    orphan.signal("KILL");
    home.file("p.toml", BLOCKED.replace("echo $$ {quick} > started; exec cat gate", "echo {quick}"));
    let killed = home.flowglass(&["list", "--json"]).ok().json()[0]["run_id"].as_str().unwrap().to_owned();
    let run = home.run(&["--json", "--resume", &killed]).ok().json();
    assert_eq!(run["nodes"][0]["cache_status"], "hit");
    let listed = home.flowglass(&["list", "--json"]).ok().json();
    assert_eq!((&listed[0]["status"], &listed[1]["status"]), (&"ok".into(), &"interrupted".into()));
}
