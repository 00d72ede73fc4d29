//! Further attempts of a node that failed: waits between them, and each attempt as a span of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use flowglass_model::EventKind;
use flowglass_record::{Frame, Tick};

use super::attempts::Attempts;
use super::call::Begun;
use super::level::cancelled;
use super::open_span::OpenSpan;
use super::spanned::Spanned;
use super::user_code::{Guarded, check};
use super::work::Work;
use crate::capture::told;
use crate::error::Error;
use crate::node::{Call, Inputs, NodeContext, Outputs};
use crate::policy::Retry;

/// What the attempts of a call came to.
type Tried = (Result<Outputs, Error>, Attempts);

impl Work {
    pub(super) fn retry(&self) -> Option<&Retry> {
        self.site.plan().retry.as_ref()
    }

    /// Goes on from a first attempt that isn't ready.
    pub(super) fn attempts_from(self, first: Guarded, inputs: Inputs, open: OpenSpan, cx: &mut Context<'_>) -> Begun {
        let start = open.frame.start;
        self.under_span(open, cx, move |this, frame| {
            Box::pin(async move {
                let result = check(&this.spec, first.await);
                let end = Tick::now();
                this.go_on(result, (start, end), inputs, frame).await
            })
        })
    }

    /// Goes on from a first attempt that has failed at once.
    pub(super) fn more_attempts(
        self,
        failed: Result<Outputs, Error>,
        time: (Tick, Tick),
        inputs: Inputs,
        open: OpenSpan,
        cx: &mut Context<'_>,
    ) -> Begun {
        self.under_span(open, cx, move |this, frame| Box::pin(async move { this.go_on(failed, time, inputs, frame).await }))
    }

    /// Runs the rest of a call as one future under its span; the attempts made are recorded when it ends.
    fn under_span<F>(self, open: OpenSpan, cx: &mut Context<'_>, rest: F) -> Begun
    where
        F: FnOnce(Arc<Self>, Frame) -> Pin<Box<dyn Future<Output = Tried> + Send>>,
    {
        let this = Arc::new(self);
        let frame = open.frame;
        let work = rest(Arc::clone(&this), frame);
        let complete = move |mut open: OpenSpan, (result, attempts): Tried, end: Tick| {
            let template = this.site.level.sites.nodes[this.site.node].attempt;
            open.record_attempts(template, &attempts);
            this.complete(result, open, end)
        };
        Begun::poll_once(Spanned::new(work, open, complete), cx)
    }

    /// Goes through further attempts until one is good or none is left.
    async fn go_on(&self, mut result: Result<Outputs, Error>, mut time: (Tick, Tick), inputs: Inputs, frame: Frame) -> Tried {
        let mut attempts = Attempts::new();
        let mut context = self.context.clone();
        loop {
            let number = u32::try_from(attempts.len() + 1).unwrap_or(u32::MAX);
            attempts.push((time, result.as_ref().err().cloned()));
            let (Err(error), Some(retry)) = (&result, self.retry()) else { return (result, attempts) };
            if !retry.again(number, error) {
                return (result, attempts);
            }
            let delay = retry.wait(number, fastrand::f64());
            self.tell_of_retry(&frame, number, delay, error);
            if !self.rested(delay).await {
                return (Err(cancelled()), attempts);
            }
            context.attempt = number + 1;
            let start = Tick::now();
            result = self.further_attempt(inputs.clone(), &context, &frame).await;
            time = (start, Tick::now());
        }
    }

    /// Waits before the next attempt; false if there is to be none.
    async fn rested(&self, delay: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.site.level.cancel.cancelled() => false,
            () = tokio::time::sleep(delay) => true,
        }
    }

    async fn further_attempt(&self, inputs: Inputs, context: &NodeContext, frame: &Frame) -> Result<Outputs, Error> {
        let result = match self.call(inputs, context, frame)? {
            Call::Ready(result) => result,
            Call::Pending(future) => self.guarded(future).await,
        };
        check(&self.spec, result)
    }

    fn tell_of_retry(&self, frame: &Frame, attempt: u32, delay: Duration, error: &Error) {
        let failure = told(&self.site.level.run.redaction, error.to_failure());
        let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        let kind = EventKind::Retried { attempt, delay_ns, failure: &failure };
        self.site.level.tell(self.site.site, frame.span, self.site.index, Tick::now(), kind);
    }
}
