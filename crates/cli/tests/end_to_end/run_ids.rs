//! What runs are called, and how they are found again.

use serde_json::Value;

use crate::harness::Home;

const ONE: &str = "name = 'p'\n[[node]]\noutput = 'out'\ncommand = ['printenv', 'TRACEPARENT']\ncache = false\n";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[test]
fn a_runs_id_is_its_trace_id() {
    let home = Home::with(ONE);
    let run = home.json(&[]);
    let id = run["run_id"].as_str().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    let shown = home.shown();
    assert_eq!(shown["run"]["run_id"], id);
    assert!(shown["spans"].as_array().unwrap().iter().all(|span| span["trace_id"] == id));
    // The command was given a place in the same trace: beneath its node.
    let node = shown["spans"].as_array().unwrap().iter().find(|span| span["name"] == "node out").unwrap();
    let given = run["outputs"]["out"].as_str().unwrap();
    assert_eq!(given, format!("00-{id}-{}-01", node["span_id"].as_str().unwrap()));
}

#[test]
fn a_unique_beginning_is_enough() {
    let home = Home::with(ONE);
    let id = home.run(&[]).ok().run_id();
    for length in [1, 8, 31, 32] {
        let shown = home.flowglass(&["show", &id[..length], "--json"]).ok().json();
        assert_eq!(shown["run"]["run_id"], id.as_str());
    }
    let upper = id.to_uppercase();
    home.flowglass(&["show", &upper]).ok();
}

/// Runs until two ids begin with the same digit; of seventeen two must.
fn two_alike(home: &Home) -> (String, String) {
    let mut known: Vec<String> = Vec::new();
    loop {
        let id = home.run(&["-q", "--json"]).ok().json()["run_id"].as_str().unwrap().to_owned();
        if let Some(alike) = known.iter().find(|other| other[..1] == id[..1]) {
            return (alike.clone(), id);
        }
        known.push(id);
    }
}

#[test]
fn an_ambiguous_beginning_names_the_runs() {
    let home = Home::with(ONE);
    let (first, second) = two_alike(&home);
    home.flowglass(&["show", &first[..1]]).refuses(&["several runs", &first, &second]);
}

#[test]
fn an_unknown_id_names_the_last_runs() {
    let home = Home::with(ONE);
    let id = home.run(&[]).ok().run_id();
    home.flowglass(&["show", "zz"]).refuses(&["`zz`", &id]);
    home.run(&["--resume", "zz"]).refuses(&["`zz`", &id]);
}

#[test]
fn a_run_joins_the_trace_that_it_is_given() {
    let home = Home::with(ONE);
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let run = |home: &Home| home.call(&["run", "p.toml", "--json"]).env("TRACEPARENT", &parent).end().ok().json();
    let (first, second) = (run(&home), run(&home));
    let (first, second) = (first["run_id"].as_str().unwrap(), second["run_id"].as_str().unwrap());
    assert_ne!(first, second);
    for id in [first, second] {
        let (trace, root) = id.split_once('-').unwrap();
        assert_eq!((trace, root.len()), (TRACE, 16));
        let shown = home.flowglass(&["show", id, "--json"]).ok().json();
        let spans: Vec<&Value> = shown["spans"].as_array().unwrap().iter().collect();
        assert_eq!(spans.len(), 2, "{shown:#}");
        let top = spans.iter().find(|span| span["span_type"] == "pipeline").unwrap();
        assert_eq!((&top["span_id"], &top["parent_id"]), (&Value::from(root), &Value::from("b7ad6b7169203331")));
    }
    home.flowglass(&["show", TRACE]).refuses(&["several runs"]);
}

/// Prints what of the context stands in its environment.
const CONTEXT: &str = "name = 'p'\n[[node]]\noutput = 'out'\n\
    shell = 'echo $(echo $TRACEPARENT | cut -c4-35) ${TRACESTATE-none} ${BAGGAGE-none}'\ncache = false\n";

#[test]
fn commands_are_told_the_whole_context() {
    let home = Home::with(CONTEXT);
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let call = || home.call(&["run", "p.toml"]).env("TRACESTATE", "vendor=x").env("BAGGAGE", "tenant=a");
    assert_eq!(call().env("TRACEPARENT", &parent).end().ok().stdout, format!("{TRACE} vendor=x tenant=a\n"));
    // The state of a trace that isn't followed says nothing of another one; baggage needs no trace.
    let alone = call().end().ok().stdout;
    assert!(!alone.starts_with(TRACE) && alone.ends_with(" none tenant=a\n"), "{alone}");
    let sampled = call().env("TRACEPARENT", &parent).env("TRACESTATE", "ot=th:8;rv:ffffffffffffff").end().ok().stdout;
    assert_eq!(sampled, format!("{TRACE} ot=th:8;rv:ffffffffffffff tenant=a\n"));
}

#[test]
fn a_run_that_a_command_starts_is_in_the_trace() {
    let program = env!("CARGO_BIN_EXE_flowglass");
    let home = Home::with(&format!(
        "name = 'outer'\n[[node]]\noutput = 'out'\ncommand = ['{program}', 'run', 'inner.toml', '-q']\ncache = false\n"
    ));
    home.file("inner.toml", "name = 'inner'\n[[node]]\noutput = 'answer'\ncommand = ['echo', '42']\ncache = false\n");
    let outer = home.json(&[]);
    let id = outer["run_id"].as_str().unwrap();
    let listed = home.flowglass(&["list", "--json"]).ok().json();
    let inner = listed.as_array().unwrap().iter().find(|run| run["name"] == "inner").unwrap();
    let (trace, root) = inner["run_id"].as_str().unwrap().split_once('-').unwrap();
    assert_eq!(inner["spans"], 2, "what both runs have brought is there once");
    assert_eq!(trace, id);
    let short = |run: &str| home.flowglass(&["show", run, "--json"]).ok().json()["run"]["run_id"].clone();
    assert_eq!(short(&id[..8]), *id, "the run that began the trace is meant");
    assert_eq!(short(&format!("{}-{}", &id[..8], &root[..4])), inner["run_id"]);
    let table = home.flowglass(&["list"]).ok().stdout;
    assert!(table.contains(&format!(" {}-{} ", &id[..8], &root[..4])), "{table}");
    let shown = home.flowglass(&["show", id, "--json"]).ok().json();
    let spans = shown["spans"].as_array().unwrap();
    let find = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    assert_eq!(find("pipeline inner")["span_id"], root);
    assert_eq!(find("pipeline inner")["parent_id"], find("node out")["span_id"]);
    assert_eq!(find("node answer")["parent_id"], root);
}

#[test]
fn what_is_no_trace_is_not_joined() {
    let home = Home::with(ONE);
    let ended = home.call(&["run", "p.toml", "--json"]).env("TRACEPARENT", "00-zz-01").end().ok();
    assert_eq!(ended.json()["run_id"].as_str().unwrap().len(), 32);
}
