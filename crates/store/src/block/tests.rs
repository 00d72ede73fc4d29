//! Tests of whole blocks: what goes in comes back equal, and no bytes make decoding panic.

use std::sync::Arc;

use fastrand::Rng;
use flowglass_model::{
    AttributeValue, BatchBuilder, Buckets, Exemplar, ExplicitHistogram, ExponentialHistogram, InstrumentationScope, LogRecord,
    Metric, MetricKind, MetricPoint, MetricValue, Number, Span, SpanEvent, SpanId, SpanLink, Summary, Temporality, Totals,
    TraceId, WriterId,
};
use proptest::prelude::*;

use super::*;

fn value(rng: &mut Rng, depth: u8) -> AttributeValue {
    match rng.u8(0..if depth == 0 { 6 } else { 8 }) {
        0 => AttributeValue::Str(["", "a", "größer", "x\0y"][rng.usize(0..4)].repeat(rng.usize(0..4))),
        1 => AttributeValue::Bool(rng.bool()),
        2 => AttributeValue::Int([i64::MIN, -1, 0, 7, i64::MAX, rng.i64(..)][rng.usize(0..6)]),
        3 => AttributeValue::Float([0.5, -0.0, 3.0, 1e300, f64::MIN][rng.usize(0..5)]),
        4 => AttributeValue::Bytes((0..rng.usize(0..20)).map(|_| rng.u8(..)).collect()),
        5 => AttributeValue::Null,
        6 => AttributeValue::List((0..rng.usize(0..3)).map(|_| value(rng, depth - 1)).collect()),
        _ => AttributeValue::Map((0..rng.usize(0..3)).map(|at| (at.to_string(), value(rng, depth - 1))).collect()),
    }
}

fn attributes(rng: &mut Rng) -> Vec<(String, AttributeValue)> {
    (0..rng.usize(0..5)).map(|_| (["k", "key.two", "", "ü"][rng.usize(0..4)].to_owned(), value(rng, 2))).collect()
}

fn random_span(rng: &mut Rng, traces: &[TraceId]) -> Span {
    let wild = rng.u8(0..4) == 0;
    Span {
        trace_id: traces[rng.usize(0..traces.len())],
        span_id: SpanId::from_u64(if wild { rng.u64(..) } else { rng.u64(0..50) }),
        parent_id: SpanId::from_u64(if wild { rng.u64(..) } else { rng.u64(0..3) }),
        name: format!("node {}", rng.u8(0..5)),
        kind: SpanKind::ALL[rng.usize(0..SpanKind::ALL.len())],
        span_type: SpanType::ALL[rng.usize(0..SpanType::ALL.len())],
        // Running ones would go to another table.
        status: Status::ALL[rng.usize(1..Status::ALL.len())],
        status_message: if rng.bool() { String::new() } else { "went wrong".into() },
        start_unix_ns: if wild { rng.i64(..) } else { 1_700_000_000_000_000_000 + rng.i64(0..1_000_000) },
        duration_ns: if wild { rng.u64(..) } else { rng.u64(0..1000) },
        flags: if wild { rng.u32(..) } else { 1 },
        attributes: attributes(rng),
        events: (0..rng.usize(0..3))
            .map(|_| SpanEvent {
                name: "log".into(),
                unix_ns: rng.i64(..),
                attributes: attributes(rng),
                ..SpanEvent::default()
            })
            .collect(),
        ..Span::default()
    }
}

fn number(rng: &mut Rng) -> Number {
    if rng.bool() { Number::Int(rng.i64(..)) } else { Number::Float([0.25, -0.0, 1e300][rng.usize(0..3)]) }
}

fn numbers<T>(rng: &mut Rng, of: impl Fn(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(0..4)).map(|_| of(rng)).collect()
}

fn totals(rng: &mut Rng) -> Totals {
    let some = |rng: &mut Rng| [None, Some(0.5), Some(-0.0), Some(0.0)][rng.usize(0..4)];
    Totals { count: rng.u64(..), sum: some(rng), min: some(rng), max: some(rng) }
}

fn metric_value(rng: &mut Rng) -> MetricValue {
    let buckets = |rng: &mut Rng| Buckets { offset: rng.i32(..), counts: numbers(rng, |rng| rng.u64(..)) };
    match rng.u8(0..5) {
        0 => MetricValue::Missing,
        1 => MetricValue::Number(number(rng)),
        2 => MetricValue::Explicit(ExplicitHistogram {
            totals: totals(rng),
            bounds: numbers(rng, Rng::f64),
            counts: numbers(rng, |rng| rng.u64(..)),
        }),
        3 => MetricValue::Exponential(ExponentialHistogram {
            totals: totals(rng),
            scale: rng.i32(..),
            zero_threshold: [0.0, 1e-6][rng.usize(0..2)],
            zero_count: rng.u64(..),
            positive: buckets(rng),
            negative: buckets(rng),
        }),
        _ => MetricValue::Summary(Summary { totals: totals(rng), quantiles: numbers(rng, |rng| (rng.f64(), rng.f64())) }),
    }
}

fn push_metric(rng: &mut Rng, builder: &mut BatchBuilder, traces: &[TraceId]) {
    let kind = MetricKind::ALL[rng.usize(0..MetricKind::ALL.len())];
    let temporality = Temporality::ALL[rng.usize(0..Temporality::ALL.len())];
    let scope = rng.bool().then(|| Arc::new(InstrumentationScope { name: "library".into(), ..Default::default() }));
    let unit = if rng.bool() { "s" } else { "" };
    let metric =
        Metric { unit: unit.into(), metadata: attributes(rng), scope, ..Metric::new("node.duration", kind, temporality) };
    let row = builder.push_owned_metric(&metric);
    for _ in 0..rng.usize(0..5) {
        let exemplar = |rng: &mut Rng| Exemplar {
            unix_ns: rng.i64(..),
            value: rng.bool().then(|| number(rng)),
            trace_id: [TraceId::NONE, traces[0], TraceId::from_bytes([9; 16])][rng.usize(0..3)],
            span_id: SpanId::from_u64(rng.u64(0..50)),
            attributes: attributes(rng),
        };
        let (value, attributes, exemplars) = (metric_value(rng), attributes(rng), numbers(rng, exemplar));
        let (start_unix_ns, unix_ns) = (rng.i64(..), rng.i64(..));
        builder.push_owned_point(row, &MetricPoint { start_unix_ns, unix_ns, value, attributes, exemplars });
    }
}

fn random_batch(seed: u64) -> Batch {
    let mut rng = Rng::with_seed(seed);
    let traces: Vec<_> = (0..rng.usize(1..6)).map(|_| TraceId::from_bytes(std::array::from_fn(|_| rng.u8(..)))).collect();
    let mut builder = BatchBuilder::new(WriterId::random(), 1, Arc::default());
    for _ in 0..[0, 1, 10, 1000][rng.usize(0..4)] {
        builder.push(&random_span(&mut rng, &traces));
    }
    for _ in 0..[0, 1, 3][rng.usize(0..3)] {
        push_metric(&mut rng, &mut builder, &traces);
    }
    builder.finish()
}

fn encoded(batch: &Batch) -> Encoded {
    encode(Rows::of(batch), &mut FrameEncoder::new().unwrap()).unwrap()
}

fn decoded(block: &Encoded) -> Result<Batch, Damaged> {
    let decoder = &mut FrameDecoder::default();
    let _ = decode_durations(&block.head, decoder);
    decode(&block.head, &block.body, decoder)
}

fn assert_equal(found: &Batch, wanted: &Batch) {
    assert!(found.spans().map(|span| span.to_span()).eq(wanted.spans().map(|span| span.to_span())));
    let events = |batch: &Batch| batch.events().map(|event| (event.owner(), event.to_event())).collect::<Vec<_>>();
    assert_eq!(events(found), events(wanted));
    assert_eq!(rest::metrics(found), rest::metrics(wanted));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_batch_comes_back_equal(seed: u64) {
        let batch = random_batch(seed);
        let block = encoded(&batch);
        assert_equal(&decoded(&block).unwrap(), &batch);
        let durations = decode_durations(&block.head, &mut FrameDecoder::default()).unwrap();
        prop_assert_eq!(&durations.duration_ns, &batch.spans.duration_ns);
        let names = durations.name.iter().map(|&name| durations.arena.text(name));
        prop_assert!(names.eq(batch.spans().map(|span| span.name())));
    }

    #[test]
    fn random_bytes_are_damaged_or_a_batch_but_never_a_panic(head in prop::collection::vec(any::<u8>(), 0..200), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decoded(&Encoded { head, body });
    }

    #[test]
    fn a_changed_part_is_damaged_or_a_batch_but_never_a_panic(seed: u64, at: usize, byte: u8) {
        let batch = random_batch(seed);
        let block = encoded(&batch);
        for part in 0..parts_of(&batch) {
            for change in [Change::Set(at, byte), Change::Cut(at)] {
                if let Ok(batch) = decoded(&changed(&block, part, change)) {
                    batch.spans().for_each(|span| drop(span.to_span()));
                    batch.events().for_each(|event| drop(event.to_event()));
                    rest::metrics(&batch);
                }
            }
        }
    }
}

const PARTS: usize = 8;

/// Returns how many frames a batch's block has: metrics have two of their own.
fn parts_of(batch: &Batch) -> usize {
    if batch.metrics.is_empty() { PARTS } else { PARTS + 2 }
}

#[derive(Clone, Copy)]
enum Change {
    Set(usize, u8),
    Cut(usize),
}

impl Change {
    fn apply(self, content: &mut Vec<u8>) {
        match self {
            _ if content.is_empty() => {}
            Self::Set(at, byte) => {
                let at = at % content.len();
                content[at] = byte;
            }
            Self::Cut(at) => content.truncate(at % content.len()),
        }
    }
}

/// Changes one frame's content behind its checksum: the content itself is hostile.
fn changed(block: &Encoded, part: usize, change: Change) -> Encoded {
    let (mut encoder, mut decoder) = (FrameEncoder::new().unwrap(), FrameDecoder::default());
    let mut number = 0;
    let mut rewrite = |mut frames: Reader<'_>, out: &mut Vec<u8>| {
        while !frames.is_empty() {
            let mut content = decoder.decode(frames.stream().unwrap().rest()).unwrap().into_owned();
            if number == part {
                change.apply(&mut content);
            }
            number += 1;
            put_stream(out, &encoder.encode(&content).unwrap());
        }
    };
    let mut head = Reader::new(&block.head);
    let (mut new_head, mut new_body) = (Vec::new(), Vec::new());
    put_varint(&mut new_head, head.varint().unwrap());
    rewrite(head, &mut new_head);
    rewrite(Reader::new(&block.body), &mut new_body);
    assert!(part < number, "there are {number} frames");
    Encoded { head: new_head, body: new_body }
}

#[test]
fn links_logs_metrics_and_what_was_left_out_come_back_equal() {
    let mut rng = Rng::with_seed(5);
    let scope = Arc::new(InstrumentationScope { name: "library".into(), ..InstrumentationScope::default() });
    let trace = TraceId::random();
    let link = SpanLink { trace_id: TraceId::random(), attributes: attributes(&mut rng), ..SpanLink::default() };
    let log = LogRecord {
        body: AttributeValue::Float(f64::INFINITY),
        trace_id: trace,
        attributes: attributes(&mut rng),
        scope: Some(Arc::clone(&scope)),
        ..LogRecord::default()
    };
    let mut builder = BatchBuilder::default();
    for at in 0..4 {
        let mut span = random_span(&mut rng, &[trace]);
        if at % 2 == 0 {
            (span.scope, span.trace_state, span.dropped.events) = (Some(Arc::clone(&scope)), "a=1".into(), at);
            span.links = vec![link.clone()];
        }
        builder.push(&span);
    }
    builder.push_owned_log(&log);
    let batch = builder.finish();
    let found = decoded(&encoded(&batch)).unwrap();
    assert_equal(&found, &batch);
    assert!(
        found
            .links()
            .map(|link| (link.row().span_id, link.to_link()))
            .eq(batch.links().map(|link| (link.row().span_id, link.to_link())))
    );
    assert_eq!(found.logs().map(|log| log.to_log()).collect::<Vec<_>>(), [log]);
}

#[test]
fn a_head_with_another_body_is_seen() {
    let mut batches = (0..).map(random_batch).filter(|batch| batch.spans.len() == 10);
    let (one, other) = (encoded(&batches.next().unwrap()), encoded(&random_batch(1)));
    assert!(decoded(&Encoded { head: one.head.clone(), body: Vec::new() }).is_err());
    assert!(decoded(&Encoded { head: Vec::new(), body: one.body.clone() }).is_err());
    if other.head != one.head {
        assert!(decoded(&Encoded { head: one.head, body: encoded(&Batch::default()).body }).is_err());
    }
}

#[test]
fn a_hostile_count_reserves_nothing() {
    let mut head = Vec::new();
    put_varint(&mut head, u64::MAX >> 1);
    let whole = encoded(&Batch::default());
    head.extend(&whole.head[1..]);
    assert!(decoded(&Encoded { head, body: whole.body }).is_err());
}

#[test]
fn one_small_span_is_small() {
    let mut builder = BatchBuilder::default();
    let mut span = random_span(&mut Rng::with_seed(1), &[TraceId::random()]);
    span.attributes.clear();
    span.events.clear();
    builder.push(&span);
    let block = encoded(&builder.finish());
    assert!(block.head.len() + block.body.len() < 160, "{} and {}", block.head.len(), block.body.len());
}
