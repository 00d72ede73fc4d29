//! Several processes that write one store at once.

use serde_json::Value;

use crate::harness::Home;

const ITEMS: usize = 200;

/// A map over commands that only ends when the other process has begun its own.
fn pipeline(name: &str, meet: &str) -> String {
    format!(
        "name = '{name}'\n[[node]]\noutput = 'met'\nshell = '{meet}'\ncache = false\n\
         [[node]]\noutput = 'xs'\nshell = ': {{met}}; seq {ITEMS}'\nparse = 'lines'\ncache = false\n\
         [[node]]\noutput = 'out'\ncommand = ['true', '{{x}}']\nmap_over = {{ x = 'xs' }}\ncache = false\n"
    )
}

#[test]
fn nothing_is_lost() {
    let home = Home::new();
    home.fifo("meet");
    home.file("a.toml", pipeline("a", "echo > meet")).file("b.toml", pipeline("b", "cat meet"));
    let start = |file: &str| home.call(&["run", file, "--json", "--map-items", "each"]).start();
    let (a, b) = (start("a.toml"), start("b.toml"));
    for running in [a, b] {
        let ended = running.end().ok();
        assert!(!ended.stderr.contains("warning"), "{ended}");
        let id = ended.json()["run_id"].as_str().unwrap().to_owned();
        let shown = home.flowglass(&["show", &id, "--json"]).ok().json();
        complete(&shown);
    }
    assert_eq!(home.flowglass(&["list", "--json"]).ok().json().as_array().unwrap().len(), 2);
}

/// A pipeline, two nodes, a map and its items: each once, ended, and below its parent.
fn complete(shown: &Value) {
    let spans = shown["spans"].as_array().unwrap();
    let expected = 1 + 2 + 1 + ITEMS;
    assert_eq!(spans.len(), expected);
    assert_eq!(shown["run"]["spans"], expected);
    let mut ids: Vec<&str> = spans.iter().map(|span| span["span_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), expected);
    let map = &spans.iter().find(|span| span["span_type"] == "map").unwrap()["span_id"];
    for index in 0..ITEMS {
        let item = spans.iter().find(|span| span["name"] == format!("item {index}")).unwrap();
        assert_eq!((&item["status"], &item["parent_id"]), (&"ok".into(), map));
    }
}
