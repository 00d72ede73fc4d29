//! `flowglass query`, `stats` and `compare`.

use crate::harness::Home;

/// A good run of version 1, then one of version 2 that fails.
fn home() -> (Home, String, String) {
    let good = "name = 'digest'\nversion = '1'\n[[node]]\noutput = 'words'\ncommand = ['echo', 'x']\n";
    let home = Home::with(good);
    let first = home.run(&[]).ok().run_id();
    home.file("p.toml", "name = 'digest'\nversion = '2'\n[[node]]\noutput = 'words'\nshell = 'echo why >&2; exit 3'\n");
    let second = home.run(&[]).exits(1).run_id();
    (home, first, second)
}

#[test]
fn spans_runs_and_metrics_are_found() {
    let (home, good, bad) = home();
    let found = |arguments: &[&str]| home.flowglass(&[&["query", "--json"], arguments].concat()).ok().json()["rows"].clone();
    let failed = found(&["status:error", "node:words"]);
    assert_eq!(failed.as_array().unwrap().len(), 1, "{failed:#}");
    assert_eq!((&failed[0]["run_id"], &failed[0]["attributes"]["node.id"]), (&bad.as_str().into(), &"words".into()));
    let runs = found(&["--what", "runs", "has(node:words)", "sort:started"]);
    assert_eq!((&runs[0]["run_id"], &runs[1]["run_id"]), (&good.as_str().into(), &bad.as_str().into()));
    assert_eq!(found(&["in:runs", "version=1"])[0]["run_id"], good.as_str());
    assert!(found(&["--what", "events", "exception"])[0]["attributes"].is_object());
    assert_eq!(home.flowglass(&["query", "--count", "in:runs"]).ok().stdout, "2\n");
}

#[test]
fn programs_get_tabs_and_pages() {
    let (home, good, bad) = home();
    let first = home.flowglass(&["query", "--what", "runs", "-n", "1"]).ok();
    let lines: Vec<&str> = first.stdout.lines().collect();
    assert_eq!(lines[0], "run_id\tstatus\tstart\tduration_ms\tname\tversion\terror");
    assert!(lines[1].starts_with(&format!("{bad}\terror\t")) && lines.len() == 2, "{}", first.stdout);
    let cursor = first.stderr.trim().rsplit(' ').next().unwrap().to_owned();
    let second = home.flowglass(&["query", "--what", "runs", "-n", "1", "--cursor", &cursor]).ok();
    assert!(second.stdout.lines().nth(1).unwrap().starts_with(&good), "{}", second.stdout);
    assert_eq!(second.stderr, "", "there is no third page");
}

#[test]
fn wrong_queries_show_the_place() {
    let home = Home::with("[[node]]\noutput = 'out'\ncommand = ['echo']\n");
    home.run(&[]).ok();
    home.flowglass(&["query", "status:eror"]).refuses(&["status:eror", "^^^^", "did you mean `error`?"]);
    home.flowglass(&["query", "--sort", "size"]).refuses(&["`--sort size`", "duration"]);
    home.flowglass(&["query", "--cursor", "x"]).refuses(&["cursor"]);
    home.flowglass(&["query", "in:runz"]).refuses(&["runs, spans", "did you mean `runs`?"]);
}

#[test]
fn stats_tell_how_runs_went() {
    let (home, _, bad) = home();
    let stats = home.flowglass(&["stats", "--json", "--pipeline", "digest"]).ok().json();
    assert_eq!((&stats["runs"]["runs"], &stats["runs"]["failed"]), (&2.into(), &1.into()));
    let nodes = stats["nodes"].as_array().unwrap();
    let words = nodes.iter().find(|node| node["node"] == "words").unwrap();
    assert_eq!((&words["count"], &words["errors"], &words["pipeline"]), (&2.into(), &1.into(), &"digest".into()));
    let all = home.flowglass(&["stats", "--json"]).ok().json();
    assert!(all["nodes"].as_array().unwrap().iter().any(|node| node["node"] == "words" && node["errors"] == 1), "{all:#}");
    let text = home.flowglass(&["stats", "--since", "1h"]).ok().stdout;
    assert!(text.starts_with("2 runs · 1 ok · 1 failed (50") && text.contains("ERROR"), "{text}");
    home.flowglass(&["stats", "--max-failure-rate", "0.1"]).exits(1);
    let missing = home.flowglass(&["stats", "--missing", "words,report"]).exits(1).stdout;
    assert!(missing.contains(&format!("{bad}  lacks report")), "{missing}");
    assert_eq!(home.flowglass(&["stats", "--every", "5m", "--json"]).ok().json().as_array().unwrap().len(), 1);
    assert!(home.flowglass(&["stats", "--costs"]).ok().stdout.contains("no model"));
    let slow = home.flowglass(&["stats", "--bottlenecks=0.001ms", "--json"]).ok().json();
    assert_eq!((&slow[0]["name"], &slow[0]["count"]), (&"node words".into(), &2.into()), "{slow:#}");
    assert_eq!(home.flowglass(&["stats", "--bottlenecks=1h"]).ok().stdout, "nothing took longer\n");
    let waited = home.flowglass(&["stats", "--critical-path", "--json"]).ok().json();
    let paths: Vec<&str> = waited.as_array().unwrap().iter().map(|place| place["path"].as_str().unwrap()).collect();
    assert!(paths.contains(&"digest > words"), "{waited:#}");
    let beside = home.flowglass(&["stats", "--every", "1h", "--beside", "node.duration", "--json"]).ok().json();
    assert!(beside["beside"]["means"][0].is_f64(), "{beside:#}");
    home.flowglass(&["stats", "--every", "1h", "--beside", "no.such"]).refuses(&["`--beside no.such`"]);
    home.flowglass(&["stats", "--since", "soon"]).refuses(&["`--since soon`", "today"]);
    home.flowglass(&["stats", "--every", "5s"]).refuses(&["one minute"]);
}

#[test]
fn stats_count_items_that_have_no_span() {
    let pipeline = "name = 'p'\n[[node]]\noutput = 'numbers'\nshell = 'seq 1 9'\nparse = 'lines'\n\
        [[node]]\noutput = 'half'\nshell = 'test {number} != 4'\nmap_over = { number = 'numbers' }\n";
    let home = Home::with(pipeline);
    home.file("flowglass.toml", "[sampling]\nmap_items = 'off'\n");
    home.run(&[]).exits(1);
    assert_eq!(home.flowglass(&["query", "--count", "type:item"]).ok().stdout, "1\n", "the one that failed");
    let stats = home.flowglass(&["stats", "--json"]).ok().json();
    let items = stats["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "item *").unwrap().clone();
    assert_eq!((&items["node"], &items["count"], &items["errors"]), (&"half".into(), &9.into(), &1.into()), "{items:#}");
    assert!(items["share"].as_f64().unwrap() > 0.0, "its items are calls of the node: {items:#}");
    let text = home.flowglass(&["stats"]).ok().stdout;
    assert!(text.contains("item * of half") && text.contains("sampling.map_items"), "{text}");
    let rows = home.flowglass(&["sql", "SELECT sum(count) AS n FROM rollups WHERE name = 'item *'"]).ok().stdout;
    assert_eq!(rows, "n\n9\n");
}

/// A home in which a model was called: as the node of its run, which is exported, changed and imported again.
fn home_with_a_call(cost: f64) -> Home {
    let home = Home::with("[[node]]\noutput = 'answer'\ncommand = ['echo', 'x']\n");
    home.run(&[]).ok();
    home.flowglass(&["export", "--to", "jsonl", "--out", "run.jsonl"]).ok();
    let called = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        if line["name"] == "node answer" {
            line["attributes"]["gen_ai.request.model"] = "large".into();
            line["attributes"]["gen_ai.usage.cost"] = cost.into();
        }
        line.to_string() + "\n"
    };
    let lines: String = home.read("run.jsonl").lines().map(called).collect();
    home.file("called.jsonl", lines);
    home.flowglass(&["import", "called.jsonl", "--store", "calls.db"]).ok();
    home
}

#[test]
fn a_budget_is_watched() {
    let home = home_with_a_call(9.0);
    let costs = |budget: &'static str| home.flowglass(&["stats", "--costs", "--store", "calls.db", "--budget", budget]);
    assert_eq!(costs("20").ok().stderr, "");
    costs("10").ok().tells(&["the budget of 10 is nearly spent", "1 call cost 9.0000"]);
    let exceeded = costs("8.5").exits(1);
    assert!(exceeded.stdout.contains("large") && exceeded.stderr.contains("is exceeded"), "{exceeded}");
    let json = home.flowglass(&["stats", "--costs", "--store", "calls.db", "--budget", "8.5", "--json"]).exits(1).json();
    assert_eq!((&json["budget"], &json["costs"]["models"][0]["calls"]), (&"exceeded".into(), &1.into()), "{json:#}");
}

#[test]
fn runs_and_versions_are_compared() {
    let (home, good, bad) = home();
    let newest = home.flowglass(&["compare"]).ok().stdout;
    assert_eq!(home.flowglass(&["compare", &good[..8], &bad[..8]]).ok().stdout, newest);
    assert_eq!(home.flowglass(&["compare", "version=1", "version=2"]).ok().stdout, newest);
    assert!(newest.contains("fails now") && newest.contains("pipeline.version"), "{newest}");
    let json = home.flowglass(&["compare", "--json", &good]).ok().json();
    assert_eq!((&json["runs_before"], &json["whole"]["failed_after"]), (&1.into(), &1.into()));
    home.flowglass(&["compare", "version=9", "version=1"]).refuses(&["no run", "version=9"]);
}
