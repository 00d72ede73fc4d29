//! Tests of whole segments: what goes in comes back equal, and no bytes make decoding panic.

use std::sync::Arc;

use fastrand::Rng;
use flowglass_model::{AttributeValue, BatchBuilder, Span, SpanEvent, SpanId, WriterId};
use proptest::prelude::*;

use super::*;

fn value(rng: &mut Rng, depth: u8) -> AttributeValue {
    match rng.u8(0..if depth == 0 { 5 } else { 7 }) {
        0 => AttributeValue::Str(["", "a", "größer", "x\0y"][rng.usize(0..4)].repeat(rng.usize(0..4))),
        1 => AttributeValue::Bool(rng.bool()),
        2 => AttributeValue::Int([i64::MIN, -1, 0, 7, i64::MAX, rng.i64(..)][rng.usize(0..6)]),
        3 => AttributeValue::Float([0.5, -0.0, 3.0, 1e300, f64::MIN][rng.usize(0..5)]),
        4 => AttributeValue::Bytes((0..rng.usize(0..20)).map(|_| rng.u8(..)).collect()),
        5 => AttributeValue::List((0..rng.usize(0..3)).map(|_| value(rng, depth - 1)).collect()),
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

fn random_batch(seed: u64) -> Batch {
    let mut rng = Rng::with_seed(seed);
    let traces: Vec<_> = (0..rng.usize(1..6)).map(|_| TraceId::from_bytes(std::array::from_fn(|_| rng.u8(..)))).collect();
    let mut builder = BatchBuilder::new(WriterId::random(), 1, Arc::default());
    for _ in 0..[0, 1, 10, 1000][rng.usize(0..4)] {
        builder.push(&random_span(&mut rng, &traces));
    }
    builder.finish()
}

fn encoded(batch: &Batch) -> Encoded {
    let rows = Rows { arena: &batch.arena, spans: &batch.spans, events: &batch.events };
    encode(rows, &mut BlockEncoder::new().unwrap()).unwrap()
}

fn decoded(blocks: &[(u8, Vec<u8>)]) -> Result<Batch, Damaged> {
    decode(blocks.iter().map(|(number, block)| (*number, block.as_slice())), &mut BlockDecoder::new().unwrap())
}

fn assert_equal(found: &Batch, wanted: &Batch) {
    assert!(found.spans().map(|span| span.to_span()).eq(wanted.spans().map(|span| span.to_span())));
    let events = |batch: &Batch| batch.events().map(|event| (event.owner(), event.to_event())).collect::<Vec<_>>();
    assert_eq!(events(found), events(wanted));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_batch_comes_back_equal(seed: u64) {
        let batch = random_batch(seed);
        let encoded = encoded(&batch);
        assert_equal(&decoded(&encoded.blocks).unwrap(), &batch);
        prop_assert!(batch.spans.trace_id.iter().all(|trace| encoded.traces.contains(trace)));
    }

    #[test]
    fn random_bytes_are_damaged_or_a_batch_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decoded(&[(PACKED, bytes.clone())]);
        let mut encoder = BlockEncoder::new().unwrap();
        // Past the checksum: the content itself is hostile.
        let _ = decoded(&[(PACKED, encoder.encode(&bytes).unwrap())]);
        for section in 1..SECTIONS as u8 + 1 {
            let _ = decoded(&[(section, encoder.encode(&bytes).unwrap())]);
        }
    }

    #[test]
    fn a_changed_section_is_damaged_or_a_batch_but_never_a_panic(seed: u64, at: usize, byte: u8) {
        let (mut encoder, mut decoder) = (BlockEncoder::new().unwrap(), BlockDecoder::new().unwrap());
        let mut blocks = encoded(&random_batch(seed)).blocks;
        for number in 0..blocks.len() {
            let whole = blocks[number].1.clone();
            let mut content = decoder.decode(&whole).unwrap();
            let place = at % content.len();
            content[place] = byte;
            blocks[number].1 = encoder.encode(&content).unwrap();
            if let Ok(batch) = decoded(&blocks) {
                batch.spans().for_each(|span| drop(span.to_span()));
                batch.events().for_each(|event| drop(event.to_event()));
            }
            content.truncate(place);
            blocks[number].1 = encoder.encode(&content).unwrap();
            let _ = decoded(&blocks);
            blocks[number].1 = whole;
        }
    }
}

#[test]
fn a_missing_section_is_seen() {
    let batch = (0..).map(random_batch).find(|batch| encoded(batch).blocks.len() > 1).unwrap();
    let blocks = encoded(&batch).blocks;
    for missing in 0..blocks.len() {
        let mut rest = blocks.clone();
        rest.remove(missing);
        assert!(decoded(&rest).is_err(), "without {}", blocks[missing].0);
    }
    let twice = [blocks.clone(), blocks].concat();
    assert!(decoded(&twice).is_err());
}

#[test]
fn one_small_span_takes_one_small_block() {
    let mut builder = BatchBuilder::default();
    let mut span = random_span(&mut Rng::with_seed(1), &[TraceId::random()]);
    span.attributes.clear();
    span.events.clear();
    builder.push(&span);
    let encoded = encoded(&builder.finish());
    assert_eq!(encoded.blocks.len(), 1);
    assert!(encoded.blocks[0].1.len() < 140, "{}", encoded.blocks[0].1.len());
}
