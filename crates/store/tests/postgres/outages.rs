//! The server goes away under load, and comes back.

use std::sync::Arc;

use flowglass_model::{Batch, Sink, Span, SpanId, Status, TraceId};
use flowglass_store::conformance::Recording;
use flowglass_store::query::{Query, Select};
use flowglass_store::{MemoryStore, PostgresOptions, PostgresStore, SinkOptions, Store, StoreErrorKind};

use super::server::Server;
use super::{all, batch, open};

/// Writes batches into both, which must take all of them.
pub(super) fn write(sinks: &mut [&mut Box<dyn Sink>], batches: &[Arc<Batch>]) {
    for sink in sinks {
        let mut left = batches;
        sink.write_all(&mut left).unwrap();
        assert!(left.is_empty());
    }
}

pub(super) fn some(recording: &mut Recording, batches: usize) -> Vec<Arc<Batch>> {
    (0..batches).map(|_| recording.batch(20)).collect()
}

pub(super) fn assert_equal(found: &dyn Store, wanted: &dyn Store) {
    for select in [Select::Spans, Select::Events, Select::Metrics, Select::Logs] {
        // Thousands of rows are no message that anybody reads.
        assert!(all(found, select) == all(wanted, select), "{}", select.as_str());
    }
}

/// Lets one sink after the other bring what waits: each gives up after a while, which a slow machine may need several times.
pub(super) fn bring(store: &dyn Store, spans: u64) {
    let arrived = || store.count(&Query::spans()).unwrap() == spans;
    let arrived = (0..60).any(|_| arrived() || store.sink(SinkOptions::default()).map(drop).is_err());
    assert!(arrived, "what waits isn't brought");
}

#[test]
fn what_is_written_while_the_server_is_away_is_there_when_it_is_back() {
    let Some(mut server) = Server::start() else { return };
    let (store, memory) = (open(&server, "s"), MemoryStore::new());
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let mut reference = memory.sink(SinkOptions::default()).unwrap();
    let mut recording = Recording::new(1);
    for round in 0..3 {
        write(&mut [&mut sink, &mut reference], &some(&mut recording, 5));
        server.stop();
        // Nobody waits for the server, and nothing is refused.
        for _ in 0..20 {
            write(&mut [&mut sink, &mut reference], &some(&mut recording, 3));
        }
        assert_eq!(store.count(&Query::spans()).unwrap_err().kind(), StoreErrorKind::Unavailable, "{round}");
        server.run();
        write(&mut [&mut sink, &mut reference], &some(&mut recording, 5));
    }
    sink.flush().unwrap();
    drop((sink, reference));
    bring(&store, memory.count(&Query::spans()).unwrap());
    assert_equal(&store, &memory);
    assert!(!store.rollups(&Default::default()).unwrap().is_empty());
}

#[test]
fn what_waits_is_brought_while_the_sink_lives() {
    let Some(mut server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    server.stop();
    let span = Span { trace_id: TraceId::from_bytes([1; 16]), span_id: SpanId::from_u64(1), ..Span::default() };
    sink.write(&batch(1, 1, &[span])).unwrap();
    server.run();
    // Each question takes its time; an hour of them would be a hang.
    let arrived = (0..1_000_000).any(|_| store.count(&Query::spans()).is_ok_and(|count| count == 1));
    assert!(arrived);
    drop(sink);
    assert_eq!(store.count(&Query::spans()).unwrap(), 1);
}

#[test]
fn what_a_process_could_not_bring_the_next_one_brings() {
    let Some(mut server) = Server::start() else { return };
    // By its silence, nobody would take the first process for dead in this test's time.
    let patient = server.address("s") + "&heartbeat=1h";
    let store = PostgresStore::create_or_open(&patient, PostgresOptions::default()).unwrap();
    let memory = MemoryStore::new();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let mut reference = memory.sink(SinkOptions::default()).unwrap();
    server.stop();
    let open_span = Span { status: Status::Running, trace_id: TraceId::from_bytes([9; 16]), ..Span::default() };
    let mut batches = some(&mut Recording::new(2), 10);
    batches.push(batch(7, 1, &[Span { span_id: SpanId::from_u64(1), ..open_span }]));
    write(&mut [&mut sink, &mut reference], &batches);
    // It ends without having seen the server again.
    drop((sink, reference, store));
    server.run();
    let later = open(&server, "s");
    bring(&later, memory.count(&Query::spans()).unwrap());
    for select in [Select::Events, Select::Metrics, Select::Logs] {
        assert_eq!(all(&later, select), all(&memory, select), "{}", select.as_str());
    }
    // What the first process left open is not the second one's.
    let interrupted = later.count(&Query::spans().status(Status::Interrupted)).unwrap();
    assert_eq!(interrupted, memory.count(&Query::spans().status(Status::Interrupted)).unwrap());
    assert_eq!(later.count(&Query::spans()).unwrap(), memory.count(&Query::spans()).unwrap());
}

#[test]
fn a_batch_that_the_server_refuses_holds_up_nobody() {
    let Some(mut server) = Server::start() else { return };
    let store = open(&server, "s");
    server.psql(
        "s",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON span FOR EACH ROW WHEN (NEW.name = 'bad') EXECUTE FUNCTION refuse()",
    );
    let span = |id: u64, name: &str| Span {
        trace_id: TraceId::from_bytes([1; 16]),
        span_id: SpanId::from_u64(id),
        name: name.to_owned(),
        ..Span::default()
    };
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let batches = |first: u64| -> Vec<Arc<Batch>> {
        ["good", "bad", "good"].iter().zip(first..).map(|(name, id)| batch(1, id, &[span(id, name)])).collect()
    };
    let there = batches(1);
    let mut left = there.as_slice();
    let error = sink.write_all(&mut left).unwrap_err();
    assert!(error.to_string().contains("not this one") && !error.is_retryable(), "{error}");
    // A recorder drops the one that is left in front, and offers the rest again.
    assert_eq!(left.len(), 2);
    sink.write_all(&mut &left[1..]).unwrap();
    server.stop();
    write(&mut [&mut sink], &batches(4));
    assert_eq!(store.lost_records(), 0);
    server.run();
    // What can't be taken any more is told once, and counted.
    let error = std::iter::repeat_with(|| sink.flush()).find_map(Result::err).unwrap();
    assert!(!error.is_retryable() && error.to_string().contains("1 records that waited"), "{error}");
    assert!(error.to_string().contains("not this one"), "{error}");
    sink.flush().unwrap();
    drop(sink);
    assert_eq!(store.lost_records(), 1);
    assert_eq!(store.count(&Query::spans().name("good")).unwrap(), 4);
    assert_eq!(store.count(&Query::spans()).unwrap(), 4);
}
