//! Where user code is called: a panic becomes an error, what blocks gets a thread, what takes too long is dropped.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use flowglass_record::{Context as Carried, Scope};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::level::cancelled;
use crate::cancel::CancelToken;
use crate::error::{BoxError, Error, ErrorKind, panic_text};
use crate::invocation::Invocation;
use crate::node::{Call, Inputs, Node, NodeContext, NodeSpec, Outputs};
use crate::value::Value;

/// A call that isn't ready.
pub(crate) type Attempt = Pin<Box<dyn Future<Output = Result<Outputs, BoxError>> + Send>>;

/// What a call has come to after its future was polled once.
pub(crate) enum First {
    /// It has made one value, as most do.
    One(Value),
    Ready(Result<Outputs, BoxError>),
    Pending(Attempt),
}

pub(crate) const NO_RUNTIME: &str =
    "this needs a tokio runtime for timers, retries or threads; run inside one, or use `wait()`";

/// Calls a node on this thread, and polls what it gives once.
#[inline]
pub(crate) fn first_poll(node: &dyn Node, call: &mut Invocation<'_>, cx: &mut Context<'_>) -> Result<First, Error> {
    let first = AssertUnwindSafe(|| match node.call(call) {
        Call::Ready(result) => {
            ready(ManuallyDrop::new(Poll::Ready(result))).unwrap_or_else(|| First::Ready(Ok(Outputs::new())))
        }
        Call::Pending(mut future) => {
            ready(ManuallyDrop::new(future.as_mut().poll(cx))).unwrap_or_else(|| First::Pending(future))
        }
    });
    catch_unwind(first).map_err(|panic| panicked(&*panic))
}

/// Takes the value of most calls out of its list where that was written. A list that is moved costs more than all else here: the
/// processor waits until words that were written one by one can be read as one.
#[inline]
fn ready(mut polled: ManuallyDrop<Poll<Result<Outputs, BoxError>>>) -> Option<First> {
    if let Poll::Ready(Ok(outputs)) = &mut *polled
        && outputs.len() == 1
        && !outputs.spilled()
        && let Some(value) = outputs.pop()
    {
        // What is left is an empty list without memory of its own.
        return Some(First::One(value));
    }
    match ManuallyDrop::into_inner(polled) {
        Poll::Ready(result) => Some(First::Ready(result)),
        Poll::Pending => None,
    }
}

/// Calls a node on this thread.
pub(crate) fn call(node: &dyn Node, inputs: Inputs, context: &NodeContext) -> Result<Call, Error> {
    let call = AssertUnwindSafe(|| node.call(&mut Invocation::owning(inputs, context)));
    catch_unwind(call).map_err(|panic| panicked(&*panic))
}

/// What bounds a call on a thread of its own.
pub(crate) struct ThreadLimits {
    /// Stops what runs around the call.
    pub(crate) cancel: CancelToken,
    pub(crate) timeout: Option<Duration>,
    /// How long the thread is waited for when it should have ended.
    pub(crate) grace: Duration,
    /// Told when the thread is left behind.
    pub(crate) detach: Box<dyn FnOnce() + Send>,
}

/// Calls a node on a thread of its own, where `scope` is the current one. When it should stop, its token says so; a thread
/// that takes no notice is left behind.
pub(crate) fn call_on_thread(
    node: Arc<dyn Node>,
    inputs: Inputs,
    mut context: NodeContext,
    scope: Scope,
    limits: ThreadLimits,
) -> Result<Call, Error> {
    let runtime = Handle::try_current().map_err(|_| no_runtime())?;
    let stop = limits.cancel.child();
    context.cancel = stop.clone();
    // Where nothing is recorded, what travels with the trace has no scope to be in.
    let carried = scope.is_off().then(Carried::current);
    let thread = runtime.spawn_blocking(move || {
        let _carried = carried.as_ref().map(Carried::enter);
        let _active = scope.activate();
        node.call(&mut Invocation::owning(inputs, &context))
    });
    Ok(Call::Pending(Box::pin(async move {
        let mut work = pin!(joined(thread));
        let why = tokio::select! {
            biased;
            // What a call that was asked to stop makes of that isn't a failure of its own.
            result = &mut work => return if limits.cancel.is_cancelled() { result.map_err(|_| cancelled().into()) } else { result },
            () = limits.cancel.cancelled() => cancelled(),
            () = sleep_or_never(limits.timeout) => took_longer(limits.timeout.unwrap_or_default()),
        };
        stop.cancel();
        if tokio::time::timeout(limits.grace, work).await.is_err() {
            (limits.detach)();
        }
        Err(Box::new(why) as BoxError)
    })))
}

/// What a thread's call gives in the end.
async fn joined(thread: JoinHandle<Call>) -> Result<Outputs, BoxError> {
    match thread.await {
        Ok(Call::Ready(result)) => result,
        Ok(Call::Pending(future)) => future.await,
        Err(join) => match join.try_into_panic() {
            Ok(panic) => Err(Box::new(panicked(&*panic)) as BoxError),
            Err(join) => Err(Box::new(join) as BoxError),
        },
    }
}

pub(crate) async fn sleep_or_never(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn took_longer(timeout: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("took longer than {timeout:?}"))
}

/// Bounds the time of an attempt.
pub(crate) fn bounded(future: Attempt, timeout: Option<Duration>) -> Attempt {
    let Some(timeout) = timeout else { return future };
    if Handle::try_current().is_err() {
        return Box::pin(async { Err(Box::new(no_runtime()) as BoxError) });
    }
    Box::pin(async move {
        let late = |_| Box::new(took_longer(timeout)) as BoxError;
        tokio::time::timeout(timeout, future).await.map_err(late)?
    })
}

/// Sees to it that a node gave as many outputs as it declared.
pub(crate) fn check(spec: &NodeSpec, result: Result<Outputs, BoxError>) -> Result<Outputs, Error> {
    let outputs = result.map_err(|source| match source.downcast::<Error>() {
        Ok(own) => *own,
        Err(source) => Error::from_node(source),
    })?;
    if outputs.len() == spec.outputs.len() {
        return Ok(outputs);
    }
    let (made, declared) = (outputs.len(), spec.outputs.len());
    Err(Error::new(ErrorKind::Node, format!("the node made {made} outputs and declares {declared}")))
}

pub(crate) fn no_runtime() -> Error {
    Error::new(ErrorKind::Environment, NO_RUNTIME)
}

/// A future of user code: a panic in it becomes an error, and it is dropped when its level stops.
pub(crate) struct Guarded {
    work: Option<Attempt>,
    asked: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Guarded {
    pub(crate) fn new(work: Attempt, cancel: &CancelToken) -> Self {
        Self { work: Some(work), asked: Some(Box::pin(cancel.cancelled())) }
    }

    /// A future that sees itself to it that it ends.
    pub(crate) fn unstoppable(work: Attempt) -> Self {
        Self { work: Some(work), asked: None }
    }
}

impl Future for Guarded {
    type Output = Result<Outputs, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)))
            .unwrap_or_else(|panic| Poll::Ready(Err(Box::new(panicked(&*panic)))));
        if polled.is_pending() && self.asked.as_mut().is_some_and(|asked| asked.as_mut().poll(cx).is_ready()) {
            // What user code holds is let go now, not when somebody drops the whole run.
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(self.work.take())));
            return Poll::Ready(Err(Box::new(dropped.map_or_else(|panic| panicked(&*panic), |()| cancelled()))));
        }
        polled
    }
}

#[cold]
fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::new(ErrorKind::Panic, format!("panicked: {}", panic_text(panic)))
}
