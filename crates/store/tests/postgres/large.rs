//! Runs of very many spans, which come another way than others.

use flowglass_model::{AttributeValue, Sink, Span, SpanEvent, SpanId, SpanLink, SpanType, Status, TraceId};
use flowglass_store::{MemoryStore, SinkOptions, Store};

use super::server::Server;
use super::{batch, open};

const SPANS: u64 = 3_000;

/// A span with what columns and `jsonb` don't keep, each kind of it in some.
fn span(id: u64) -> Span {
    let entry = |key: &str, value: AttributeValue| (key.to_owned(), value);
    let number = i64::try_from(id).unwrap();
    let odd = match id % 5 {
        0 => vec![
            entry("zulu", (id as f64).into()),
            entry("alpha", AttributeValue::Bytes(vec![0, u8::try_from(id % 251).unwrap()])),
        ],
        1 => vec![entry("twice", number.into()), entry("twice", "ä\u{1F980}".into())],
        2 => vec![entry("nothing", AttributeValue::Null), entry("far", AttributeValue::Float(f64::NEG_INFINITY))],
        3 => vec![entry(
            "list",
            AttributeValue::List(vec![number.into(), AttributeValue::Map(vec![entry("in\0side", true.into())])]),
        )],
        _ => Vec::new(),
    };
    let owner = if id == 1 { SpanId::NONE } else { SpanId::from_u64(1) };
    Span {
        trace_id: TraceId::from_bytes([7; 16]),
        span_id: SpanId::from_u64(id),
        parent_id: owner,
        span_type: if id == 1 { SpanType::Pipeline } else { SpanType::Item },
        name: if id == 9 { "zero \0".to_owned() } else { format!("item {id}") },
        status: if id.is_multiple_of(97) { Status::Error } else { Status::Ok },
        status_message: if id.is_multiple_of(97) { "it\nfailed".to_owned() } else { String::new() },
        start_unix_ns: 1_700_000_000_000_000_000 + number * 60_000_000_000,
        duration_ns: if id == 8 { u64::MAX } else { id },
        attributes: odd,
        events: if id.is_multiple_of(500) {
            vec![SpanEvent { name: "half".to_owned(), unix_ns: number, ..SpanEvent::default() }]
        } else {
            vec![]
        },
        links: if id.is_multiple_of(700) {
            vec![SpanLink { span_id: SpanId::from_u64(2), ..SpanLink::default() }]
        } else {
            vec![]
        },
        ..Span::default()
    }
}

/// Writes a run over some days, some of it twice and some of it still open.
fn fill(store: &dyn Store) -> Box<dyn Sink> {
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    for (first, sequence) in (1..=SPANS).step_by(500).zip(1..) {
        sink.write(&batch(1, sequence, &(first..first + 500).map(span).collect::<Vec<_>>())).unwrap();
    }
    let again: Vec<Span> = (100..120).map(|id| Span { status: Status::Cancelled, ..span(id) }).collect();
    sink.write(&batch(1, 100, &again)).unwrap();
    sink.write(&batch(1, 101, &[Span { status: Status::Running, ..span(SPANS + 1) }])).unwrap();
    sink
}

fn whole(store: &dyn Store) -> Vec<Span> {
    store.trace(store.find_run(&span(1).trace_id.to_string()).unwrap().id).unwrap()
}

#[test]
fn a_run_of_many_spans_comes_back_as_it_was() {
    let Some(server) = Server::start() else { return };
    let (store, memory) = (open(&server, "s"), MemoryStore::new());
    let sinks = [fill(&store), fill(&memory)];
    let (mut found, mut wanted) = (whole(&store), whole(&memory));
    assert_eq!(found.len() as u64, SPANS + 1);
    // How long it has been seen running is a matter of clocks.
    for spans in [&mut found, &mut wanted] {
        spans.last_mut().unwrap().duration_ns = 0;
    }
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_eq!(found, wanted);
    }
    assert_eq!(found[105].status, Status::Cancelled);
    drop(sinks);
}
