//! `flowglass doctor`: what it finds, what it advises, and its exit code.

use std::net::TcpListener;

use serde_json::Value;

use crate::harness::Home;

fn findings(told: &Value) -> Vec<String> {
    let line = |finding: &Value| {
        let text = |name: &str| finding[name].as_str().unwrap_or_default();
        format!("{} {}: {} → {}", text("verdict"), text("about"), text("says"), text("advice"))
    };
    told["findings"].as_array().unwrap().iter().map(line).collect()
}

#[track_caller]
fn has(found: &[String], words: &[&str]) {
    assert!(found.iter().any(|line| words.iter().all(|word| line.contains(word))), "{words:?} in {found:#?}");
}

#[test]
fn a_set_up_that_works_is_well() {
    let home = Home::with("[[node]]\noutput = 'a'\ncommand = ['echo', 'hi']\n");
    let before = home.flowglass(&["doctor"]).ok();
    assert!(before.stdout.contains("✓ store: ") && before.stdout.contains("is made with the first run"), "{}", before.stdout);
    assert!(before.stdout.ends_with("all is well\n"), "{}", before.stdout);
    assert!(!home.has(".flowglass/flowglass.db"), "looking makes no store");
    home.run(&[]).ok();
    let told = home.flowglass(&["doctor", "--json"]).ok().json();
    assert_eq!(told["ok"], true);
    let found = findings(&told);
    has(&found, &["ok store: ", "flowglass.db", "1 run"]);
    has(&found, &["ok disk: ", "are free"]);
    has(&found, &["ok clock: ", "UTC"]);
    has(&found, &["ok terminal: none"]);
    has(&found, &["ok export: nothing is sent"]);
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let home = Home::new();
    home.file("flowglass.toml", "[sampling]\nrate = 2\n");
    let told = home.flowglass(&["doctor", "--json"]).exits(1).json();
    has(&findings(&told), &["error configuration", "flowglass.toml:2", "from 0 to 1", "correct it"]);
    home.file("flowglass.toml", "store = 'p.toml'\n").file("p.toml", "no store at all, and long enough to be looked at");
    let told = home.flowglass(&["doctor", "--json"]).exits(1).json();
    has(&findings(&told), &["error store", "p.toml"]);
    assert_eq!(told["ok"], false);
}

#[test]
fn a_receiver_that_is_not_there_is_wrong() {
    // Bound and let go: nobody listens there now.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::new();
    home.file("flowglass.toml", format!("[export]\nto = 'http://{address}'\nheaders = {{ api-key = 'hunter2' }}\n"));
    let told = home.flowglass(&["doctor", "--json", "--timeout", "2s"]).exits(1);
    assert!(!told.stdout.contains("hunter2"), "{}", told.stdout);
    has(&findings(&told.json()), &["error export", &address.to_string(), "see that it runs"]);
}

#[test]
fn a_receiver_of_ours_answers() {
    let home = Home::new();
    let mut serving = home.call(&["serve", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "off"]).start();
    let said = serving.says("HTTP  http://").to_owned();
    let address = said.rsplit("http://").next().unwrap().trim().to_owned();
    home.file("flowglass.toml", format!("export = 'http://{address}'\n"));
    let told = home.flowglass(&["doctor", "--json"]).ok().json();
    has(&findings(&told), &["ok export", &address, "answers"]);
    serving.signal("TERM");
    serving.end().ok();
}

#[test]
fn what_waits_on_disk_is_told_and_nearly_too_much_is_strange() {
    let home = Home::new();
    home.file(".flowglass/spool/traces-jaeger/0/0000000000000001.frames", vec![0; 950]);
    let look = |most: &str| findings(&home.call(&["doctor", "--json"]).env("FLOWGLASS_EXPORT_SPOOL", most).end().ok().json());
    has(&look("10000"), &["ok spool", "950", "traces-jaeger"]);
    has(&look("1000"), &["warning spool", "950", "traces-jaeger", "export.spool"]);
    assert!(look("0").iter().all(|finding| !finding.contains(" spool")), "nothing is kept there");
}

#[test]
fn variables_that_contradict_each_other_are_strange() {
    let home = Home::new();
    let call = home.call(&["doctor", "--json"]).env("FLOWGLASS_LIMITS_LINKS", "3").env("OTEL_SPAN_LINK_COUNT_LIMIT", "9");
    let call = call.env("FLOWGLASS_SAMPLNG_RATE", "1").env("OTEL_TRACES_SAMPLER", "always_off").env("TRACEPARENT", "nonsense");
    let call = call.env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2");
    let ended = call.end().ok();
    assert!(!ended.stdout.contains("hunter2"));
    let found = findings(&ended.json());
    has(&found, &["warning environment", "FLOWGLASS_LIMITS_LINKS and OTEL_SPAN_LINK_COUNT_LIMIT", "differ"]);
    has(&found, &["warning environment", "FLOWGLASS_SAMPLNG_RATE", "did you mean"]);
    has(&found, &["warning configuration", "`sampling.rate` is 0", "OTEL_TRACES_SAMPLER"]);
    has(&found, &["warning configuration", "`export.headers` is set", "nothing is sent"]);
    has(&found, &["warning environment", "TRACEPARENT"]);
}
