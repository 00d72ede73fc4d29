//! Pipelines as nodes of others.

use serde_json::{Value, json};

use crate::harness::{Home, node};

const INNER: &str = "name = 'inner'\n[inputs]\nx = { type = 'text' }\nmark = '!'\n\
    [[node]]\noutput = 'up'\nshell = 'echo {x} | tr a-z A-Z'\n\
    [[node]]\noutput = 'report'\ncommand = ['echo', '{up}{mark}']\n";

fn home(node: &str) -> Home {
    let home = Home::with(&format!("name = 'outer'\n[inputs]\nword = 'abc'\nwords = ['ab', 'cd']\n[[node]]\n{node}\n"));
    home.file("inner.toml", INNER);
    home
}

#[test]
fn the_output_of_that_name_is_taken() {
    let home = home("output = 'report'\npipeline = 'inner.toml'\ninputs = { x = 'word' }");
    assert_eq!(home.printed(&[]), "ABC!\n");
}

#[test]
fn outputs_renames() {
    let home = home("pipeline = 'inner.toml'\ninputs = { x = 'word' }\noutputs = { summary = 'report', loud = 'up' }");
    assert_eq!(home.json(&[])["outputs"], json!({"summary": "ABC!", "loud": "ABC"}));
}

#[test]
fn a_mapped_pipeline_gives_lists() {
    let home =
        home("pipeline = 'inner.toml'\nmap_over = { x = 'words' }\noutputs = { all = 'report', ups = 'up' }\nname = 'each'");
    let run = home.json(&[]);
    assert_eq!(run["outputs"], json!({"all": ["AB!", "CD!"], "ups": ["AB", "CD"]}));
    let each = node(&run, "outer > each");
    assert_eq!((&each["count"], &each["failed"], &each["hits"]), (&json!(2), &json!(0), &json!(0)));
}

#[test]
fn an_input_of_the_same_name_passes_through_and_others_keep_their_default() {
    let home = Home::with("[inputs]\nx = 'q'\n[[node]]\noutput = 'report'\npipeline = 'inner.toml'\n");
    home.file("inner.toml", INNER);
    assert_eq!(home.printed(&[]), "Q!\n");
}

#[test]
fn names_within_are_found_by_their_path() {
    let home = home("output = 'report'\npipeline = 'inner.toml'\ninputs = { x = 'word' }");
    let run = home.json(&[]);
    let paths: Vec<&str> = run["nodes"].as_array().unwrap().iter().map(|node| node["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["outer > report", "outer > report > up", "outer > report > report"]);
}

#[test]
fn a_failure_within_is_named_with_its_path() {
    let home = home("output = 'report'\npipeline = 'inner.toml'\ninputs = { x = 'word' }");
    home.file("inner.toml", INNER.replace("tr a-z A-Z", "cat >/dev/null; exit 3"));
    let run = home.run(&["--json"]).fails(&["outer > report > up", "code 3"]).json();
    assert_eq!(run["error"]["path"], "outer > report > up");
    assert_eq!(node(&run, "outer > report")["status"], "error");
    assert_eq!(node(&run, "outer > report > report")["status"], "skipped");
}

#[test]
fn an_edit_within_runs_again_what_depends_on_it() {
    let home = home("output = 'report'\npipeline = 'inner.toml'\ninputs = { x = 'word' }");
    home.run(&[]).ok();
    home.file("inner.toml", INNER.replace("{up}{mark}", "{up}{mark}?"));
    let run = home.json(&[]);
    assert_eq!(run["outputs"]["report"], "ABC!?");
    assert_eq!(node(&run, "outer > report > up")["cache_status"], "hit");
    assert_eq!(node(&run, "outer > report > report")["cache_status"], "write");
    assert_eq!(node(&run, "outer > report")["cache_status"], "write");
}

#[test]
fn nodes_of_items_that_come_whole_from_the_cache_are_hits() {
    let home = home("pipeline = 'inner.toml'\nmap_over = { x = 'words' }\noutputs = { all = 'report' }\nname = 'each'");
    home.run(&[]).ok();
    let statuses = |run: &Value| {
        let of = |path| (node(run, path)["status"].clone(), node(run, path)["cache_status"].clone());
        ["outer > each", "outer > each > up", "outer > each > report"].map(of)
    };
    let run = home.json(&[]);
    assert_eq!(statuses(&run), [(); 3].map(|()| (json!("ok"), json!("hit"))));
    assert_eq!(node(&run, "outer > each")["hits"], 2);
    let run = home.json(&["words=ab,cd,ef"]);
    assert_eq!(statuses(&run), [(); 3].map(|()| (json!("ok"), json!("write"))));
    assert_eq!((&node(&run, "outer > each")["count"], &node(&run, "outer > each")["hits"]), (&json!(3), &json!(2)));
    home.file("inner.toml", INNER.replace("{up}{mark}", "{up}{mark}?"));
    let run = home.json(&[]);
    assert_eq!(node(&run, "outer > each > up")["cache_status"], "hit");
    assert_eq!(node(&run, "outer > each")["hits"], 0);
}

#[test]
fn a_failed_item_of_a_mapped_pipeline_is_named_with_its_path() {
    let home = home("pipeline = 'inner.toml'\nmap_over = { x = 'words' }\noutputs = { all = 'report' }\nname = 'each'");
    home.file("inner.toml", INNER.replace("echo {x} |", "test {x} != cd || exit 4; echo {x} |"));
    let run = home.run(&["--json"]).fails(&["outer > each[1] > up"]).json();
    let each = node(&run, "outer > each");
    assert_eq!((&each["status"], &each["count"], &each["failed"]), (&json!("error"), &json!(2), &json!(1)));
    let again = home.run(&["--json"]).exits(1).json();
    assert_eq!(node(&again, "outer > each")["hits"], 1);
}
