//! Every verb on a store that is on a PostgreSQL server.

use flowglass::store::{SinkOptions, create_or_open};
use flowglass::telemetry;

use crate::harness::Home;

#[path = "../../../flowglass/tests/answers/fleet.rs"]
mod fleet;
#[path = "../../../store/tests/postgres/server.rs"]
mod server;

use server::Server;

const ONE: &str = "name = 'p'\n[[node]]\noutput = 'out'\ncommand = ['echo', 'x']\n";

#[test]
fn a_run_is_kept_listed_shown_and_asked_for() {
    let Some(server) = Server::start() else { return };
    let (home, address) = (Home::with(ONE), server.address("team"));
    let with = |arguments: &[&str]| home.flowglass(&[arguments, &["--store", &address]].concat()).ok();
    let ran = home.run(&["--store", &address]).ok().tells(&["kept in postgres://me@127.0.0.1", "schema=team"]);
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    let id = ran.run_id();
    assert!(!home.has(".flowglass/flowglass.db") && home.has(".flowglass/cache"));
    assert_eq!(with(&["list", "--json"]).json().as_array().unwrap().len(), 1);
    assert_eq!(with(&["show", &id, "--json"]).json()["run"]["name"], "p");
    assert_eq!(with(&["show", "--json"]).json()["run"]["run_id"], id.as_str());
    assert_eq!(with(&["query", "node:out", "in:spans", "--json"]).json()["rows"].as_array().map(Vec::len), Some(1));
    assert!(with(&["stats"]).stdout.contains('p'));
    let counted = with(&["sql", "SELECT count(*) AS found FROM runs WHERE status = 'ok'", "--json"]).json();
    assert_eq!(counted[0]["found"], 1);
    assert!(with(&["export", "--to", "jsonl"]).stdout.contains(&id));
    home.run(&["--store", &address, "--resume", &id]).ok();
    let listed = home.call(&["list", "--json"]).env("FLOWGLASS_STORE", &address).end().ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(server.psql("team", "SELECT count(*) FROM runs WHERE name = 'p'").trim(), "2");
    with(&["prune", "--keep-last", "1"]);
    assert_eq!(with(&["list", "--json"]).json().as_array().unwrap().len(), 1);
    let info = with(&["store", "info", "--json"]).json();
    assert_eq!((&info["runs"], &info["spans"]), (&1.into(), &2.into()), "{info}");
    assert!(with(&["store", "info"]).stdout.contains("postgres://me@127.0.0.1"));
    assert!(with(&["store", "check"]).stdout.starts_with("all is well: 2 spans of 1 run"));
    assert!(with(&["store", "migrate"]).stdout.contains("the newest; nothing to do"));
    let dry = with(&["prune", "--keep-last", "0", "--dry-run", "--json"]).json();
    assert_eq!((&dry["dry_run"], &dry["runs"]), (&true.into(), &1.into()), "{dry}");
    assert_eq!(with(&["list", "--json"]).json().as_array().unwrap().len(), 1);
    home.flowglass(&["sql", "DELETE FROM span", "--store", &address]).refuses(&["can be read here"]);
}

#[test]
fn what_is_received_is_kept() {
    let Some(server) = Server::start() else { return };
    let (home, address) = (Home::new(), server.address("team"));
    let mut running = home.call(&["serve", "--otlp-http", "0", "--otlp-grpc", "off", "--store", &address]).start();
    let said = running.says("HTTP  http://127.0.0.1:");
    let http = said.split("HTTP").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let recorder = telemetry::otlp(&http).unwrap();
    drop(recorder.root_span("sent"));
    recorder.flush(std::time::Duration::from_secs(30)).unwrap();
    assert_eq!(server.psql("team", "SELECT name FROM spans").trim(), "sent");
    running.signal("TERM");
    running.end().ok();
}

#[test]
fn a_server_that_goes_away_costs_a_run_nothing() {
    let Some(mut server) = Server::start() else { return };
    let home = Home::with("name = 'p'\n[[node]]\noutput = 'out'\ncommand = ['cat', 'gate']\n");
    let (gate, address) = (home.fifo("gate"), server.address("team"));
    let running = home.call(&["run", "p.toml", "--no-cache", "--store", &address]).start();
    // From here on, the node is at work.
    gate.open();
    server.stop();
    let id = running.end().ok().run_id();
    home.flowglass(&["list", "--store", &address]).refuses(&["is the server running"]);
    server.run();
    // Whoever writes next brings what waits.
    home.file("q.toml", ONE);
    home.flowglass(&["run", "q.toml", "--store", &address]).ok();
    let shown = home.flowglass(&["show", &id, "--json", "--store", &address]).ok().json();
    assert_eq!((&shown["run"]["status"], shown["spans"].as_array().map(Vec::len)), (&"ok".into(), Some(2)));
}

#[test]
fn a_run_begins_while_its_server_is_away() {
    let Some(mut server) = Server::start() else { return };
    let (home, address) = (Home::with(ONE), server.address("team"));
    server.stop();
    let id = home.run(&["--store", &address]).ok().tells(&["is away", "waits in"]).run_id();
    home.flowglass(&["list", "--store", &address]).refuses(&["is the server running"]);
    server.run();
    // Whoever writes next brings what waits.
    home.run(&["--store", &address]).ok();
    let shown = home.flowglass(&["show", &id, "--json", "--store", &address]).ok().json();
    assert_eq!((&shown["run"]["status"], shown["spans"].as_array().map(Vec::len)), (&"ok".into(), Some(2)));
}

/// Everything that is asked about many runs, each as its verb says it.
const QUESTIONS: [&[&str]; 19] = [
    &["stats", "--json", "--pipeline", "report"],
    &["stats", "--every", "5m", "--json", "--pipeline", "report"],
    &["stats", "--every", "1h", "--beside", "process.cpu.utilization", "--json"],
    &["stats", "--bottlenecks=400ms", "--json"],
    &["stats", "--critical-path", "--json", "--pipeline", "report"],
    &["stats", "--missing", "fetch,validated,approved,publish", "--json", "--pipeline", "report"],
    &["stats", "--costs", "--budget", "10", "--json"],
    &["stats", "--max-failure-rate", "0.05", "--json"],
    &["stats", "--since", "2023-11-14T23:00", "--json"],
    &["compare", "version=1.3", "version=1.4", "--json"],
    &["compare", "01010101", "05050505", "--json", "--all"],
    &["compare", "status:ok", "status:error", "--json"],
    &["query", "status:error duration>400ms", "--json"],
    &["query", "in:spans node:encode -status:ok", "--json"],
    &["query", "in:events validated", "--json", "-n", "7"],
    &["query", "in:logs \"report 3\"", "--json"],
    &["query", "in:metrics value>0.5", "--json"],
    &["show", "05050505", "--json"],
    &["list", "--json", "-n", "5"],
];

#[test]
fn every_question_is_answered_as_a_file_answers_it() {
    let Some(server) = Server::start() else { return };
    let home = Home::new();
    let (file, team) = (home.path("fleet.db").display().to_string(), server.address("fleet"));
    for address in [&file, &team] {
        let store = create_or_open(address).unwrap();
        let mut sink = store.sink(SinkOptions::default()).unwrap();
        fleet::batches().iter().for_each(|batch| sink.write(batch).unwrap());
    }
    for question in QUESTIONS {
        let answer = |store: &str| {
            let ended = home.flowglass(&[question, &["--store", store]].concat());
            (ended.code, ended.stdout.clone(), ended.to_string())
        };
        let (found, wanted) = (answer(&team), answer(&file));
        assert!(wanted.0 != Some(2) && wanted.1.len() > 4, "{question:?}: {}", wanted.2);
        assert_eq!((found.0, &found.1), (wanted.0, &wanted.1), "{question:?}: {}", found.2);
    }
}
