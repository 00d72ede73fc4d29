//! `flowglass serve`: what programs send is kept, signals end it, and what is wrong with an address is said.

use std::time::Duration;

use flowglass::store::SqliteStore;
use flowglass::{Recorder, telemetry};

use crate::harness::{Home, Running};

const FLUSH: Duration = Duration::from_secs(30);

/// Starts to serve on ports that the system chooses.
fn serve(home: &Home, arguments: &[&str]) -> Running {
    home.call(&[&["serve", "--otlp-http", "0", "--otlp-grpc", "0"], arguments].concat()).start()
}

/// Waits until it listens, and returns the addresses.
fn addresses(running: &mut Running) -> (String, String) {
    let said = running.says("gRPC  http://127.0.0.1:");
    let after = |word: &str| said.split(word).nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    (after("HTTP"), after("gRPC"))
}

fn send(recorder: &Recorder, name: &'static str) {
    drop(recorder.root_span(name));
    recorder.flush(FLUSH).unwrap();
}

fn stored(home: &Home) -> Vec<String> {
    let store = SqliteStore::open(&home.path(".flowglass/flowglass.db")).unwrap();
    let mut names: Vec<String> =
        store.spans(&flowglass::store::SpanFilter::default()).unwrap().into_iter().map(|span| span.name).collect();
    names.sort();
    names
}

#[test]
fn what_is_sent_is_kept() {
    let home = Home::new();
    let mut running = serve(&home, &[]);
    let (http, grpc) = addresses(&mut running);
    send(&telemetry::otlp(&http).unwrap(), "by http");
    // It is there as soon as it was answered.
    assert_eq!(stored(&home), ["by http"]);
    send(&telemetry::otlp(&grpc.replace("http://", "otlp://")).unwrap(), "by grpc");
    assert_eq!(stored(&home), ["by grpc", "by http"]);
    running.signal("TERM");
    let ended = running.end().ok();
    assert!(ended.stderr.starts_with("receiving OTLP into "), "{}", ended.stderr);
    // Besides them, the metrics of this process.
    assert!(ended.stderr.contains("stopped: 2 spans") && ended.stderr.ends_with(" requests\n"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_trace_of_another_program_is_shown_like_a_run() {
    let home = Home::with("name = 'p'\n[[node]]\noutput = 'out'\ncommand = ['echo', 'x']\n");
    home.printed(&[]);
    let mut running = serve(&home, &[]);
    let (http, _) = addresses(&mut running);
    send(&telemetry::otlp(&http).unwrap(), "checkout");
    let shown = home.shown();
    assert_eq!((&shown["run"]["name"], &shown["run"]["status"]), (&"checkout".into(), &"ok".into()), "it began last");
    let id = shown["run"]["run_id"].as_str().unwrap();
    let listed = home.flowglass(&["list", "--json"]).ok().json();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["checkout", "p"], "and listed among them");
    assert!(home.flowglass(&["list", "--name", "checkout"]).ok().stdout.contains(&id[..8]));
    for id in [id, &id[..8]] {
        assert!(home.flowglass(&["show", id]).ok().stdout.contains("checkout"), "{id}");
    }
    assert!(home.flowglass(&["show", "0123456789"]).stderr.contains("no run in"));
    home.printed(&["--no-cache"]);
    assert_eq!(home.shown()["run"]["name"], "p");
}

#[test]
fn it_listens_where_it_is_told() {
    let home = Home::new();
    let arguments = ["serve", "--otlp-http", "off", "--otlp-grpc", "off", "--listen", "127.0.0.1:0", "--store", "other.db"];
    let mut running = home.call(&arguments).start();
    let said = running.says("both  http://127.0.0.1:").to_owned();
    assert!(said.starts_with("receiving OTLP into other.db\n") && !said.contains("HTTP "), "{said}");
    running.signal("INT");
    assert!(running.end().ok().stderr.ends_with("stopped: nothing in 0 requests\n"));
    assert!(home.has("other.db"));
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() {
    let home = Home::new();
    let mut first = serve(&home, &[]);
    let (http, _) = addresses(&mut first);
    let port = http.rsplit(':').next().unwrap();
    let ended = home.flowglass(&["serve", "--otlp-http", port, "--otlp-grpc", "off"]);
    assert_eq!(ended.code, Some(2));
    let words = format!("can't listen on 127.0.0.1:{port}: another program listens there already");
    assert!(ended.stderr.contains(&words) && ended.stderr.contains("`--otlp-http` and `--otlp-grpc`"), "{}", ended.stderr);
}

#[test]
fn others_need_a_token() {
    let home = Home::new();
    let ended = home.flowglass(&["serve", "--otlp-http", "0.0.0.0:0", "--otlp-grpc", "off"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("can be reached by other machines") && ended.stderr.contains("`--token`"),
        "{}",
        ended.stderr
    );
    let mut running = serve(&home, &["--token", "secret"]);
    let (http, _) = addresses(&mut running);
    let exporter = |token: &str| {
        let exporter = flowglass::otlp::Exporter::builder(&http).header("Authorization", &format!("Bearer {token}"));
        telemetry::to_exporter(exporter.build().unwrap()).build()
    };
    drop(exporter("wrong").root_span("unwanted"));
    running.says("refused a request with 401");
    send(&exporter("secret"), "wanted");
    assert_eq!(stored(&home), ["wanted"]);
}

#[test]
fn any_store_can_take_what_arrives() {
    let home = Home::new();
    let mut running = serve(&home, &["--store", "sqlite:kept.db"]);
    let (http, _) = addresses(&mut running);
    send(&telemetry::otlp(&http).unwrap(), "kept");
    running.signal("TERM");
    assert!(running.end().ok().stderr.contains("stopped: 1 span"));
    assert!(home.flowglass(&["list", "--store", "kept.db"]).ok().stdout.contains("kept"));
    let mut in_memory = serve(&home, &["--store", "memory:"]);
    assert!(in_memory.says("gRPC  http://127.0.0.1:").starts_with("receiving OTLP into memory:\n"));
    home.flowglass(&["serve", "--store", "mysql://me:secret@host/runs"]).refuses(&["`mysql` is no kind of store"]);
}

#[test]
fn a_certificate_needs_its_key() {
    let home = Home::new();
    home.flowglass(&["serve", "--tls-cert", "own.pem"]).refuses(&["--tls-key"]);
    home.flowglass(&["serve", "--tls-cert", "own.pem", "--tls-key", "own.key"]).refuses(&["can't read", "own.pem"]);
}
