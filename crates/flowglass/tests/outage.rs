//! Runs that are kept on a server which hangs: they take no notice, and everything arrives when it answers again.

#![cfg(unix)]

use std::sync::Arc;
use std::time::Duration;

use flowglass::prelude::*;
use flowglass::store::query::Query;
use flowglass::store::{SinkOptions, Store, create_or_open};
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
    let recorder = telemetry::to_store(&*store, SinkOptions::default()).unwrap().build();
    let nodes = nodes![double, add_one];
    let pipeline = Pipeline::builder("arithmetic").nodes(nodes).telemetry(recorder.clone()).build().unwrap();
    for _ in 0..ROUNDS {
        proxy.hang();
        for number in 0..RUNS_A_ROUND {
            let run = pipeline.run(inputs! { number: number }).wait().unwrap();
            assert_eq!(run.get::<u64>("next").unwrap(), number * 2 + 1);
            // What is flushed is safe, on the server or on this machine's disk.
            recorder.flush(Duration::from_secs(60)).unwrap();
        }
        proxy.cut();
        proxy.resume();
    }
    let stats = recorder.stats();
    let kept = stats.sinks.iter().map(|sink| sink.delivered.spans).sum::<u64>();
    assert_eq!(kept, ROUNDS * RUNS_A_ROUND * SPANS_PER_RUN);
    recorder.shutdown(Duration::from_secs(60)).unwrap();
    drop(recorder);
    bring(&store, ROUNDS * RUNS_A_ROUND);
    assert_eq!(store.count(&Query::spans()).unwrap(), ROUNDS * RUNS_A_ROUND * SPANS_PER_RUN);
}
