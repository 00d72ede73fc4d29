//! Measures what storing costs: `cargo run --release -p flowglass-store --example ingest -- [SPANS] [SPANS_PER_RUN] [BATCH]`.
//!
//! The data is that of a small pipeline: ten attributes a span, among them 16 random bytes, 1 % failures with an event.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use flowglass_model::{
    AttributeValue, Batch, BatchBuilder, Sink, Span, SpanEvent, SpanId, SpanKind, SpanType, Status, TraceId, WriterId,
    conventions, flags,
};
use flowglass_store::{Durability, RunFilter, SinkOptions, SqliteStore};

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (spans, run_spans, batch_spans) = (next(1_000_000)?, next(1000)?, next(512)?);
    let batches = batches(spans, run_spans, batch_spans);
    for durability in [Durability::Full, Durability::Process] {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("flowglass.db");
        ingest(&path, durability, &batches, spans)?;
        read(&path)?;
    }
    Ok(())
}

fn ingest(path: &Path, durability: Durability, batches: &[Arc<Batch>], spans: usize) -> Result<(), AnyError> {
    let store = SqliteStore::create_or_open(path)?;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut sink = store.sink(SinkOptions { durability })?;
    let mut slowest = 0.0_f64;
    for batch in batches {
        let start = Instant::now();
        sink.write(batch)?;
        slowest = slowest.max(start.elapsed().as_secs_f64());
    }
    sink.flush()?;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    drop(sink);
    drop(store);
    let info = SqliteStore::open(path)?.info()?;
    let millions = spans as f64 / 1e6;
    println!(
        "{durability:?}: {:.0} spans/s, {:.2} CPU-s per million, {:.3} ms a batch (slowest {:.1} ms), {:.1} B a span, {} segments, {} runs",
        spans as f64 / wall,
        cpu / millions,
        wall * 1e3 / batches.len() as f64,
        slowest * 1e3,
        info.size_bytes as f64 / spans as f64,
        info.segments,
        info.runs
    );
    Ok(())
}

fn read(path: &Path) -> Result<(), AnyError> {
    let start = Instant::now();
    let store = SqliteStore::open(path)?;
    let opened = start.elapsed();
    let start = Instant::now();
    let runs = store.runs(&RunFilter::default())?;
    let listed = start.elapsed();
    let start = Instant::now();
    let trace = store.trace(&runs[0])?;
    println!("  open {opened:?}, latest {} runs {listed:?}, trace of {} spans {:?}", runs.len(), trace.len(), start.elapsed());
    Ok(())
}

/// Returns the time that this process computed, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    // The kernel counts in hundredths of a second.
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn batches(spans: usize, run_spans: usize, batch_spans: usize) -> Vec<Arc<Batch>> {
    let writer = WriterId::random();
    let mut made = Vec::new();
    let mut builder = BatchBuilder::new(writer, 1, Arc::default());
    let mut clock = 1_790_000_000_000_000_000;
    let mut left = spans;
    while left > 0 {
        for span in run(run_spans.min(left), &mut clock) {
            builder.push(&span);
            left -= 1;
            if builder.batch_mut().spans.len() == batch_spans {
                let following = BatchBuilder::new(writer, made.len() as u64 + 2, Arc::default());
                made.push(Arc::new(std::mem::replace(&mut builder, following).finish()));
            }
        }
    }
    made.push(Arc::new(builder.finish()));
    made
}

/// Makes the spans of one run in the order in which they end.
fn run(spans: usize, clock: &mut i64) -> Vec<Span> {
    let (trace, base, start) = (TraceId::random(), fastrand::u64(..), *clock);
    let mut made: Vec<Span> = (1..spans as u64).map(|at| node(trace, base, at, clock)).collect();
    let mut root = span(trace, base, SpanId::NONE, "pipeline bench".into(), SpanType::Pipeline, start, *clock);
    root.attributes = vec![
        (conventions::PIPELINE_NAME.into(), "bench".into()),
        (conventions::PIPELINE_VERSION.into(), "1".into()),
        (conventions::NODE_COUNT.into(), AttributeValue::Int(spans as i64)),
    ];
    made.push(root);
    made
}

fn node(trace: TraceId, base: u64, at: u64, clock: &mut i64) -> Span {
    let start = *clock;
    *clock += fastrand::i64(20_000..20_000_000);
    let name = format!("step_{}", at % 20);
    let id = base.wrapping_add(at);
    let mut node = span(trace, id, SpanId::from_u64(base), format!("node {name}"), SpanType::Node, start, *clock);
    node.attributes = vec![
        (conventions::NODE_ID.into(), name.into()),
        (conventions::PIPELINE_NAME.into(), "bench".into()),
        (conventions::CACHE_STATUS.into(), ["hit", "miss", "write"][fastrand::usize(..3)].into()),
        (
            conventions::CACHE_SIGNATURE.into(),
            AttributeValue::Bytes(std::iter::repeat_with(|| fastrand::u8(..)).take(16).collect()),
        ),
        (conventions::CACHE_DURATION_MS.into(), AttributeValue::Float(fastrand::i64(1..5000) as f64 / 1000.0)),
        (conventions::BACKEND_NAME.into(), "threads".into()),
        (conventions::WORKER_ID.into(), AttributeValue::Int(fastrand::i64(0..8))),
        ("input.size_bytes".into(), AttributeValue::Int(fastrand::i64(0..100_000))),
        ("output.size_bytes".into(), AttributeValue::Int(fastrand::i64(0..10_000))),
        (conventions::MAP_INDEX.into(), AttributeValue::Int(at as i64)),
    ];
    if at.is_multiple_of(100) {
        fail(&mut node);
    }
    node
}

fn fail(node: &mut Span) {
    node.status = Status::Error;
    node.status_message = "no such column".into();
    let message = format!("no such column: c{}", fastrand::u8(..50));
    node.events.push(SpanEvent {
        name: "exception".into(),
        unix_ns: node.end_unix_ns(),
        attributes: vec![(conventions::EXCEPTION_MESSAGE.into(), message.into())],
        ..SpanEvent::default()
    });
}

fn span(trace_id: TraceId, id: u64, parent_id: SpanId, name: String, span_type: SpanType, start: i64, end: i64) -> Span {
    Span {
        trace_id,
        span_id: SpanId::from_u64(id),
        parent_id,
        name,
        kind: SpanKind::Internal,
        span_type,
        status: Status::Ok,
        status_message: String::new(),
        start_unix_ns: start,
        duration_ns: end.abs_diff(start),
        flags: flags::SAMPLED,
        attributes: Vec::new(),
        ..Span::default()
    }
}
