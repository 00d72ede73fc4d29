//! What runs again and what doesn't: edits, failures, whole maps.

use serde_json::{Value, json};

use crate::harness::{Home, node};

const FILES: &str = "name = 'p'\n\
    [[node]]\noutput = 'files'\nshell = 'ls data/*'\nparse = 'lines'\ncache = false\n\
    [[node]]\noutput = 'sizes'\ncommand = ['wc', '-c', '{file}']\nmap_over = { file = 'files' }\n\
    [[node]]\noutput = 'fixed'\ncommand = ['echo', 'fixed']\n\
    [[node]]\noutput = 'sum'\nshell = 'cat'\nstdin = '{sizes}'\n";

fn files() -> Home {
    let home = Home::with(FILES);
    home.file("data/a", "1").file("data/b", "22").file("data/c", "333");
    home
}

fn status<'a>(run: &'a Value, name: &str) -> &'a str {
    node(run, &format!("p > {name}"))["cache_status"].as_str().unwrap()
}

#[test]
fn a_second_run_is_all_hits_and_says_so() {
    let home =
        Home::with("[[node]]\noutput = 'a'\ncommand = ['echo', 'a']\n[[node]]\noutput = 'b'\ncommand = ['echo', '{a}']\n");
    let first = home.json(&[]);
    assert_eq!((status(&first, "a"), status(&first, "b")), ("write", "write"));
    let second = home.run(&["--json"]).ok().tells(&["2 of 2 nodes came from the cache"]).json();
    assert_eq!((status(&second, "a"), status(&second, "b")), ("hit", "hit"));
    assert_eq!(first["outputs"], second["outputs"]);
}

#[test]
fn an_edited_file_runs_its_item_again_and_what_depends_on_it() {
    let home = files();
    home.run(&[]).ok();
    home.file("data/b", "4444");
    let run = home.json(&[]);
    let sizes = node(&run, "p > sizes");
    assert_eq!((&sizes["count"], &sizes["hits"], &sizes["cache_status"]), (&json!(3), &json!(2), &json!("write")));
    assert_eq!((status(&run, "files"), status(&run, "fixed"), status(&run, "sum")), ("off", "hit", "write"));
    assert!(run["outputs"]["sum"].as_str().unwrap().contains("4 data/b"), "{run:#}");
}

#[test]
fn an_edit_that_keeps_the_size_counts() {
    let home = files();
    home.run(&[]).ok();
    home.file("data/b", "xy");
    assert_eq!(node(&home.json(&[]), "p > sizes")["hits"], 2);
}

#[test]
fn the_same_bytes_written_anew_are_no_edit() {
    let home = files();
    home.run(&[]).ok();
    home.file("data/b", "22");
    assert_eq!(status(&home.json(&[]), "sizes"), "hit");
}

#[test]
fn a_new_file_is_the_only_miss() {
    let home = files();
    home.run(&[]).ok();
    home.file("data/d", "new");
    let run = home.json(&[]);
    let sizes = node(&run, "p > sizes");
    assert_eq!((&sizes["count"], &sizes["hits"]), (&json!(4), &json!(3)));
}

#[test]
fn cache_false_never_caches() {
    let home = Home::with(
        "name = 'p'\n[[node]]\noutput = 'a'\nshell = 'echo ran >> log; echo a'\ncache = false\n[[node]]\noutput = 'b'\ncommand = ['echo', '{a}']\n",
    );
    home.run(&[]).ok();
    let run = home.json(&[]);
    assert_eq!((status(&run, "a"), status(&run, "b")), ("off", "hit"));
    assert_eq!(home.read("log"), "ran\nran\n");
}

#[test]
fn only_failed_items_run_again() {
    let home = Home::with(
        "[inputs]\nxs = ['1', '2', '3']\n[[node]]\noutput = 'out'\n\
         shell = 'echo {x} >> log; test -e ok{x} && echo {x}'\nmap_over = { x = 'xs' }\n",
    );
    home.file("ok1", "").file("ok3", "");
    home.run(&["--max-workers", "1"]).exits(1);
    assert_eq!(home.read("log"), "1\n2\n3\n");
    home.file("ok2", "");
    let run = home.json(&[]);
    assert_eq!((&run["status"], &run["outputs"]["out"]), (&json!("ok"), &json!(["1", "2", "3"])));
    assert_eq!(node(&run, "p > out")["hits"], 2);
    assert_eq!(home.read("log"), "1\n2\n3\n2\n");
}

#[test]
fn a_failed_node_is_never_a_hit_and_a_finished_one_stays() {
    let home = Home::with(
        "name = 'p'\n[[node]]\noutput = 'a'\nshell = 'echo a >> log; echo a'\n[[node]]\noutput = 'b'\nshell = 'echo {a}; test -e ok'\n",
    );
    home.run(&[]).exits(1);
    home.run(&[]).exits(1);
    home.file("ok", "");
    let run = home.json(&[]);
    assert_eq!((status(&run, "a"), status(&run, "b")), ("hit", "write"));
    assert_eq!(home.read("log"), "a\n");
}

#[test]
fn a_whole_nested_pipeline_is_a_hit_only_if_everything_beneath_is() {
    let home = Home::with("name = 'p'\n[[node]]\noutput = 'out'\npipeline = 'inner.toml'\n");
    home.file(
        "inner.toml",
        "[[node]]\noutput = 'a'\ncommand = ['echo', 'a']\n[[node]]\noutput = 'out'\nshell = 'cat f; echo {a}'\nwatch = ['f']\n",
    );
    home.file("f", "1");
    home.run(&[]).ok();
    assert_eq!(status(&home.json(&[]), "out"), "hit");
    home.file("f", "22");
    let run = home.json(&[]);
    assert_eq!((status(&run, "out"), status(&run, "out > a"), status(&run, "out > out")), ("write", "hit", "write"));
}

#[test]
fn a_list_of_paths_counts_by_content() {
    let home = Home::with("name = 'p'\n[inputs]\nfs = ['f', 'g']\n[[node]]\noutput = 'out'\ncommand = ['cat', '{fs}']\n");
    home.file("f", "1").file("g", "2");
    home.run(&[]).ok();
    home.file("g", "33");
    let run = home.json(&[]);
    assert_eq!((status(&run, "out"), &run["outputs"]["out"]), ("write", &json!("133")));
}
