//! Ctrl-C and its like: what runs is ended, what was done is kept.

use std::io::Read;

use serde_json::Value;

use crate::harness::{Ended, Home, Process, node};

const BLOCKED: &str = "[[node]]\noutput = 'done'\ncommand = ['echo', 'done']\n\
    [[node]]\noutput = 'slow'\nshell = 'cat gate & echo $$ $! {done} > started; wait'\n\
    [[node]]\noutput = 'after'\ncommand = ['touch', 'made', '{slow}']\n";

fn stopped_by(signal: &str) -> (Home, Ended) {
    let home = Home::with(BLOCKED);
    home.fifo("gate");
    let started = home.fifo("started");
    let running = home.call(&["run", "p.toml", "--json"]).start();
    let words = started.read();
    running.signal(signal);
    let ended = running.end().exits(130);
    for id in words.split_whitespace().take(2) {
        assert!(!Process::written(id).is_alive(), "{id} is left over");
    }
    (home, ended)
}

fn is_cancelled(home: &Home, ended: Ended) {
    let run = ended.json();
    assert_eq!(run["status"], "cancelled");
    assert_eq!(node(&run, "p > done")["status"], "ok");
    assert_eq!(node(&run, "p > slow")["status"], "cancelled");
    assert_eq!(node(&run, "p > after")["status"], "skipped");
    assert!(!home.has("made"));
    let shown = home.shown();
    assert_eq!(shown["run"]["status"], "cancelled");
    let slow = shown["spans"].as_array().unwrap().iter().find(|span| span["name"] == "node slow").unwrap();
    assert_eq!(slow["status"], "cancelled");
}

#[test]
fn an_interrupt_cancels() {
    let (home, ended) = stopped_by("INT");
    is_cancelled(&home, ended);
}

#[test]
fn a_request_to_terminate_cancels() {
    let (home, ended) = stopped_by("TERM");
    is_cancelled(&home, ended);
}

#[test]
fn what_was_done_comes_from_the_cache_next_time() {
    let (home, _) = stopped_by("INT");
    home.file("p.toml", BLOCKED.replace("cat gate & echo $$ $! {done} > started; wait", "echo {done}"));
    let run: Value = home.run(&["--json"]).ok().json();
    assert_eq!(node(&run, "p > done")["cache_status"], "hit");
}

#[test]
fn an_interrupted_map_keeps_its_good_items() {
    let home = Home::with(
        "[inputs]\nxs = ['a', 'b', 'c']\n[[node]]\noutput = 'out'\n\
         shell = 'test {x} = a || { echo $$ > started; exec cat gate; }; echo {x}'\nmap_over = { x = 'xs' }\n",
    );
    home.fifo("gate");
    let started = home.fifo("started");
    let running = home.call(&["run", "p.toml", "--json", "--max-workers", "1"]).start();
    let blocked = Process::written(&started.read());
    running.signal("INT");
    let run = running.end().exits(130).json();
    assert_eq!(node(&run, "p > out")["status"], "cancelled");
    assert!(!blocked.is_alive());
    home.file(
        "p.toml",
        home.read("p.toml").replace("test {x} = a || { echo $$ > started; exec cat gate; }; echo {x}", "echo {x}"),
    );
    home.run(&[]).ok();
}

#[test]
fn who_does_not_end_is_killed_and_the_run_is_kept() {
    let home =
        Home::with("[[node]]\noutput = 'out'\nshell = 'trap \"\" TERM; echo $$ > started; while :; do cat gate; done'\n");
    home.fifo("gate");
    let started = home.fifo("started");
    let running = home.call(&["run", "p.toml", "-q"]).start();
    let stubborn = Process::written(&started.read());
    // The second asks to kill at once; should both arrive as one, patience comes to the same end.
    running.signal("INT");
    running.signal("TERM");
    running.end().exits(130);
    assert!(!stubborn.is_alive());
    assert_eq!(home.shown()["run"]["status"], "cancelled");
}

#[test]
fn a_reader_that_stops_reading_can_be_left() {
    let home = Home::with("[[node]]\noutput = 'out'\nshell = 'head -c 1000000 /dev/zero'\n");
    let mut running = home.call(&["run", "p.toml", "-q"]).start();
    let mut stdout = running.stdout();
    stdout.read_exact(&mut [0]).unwrap();
    running.signal("INT");
    running.end().exits(130);
    assert_eq!(home.shown()["run"]["status"], "ok");
}
