//! `run --json`: exactly the fields that are promised.

use serde_json::{Value, json};

use crate::harness::{Home, node};

const PIPELINE: &str = "name = 'p'\n[inputs]\nxs = ['a', 'b', 'c']\n\
    [[node]]\noutput = 'first'\nname = 'a b'\ncommand = ['echo', '1']\n\
    [[node]]\noutput = 'each'\ncommand = ['echo', '{x}{first}']\nmap_over = { x = 'xs' }\n\
    [[node]]\noutput = 'nested'\npipeline = 'inner.toml'\n";
const INNER: &str =
    "[inputs]\nxs = { type = 'list' }\n[[node]]\noutput = 'nested'\ncommand = ['echo', '{x}']\nmap_over = { x = 'xs' }\n";

fn home() -> Home {
    let home = Home::with(PIPELINE);
    home.file("inner.toml", INNER);
    home
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_run_has_its_four_fields() {
    let run = home().json(&[]);
    assert_eq!(keys(&run), ["nodes", "outputs", "run_id", "status"]);
    assert_eq!(run["status"], "ok");
    assert_eq!(run["outputs"], json!({"first": "1", "each": ["a1", "b1", "c1"], "nested": ["a", "b", "c"]}));
}

#[test]
fn nodes_have_one_entry_a_path_and_never_an_item() {
    let run = home().json(&[]);
    let nodes = run["nodes"].as_array().unwrap();
    let paths: Vec<&str> = nodes.iter().map(|node| node["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["p > a b", "p > each", "p > nested", "p > nested > nested"]);
    for entry in nodes {
        let mut expected = vec!["cache_status", "duration_ms", "id", "path", "status"];
        if entry.get("count").is_some() {
            expected.extend(["count", "failed", "hits"]);
            expected.sort_unstable();
        }
        assert_eq!(keys(entry), expected);
        assert_eq!((&entry["status"], &entry["cache_status"]), (&json!("ok"), &json!("write")));
        assert!(entry["duration_ms"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(node(&run, "p > a b")["id"], "a b");
    for map in ["p > each", "p > nested > nested"] {
        let map = node(&run, map);
        assert_eq!((&map["count"], &map["failed"], &map["hits"]), (&json!(3), &json!(0), &json!(0)));
    }
    assert!(node(&run, "p > nested").get("count").is_none());
}

#[test]
fn above_hits_stands_a_hit_only_if_all_are() {
    let home = home();
    home.run(&[]).ok();
    let run = home.json(&[]);
    for entry in run["nodes"].as_array().unwrap() {
        assert_eq!(entry["cache_status"], "hit", "{entry}");
    }
    assert_eq!(node(&run, "p > each")["hits"], 3);
    let run = home.json(&["-i", "xs=a,b,new"]);
    assert_eq!(node(&run, "p > a b")["cache_status"], "hit");
    for path in ["p > each", "p > nested", "p > nested > nested"] {
        assert_ne!(node(&run, path)["cache_status"], "hit", "{path}");
    }
    assert_eq!(node(&run, "p > each")["hits"], 2);
}

#[test]
fn a_map_of_the_whole_has_two_fields_more() {
    let run = home().json(&["--map", r#"xs=[["a"], ["b", "c"]]"#]);
    assert_eq!(keys(&run), ["items", "map", "nodes", "outputs", "run_id", "status"]);
    assert_eq!(run["map"], json!({"total": 2, "failed": 0, "cached": 0}));
    assert_eq!(
        run["items"][1],
        json!({"index": 1, "status": "ok", "outputs": {"first": "1", "each": ["b1", "c1"], "nested": ["b", "c"]}})
    );
}

#[test]
fn what_nobody_needs_is_not_told_as_skipped() {
    let home = Home::with(
        "name = 'p'\n[inputs]\ncode = '0'\n[[node]]\noutput = 'used'\npipeline = 'inner.toml'\n\
         [[node]]\noutput = 'after'\ncommand = ['echo', '{used}']\n",
    );
    home.file(
        "inner.toml",
        "[inputs]\ncode = { type = 'text' }\n[[node]]\noutput = 'unused'\ncommand = ['echo']\n\
         [[node]]\noutput = 'first'\nshell = 'exit {code}'\n[[node]]\noutput = 'used'\ncommand = ['echo', '{first}']\n",
    );
    let statuses = |run: &Value| {
        let text = |node: &Value, key: &str| node[key].as_str().unwrap().to_owned();
        let mut statuses: Vec<(String, String)> =
            run["nodes"].as_array().unwrap().iter().map(|node| (text(node, "path"), text(node, "status"))).collect();
        statuses.sort();
        statuses
    };
    let expected = |words: [&str; 4]| {
        let paths = ["p > after", "p > used", "p > used > first", "p > used > used"];
        paths.into_iter().zip(words).map(|(path, word)| (path.to_owned(), word.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&home.json(&[])), expected(["ok"; 4]));
    let failed = home.run(&["--json", "code=1"]).exits(1).json();
    assert_eq!(statuses(&failed), expected(["skipped", "error", "error", "skipped"]));
}

#[test]
fn outputs_are_whole_whatever_their_size() {
    let home = Home::with("[[node]]\noutput = 'out'\nshell = 'seq 100000'\nparse = 'lines'\n");
    assert_eq!(home.json(&[])["outputs"]["out"].as_array().unwrap().len(), 100_000);
}

#[test]
fn a_failed_run_says_why() {
    let run = Home::with("name = 'p'\n[[node]]\noutput = 'out'\nshell = 'exit 3'\n").run(&["--json"]).exits(1).json();
    assert_eq!(keys(&run), ["error", "nodes", "outputs", "run_id", "status"]);
    assert_eq!(run["error"]["path"], "p > out");
    assert_eq!(run["outputs"], json!({}));
}
