//! What is stored: runs of a root and ten nodes each, with fresh random ids and ten attributes a node, from four writers in turn.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Batch, BatchBuilder, Span, SpanEvent, SpanId, SpanKind, SpanType, Status, TraceId, WriterId, conventions,
    flags,
};

const NODES_PER_RUN: u64 = 10;
const BATCH_SPANS: usize = 512;
const WRITERS: usize = 4;
/// So many things of those stored are remembered, to be asked for.
const SAMPLES: usize = 500;
const FIRST_UNIX_NS: i64 = 1_790_000_000_000_000_000;

/// Makes batches, one after the other, and remembers some of what is in them.
pub(super) struct Data {
    rng: fastrand::Rng,
    writers: Vec<(WriterId, u64, i64)>,
    turn: usize,
    waiting: Vec<Vec<Span>>,
    made: u64,
    pub(super) samples: Samples,
}

/// What was stored and can be asked for.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) traces: Vec<TraceId>,
    pub(super) attributes: Vec<(String, AttributeValue)>,
    /// How often each value of `node.id` was stored: the counts that must come back.
    pub(super) nodes: HashMap<String, u64>,
}

impl Data {
    pub(super) fn new() -> Self {
        let writers = (0..WRITERS).map(|_| (WriterId::random(), 0, FIRST_UNIX_NS)).collect();
        Self {
            rng: fastrand::Rng::new(),
            writers,
            turn: 0,
            waiting: vec![Vec::new(); WRITERS],
            made: 0,
            samples: Samples::default(),
        }
    }

    /// Makes the next batch of one of the writers.
    pub(super) fn batch(&mut self) -> Arc<Batch> {
        let writer = self.turn;
        self.turn = (self.turn + 1) % WRITERS;
        while self.waiting[writer].len() < BATCH_SPANS {
            let run = self.run(writer, NODES_PER_RUN);
            self.waiting[writer].extend(run);
        }
        let spans: Vec<Span> = self.waiting[writer].drain(..BATCH_SPANS).collect();
        self.in_batch(writer, &spans)
    }

    /// Makes batches of what is left of runs that were begun, so that all that is remembered is stored.
    pub(super) fn rest(&mut self) -> Vec<Arc<Batch>> {
        let waiting = std::mem::replace(&mut self.waiting, vec![Vec::new(); WRITERS]);
        waiting.iter().enumerate().map(|(writer, spans)| self.in_batch(writer, spans)).collect()
    }

    /// Makes one run of so many spans, cut into batches, and returns its trace.
    pub(super) fn large_run(&mut self, spans: u64) -> (TraceId, Vec<Arc<Batch>>) {
        let run = self.run(0, spans - 1);
        let trace = run[0].trace_id;
        (trace, run.chunks(BATCH_SPANS).map(|spans| self.in_batch(0, spans)).collect())
    }

    fn in_batch(&mut self, writer: usize, spans: &[Span]) -> Arc<Batch> {
        let (id, sequence, _) = &mut self.writers[writer];
        *sequence += 1;
        let mut builder = BatchBuilder::new(*id, *sequence, Arc::default());
        spans.iter().for_each(|span| builder.push(span));
        Arc::new(builder.finish())
    }

    /// Makes the spans of a run in the order in which they end.
    fn run(&mut self, writer: usize, nodes: u64) -> Vec<Span> {
        let (trace, root) = (TraceId::random(), SpanId::random());
        let (start, pipeline) = (self.writers[writer].2, format!("pipeline_{:02}", self.rng.u8(0..20)));
        let mut spans: Vec<Span> = (0..nodes).map(|at| self.node(writer, trace, root, &pipeline, at)).collect();
        let mut last = span(trace, root, SpanId::NONE, format!("pipeline {pipeline}"), start, self.writers[writer].2);
        last.span_type = SpanType::Pipeline;
        last.attributes = vec![(conventions::PIPELINE_NAME.into(), pipeline.into())];
        spans.push(last);
        self.remember(&spans);
        spans
    }

    fn node(&mut self, writer: usize, trace: TraceId, root: SpanId, pipeline: &str, at: u64) -> Span {
        let (rng, clock) = (&mut self.rng, &mut self.writers[writer].2);
        let start = *clock;
        *clock += rng.i64(20_000..20_000_000);
        let node = format!("step_{}", rng.u8(0..20));
        let mut made = span(trace, SpanId::from_u64(rng.u64(1..)), root, format!("node {node}"), start, *clock);
        made.attributes = vec![
            (conventions::NODE_ID.into(), node.into()),
            (conventions::PIPELINE_NAME.into(), pipeline.into()),
            (conventions::CACHE_STATUS.into(), ["hit", "miss", "write"][rng.usize(..3)].into()),
            (conventions::CACHE_SIGNATURE.into(), AttributeValue::Bytes((0..16).map(|_| rng.u8(..)).collect())),
            (conventions::CACHE_DURATION_MS.into(), AttributeValue::Float(rng.i32(1..5000) as f64 / 1000.0)),
            (conventions::BACKEND_NAME.into(), ["threads", "async"][rng.usize(..2)].into()),
            (conventions::RETRY_ATTEMPT.into(), AttributeValue::Int(rng.i64(1..4))),
            ("input.size_bytes".into(), AttributeValue::Int(rng.i64(0..100_000))),
            ("output.size_bytes".into(), AttributeValue::Int(rng.i64(0..10_000))),
            (conventions::MAP_INDEX.into(), AttributeValue::Int(at.cast_signed())),
        ];
        if rng.u8(0..100) == 0 {
            fail(&mut made, rng.u8(0..50));
        }
        made
    }

    fn remember(&mut self, spans: &[Span]) {
        for span in spans {
            if let Some(node) = span.text(conventions::NODE_ID) {
                *self.samples.nodes.entry(node.to_owned()).or_default() += 1;
            }
        }
        self.made += 1;
        // Each run has the same chance (reservoir sampling).
        let place = self.rng.u64(0..self.made);
        let place = usize::try_from(place).ok().filter(|&place| place < SAMPLES);
        let (Some(place), [first, ..]) = (place, spans) else { return };
        let attribute = first.attributes[self.rng.usize(0..first.attributes.len())].clone();
        if self.samples.traces.len() < SAMPLES {
            self.samples.traces.push(first.trace_id);
            self.samples.attributes.push(attribute);
        } else {
            self.samples.traces[place] = first.trace_id;
            self.samples.attributes[place] = attribute;
        }
    }
}

fn fail(node: &mut Span, column: u8) {
    node.status = Status::Error;
    node.status_message = "no such column".into();
    node.events.push(SpanEvent {
        name: "exception".into(),
        unix_ns: node.end_unix_ns(),
        attributes: vec![(conventions::EXCEPTION_MESSAGE.into(), format!("no such column: c{column}").into())],
        ..SpanEvent::default()
    });
}

fn span(trace_id: TraceId, span_id: SpanId, parent_id: SpanId, name: String, start: i64, end: i64) -> Span {
    Span {
        trace_id,
        span_id,
        parent_id,
        name,
        kind: SpanKind::Internal,
        span_type: SpanType::Node,
        status: Status::Ok,
        start_unix_ns: start,
        duration_ns: end.abs_diff(start),
        flags: flags::SAMPLED,
        ..Span::default()
    }
}
