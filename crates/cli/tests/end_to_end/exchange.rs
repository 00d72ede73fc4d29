//! `flowglass export` and `flowglass import`.

use serde_json::Value;

use crate::harness::Home;

const PIPELINE: &str = "name = 'shop'\n[[node]]\noutput = 'a'\ncommand = ['echo', 'x']\n\
    [[node]]\noutput = 'b'\nshell = 'echo {a}; exit {code}'\n[inputs]\ncode = 0\n";

fn home() -> Home {
    let home = Home::with(PIPELINE);
    home.run(&[]).ok();
    home.run(&["code=3"]).exits(1);
    home
}

/// What is in a store, in the words of SQL.
fn told(home: &Home, store: &str) -> String {
    let ask = |statement: &str| home.flowglass(&["sql", "--store", store, statement]).ok().stdout;
    [
        "SELECT * FROM runs ORDER BY start",
        "SELECT * FROM spans ORDER BY start, span_id",
        "SELECT * FROM events ORDER BY unix_ns, name",
        "SELECT * FROM logs ORDER BY unix_ns",
        "SELECT * FROM metrics ORDER BY unix_ns, name, attributes",
    ]
    .map(ask)
    .join("\n")
}

#[test]
fn lines_come_back_equal_and_nothing_is_added_twice() {
    let home = home();
    home.flowglass(&["export", "--to", "jsonl", "--out", "all.jsonl"]).ok().tells(&["exported 6 spans", "to all.jsonl"]);
    home.flowglass(&["import", "all.jsonl", "--store", "b.db"]).ok().tells(&["imported 6 spans"]);
    assert_eq!(told(&home, "b.db"), told(&home, ".flowglass/flowglass.db"));
    let again = home.flowglass(&["import", "all.jsonl", "--store", "b.db"]).ok();
    assert!(again.stderr.starts_with("imported nothing; 6 spans"), "{again}");
    home.flowglass(&["import", "all.jsonl"]).ok().tells(&["imported nothing"]);
    assert_eq!(told(&home, "b.db"), told(&home, ".flowglass/flowglass.db"));
}

#[test]
fn otlp_comes_back_equal() {
    let home = home();
    home.flowglass(&["export", "--to", "otlp-json", "-o", "all.json"])
        .ok()
        .tells(&["exported 6 spans", "(without 1 graph: `--to jsonl` has them) to all.json"]);
    let first = home.read("all.json").lines().next().unwrap().to_owned();
    assert!(serde_json::from_str::<Value>(&first).unwrap()["resourceSpans"].is_array(), "{first}");
    home.flowglass(&["import", "all.json", "--store", "b.db"]).ok().tells(&["imported 6 spans"]);
    assert_eq!(told(&home, "b.db"), told(&home, ".flowglass/flowglass.db"));
    home.flowglass(&["import", "all.json", "--store", "b.db"]).ok().tells(&["imported nothing"]);
}

#[test]
fn a_run_can_be_chosen_and_goes_through_a_pipe() {
    let home = home();
    let run = home.shown()["run"]["run_id"].as_str().unwrap().to_owned();
    let lines = home.flowglass(&["export", "--to", "jsonl", "--run", &run[..8]]).ok();
    assert_eq!(lines.stdout.lines().filter(|line| line.starts_with("{\"type\":\"span\"")).count(), 3);
    assert!(lines.stderr.starts_with("exported 3 spans"), "{lines}");
    let later = home.flowglass(&["export", "--to", "jsonl", "--until", "1d"]).ok();
    assert_eq!(later.stdout.lines().filter(|line| line.contains("\"type\":\"span\"")).count(), 0);
    let failed = home.flowglass(&["export", "--to", "jsonl", "--query", "status:error"]).ok();
    assert!(failed.stderr.starts_with("exported 3 spans") && failed.stdout.contains("exited with code 3"), "{failed}");
    let none = home.flowglass(&["export", "--to", "jsonl", "--query", "name:none"]).ok();
    assert!(none.stderr.starts_with("exported nothing"), "{none}");
    home.flowglass(&["export", "--to", "jsonl", "--query", "status:eror"]).refuses(&["did you mean `error`?"]);
    home.flowglass(&["export", "--to", "jsonl", "--run", "zzz"]).refuses(&["begins with `zzz`"]);
    home.flowglass(&["export", "--to", "jsonl", "--since", "soon"]).exits(2).tells(&["2026-11-21"]);
    home.flowglass(&["export"]).exits(2).tells(&["--to"]);
}

#[test]
fn viewers_shells_and_spreadsheets_get_their_files() {
    let home = home();
    let trace = home.flowglass(&["export", "--to", "chrome"]).ok().json();
    let records = trace["traceEvents"].as_array().unwrap();
    assert_eq!(records.iter().filter(|record| record["ph"] == "X").count(), 6);
    assert!(records.iter().all(|record| record["pid"].is_u64() && record["name"].is_string()));
    let csv = home.flowglass(&["export", "--to", "csv", "--table", "runs"]).ok().stdout;
    assert!(csv.starts_with("run_id,trace_id,root_span,name,") && csv.lines().count() == 3, "{csv}");
    home.flowglass(&["export", "--to", "sqlite", "-o", "plain.db"]).ok().tells(&["rows to plain.db"]);
    assert!(home.has("plain.db"));
    home.flowglass(&["export", "--to", "sqlite", "-o", "plain.db"]).refuses(&["is there already"]);
    home.flowglass(&["export", "--to", "sqlite"]).refuses(&["--out FILE"]);
}

#[test]
fn a_file_that_is_wrong_somewhere_changes_nothing() {
    let home = home();
    let whole = home.flowglass(&["export", "--to", "jsonl"]).ok().stdout;
    let refused = |name: &str, content: &[u8], words: &[&str]| {
        home.file(name, content);
        home.flowglass(&["import", name, "--store", "new.db"]).refuses(words).tells(&["nothing was imported"]);
        assert!(!home.has("new.db"), "{name}");
    };
    let lines = whole.lines().count();
    refused("cut.jsonl", &whole.as_bytes()[..whole.len() - 20], &["cut.jsonl", &format!("line {}", lines), "cut off"]);
    refused("foreign.jsonl", format!("{whole}[1, 2]\n").as_bytes(), &[&format!("line {}", lines + 1), "`[`"]);
    refused("wrong.jsonl", format!("{whole}{{\"type\":\"span\",\"name\":5}}\n").as_bytes(), &[&format!("line {}", lines + 1)]);
    refused("bytes.jsonl", b"{\"type\": \"\xff\"}", &["line 1"]);
    refused("words.txt", b"hello", &["line 1", "`h`"]);
    refused("spans.json", b"{\"resourceSpans\": 7}", &["line 1"]);
    home.flowglass(&["import", "none.jsonl", "--store", "new.db"]).refuses(&["none.jsonl"]);
    home.file("empty.jsonl", "");
    home.flowglass(&["import", "empty.jsonl", "--store", "new.db"]).ok().tells(&["imported nothing"]);
}
