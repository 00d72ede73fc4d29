//! The store on a PostgreSQL server: each test has a server of its own.

#![cfg(unix)]

mod away;
mod counts;
mod forgetting;
mod hanging;
mod large;
mod old;
mod outages;
mod place;
mod plans;
mod proxy;
mod server;
mod sharing;
mod statements;
mod time;
mod upkeep;

use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, Resource, Span, WriterId};
use flowglass_store::query::{Query, Select};
use flowglass_store::{PostgresOptions, PostgresStore, Rows, Store, conformance};
use proptest::prelude::*;
use server::Server;

fn open(server: &Server, schema: &str) -> PostgresStore {
    PostgresStore::create_or_open(&server.address(schema), PostgresOptions::default()).unwrap()
}

fn batch(writer: u8, sequence: u64, spans: &[Span]) -> Arc<Batch> {
    let mut builder = BatchBuilder::new(WriterId::from_bytes([writer; 16]), sequence, Arc::new(Resource::default()));
    spans.iter().for_each(|span| builder.push(span));
    Arc::new(builder.finish())
}

/// All that a store has of a kind.
fn all(store: &dyn Store, select: Select) -> Rows {
    store.query(&Query::new(select).limit(usize::MAX)).unwrap().rows
}

#[test]
fn the_suite() {
    let Some(server) = Server::start() else { return };
    let mut schemas = 0;
    let checked = conformance::check(|| {
        schemas += 1;
        Arc::new(open(&server, &format!("suite {schemas}"))) as Arc<dyn Store>
    });
    if let Err(why) = checked {
        panic!("{why}");
    }
}

#[test]
fn it_answers_as_memory_does() {
    let Some(server) = Server::start() else { return };
    let config = ProptestConfig { cases: 12, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(seed in any::<u64>())| {
        let agreed = conformance::check_agreement(&open(&server, &format!("s{seed}")), seed);
        prop_assert!(agreed.is_ok(), "{}", agreed.unwrap_err());
    });
}
