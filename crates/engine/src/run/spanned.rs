//! Work that has a span for as long as it takes.

use std::pin::Pin;
use std::task::{Context, Poll};

use flowglass_record::Tick;

use super::open_span::OpenSpan;

/// Work under way: whenever it is polled, its span is the current one.
pub(crate) struct Spanned<F, C> {
    // Dropped first: what is inside ends before what is around it.
    inner: F,
    open: Option<OpenSpan>,
    complete: Option<C>,
}

impl<F, C> Spanned<F, C> {
    /// Puts work under a span; `complete` ends the span with what the work gave.
    pub(crate) fn new(inner: F, open: OpenSpan, complete: C) -> Self {
        Self { inner, open: Some(open), complete: Some(complete) }
    }
}

impl<F, C, D> Future for Spanned<F, C>
where
    F: Future + Unpin,
    C: FnOnce(OpenSpan, F::Output, Tick) -> D + Unpin,
{
    type Output = D;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<D> {
        let this = self.get_mut();
        let Some(open) = &this.open else { return Poll::Pending };
        let (scope, parked) = (&open.level.scope, open.is_parked());
        if parked {
            scope.resume(open.frame.span);
        }
        let polled = Pin::new(&mut this.inner).poll(cx);
        if parked {
            scope.suspend();
        }
        match polled {
            Poll::Pending => {
                if let Some(open) = &mut this.open {
                    open.park();
                }
                Poll::Pending
            }
            Poll::Ready(output) => match (this.open.take(), this.complete.take()) {
                (Some(open), Some(complete)) => Poll::Ready(complete(open, output, Tick::now())),
                _ => Poll::Pending,
            },
        }
    }
}
