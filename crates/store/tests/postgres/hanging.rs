//! A server that hangs instead of refusing, and connections that break in the middle: nobody waits, and everything arrives once.

use flowglass_model::{Sink, Span, SpanId, TraceId};
use flowglass_store::conformance::Recording;
use flowglass_store::query::{Query, Select};
use flowglass_store::{Durability, MemoryStore, PostgresOptions, PostgresStore, SinkOptions, Store};

use super::outages::{assert_equal, bring, some, write};
use super::proxy::Proxy;
use super::server::Server;
use super::{all, batch, open};

/// A server behind a proxy, and a store that reaches it only there.
fn behind_proxy(words: &str) -> Option<(Server, Proxy, PostgresStore)> {
    let server = Server::start()?;
    let proxy = Proxy::to(&server.address("s"));
    let store = through(&proxy, words);
    Some((server, proxy, store))
}

fn through(proxy: &Proxy, words: &str) -> PostgresStore {
    PostgresStore::create_or_open(&proxy.address(words), PostgresOptions::default()).unwrap()
}

#[test]
fn what_is_written_while_the_server_hangs_is_there_when_it_answers_again() {
    let Some((_server, proxy, store)) = behind_proxy("hold=50ms&statement_timeout=20s") else { return };
    let memory = MemoryStore::new();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let mut reference = memory.sink(SinkOptions::default()).unwrap();
    let mut recording = Recording::new(1);
    for _ in 0..3 {
        write(&mut [&mut sink, &mut reference], &some(&mut recording, 5));
        proxy.hang();
        // Were the server waited for, these would take many minutes.
        for _ in 0..20 {
            write(&mut [&mut sink, &mut reference], &some(&mut recording, 1));
            sink.flush().unwrap();
        }
        // Some connections survive, as when the other machine was only slow; others don't.
        proxy.cut();
        proxy.resume();
    }
    drop((sink, reference));
    bring(&store, memory.count(&Query::spans()).unwrap());
    assert_equal(&store, &memory);
}

#[test]
fn a_server_that_was_only_slow_has_everything_once() {
    let Some((_server, proxy, store)) = behind_proxy("hold=50ms") else { return };
    let memory = MemoryStore::new();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let mut reference = memory.sink(SinkOptions::default()).unwrap();
    let mut recording = Recording::new(2);
    for _ in 0..4 {
        proxy.hang();
        write(&mut [&mut sink, &mut reference], &some(&mut recording, 3));
        write(&mut [&mut sink, &mut reference], &some(&mut recording, 3));
        // What the server is in the middle of goes on, and comes once more from the folder.
        proxy.resume();
    }
    drop((sink, reference));
    bring(&store, memory.count(&Query::spans()).unwrap());
    assert_equal(&store, &memory);
    assert_eq!(all(&store, Select::Events).len(), all(&memory, Select::Events).len());
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_rows_costs_nothing() {
    let Some((server, proxy, store)) = behind_proxy("hold=60s") else { return };
    let (memory, direct) = (MemoryStore::new(), open(&server, "s"));
    let counted = |store: &dyn Store| store.count(&Query::spans()).unwrap();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let mut reference = memory.sink(SinkOptions::default()).unwrap();
    let mut recording = Recording::new(3);
    write(&mut [&mut sink, &mut reference], &some(&mut recording, 5));
    let before = proxy.passed();
    write(&mut [&mut sink, &mut reference], &some(&mut recording, 5));
    let commit = proxy.passed() - before;
    // At every part of a commit: in its beginning, among its rows, before it is confirmed.
    for part in 1..=8 {
        proxy.cut_after(commit * part / 8);
        while proxy.will_cut() {
            if counted(&direct) == counted(&memory) {
                write(&mut [&mut sink, &mut reference], &some(&mut recording, 2));
            }
        }
    }
    drop((sink, reference));
    bring(&store, memory.count(&Query::spans()).unwrap());
    assert_equal(&store, &memory);
}

#[test]
fn a_sink_ends_though_its_server_hangs_and_leaves_all_to_the_next() {
    // Any of these waits would be longer than a test may take.
    let Some((_server, proxy, store)) = behind_proxy("hold=50ms&statement_timeout=1h&connect_timeout=3600&heartbeat=10ms")
    else {
        return;
    };
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    proxy.hang();
    let span = |id| Span { trace_id: TraceId::from_bytes([1; 16]), span_id: SpanId::from_u64(id), ..Span::default() };
    for id in 1..=20 {
        sink.write(&batch(1, id, &[span(id)])).unwrap();
    }
    drop((sink, store));
    proxy.cut();
    proxy.resume();
    bring(&through(&proxy, "hold=60s"), 20);
}

#[test]
fn what_has_no_folder_to_wait_in_is_given_back_and_there_once() {
    let Some((server, proxy, store)) = behind_proxy("spool=off") else { return };
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let one = |id| {
        let span = Span { trace_id: TraceId::from_bytes([1; 16]), span_id: SpanId::from_u64(id), ..Span::default() };
        batch(1, id, &[span])
    };
    // The first one prepares statements that the others find.
    (1..=2).for_each(|id| sink.write(&one(id)).unwrap());
    let before = proxy.passed();
    sink.write(&one(3)).unwrap();
    let commit = proxy.passed() - before;
    // The server has the commit or not; a recorder hears of neither, and offers the batch again.
    for (id, lost) in (4..).zip([commit, commit - 8, commit / 2]) {
        proxy.cut_after(lost);
        let mut errors = 0;
        while let Err(error) = sink.write(&one(id)) {
            assert!(error.is_retryable() && errors < 100, "{error}");
            errors += 1;
        }
        assert!(!proxy.will_cut());
    }
    assert_eq!(open(&server, "s").count(&Query::spans()).unwrap(), 6);
}

#[test]
fn a_sink_that_may_lose_the_last_second_flushes_when_it_is_told() {
    let Some((server, proxy, store)) = behind_proxy("hold=500ms") else { return };
    let lazy = SinkOptions { durability: Durability::Process, ..SinkOptions::default() };
    let mut sink = store.sink(lazy).unwrap();
    let span = |id| Span { trace_id: TraceId::from_bytes([1; 16]), span_id: SpanId::from_u64(id), ..Span::default() };
    sink.write(&batch(1, 1, &[span(1)])).unwrap();
    let written = server.psql("s", "SELECT pg_current_wal_insert_lsn()");
    sink.flush().unwrap();
    let on_disk = format!("SELECT pg_current_wal_flush_lsn() >= '{}'::pg_lsn", written.trim());
    assert_eq!(server.psql("s", &on_disk).trim(), "t");
    // What only the server's memory may have is not said to be safe.
    proxy.hang();
    let error = sink.flush().unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("disk"), "{error}");
    assert_eq!(open(&server, "s").count(&Query::spans()).unwrap(), 1);
}
