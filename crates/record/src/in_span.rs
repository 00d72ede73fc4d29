//! Futures that have a span: open from the first poll to the end, and current whenever they are polled, on any thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use flowglass_model::{SpanId, Status, flags};
use pin_project_lite::pin_project;

use crate::active::Activation;
use crate::lanes::Loss;
use crate::open::{Frame, NO_INDEX, OpenFrame};
use crate::raw::{MessageRecord, Owner, USER_TEMPLATE, UserSpanRecord};
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;
use crate::{Context, Tick};

/// Gives futures a span; for every [`Future`].
pub trait InSpan: Future + Sized {
    /// Returns the future with a span inside of the one that is current now.
    ///
    /// The span starts with the first poll and ends with the future: as cancelled, if it is dropped before it is done. It
    /// is current whenever the future is polled, so that [`span`](crate::span) and
    /// [`set_attribute`](crate::set_attribute) find it, also behind an `.await` on another thread.
    fn in_span(self, name: &'static str) -> InSpanFuture<Self> {
        InSpanFuture { future: self, task: Task { name, context: Context::current(), open: None, has_started: false } }
    }
}

impl<F: Future> InSpan for F {}

pin_project! {
    /// A future with a span; see [`InSpan::in_span`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are polled"]
    pub struct InSpanFuture<F> {
        #[pin]
        future: F,
        task: Task,
    }
}

impl<F: Future> Future for InSpanFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.task.start();
        let activation = Activation::new(this.task.open.as_ref().map(|open| &open.scope));
        let done = this.future.poll(context);
        drop(activation);
        let output = ready!(done);
        this.task.end();
        Poll::Ready(output)
    }
}

/// What a future's span starts from, and the span while it is open.
#[derive(Debug)]
struct Task {
    name: &'static str,
    context: Context,
    open: Option<OpenTask>,
    has_started: bool,
}

/// The span has a scope of its own, which only whoever polls the future drives. It is the scope's root, and parked.
#[derive(Debug)]
struct OpenTask {
    scope: Arc<ScopeShared>,
    frame: Frame,
    name: &'static str,
}

impl Task {
    fn start(&mut self) {
        if !self.has_started {
            self.has_started = true;
            self.open = OpenTask::start(&self.context, self.name);
        }
    }

    fn end(&mut self) {
        if let Some(open) = self.open.take() {
            open.end(Status::Ok, "");
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let is_panic = std::thread::panicking();
            open.end(
                if is_panic { Status::Error } else { Status::Cancelled },
                if is_panic { "panicked" } else { "dropped before it ended" },
            );
        }
    }
}

impl OpenTask {
    fn start(context: &Context, name: &'static str) -> Option<Self> {
        let (parent_scope, parent) = context.recorded()?;
        let core = parent_scope.lanes.core()?;
        let span = SpanId::from_u64((fastrand::u64(..) ^ parent_scope.lanes.salt()).max(1));
        let (template, index, start) = (USER_TEMPLATE, NO_INDEX, Tick::now());
        let frame = Frame { span, parent, template, index, start, flags: flags::SAMPLED };
        let scope = core.fork_scope(parent_scope, &frame, context.carried());
        scope.open.open_parked(OpenFrame { frame, name: StaticText::pack(name) });
        Some(Self { scope, frame, name })
    }

    fn end(self, status: Status, message: &str) {
        let (scope, span) = (&self.scope, self.frame.span);
        if !message.is_empty() {
            let owner = Owner { scope: scope.id, span };
            scope.lanes.write_elsewhere(Loss::Part, &MessageRecord { owner, message });
        }
        scope.open.close(span);
        let end = UserSpanRecord { scope: scope.id, frame: self.frame, name: self.name, end: Tick::now(), status };
        scope.lanes.write(Loss::Span, end);
    }
}
