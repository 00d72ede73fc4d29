//! `--map`: the whole pipeline once for each element of a file.

use serde_json::{Value, json};

use crate::harness::{Home, node};

const TWO: &str =
    "[inputs]\nn = { type = 'int' }\nt = 'z'\n[[node]]\noutput = 'out'\nshell = 'test {n} -lt 9 && echo {n}{t}'\n";

fn outs(run: &Value) -> Vec<Value> {
    run["items"].as_array().unwrap().iter().map(|item| item["outputs"]["out"].clone()).collect()
}

#[test]
fn each_ending_is_read_its_way() {
    let home = Home::with(TWO);
    home.file("n.txt", "1\r\n2\n").file("n.json", "[1,\n 2]").file("n.jsonl", "1\n\n2\n");
    for file in ["n.txt", "n.json", "n.jsonl"] {
        assert_eq!(outs(&home.json(&["--map", &format!("n=@{file}")])), ["1z", "2z"], "{file}");
    }
}

#[test]
fn records_give_several_inputs() {
    let home = Home::with(TWO);
    home.file("items.jsonl", "{\"n\": 1, \"t\": \"a\"}\n{\"t\": \"b\", \"n\": 2}\n");
    assert_eq!(outs(&home.json(&["--map", "@items.jsonl"])), ["1a", "2b"]);
    home.file("wrong.jsonl", "{\"n\": 1}\n{\"m\": 2}\n");
    home.run(&["--map", "@wrong.jsonl"]).refuses(&["wrong.jsonl, line 2", "`n`"]);
}

#[test]
fn several_maps_zip_or_combine() {
    let home = Home::with(TWO);
    home.file("t", "a\nb\n").file("three", "a\nb\nc\n");
    assert_eq!(outs(&home.json(&["--map", "n=1,2", "--map", "t=@t"])), ["1a", "2b"]);
    assert_eq!(outs(&home.json(&["--map", "n=1,2", "--map", "t=@t", "--map-mode", "product"])), ["1a", "1b", "2a", "2b"]);
    home.run(&["--map", "n=1,2", "--map", "t=@three"]).refuses(&["length", "2", "3"]);
}

#[test]
fn the_object_says_how_each_item_ended() {
    let home = Home::with(TWO);
    let run = home.run(&["--json", "--map", "n=1,9,3"]).exits(1).json();
    assert_eq!((&run["status"], &run["map"]), (&json!("error"), &json!({"total": 3, "failed": 1, "cached": 0})));
    let items = run["items"].as_array().unwrap();
    assert_eq!(items[0], json!({"index": 0, "status": "ok", "outputs": {"out": "1z"}}));
    assert_eq!((&items[1]["index"], &items[1]["status"]), (&json!(1), &json!("error")));
    assert!(items[1]["outputs"].is_null() && items[1]["error"].is_object(), "{run:#}");
    assert_eq!(items[2]["status"], "ok");
    assert_eq!(run["outputs"]["out"], json!(["1z", null, "3z"]));
    let map = node(&run, "p > p");
    assert_eq!((&map["count"], &map["failed"]), (&json!(3), &json!(1)));
}

#[test]
fn the_second_run_takes_items_from_the_cache_and_repeats_failures() {
    let home = Home::with(TWO);
    home.run(&["--map", "n=1,9,3"]).exits(1);
    let run = home.run(&["--json", "--map", "n=1,9,3"]).exits(1).json();
    assert_eq!(run["map"], json!({"total": 3, "failed": 1, "cached": 2}));
    let run = home.json(&["--map", "n=1,3,4"]);
    assert_eq!(run["map"], json!({"total": 3, "failed": 0, "cached": 2}));
}

#[test]
fn good_items_are_printed_a_line_each() {
    let home = Home::with(TWO);
    assert_eq!(home.printed(&["--map", "n=1,2"]), "1z\n2z\n");
    assert_eq!(home.run(&["--map", "n=1,9,3"]).exits(1).stdout, "1z\n3z\n");
}

#[test]
fn no_elements_are_a_run_that_is_done() {
    let home = Home::with(TWO);
    home.file("none", "");
    let run = home.run(&["--json", "--map", "n=@none"]).ok().json();
    assert_eq!((&run["map"]["total"], &run["items"]), (&json!(0), &json!([])));
}

#[test]
fn wrong_maps_are_refused() {
    let home = Home::with(TWO);
    home.file("n", "1\nx\n");
    home.run(&["--map", "n=@n"]).refuses(&["n, line 2", "`x` is no int"]);
    home.run(&["--map", "m=@n"]).refuses(&["no input `m`"]);
    home.run(&["--map", "n=@missing"]).refuses(&["missing", "no such file"]);
    home.run(&["--map", "n=1", "n=2"]).refuses(&["`n`", "twice"]);
    home.run(&["--map", "@n"]).refuses(&[".jsonl"]);
}

#[test]
fn paths_in_a_map_are_relative_to_the_caller() {
    let home = Home::new();
    home.file("sub/p.toml", "[inputs]\nf = { type = 'path' }\n[[node]]\noutput = 'out'\ncommand = ['cat', '{f}']\n");
    home.file("a", "A").file("b", "B").file("list", "a\nb\n");
    assert_eq!(home.flowglass(&["run", "sub/p.toml", "--map", "f=@list"]).ok().stdout, "A\nB\n");
}
