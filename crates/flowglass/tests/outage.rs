//! Runs that are kept on a server which hangs, or isn't there yet: they take no notice, and everything arrives when it answers.

#![cfg(unix)]

use std::sync::Arc;
use std::time::Duration;

use flowglass::config::Config;
use flowglass::prelude::*;
use flowglass::store::query::Query;
use flowglass::store::{MemoryStore, SinkOptions, Store, create_or_open};
use flowglass::telemetry;

#[expect(dead_code, reason = "the store's own tests use more of it")]
#[path = "../../store/tests/postgres/proxy.rs"]
mod proxy;
#[expect(dead_code, reason = "the store's own tests use more of it")]
#[path = "../../store/tests/postgres/server.rs"]
mod server;

use proxy::Proxy;
use server::Server;

const ROUNDS: u64 = 3;
const RUNS_A_ROUND: u64 = 20;
/// Two nodes and the run.
const SPANS_PER_RUN: u64 = 3;

#[node(output = "doubled")]
fn double(number: u64) -> u64 {
    number * 2
}

#[node(output = "next")]
fn add_one(doubled: u64) -> u64 {
    doubled + 1
}

/// Lets one sink after the other bring what waits, which a busy machine may need several times.
fn bring(store: &Arc<dyn Store>, runs: u64) {
    let arrived = || store.count(&Query::runs()).is_ok_and(|count| count == runs);
    let arrived = (0..60).any(|_| arrived() || store.sink(SinkOptions::default()).map(drop).is_err());
    assert!(arrived, "{:?} of {runs} runs are there", store.count(&Query::runs()));
}

#[test]
fn runs_take_no_notice_of_a_server_that_hangs_and_all_of_them_arrive() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::to(&server.address("s"));
    // Whoever waited for a statement would wait for an hour.
    let store = create_or_open(&proxy.address("hold=50ms&statement_timeout=1h")).unwrap();
    // Another store of the same recorder has everything at once.
    let beside = MemoryStore::new();
    let recorder = telemetry::to_store(&*store, SinkOptions::default()).unwrap();
    let recorder = recorder.sink("beside", beside.sink(SinkOptions::default()).unwrap()).build();
    let nodes = nodes![double, add_one];
    let pipeline = Pipeline::builder("arithmetic").nodes(nodes).telemetry(recorder.clone()).build().unwrap();
    for round in 0..ROUNDS {
        proxy.hang();
        for number in 0..RUNS_A_ROUND {
            let run = pipeline.run(inputs! { number: number }).wait().unwrap();
            assert_eq!(run.get::<u64>("next").unwrap(), number * 2 + 1);
            // What is flushed is safe, on the server or on this machine's disk.
            recorder.flush(Duration::from_secs(60)).unwrap();
            assert_eq!(beside.count(&Query::runs()).unwrap(), round * RUNS_A_ROUND + number + 1);
        }
        proxy.cut();
        proxy.resume();
    }
    let stats = recorder.stats();
    for sink in &stats.sinks {
        assert_eq!(sink.delivered.spans, ROUNDS * RUNS_A_ROUND * SPANS_PER_RUN, "{}", sink.name);
    }
    recorder.shutdown(Duration::from_secs(60)).unwrap();
    drop(recorder);
    bring(&store, ROUNDS * RUNS_A_ROUND);
    assert_eq!(store.count(&Query::spans()).unwrap(), ROUNDS * RUNS_A_ROUND * SPANS_PER_RUN);
}

#[test]
fn a_program_starts_while_its_server_is_away_and_everything_arrives() {
    let Some(mut server) = Server::start() else { return };
    server.stop();
    let address = server.address("s");
    // What is to be forgotten can be forgotten later.
    let config = Config::new().postgres(&address).set("store.max_age", "30d").unwrap();
    let recorder = config.recorder().unwrap();
    let pipeline = Pipeline::builder("arithmetic").nodes(nodes![double, add_one]).telemetry(recorder.clone()).build().unwrap();
    for number in 0..RUNS_A_ROUND {
        let run = pipeline.run(inputs! { number: number }).wait().unwrap();
        assert_eq!(run.get::<u64>("next").unwrap(), number * 2 + 1);
    }
    recorder.flush(Duration::from_secs(60)).unwrap();
    server.run();
    recorder.shutdown(Duration::from_secs(60)).unwrap();
    drop((pipeline, recorder));
    let store = create_or_open(&address).unwrap();
    bring(&store, RUNS_A_ROUND);
    assert_eq!(store.count(&Query::spans()).unwrap(), RUNS_A_ROUND * SPANS_PER_RUN);
}
