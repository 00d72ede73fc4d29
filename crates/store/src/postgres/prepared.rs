//! The rows of one commit, made before the transaction begins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flowglass_model::{Batch, Graph, Span, SpanId, Status, TraceId, WriterId};

use super::copy::Rows;
use super::facets::Tallied;
use super::failure::Failure;
use super::partitions::{NS_PER_DAY, Table};
use super::records::{self, Origin};
use super::rest::put_named;
use crate::block::rest;
use crate::sketch::tally;

/// So many rows of a commit have numbers of their own.
const ROWS_PER_COMMIT: u32 = 20;

/// What a commit writes.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) spans: Rows,
    pub(super) events: Rows,
    pub(super) links: Rows,
    pub(super) logs: Rows,
    pub(super) points: Rows,
    opened: BTreeMap<(TraceId, SpanId), (Span, Origin, i64)>,
    /// Spans that are open no more, and those that are told of anew; in one order that all writers keep.
    closed: BTreeSet<(TraceId, SpanId)>,
    pub(super) traces: BTreeMap<TraceId, Change>,
    pub(super) tallies: Vec<Vec<u8>>,
    /// How often what its spans say occurs.
    pub(super) facets: Tallied,
    pub(super) graphs: Vec<Arc<Graph>>,
    pub(super) writers: BTreeMap<WriterId, Wrote>,
    pub(super) days: BTreeSet<(Table, i64)>,
    /// The number of the next row.
    next: i64,
    last: i64,
}

/// What a commit adds to a trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) first_unix_ns: i64,
    pub(super) last_unix_ns: i64,
    pub(super) spans: i64,
    pub(super) errors: i64,
}

/// Up to which of its batches a writer has written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wrote {
    pub(super) sink: i64,
    pub(super) resource: i64,
    pub(super) sequence: i64,
}

impl Prepared {
    /// Begins the rows of a commit with this number.
    pub(super) fn new(commit: i64) -> Self {
        let next = commit << ROWS_PER_COMMIT;
        Self { next, last: next + (1 << ROWS_PER_COMMIT) - 1, ..Self::default() }
    }

    /// Adds a batch whose resource and sink have these numbers.
    pub(super) fn add(&mut self, batch: &Batch, resource: i64, sink: i64) -> Result<(), Failure> {
        for span in batch.spans() {
            self.span(&span.to_span(), resource)?;
        }
        self.open_and_close(batch, resource, sink);
        self.others(batch, resource)?;
        self.points(batch, resource)?;
        self.graphs.extend(batch.graphs.iter().map(Arc::clone));
        if !batch.spans.is_empty() {
            self.tallies.push(tally::of(&[batch]));
        }
        let sequence = records::stored(batch.sequence);
        let wrote = self.writers.entry(batch.writer).or_insert(Wrote { sink, resource, sequence });
        *wrote = Wrote { sink, resource, sequence: wrote.sequence.max(sequence) };
        Ok(())
    }

    /// A later batch may close what an earlier one of the same commit opened.
    fn open_and_close(&mut self, batch: &Batch, resource: i64, sink: i64) {
        for key in &batch.closed {
            self.opened.remove(key);
            self.closed.insert(*key);
        }
        for span in batch.opened() {
            let span = Span { status: Status::Running, ..span.to_span() };
            let (key, origin) = ((span.trace_id, span.span_id), self.origin(resource));
            self.closed.insert(key);
            self.opened.insert(key, (span, origin, sink));
        }
    }

    fn span(&mut self, span: &Span, resource: i64) -> Result<(), Failure> {
        self.day(Table::Span, span.start_unix_ns);
        let change = self.trace(span.trace_id, span.start_unix_ns);
        change.spans += 1;
        change.errors += i64::from(span.status == Status::Error);
        let origin = self.origin(resource);
        let run = records::run_name(span);
        self.facets.add(span, resource, run.as_deref());
        records::put_span(&mut self.spans, span, run.as_deref(), origin)
    }

    fn others(&mut self, batch: &Batch, resource: i64) -> Result<(), Failure> {
        for event in batch.events() {
            self.day(Table::Event, event.unix_ns());
            // A trace lies where its events are, too, though its spans may come later.
            if !event.owner().0.is_zero() {
                self.trace(event.owner().0, event.unix_ns());
            }
            let origin = self.origin(resource);
            records::put_event(&mut self.events, event.owner(), &event.to_event(), origin)?;
        }
        for link in batch.links() {
            let (row, origin) = (link.row(), self.origin(resource));
            records::put_link(&mut self.links, (row.trace_id, row.span_id), &link.to_link(), origin)?;
        }
        for log in batch.logs() {
            let (log, origin) = (log.to_log(), self.origin(resource));
            self.day(Table::Log, if log.unix_ns == 0 { log.observed_unix_ns } else { log.unix_ns });
            records::put_log(&mut self.logs, &log, origin)?;
        }
        Ok(())
    }

    fn points(&mut self, batch: &Batch, resource: i64) -> Result<(), Failure> {
        for (metric, points) in rest::metrics(batch) {
            let stored = put_named(&metric)?;
            for point in points {
                self.day(Table::Point, point.unix_ns);
                let origin = self.origin(resource);
                records::put_point(&mut self.points, &metric, &stored, &point, origin)?;
            }
        }
        Ok(())
    }

    fn trace(&mut self, trace: TraceId, unix_ns: i64) -> &mut Change {
        let change =
            self.traces.entry(trace).or_insert(Change { first_unix_ns: unix_ns, last_unix_ns: unix_ns, spans: 0, errors: 0 });
        change.first_unix_ns = change.first_unix_ns.min(unix_ns);
        change.last_unix_ns = change.last_unix_ns.max(unix_ns);
        change
    }

    fn day(&mut self, table: Table, unix_ns: i64) {
        self.days.insert((table, unix_ns.div_euclid(NS_PER_DAY)));
    }

    fn origin(&mut self, resource: i64) -> Origin {
        let written = self.next;
        self.next = self.last.min(written + 1);
        Origin { resource, written }
    }

    /// Returns the ids of spans to take from those that are open, as two columns.
    pub(super) fn closed(&self) -> (Vec<String>, Vec<String>) {
        self.closed.iter().map(|(trace, span)| (trace.to_string(), span.to_string())).unzip()
    }

    /// Returns the spans that are open from now on.
    pub(super) fn opened(&self) -> Result<Rows, Failure> {
        let mut rows = Rows::default();
        for (span, origin, sink) in self.opened.values() {
            records::put_opened(&mut rows, span, *origin, *sink)?;
        }
        Ok(rows)
    }
}

/// The changes of traces as columns, in one order that all writers keep: so none waits for another in a circle.
pub(super) type TraceColumns = (Vec<String>, Vec<i64>, Vec<i64>, Vec<i64>, Vec<i64>);

pub(super) fn columns(traces: &BTreeMap<TraceId, Change>) -> TraceColumns {
    let mut columns = TraceColumns::default();
    for (trace, change) in traces {
        columns.0.push(trace.to_string());
        columns.1.push(change.first_unix_ns);
        columns.2.push(change.last_unix_ns);
        columns.3.push(change.spans);
        columns.4.push(change.errors);
    }
    columns
}
