//! `flowglass.toml`, variables and `flowglass config`: what holds, where it comes from, and that every verb keeps to it.

use serde_json::Value;

use crate::harness::Home;

const ONE: &str = "[[node]]\noutput = 'a'\ncommand = ['echo', 'hi']\n";
const SECRET: &str = "sk-q7XkP2mV9sT4wB8nL6cR3dF1hJ5gZ0yA";

fn setting(home: &Home, key: &str) -> (String, String) {
    let told = home.flowglass(&["config", key, "--json"]).ok().json();
    let setting = &told["settings"][0];
    (setting["value"].as_str().unwrap_or_default().to_owned(), setting["origin"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_run_that_is_not_recorded_says_why() {
    let home = Home::with("[[node]]\noutput = 'out'\nshell = 'echo x'\n");
    for (file, why) in [
        ("[sampling]\nrate = 1e-12\n", "not recorded: sampling left it out; `sampling.rate` is 0.000000000001 ("),
        ("[recording]\ntraces = false\n", "not recorded: `recording.traces` is false ("),
        ("enabled = false\n", "not kept: `enabled` is false ("),
    ] {
        home.file("flowglass.toml", file);
        let told = home.run(&[]).ok().stderr;
        assert!(
            told.contains(why) && told.contains("flowglass.toml:") && !told.contains("kept in") && !told.contains("no spans"),
            "{told}"
        );
    }
    let unsampled = format!("00-{}-{}-00", "ab".repeat(16), "12".repeat(8));
    home.file("flowglass.toml", "");
    let told = home.call(&["run", "p.toml"]).env("TRACEPARENT", &unsampled).end().ok().stderr;
    assert!(told.contains("not recorded: the trace that it joined isn't sampled"), "{told}");
    home.file("flowglass.toml", "[recording]\nretained_bytes = 0\n");
    let told = home.run(&[]).ok().stderr;
    assert!(told.contains("kept in") && !told.contains("not recorded"), "{told}");
}

#[test]
fn every_value_is_told_with_its_origin() {
    let home = Home::new();
    home.file("flowglass.toml", "preset = 'production'\n\n[limits]\nevents = 7\n[export]\nheaders = { x-key = 'hunter2' }\n");
    let file = home.path("flowglass.toml").canonicalize().unwrap().display().to_string();
    assert_eq!(setting(&home, "limits.events"), ("7".to_owned(), format!("{file}:4")));
    assert_eq!(setting(&home, "sampling.rate"), ("0.1".to_owned(), "preset production".to_owned()));
    assert_eq!(setting(&home, "limits.links"), ("128".to_owned(), "default".to_owned()));
    assert_eq!(setting(&home, "export.headers"), ("x-key=[redacted]".to_owned(), format!("{file}:6")));
    let told = home.call(&["config", "limits.events"]).env("FLOWGLASS_LIMITS_EVENTS", "9").end().ok();
    assert!(told.stdout.contains("limits.events  9      FLOWGLASS_LIMITS_EVENTS"), "{}", told.stdout);
    let changed = home.flowglass(&["config", "--changed"]).ok();
    assert!(
        changed.stdout.contains("preset") && !changed.stdout.contains("limits.links") && !changed.stdout.contains("hunter2")
    );
    home.flowglass(&["config", "limits.evnts"]).refuses(&["there is no key `limits.evnts`", "did you mean `limits.events`"]);
}

#[test]
fn a_mistake_in_the_file_stops_every_verb_at_its_line() {
    let home = Home::with(ONE);
    home.file("flowglass.toml", "[sampling]\nraet = 1\n");
    for verb in [&["run", "p.toml"][..], &["list"], &["config"], &["serve"]] {
        home.flowglass(verb).refuses(&["flowglass.toml:2: there is no key `sampling.raet`; did you mean `sampling.rate`?"]);
    }
    home.call(&["run", "p.toml"]).env("FLOWGLASS_CONFIG", "off").end().ok();
    home.call(&["run", "p.toml"]).env("FLOWGLASS_CONFIG", "nowhere.toml").end().refuses(&["nowhere.toml", "can't be read"]);
}

#[test]
fn the_file_says_where_runs_are_kept_for_all_who_ask() {
    let home = Home::with(ONE);
    home.file("flowglass.toml", "store = 'kept/team.db'\n[run]\ncache = 'kept/cache'\n").folder("deep/er");
    home.run(&[]).ok().tells(&["kept/team.db"]);
    assert!(home.has("kept/team.db") && home.has("kept/cache/format") && !home.has(".flowglass/flowglass.db"));
    let listed = home.call(&["list", "--json"]).within(&home.path("deep/er")).end().ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    home.call(&["cache", "stats"]).within(&home.path("deep/er")).end().ok();
    home.run(&["--store", "other.db"]).ok();
    assert!(home.has("other.db"));
}

#[test]
fn nothing_is_kept_where_that_is_said() {
    let home = Home::with(ONE);
    for (file, variable) in [("store = 'off'\n", ""), ("store = 'memory:'\n", ""), ("", "false")] {
        home.file("flowglass.toml", file);
        let ended = home.call(&["run", "p.toml"]).env("FLOWGLASS_ENABLED", variable).end().ok();
        assert!(!ended.stderr.contains("kept in") && ended.stdout == "hi\n", "{}", ended.stderr);
    }
    assert!(!home.has(".flowglass/flowglass.db"));
    home.file("flowglass.toml", "store = 'off'\n");
    home.flowglass(&["list"]).refuses(&["there is no store", "store.address"]);
}

#[test]
fn a_run_keeps_to_the_file() {
    let home = Home::with(
        "[inputs]\nnotes = { type = 'list' }\n[[node]]\noutput = 'a'\nmap_over = { note = 'notes' }\ncommand = ['echo', '{note}']\n",
    );
    home.file(
        "flowglass.toml",
        "[sampling]\nmap_items = 'off'\n[recording.attributes]\nteam = 'blue'\n[run]\nprogress = 'off'\n",
    );
    let ended = home.run(&["notes=[\"x\",\"y\"]"]).ok();
    assert!(!ended.stderr.contains("1/2"), "{}", ended.stderr);
    let shown = home.shown();
    let spans = shown["spans"].as_array().unwrap();
    assert!(spans.iter().all(|span| !span["name"].as_str().unwrap().starts_with("item")), "{spans:?}");
    assert!(spans.iter().all(|span| span["attributes"]["team"] == "blue"), "{spans:?}");
    home.run(&["notes=[\"x\",\"y\"]", "--map-items", "each"]).ok();
    let count = |shown: &Value| shown["spans"].as_array().unwrap().len();
    assert_eq!(count(&home.shown()), count(&shown) + 2, "an argument counts more");
}

#[test]
fn old_runs_are_forgotten_by_themselves() {
    let home = Home::with(ONE);
    home.file("flowglass.toml", "[store]\nkeep_last = 2\n");
    (0..4).for_each(|_| drop(home.run(&[]).ok()));
    let listed = home.flowglass(&["list", "--json"]).ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    home.flowglass(&["prune"]).ok();
}

#[test]
fn the_file_says_where_runs_are_sent_and_none_sends_nothing() {
    let home = Home::with(ONE);
    home.file("flowglass.toml", "export = ['file:sent.jsonl']\n");
    home.run(&[]).ok();
    assert!(home.read("sent.jsonl").contains("pipeline p"));
    let quiet =
        home.call(&["run", "p.toml"]).env("FLOWGLASS_EXPORT", "none").env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let ended = quiet.end().ok();
    assert!(!ended.stderr.contains("127.0.0.1:9"), "{}", ended.stderr);
    assert_eq!(home.read("sent.jsonl").matches("pipeline p").count(), 1);
}

#[test]
fn no_planted_secret_leaves_a_run() {
    let pipeline = format!(
        "[inputs]\napi_key = '{SECRET}'\nnotes = ['password={SECRET} of CUST-4711']\n\
         [[node]]\noutput = 'a'\nmap_over = {{ note = 'notes' }}\nshell = 'echo {{note}} {{api_key}} >&2; exit 3'\n"
    );
    let home = Home::with(&pipeline);
    home.file(
        "flowglass.toml",
        "export = ['file:sent.jsonl']\n[logs]\nformat = 'json'\nfile = 'lines.log'\n[capture]\nvalues = 'full'\n\
         redact_values = ['CUST-\\d+']\n",
    );
    let is_told = |text: &str| text.contains(SECRET) || text.contains("CUST-4711");
    let ended = home.run(&["--console", "--otlp", "file:more.jsonl"]).exits(1);
    assert!(!is_told(&ended.stderr), "{}", ended.stderr);
    let quiet = home.run(&["--quiet"]).exits(1);
    assert!(!is_told(&quiet.stderr) && quiet.stderr.contains("[redacted]"), "{}", quiet.stderr);
    let json = home.run(&["--json"]).exits(1);
    assert!(!is_told(&json.stdout) && json.stdout.contains("[redacted]"), "{}", json.stdout);
    let shown = home.flowglass(&["show", "--json"]).ok();
    assert!(!is_told(&shown.stdout) && shown.stdout.contains("[redacted]"), "{}", shown.stdout);
    for file in ["sent.jsonl", "more.jsonl", "lines.log"] {
        assert!(!is_told(&home.read(file)), "{file}");
    }
    assert!(home.read("more.jsonl").contains("[redacted]"));
}
