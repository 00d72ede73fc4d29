//! Random batches of all signals, as several writers would record them.

use std::collections::HashSet;
use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Attributes, Batch, BatchBuilder, InstrumentationScope, LogRecord, Metric, MetricKind, MetricPoint,
    MetricValue, Number, Resource, Severity, Span, SpanEvent, SpanId, SpanKind, SpanLink, SpanType, Status, Temporality,
    TraceId, WriterId, conventions as names, flags,
};

use super::chance::Chance;

/// 14 November 2023, 22:13:20 UTC, in nanoseconds.
const START_UNIX_NS: i64 = 1_700_000_000_000_000_000;
/// In the year 2100: what is open since then has been seen running for as long as it says.
const FUTURE_UNIX_NS: i64 = 4_102_444_800_000_000_000;
const NS_PER_S: i64 = 1_000_000_000;
const TRACES: u64 = 12;

/// Batches of a few writers, made from a seed.
///
/// Names and values are few, so that queries find some; times repeat, so that orders need their last resort; spans come
/// without parents, before their parents, as interrupted and ended after all, or stay open.
#[derive(Debug)]
pub struct Recording {
    chance: Chance,
    writers: Vec<Writer>,
    spans: u64,
    interrupted: Vec<Span>,
    /// The traces that have a pipeline already.
    tops: HashSet<TraceId>,
}

#[derive(Debug)]
struct Writer {
    id: WriterId,
    sequence: u64,
    /// Mostly the first, and then the other one for a batch.
    resources: [Arc<Resource>; 2],
}

impl Recording {
    /// Begins a recording.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let resource = |name: &str, number: u8| {
            let attributes = vec![(names::SERVICE_NAME.to_owned(), name.into()), ("rows".to_owned(), i64::from(number).into())];
            Arc::new(Resource { attributes, ..Resource::default() })
        };
        let writer = |number: u8| {
            let name = if number == 0 { "mixer" } else { "press" };
            let mut id = seed.to_be_bytes().repeat(2);
            id[0] = number;
            let id = WriterId::from_bytes(id.try_into().unwrap_or_default());
            Writer { id, sequence: 0, resources: [resource(name, number), resource("press", number + 7)] }
        };
        let writers = (0..3).map(writer).collect();
        Self { chance: Chance::new(seed), writers, spans: 0, interrupted: Vec::new(), tops: HashSet::new() }
    }

    /// Makes the next batch: up to so many spans, and some of everything else.
    pub fn batch(&mut self, most_spans: u64) -> Arc<Batch> {
        let writer = self.chance.below(self.writers.len() as u64) as usize;
        let writer = &mut self.writers[writer];
        writer.sequence += 1;
        let resource = Arc::clone(&writer.resources[usize::from(writer.sequence.is_multiple_of(4))]);
        let mut builder = BatchBuilder::new(writer.id, writer.sequence, resource);
        for _ in 0..self.chance.below(most_spans + 1) {
            let span = self.span();
            builder.push(&span);
        }
        if self.chance.tenths(2)
            && let Some(span) = self.interrupted.pop()
        {
            // Its events and links were told before.
            let (events, links) = (Vec::new(), Vec::new());
            builder.push(&Span { status: Status::Ok, duration_ns: span.duration_ns + 5, events, links, ..span });
        }
        self.others(&mut builder);
        Arc::new(builder.finish())
    }

    fn others(&mut self, builder: &mut BatchBuilder) {
        for _ in 0..self.chance.below(4) {
            let owner = (self.trace(), SpanId::from_u64(self.chance.below(20)));
            let owner = if self.chance.tenths(2) { (TraceId::NONE, SpanId::NONE) } else { owner };
            let event = self.event();
            builder.push_owned_event(owner, &event);
        }
        for _ in 0..self.chance.below(4) {
            let log = self.log();
            builder.push_owned_log(&log);
        }
        for _ in 0..self.chance.below(3) {
            let metric = self.metric();
            let row = builder.push_owned_metric(&metric);
            for _ in 0..self.chance.below(3) {
                let point = self.point();
                builder.push_owned_point(row, &point);
            }
        }
    }

    fn trace(&mut self) -> TraceId {
        let number = self.chance.below(TRACES);
        TraceId::from_bytes([b'a' ^ (number / 2) as u8, number as u8].repeat(8).try_into().unwrap_or_default())
    }

    fn start(&mut self) -> i64 {
        // Few moments within some minutes, so that equal ones occur.
        START_UNIX_NS + (self.chance.below(300) as i64) * NS_PER_S
    }

    fn span(&mut self) -> Span {
        self.spans += 1;
        let span_type = self.chance.of(&[SpanType::Pipeline, SpanType::Node, SpanType::Node, SpanType::Llm, SpanType::Custom]);
        let status =
            self.chance.of(&[Status::Ok, Status::Ok, Status::Ok, Status::Error, Status::Cancelled, Status::Interrupted]);
        let status = if self.chance.below(25) == 0 { Status::Running } else { status };
        let trace_id = self.trace();
        // A trace has one pipeline at its top.
        let has_top = span_type == SpanType::Pipeline && !self.tops.insert(trace_id);
        let parent = if self.chance.tenths(3) && !has_top { 0 } else { self.chance.below(self.spans) + 1 };
        let remote = if self.chance.tenths(2) { flags::HAS_IS_REMOTE | flags::IS_REMOTE } else { 0 };
        let begins = if remote == 0 && parent != 0 && self.spans.is_multiple_of(7) { flags::IS_RUN_ROOT } else { 0 };
        let span = Span {
            trace_id,
            span_id: SpanId::from_u64(self.spans),
            parent_id: SpanId::from_u64(parent),
            name: self.chance.of(&["node encode", "node clean", "pipeline digest", "Größe * 2", ""]).to_owned(),
            kind: self.chance.of(&[SpanKind::Internal, SpanKind::Client]),
            span_type,
            status,
            status_message: if status == Status::Error { self.text() } else { String::new() },
            start_unix_ns: if status == Status::Running { FUTURE_UNIX_NS } else { self.start() },
            duration_ns: self.chance.below(40) * 250_000_000,
            flags: flags::SAMPLED | remote | begins,
            attributes: self.attributes(),
            events: if self.chance.tenths(2) { vec![self.event()] } else { Vec::new() },
            links: if self.chance.tenths(1) { vec![self.link()] } else { Vec::new() },
            scope: self.chance.tenths(1).then(|| Arc::new(InstrumentationScope { name: "lib".into(), ..Default::default() })),
            ..Span::default()
        };
        if status == Status::Interrupted {
            self.interrupted.push(span.clone());
        }
        span
    }

    fn text(&mut self) -> String {
        self.chance.of(&["the disk is full", "Timed out: slow", "red", "12", "true", "a \"b\" \\ c", ""]).to_owned()
    }

    fn value(&mut self) -> AttributeValue {
        match self.chance.below(9) {
            0 | 1 => self.text().into(),
            2 => self.chance.of(&[12i64, 0, -3, i64::MAX, 9_007_199_254_740_993]).into(),
            3 => self.chance.of(&[12.0, 0.5, -0.0, 9_007_199_254_740_992.0, f64::INFINITY]).into(),
            4 => self.chance.tenths(5).into(),
            5 => AttributeValue::Bytes(vec![0xab, 0x12]),
            6 => AttributeValue::List(vec![self.text().into(), 12i64.into()]),
            7 => AttributeValue::Map(vec![("inner".to_owned(), self.text().into())]),
            _ => AttributeValue::Null,
        }
    }

    fn attributes(&mut self) -> Attributes {
        let keys = [names::NODE_ID, "rows", "tags", names::CACHE_STATUS, "wait_ms", names::PIPELINE_NAME, "odd name"];
        let mut attributes = Attributes::new();
        for key in keys {
            if self.chance.tenths(3) {
                let value = match key {
                    names::NODE_ID => self.chance.of(&["encode", "clean"]).into(),
                    names::CACHE_STATUS => self.chance.of(&["hit", "miss"]).into(),
                    names::PIPELINE_NAME => "digest".into(),
                    _ => self.value(),
                };
                attributes.push((key.to_owned(), value));
            }
        }
        attributes
    }

    fn event(&mut self) -> SpanEvent {
        let name = self.chance.of(&["exception", "stage.done", "Größe"]).to_owned();
        SpanEvent { name, unix_ns: self.start(), attributes: self.attributes(), dropped_attributes: 0 }
    }

    fn link(&mut self) -> SpanLink {
        SpanLink { trace_id: self.trace(), span_id: SpanId::from_u64(3), ..SpanLink::default() }
    }

    fn log(&mut self) -> LogRecord {
        LogRecord {
            unix_ns: if self.chance.tenths(8) { self.start() } else { 0 },
            observed_unix_ns: self.start(),
            severity: Severity(self.chance.below(25) as u8),
            severity_text: self.chance.of(&["", "warning", "INFO"]).to_owned(),
            event_name: self.chance.of(&["", "disk.full"]).to_owned(),
            body: self.value(),
            trace_id: if self.chance.tenths(3) { TraceId::NONE } else { self.trace() },
            span_id: SpanId::from_u64(self.chance.below(20)),
            attributes: self.attributes(),
            ..LogRecord::default()
        }
    }

    fn metric(&mut self) -> Metric {
        let name = self.chance.of(&["node.duration", "queue.depth"]);
        let kind = self.chance.of(&[MetricKind::Gauge, MetricKind::Counter]);
        Metric { unit: self.chance.of(&["s", ""]).to_owned(), ..Metric::new(name, kind, Temporality::Delta) }
    }

    fn point(&mut self) -> MetricPoint {
        let value = match self.chance.below(3) {
            0 => MetricValue::Missing,
            1 => MetricValue::Number(Number::Int(self.chance.of(&[12, 0, -3]))),
            _ => MetricValue::Number(Number::Float(self.chance.of(&[12.0, 0.5]))),
        };
        let (start_unix_ns, unix_ns) = (0, self.start());
        MetricPoint { start_unix_ns, unix_ns, value, attributes: self.attributes(), exemplars: Vec::new() }
    }
}
