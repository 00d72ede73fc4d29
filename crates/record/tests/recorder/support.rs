//! Sinks that tests look into, and scopes with little to say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use flowglass_model::{
    Attributes, Batch, Sink, SinkError, SinkErrorKind, Span, SpanId, SpanKind, SpanType, Status, TraceId, flags,
};
use flowglass_record::{
    Frame, NO_INDEX, Recorder, RecorderBuilder, RecorderStats, Scope, ScopeSpec, SpanEnd, SpanMeter, SpanTemplate, Tick,
    Verdict,
};

/// Long enough never to pass in a test that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The place of each template of [`scope`].
pub(crate) const PIPELINE: u32 = 0;
pub(crate) const NODE: u32 = 1;
pub(crate) const ITEM: u32 = 2;

/// Batches that a sink took.
#[derive(Clone, Default)]
pub(crate) struct Taken(Arc<Mutex<Vec<Arc<Batch>>>>);

impl Taken {
    pub(crate) fn batches(&self) -> Vec<Arc<Batch>> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.batches().iter().flat_map(|batch| batch.spans().map(|span| span.to_span()).collect::<Vec<_>>()).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.spans().into_iter().map(|span| span.name).collect()
    }

    pub(crate) fn span(&self, name: &str) -> Span {
        self.spans().into_iter().find(|span| span.name == name).unwrap()
    }
}

impl Sink for Taken {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.0.lock().unwrap().push(Arc::clone(batch));
        Ok(())
    }
}

/// A sink that tells when it was given a batch, and waits for permission to take it.
pub(crate) struct Gated {
    pub(crate) begun: Sender<()>,
    pub(crate) permits: Receiver<()>,
}

impl Sink for Gated {
    fn write(&mut self, _: &Arc<Batch>) -> Result<(), SinkError> {
        let _ = self.begun.send(());
        self.permits.recv().map_err(|_| SinkError::new(SinkErrorKind::Permanent, "the gate is gone"))
    }
}

/// A recorder that flushes only when told, and what its sink takes.
pub(crate) fn recorder() -> (Recorder, Taken) {
    recorder_of(Recorder::builder())
}

/// As [`recorder`], set up in this way.
pub(crate) fn recorder_of(builder: RecorderBuilder) -> (Recorder, Taken) {
    let taken = Taken::default();
    (builder.export_interval(Duration::from_secs(3600)).sink("taken", taken.clone()).build(), taken)
}

pub(crate) fn template(name: &str, span_type: SpanType, indexed: bool, keys: &[&'static str]) -> SpanTemplate {
    SpanTemplate {
        name: name.into(),
        indexed,
        kind: SpanKind::Internal,
        span_type,
        attributes: vec![("static".into(), name.into())],
        keys: keys.to_vec(),
        meter: SpanMeter::default(),
    }
}

pub(crate) fn spec(sampled: bool, attributes: Attributes) -> ScopeSpec {
    let templates = Arc::new([
        template("pipeline p", SpanType::Pipeline, false, &[]),
        template("node n", SpanType::Node, false, &["a", "b", "c", "d", "e", "f"]),
        template("item", SpanType::Item, true, &[]),
    ]);
    let verdict = if sampled { Verdict::Record } else { Verdict::OnError };
    ScopeSpec { trace_id: TraceId::random(), verdict, templates, attributes }
}

pub(crate) fn scope(recorder: &Recorder) -> Scope {
    recorder.scope(spec(true, Attributes::new()))
}

pub(crate) fn frame(scope: &Scope, template: u32) -> Frame {
    Frame {
        span: scope.next_span(),
        parent: scope.current(),
        template,
        index: NO_INDEX,
        start: Tick::now(),
        flags: flags::SAMPLED,
    }
}

pub(crate) fn end(frame: Frame) -> SpanEnd<'static> {
    SpanEnd { frame, end: Tick::now(), status: Status::Ok, message: "", values: &[], extra: &[], failure: None }
}

/// Records a span from start to end.
pub(crate) fn record_one(scope: &Scope, template: u32) -> SpanId {
    let frame = frame(scope, template);
    scope.enter(&frame);
    scope.exit();
    scope.record(&end(frame));
    frame.span
}

/// Checks that each sink has everything or counts it as dropped.
pub(crate) fn assert_conserved(stats: &RecorderStats) {
    for sink in &stats.sinks {
        assert_eq!(stats.recorded, sink.delivered + stats.dropped(sink), "{stats:#?}");
    }
}
