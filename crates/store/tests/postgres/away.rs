//! A server that is away when the program starts: what is recorded waits, and is there when the server comes.

use flowglass_model::{Sink, Span, SpanId, Status, TraceId};
use flowglass_store::conformance::Recording;
use flowglass_store::query::{Query, Select};
use flowglass_store::{MemoryStore, PostgresOptions, PostgresStore, SinkOptions, Store, StoreErrorKind};

use super::outages::{assert_equal, bring, some, write};
use super::server::Server;
use super::{all, batch, open};

fn span(id: u64, status: Status) -> Span {
    Span { trace_id: TraceId::from_bytes([1; 16]), span_id: SpanId::from_u64(id), status, ..Span::default() }
}

#[test]
fn what_is_written_before_the_server_comes_is_there_once_it_has() {
    let Some(mut server) = Server::start() else { return };
    server.stop();
    // Nobody has made the tables yet, either.
    let (store, memory) = (open(&server, "s"), MemoryStore::new());
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let mut reference = memory.sink(SinkOptions::default()).unwrap();
    let mut recording = Recording::new(1);
    write(&mut [&mut sink, &mut reference], &some(&mut recording, 10));
    sink.flush().unwrap();
    assert_eq!(store.count(&Query::spans()).unwrap_err().kind(), StoreErrorKind::Unavailable);
    server.run();
    write(&mut [&mut sink, &mut reference], &some(&mut recording, 10));
    drop((sink, reference));
    bring(&store, memory.count(&Query::spans()).unwrap());
    assert_equal(&store, &memory);
    assert_eq!(Store::migrate(&store).unwrap().from, Store::info(&store).unwrap().format_version);
    assert_eq!(store.lost_records(), 0);
}

#[test]
fn a_process_that_never_saw_its_server_leaves_all_to_the_next_one() {
    let Some(mut server) = Server::start() else { return };
    server.stop();
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(1, 1, &[span(1, Status::Ok), span(2, Status::Running)])).unwrap();
    drop((sink, store));
    server.run();
    let later = open(&server, "s");
    bring(&later, 2);
    assert_eq!(later.count(&Query::spans().status(Status::Interrupted)).unwrap(), 1);
    assert_eq!(
        server.psql("s", "SELECT status FROM spans ORDER BY span_id").split_whitespace().collect::<Vec<_>>(),
        ["ok", "interrupted"]
    );
}

#[test]
fn who_only_reads_or_has_nowhere_to_keep_things_is_told_at_once() {
    let Some(mut server) = Server::start() else { return };
    drop(open(&server, "s"));
    server.stop();
    let kind =
        |opened: Result<PostgresStore, _>| opened.map_err(|error: flowglass_store::StoreError| error.kind()).unwrap_err();
    let options = PostgresOptions::default;
    assert_eq!(kind(PostgresStore::open(&server.address("s"), options())), StoreErrorKind::Unavailable);
    let nowhere = server.address("s") + "&spool=off";
    assert_eq!(kind(PostgresStore::create_or_open(&nowhere, options())), StoreErrorKind::Unavailable);
}

#[test]
fn a_server_that_comes_and_lets_nobody_in_is_told_of_and_everything_waits() {
    let Some(mut server) = Server::start() else { return };
    server.stop();
    let wrong = server.address("s").replace("secret", "geheim");
    let store = PostgresStore::create_or_open(&wrong, PostgresOptions::default()).unwrap();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(1, 1, &[span(1, Status::Ok)])).unwrap();
    server.run();
    // It is told at the first flush behind an attempt, which comes by itself.
    let error = std::iter::repeat_with(|| sink.flush()).find_map(Result::err).unwrap();
    let text = error.to_string();
    assert!(!error.is_retryable() && text.contains("password") && text.contains("waits in"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
    drop((sink, store));
    let right = open(&server, "s");
    bring(&right, 1);
    assert_eq!(all(&right, Select::Spans).len(), 1);
}
