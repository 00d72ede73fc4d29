//! Futures that have a span: open from the first poll to the end, and current whenever they are polled, on any thread.

use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, ready};

use flowglass_model::Status;
use pin_project_lite::pin_project;

use crate::{Context, DetachedSpan};

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
        let activation = this.task.open.as_ref().map(DetachedSpan::enter);
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
    open: Option<DetachedSpan>,
    has_started: bool,
}

impl Task {
    fn start(&mut self) {
        if !self.has_started {
            self.has_started = true;
            self.open = self.context.open(self.name);
        }
    }

    fn end(&mut self) {
        if let Some(open) = self.open.take() {
            open.end(Status::Ok);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let is_panic = std::thread::panicking();
            // What is given up hasn't failed.
            _ = if is_panic { open.error("panicked") } else { open.explain("dropped before it ended") };
            open.end(if is_panic { Status::Error } else { Status::Cancelled });
        }
    }
}
