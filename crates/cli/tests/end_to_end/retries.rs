//! Retries and time limits.

use serde_json::Value;

use crate::harness::{Home, Process, node};

const THIRD: &str = "[[node]]\noutput = 'out'\nshell = 'echo x >> tries; test $(wc -l < tries) -ge 3 || exit 4; echo done'\n";

fn named<'a>(shown: &'a Value, name: &str) -> Vec<&'a Value> {
    shown["spans"].as_array().unwrap().iter().filter(|span| span["name"] == name).collect()
}

#[test]
fn two_further_attempts_are_made_and_seen() {
    let home = Home::with(&format!("{THIRD}retry = {{ attempts = 2, delay = '1ms' }}\n"));
    assert_eq!(home.printed(&[]), "done\n");
    assert_eq!(home.read("tries"), "x\nx\nx\n");
    let shown = home.shown();
    let node = named(&shown, "node out");
    assert_eq!((node.len(), &node[0]["status"]), (1, &Value::from("ok")));
    for (attempt, status) in [(1, "error"), (2, "error"), (3, "ok")] {
        let spans = named(&shown, &format!("attempt {attempt}"));
        assert_eq!((spans.len(), &spans[0]["status"]), (1, &Value::from(status)), "{shown:#}");
        assert_eq!(spans[0]["parent_id"], node[0]["span_id"]);
        assert_eq!(spans[0]["span_type"], "attempt");
    }
}

#[test]
fn one_attempt_has_no_span_of_its_own() {
    let home = Home::with("[[node]]\noutput = 'out'\ncommand = ['true']\nretry = 2\n");
    home.run(&[]).ok();
    assert!(named(&home.shown(), "attempt 1").is_empty());
}

#[test]
fn when_all_attempts_fail_their_number_is_told() {
    let home =
        Home::with(&format!("{THIRD}retry = {{ attempts = 1, delay = '1ms', backoff = 'exponential', jitter = 0.5 }}\n"));
    let run = home.run(&["--json"]).fails(&["p > out", "code 4"]).json();
    assert_eq!(run["error"]["attempts"], 2);
    assert_eq!(home.read("tries"), "x\nx\n");
}

#[test]
fn only_what_on_names_is_tried_again() {
    let home = Home::with(&format!("{THIRD}retry = {{ attempts = 5, delay = '1ms', on = [7, 'timeout'] }}\n"));
    home.run(&[]).exits(1);
    assert_eq!(home.read("tries"), "x\n");
    let home = Home::with(&format!("{THIRD}retry = {{ attempts = 5, delay = '1ms', on = [4] }}\n"));
    home.run(&[]).ok();
}

#[test]
fn what_can_not_get_better_is_not_tried_again() {
    let home = Home::with("[[node]]\noutput = 'out'\ncommand = ['flowglass-no-such-program']\nretry = 3\n");
    let run = home.run(&["--json"]).exits(1).json();
    assert_eq!(run["error"]["attempts"], 1);
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let home = Home::with("[[node]]\noutput = 'out'\nshell = 'cat gate & echo $$ $! > pids; wait'\ntimeout = '300ms'\n");
    home.fifo("gate");
    let run = home.run(&["--json"]).fails(&["p > out", "300ms"]).json();
    assert_eq!(run["error"]["type"], "timeout");
    assert_eq!(node(&run, "p > out")["status"], "error");
    assert!(home.read("pids").split_whitespace().map(Process::written).all(|process| !process.is_alive()));
}

#[test]
fn who_ignores_the_request_is_killed() {
    let home = Home::with(
        "[[node]]\noutput = 'out'\nshell = 'trap \"\" TERM; echo $$ > pid; while :; do cat gate; done'\ntimeout = '300ms'\n",
    );
    home.fifo("gate");
    home.run(&[]).exits(1);
    assert!(!Process::written(&home.read("pid")).is_alive());
}

#[test]
fn the_time_limit_is_for_one_attempt() {
    let home = Home::with(
        "[[node]]\noutput = 'out'\nshell = 'echo x >> tries; test $(wc -l < tries) -ge 2 || exec cat gate; echo done'\n\
         timeout = '500ms'\nretry = { attempts = 1, delay = '1ms' }\n",
    );
    home.fifo("gate");
    assert_eq!(home.printed(&[]), "done\n");
    let shown = home.shown();
    assert_eq!(named(&shown, "attempt 1")[0]["status"], "error");
}

#[test]
fn each_item_has_attempts_of_its_own() {
    let home = Home::with(
        "[inputs]\nxs = [1, 2]\n[[node]]\noutput = 'out'\nshell = 'echo x >> tries{x}; test $(wc -l < tries{x}) -ge {x} && echo {x}'\n\
         map_over = { x = 'xs' }\nretry = { attempts = 1, delay = '1ms' }\n",
    );
    home.run(&[]).ok();
    assert_eq!((home.read("tries1"), home.read("tries2")), ("x\n".to_owned(), "x\nx\n".to_owned()));
}
