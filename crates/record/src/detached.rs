//! Spans that are bound to no thread: entered wherever their work goes on, and ended when they are dropped.

use std::sync::Arc;

use flowglass_model::{SpanId, Status, TraceParent, flags};

use crate::active::Activation;
use crate::lanes::Loss;
use crate::open::{Frame, NO_INDEX, OpenFrame};
use crate::raw::{
    LinkRecord, MessageRecord, Owner, Record, Standing, TextAttributeRecord, TextEventRecord, USER_TEMPLATE, UserSpanRecord,
};
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;
use crate::{Context, Recorder, Tick, Value};

/// A span that is bound to no thread: for code that starts it in one place and ends it in another, such as an adapter to some
/// other library. It may go anywhere, and is current wherever it is [`enter`](Self::enter)ed, on one thread at a time.
///
/// ```
/// use flowglass_record::{Context, Recorder, span};
///
/// let recorder = Recorder::in_memory();
/// let _root = recorder.root_span("root");
/// let request = Context::current().open("request");
/// std::thread::spawn(move || {
///     let request = request.expect("root is recorded");
///     let _inside = request.enter();
///     let _parse = span("parse, inside of request");
/// })
/// .join()
/// .unwrap();
/// ```
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub struct DetachedSpan {
    /// The span has a scope of its own, which only whoever enters it drives. It is the scope's root, and parked.
    scope: Arc<ScopeShared>,
    frame: Frame,
    name: &'static str,
    is_over: bool,
}

impl Context {
    /// Opens a span inside of the one that is current here. Nothing where none is recorded.
    pub fn open(&self, name: &'static str) -> Option<DetachedSpan> {
        let (scope, parent) = self.recorded()?;
        DetachedSpan::start(scope, parent, self.clone(), name)
    }
}

impl Recorder {
    /// Opens a span that starts a trace of its own, if that is recorded.
    pub fn open_root(&self, name: &'static str) -> Option<DetachedSpan> {
        let scope = self.root_scope(name)?;
        DetachedSpan::start(&scope, SpanId::NONE, Context::current(), name)
    }
}

impl DetachedSpan {
    fn start(around: &Arc<ScopeShared>, parent: SpanId, context: Context, name: &'static str) -> Option<Self> {
        let core = around.lanes.core()?;
        let span = SpanId::from_u64((fastrand::u64(..) ^ around.lanes.salt()).max(1));
        let (template, index, start) = (USER_TEMPLATE, NO_INDEX, Tick::now());
        let frame = Frame { span, parent, template, index, start, flags: flags::SAMPLED };
        let scope = core.fork_scope(around, &frame, context.carried());
        scope.open.open_parked(OpenFrame { frame, name: StaticText::pack(name) });
        Some(Self { scope, frame, name, is_over: false })
    }

    /// Returns the span's id.
    #[must_use]
    pub const fn id(&self) -> SpanId {
        self.frame.span
    }

    /// Makes the span the calling thread's current one, until the returned guard is dropped.
    pub fn enter(&self) -> Activation {
        Activation::new(Some(&self.scope))
    }

    /// Returns the context inside of the span.
    #[must_use]
    pub fn context(&self) -> Context {
        let _inside = self.enter();
        Context::current()
    }

    /// Gives the span an attribute.
    pub fn attr<'v>(&self, key: &str, value: impl Into<Value<'v>>) -> &Self {
        let (owner, value) = (self.owner(), value.into());
        self.write(Loss::Part, &TextAttributeRecord { owner, key, value })
    }

    /// Tells that something happened in the span.
    pub fn event(&self, name: &str, attributes: &[(&str, Value<'_>)]) -> &Self {
        let (owner, at) = (self.owner(), Tick::now());
        self.write(Loss::Event, &TextEventRecord { owner, at, name, attributes })
    }

    /// Tells that the span has to do with another one.
    pub fn link(&self, to: TraceParent, attributes: &[(&str, Value<'_>)]) -> &Self {
        let to = Standing { trace: to.trace_id, span: to.parent_id, flags: u32::from(to.sampled) };
        self.write(Loss::Part, &LinkRecord { owner: self.owner(), to, attributes })
    }

    /// Tells that the span fails, and why.
    pub fn error(&self, message: &str) -> &Self {
        self.write(Loss::Part, &MessageRecord { owner: self.owner(), message })
    }

    /// Ends the span.
    pub fn end(mut self, status: Status) {
        self.finish(status);
    }

    fn finish(&mut self, status: Status) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.scope.open.close(self.frame.span);
            let (owner, Frame { parent, start, .. }) = (self.owner(), self.frame);
            self.scope
                .lanes
                .write(Loss::Span, UserSpanRecord { owner, parent, start, end: Tick::now(), name: self.name, status });
        }
    }

    fn owner(&self) -> Owner {
        Owner { scope: self.scope.id, span: self.frame.span }
    }

    fn write(&self, loss: Loss, record: &dyn Record) -> &Self {
        self.scope.lanes.write_elsewhere(loss, record);
        self
    }
}

impl Drop for DetachedSpan {
    fn drop(&mut self) {
        self.finish(Status::Ok);
    }
}
