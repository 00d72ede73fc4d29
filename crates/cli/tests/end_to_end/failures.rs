//! What a failure does to the rest of a run.

use serde_json::{Value, json};

use crate::harness::{Home, Process, node};

fn statuses(run: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    run["nodes"].as_array().unwrap().iter().map(|node| (text(&node["id"]), text(&node["status"]))).collect()
}

#[test]
fn siblings_are_cancelled_and_nothing_is_left_over() {
    let home = Home::with(
        "[[node]]\noutput = 'slow'\nshell = 'cat gate & echo $$ $! > pids; echo > ready; wait'\n\
         [[node]]\noutput = 'bad'\nshell = 'cat ready; exit 3'\n\
         [[node]]\noutput = 'after'\ncommand = ['touch', 'made', '{bad}']\n",
    );
    home.fifo("gate");
    home.fifo("ready");
    let run = home.run(&["--json"]).fails(&["p > bad", "exited with code 3"]).json();
    let mut statuses = statuses(&run);
    statuses.sort();
    let expected = [("after", "skipped"), ("bad", "error"), ("slow", "cancelled")];
    assert_eq!(statuses, expected.map(|(id, status)| (id.to_owned(), status.to_owned())));
    let left: Vec<_> =
        home.read("pids").split_whitespace().map(Process::written).filter(|process| process.is_alive()).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!home.has("made"));
    assert_eq!(run["error"]["path"], "p > bad");
    assert_eq!(run["status"], "error");
}

#[test]
fn nothing_new_starts_after_a_failure() {
    let home = Home::with(
        "[[node]]\noutput = 'bad'\nshell = 'exit 1'\n\
         [[node]]\noutput = 'a'\nshell = 'cat ready'\n[[node]]\noutput = 'b'\ncommand = ['touch', 'made', '{a}']\n",
    );
    home.fifo("ready");
    home.run(&[]).exits(1);
    assert!(!home.has("made"));
}

#[test]
fn the_last_lines_of_stderr_are_shown() {
    let home = Home::with("[[node]]\noutput = 'bad'\nshell = 'for i in 1 2 3; do echo line $i >&2; done; exit 7'\n");
    home.run(&[]).fails(&["p > bad", "code 7", "line 1", "line 3"]);
    let shown = home.flowglass(&["show"]).ok().stdout;
    assert!(shown.contains("line 3"), "{shown}");
}

#[test]
fn stderr_with_odd_bytes_is_shown_harmlessly() {
    let home = Home::with("[[node]]\noutput = 'bad'\nshell = \"printf 'a\\\\377\\\\033[2Jb\\\\n' >&2; exit 1\"\n");
    let ended = home.run(&[]).fails(&["a\u{fffd}"]);
    assert!(!ended.stderr.contains('\u{1b}'), "{ended}");
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let home = Home::with("[[node]]\noutput = 'bad'\ncommand = ['flowglass-no-such-program', 'x']\n");
    home.run(&[]).fails(&["p > bad", "flowglass-no-such-program", "not found"]);
    let home = Home::with("[[node]]\noutput = 'bad'\nshell = 'flowglass-no-such-program x'\n");
    home.run(&[]).fails(&["p > bad", "127", "flowglass-no-such-program"]);
}

#[test]
fn a_file_that_may_not_be_run_is_named() {
    let home = Home::with("[[node]]\noutput = 'bad'\ncommand = ['./tool']\n");
    home.file("tool", "#!/bin/sh\n");
    home.run(&[]).fails(&["p > bad", "./tool", "chmod"]);
}

#[test]
fn death_by_a_signal_is_told() {
    let home = Home::with("[[node]]\noutput = 'bad'\nshell = 'kill -9 $$'\n");
    home.run(&[]).fails(&["p > bad", "signal", "9"]);
}

#[test]
fn a_map_goes_on_past_failed_items() {
    let home = Home::with(
        "[inputs]\nxs = [1, 2, 3, 4]\n[[node]]\noutput = 'out'\nshell = 'test {x} != 2 || exit 5; echo {x} | tee -a log'\n\
         map_over = { x = 'xs' }\n[[node]]\noutput = 'after'\ncommand = ['echo', '{out}']\n",
    );
    let run = home.run(&["--json", "--max-workers", "1"]).fails(&["p > out[1]", "code 5"]).json();
    assert_eq!(home.read("log"), "1\n3\n4\n");
    let map = node(&run, "p > out");
    assert_eq!((&map["status"], &map["count"], &map["failed"]), (&json!("error"), &json!(4), &json!(1)));
    assert_eq!(node(&run, "p > after")["status"], "skipped");
    let again = home.run(&["--json"]).exits(1).json();
    assert_eq!(node(&again, "p > out")["hits"], 3);
}

#[test]
fn several_failed_items_are_counted() {
    let home = Home::with("[inputs]\nxs = [1, 2, 3]\n[[node]]\noutput = 'out'\nshell = 'exit {x}'\nmap_over = { x = 'xs' }\n");
    let run = home.run(&["--json"]).fails(&["3 of 3"]).json();
    assert_eq!(node(&run, "p > out")["failed"], 3);
}

#[test]
fn a_failed_run_prints_no_output() {
    let pipeline =
        "[[node]]\noutput = 'good'\ncommand = ['echo', 'good']\n[[node]]\noutput = 'bad'\nshell = 'echo {good}; exit 1'\n";
    assert_eq!(Home::with(pipeline).run(&[]).exits(1).stdout, "");
}
