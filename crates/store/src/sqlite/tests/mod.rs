//! Tests of the store as a whole, within one process.

mod asking;
mod damage;
mod faults;
mod forgetting;
mod merging;
mod places;
mod power;
mod reading;
mod times;
mod writing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowglass_model::{
    Batch, BatchBuilder, Resource, Span, SpanEvent, SpanId, SpanKind, SpanType, Status, TraceId, WriterId, conventions, flags,
};
use tempfile::TempDir;

use super::*;

/// A store in a folder of its own.
struct Fixture {
    folder: TempDir,
    store: SqliteStore,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create_or_open(&folder.path().join(".flowglass/flowglass.db")).unwrap();
        Self { folder, store }
    }

    fn sink(&self) -> SqliteSink {
        self.store.sink(SinkOptions { durability: Durability::Process, ..SinkOptions::default() }).unwrap()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(".flowglass/flowglass.db")
    }

    fn last_run(&self) -> RunRecord {
        self.store.runs(&RunFilter::default()).unwrap().remove(0)
    }
}

/// One writer's batches.
struct Recording {
    writer: WriterId,
    sequence: u64,
}

impl Recording {
    fn new() -> Self {
        Self { writer: WriterId::random(), sequence: 0 }
    }

    /// Makes the next batch from these spans; `closed` are among them.
    fn batch(&mut self, spans: &[Span], closed: &[&Span]) -> Arc<Batch> {
        self.sequence += 1;
        let mut builder = BatchBuilder::new(self.writer, self.sequence, Arc::new(Resource::default()));
        spans.iter().for_each(|span| builder.push(span));
        builder.batch_mut().closed = closed.iter().map(|span| (span.trace_id, span.span_id)).collect();
        Arc::new(builder.finish())
    }
}

fn trace(number: u8) -> TraceId {
    TraceId::from_bytes([number; 16])
}

fn span(trace_id: TraceId, id: u64, parent: u64, status: Status) -> Span {
    Span {
        trace_id,
        span_id: SpanId::from_u64(id),
        parent_id: SpanId::from_u64(parent),
        name: format!("node n{id}"),
        kind: SpanKind::Internal,
        span_type: SpanType::Node,
        status,
        status_message: String::new(),
        start_unix_ns: 1_000 + i64::try_from(id).unwrap_or(0),
        duration_ns: 10,
        flags: flags::SAMPLED,
        attributes: vec![("k".into(), "v".into())],
        ..Span::default()
    }
}

fn root(trace_id: TraceId, id: u64, status: Status) -> Span {
    Span { span_type: SpanType::Pipeline, name: "pipeline demo".into(), ..span(trace_id, id, 0, status) }
}

fn joined_root(trace_id: TraceId, id: u64, parent: u64, status: Status) -> Span {
    let flags = flags::SAMPLED | flags::HAS_IS_REMOTE | flags::IS_REMOTE;
    Span { parent_id: SpanId::from_u64(parent), flags, ..root(trace_id, id, status) }
}

fn event(name: &str, unix_ns: i64) -> SpanEvent {
    SpanEvent { name: name.into(), unix_ns, attributes: vec![("e".into(), 1i64.into())], ..SpanEvent::default() }
}
