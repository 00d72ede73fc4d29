//! `flowglass cache`.

use serde_json::json;

use crate::harness::{Home, node};

const PIPELINE: &str = "name = 'p'\n[inputs]\nwho = 'you'\ndoc = { type = 'path' }\n\
    [[node]]\noutput = 'text'\ncommand = ['cat', '{doc}']\n\
    [[node]]\noutput = 'hello'\nshell = 'echo {who}: {text}'\n";

fn home() -> Home {
    let home = Home::with(PIPELINE);
    home.file("doc.txt", "one");
    home.run(&["doc=doc.txt"]).ok();
    home
}

#[test]
fn stats_count_what_there_is() {
    let home = home();
    let stats = home.flowglass(&["cache", "stats", "--json"]).ok().json();
    assert_eq!((&stats["entries"], &stats["values"], &stats["damaged"]), (&json!(2), &json!(0), &json!(0)));
    assert!(stats["size_bytes"].as_u64().unwrap() > 0 && stats["cost_ms"].as_f64().unwrap() > 0.0);
    let text = home.flowglass(&["cache", "stats"]).ok().stdout;
    assert!(text.contains("2 entries that took ") && text.contains("in 0 large values"), "{text}");
}

#[test]
fn the_list_is_the_newest_first_and_can_be_of_one_node() {
    let home = home();
    let paths = |arguments: &[&str]| {
        let listed = home.flowglass(&[&["cache", "list", "--json"], arguments].concat()).ok().json();
        listed.as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&[]), ["p > hello", "p > text"]);
    assert_eq!(paths(&["text"]), ["p > text"]);
    assert_eq!(paths(&["-n", "1"]), ["p > hello"]);
    let text = home.flowglass(&["cache", "list"]).ok().stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 3 && lines[1].contains("p > hello") && lines[1].contains("just now"), "{text}");
    home.flowglass(&["cache", "list", "txt"]).refuses(&["no entry of a node `txt`", "did you mean `text`?"]);
}

#[test]
fn it_is_explained_which_part_of_a_key_changed() {
    let home = home();
    let explain = |arguments: &[&str]| home.flowglass(&[&["cache", "explain"], arguments].concat()).ok().stdout;
    assert!(explain(&["text"]).contains("no earlier entry"), "{}", explain(&["text"]));

    home.file("doc.txt", "another");
    let run = home.run(&["doc=doc.txt"]).ok().run_id();
    let told = explain(&["text"]);
    assert!(told.contains("changed  what lies at the paths in `doc`\n"), "{told}");
    assert!(told.contains("same") && told.contains("input `doc`") && told.contains("working folder"), "{told}");
    assert!(explain(&[&run[..8], "hello"]).contains("changed  input `text`\n"), "{}", explain(&[&run[..8], "hello"]));

    let run = home.run(&["doc=doc.txt", "who=them"]).ok().run_id();
    assert!(explain(&[&run, "text"]).contains("came from the cache"));
    let explained = home.flowglass(&["cache", "explain", "--json", &run, "p > hello"]).ok().json();
    let changed: Vec<&str> = explained["parts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|part| part["change"] == "changed")
        .map(|part| part["name"].as_str().unwrap())
        .collect();
    assert_eq!((changed, &explained["hit"]), (vec!["input.who"], &json!(false)));
    home.flowglass(&["cache", "explain", &run, "nothing"]).refuses(&["didn't ask the cache", "`nothing`"]);
    home.flowglass(&["cache", "explain", "nothing"]).refuses(&["no entry of a node `nothing`"]);
}

#[test]
fn pruning_makes_room() {
    let home = home();
    let prune = |arguments: &[&str]| home.flowglass(&[&["cache", "prune"], arguments].concat());
    assert_eq!(prune(&["--older-than", "1h"]).ok().stdout, "nothing to remove\n");
    assert_eq!(prune(&[]).ok().stdout, "nothing to remove\n");
    let pruned = prune(&["--max-size", "0", "--json"]).ok().json();
    assert_eq!(pruned["entries"], 2);
    assert!(pruned["freed_bytes"].as_u64().unwrap() > 0);
    prune(&["--max-size", "much"]).exits(2).tells(&["1GB"]);
    prune(&["--older-than", "old"]).exits(2).tells(&["30d"]);
    assert_eq!(node(&home.json(&["doc=doc.txt"]), "p > text")["cache_status"], "write");
}

#[test]
fn clearing_must_be_asked_for() {
    let home = home();
    home.flowglass(&["cache", "clear"]).refuses(&["--yes"]);
    let cleared = home.flowglass(&["cache", "clear", "--yes"]).ok().stdout;
    assert!(cleared.starts_with("removed 2 entries, "), "{cleared}");
    assert_eq!(home.flowglass(&["cache", "stats", "--json"]).ok().json()["entries"], 0);
}

#[test]
fn a_place_without_a_cache_is_not_made_one() {
    let home = Home::with(PIPELINE);
    home.flowglass(&["cache", "stats"]).refuses(&["there is no cache in", "--cache"]);
    home.flowglass(&["cache", "list", "--cache", "elsewhere"]).refuses(&["`elsewhere`"]);
    assert!(!home.has("elsewhere") && !home.has(".flowglass/cache"));
}

#[test]
fn a_damaged_cache_is_told_of_and_repaired() {
    let home = home();
    let entries = home.path(".flowglass/cache/entries");
    for log in std::fs::read_dir(&entries).unwrap() {
        let path = log.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
    let run = home.run(&["doc=doc.txt"]).ok().tells(&["warning: the cache"]);
    assert_eq!(run.stdout, "you: one\n");
    let run = home.json(&["doc=doc.txt"]);
    assert_eq!(node(&run, "p > hello")["cache_status"], "hit");
}
