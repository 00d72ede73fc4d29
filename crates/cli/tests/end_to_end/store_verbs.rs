//! `flowglass prune` and `flowglass store`.

use serde_json::json;

use crate::harness::Home;

const PIPELINE: &str = "name = 'p'\n[inputs]\ncode = 0\n[[node]]\noutput = 'a'\nshell = 'exit {code}'\n";

fn home() -> Home {
    let home = Home::with(PIPELINE);
    (0..3).for_each(|_| drop(home.run(&["--no-cache"]).ok()));
    home.run(&["--no-cache", "code=3"]).exits(1);
    home
}

fn runs(home: &Home) -> usize {
    home.flowglass(&["list", "--json"]).ok().json().as_array().unwrap().len()
}

#[test]
fn old_runs_are_forgotten_and_what_was_counted_stays() {
    let home = home();
    let prune = |arguments: &[&str]| home.flowglass(&[&["prune"], arguments].concat());
    prune(&[]).refuses(&["--older-than 30d", "--keep-last 100"]);
    prune(&["--older-than", "old"]).exits(2).tells(&["30d"]);
    prune(&["--keep-last", "1", "--status", "running"]).refuses(&["`running`", "interrupted"]);
    assert_eq!(prune(&["--older-than", "1h"]).ok().stdout, "nothing to forget\n");
    let preview = prune(&["--keep-last", "1", "--dry-run"]).ok().stdout;
    assert!(preview.starts_with("would forget 3 runs with 6 spans, about "), "{preview}");
    assert_eq!(runs(&home), 4);
    let forgotten = prune(&["--keep-last", "0", "--status", "error", "--json"]).ok().json();
    assert_eq!((&forgotten["runs"], &forgotten["dry_run"], runs(&home)), (&json!(1), &json!(false), 3));
    let said = prune(&["--keep-last", "1"]).ok().stdout;
    assert!(said.starts_with("forgot 2 runs with ") && runs(&home) == 1, "{said}");
    let counted = home.flowglass(&["sql", "SELECT sum(count) AS n FROM rollups WHERE name = 'pipeline p'"]).ok().stdout;
    assert_eq!(counted, "n\n4\n");
}

#[test]
fn the_store_says_what_it_is_like() {
    let home = home();
    let info = home.flowglass(&["store", "info", "--json"]).ok().json();
    assert_eq!((&info["runs"], &info["spans"], &info["open_spans"]), (&json!(4), &json!(8), &json!(0)));
    assert_eq!(info["writers"], json!([]));
    assert!(info["oldest"].as_str().unwrap() < info["newest"].as_str().unwrap());
    let text = home.flowglass(&["store", "info"]).ok().stdout;
    let labels: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(labels, ["store", "format", "size", "runs", "spans", "others", "oldest", "newest", "writers"], "{text}");
    home.flowglass(&["store", "info", "--store", "none.db"]).refuses(&["none.db"]);
}

#[test]
fn a_store_of_this_version_needs_no_migration() {
    let home = home();
    let said = home.flowglass(&["store", "migrate"]).ok().stdout;
    assert!(said.ends_with(", the newest; nothing to do\n"), "{said}");
}

#[test]
fn a_check_tells_what_is_damaged() {
    let home = home();
    let whole = home.flowglass(&["store", "check"]).ok().stdout;
    assert!(whole.starts_with("all is well: 8 spans of 4 runs in "), "{whole}");
    let checked = home.flowglass(&["store", "check", "--json"]).ok().json();
    assert_eq!((&checked["spans"], &checked["problems"]), (&json!(8), &json!([])));
    let path = home.path(".flowglass/flowglass.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // Spans lie behind the first pages, which hold the tables' own descriptions.
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let damaged = home.flowglass(&["store", "check"]);
    assert!(matches!(damaged.code, Some(1 | 2)), "{damaged}");
    assert!(!damaged.stdout.starts_with("all is well"), "{damaged}");
}
