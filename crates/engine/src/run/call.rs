//! One execution of a node: cache, attempts, timeout, and the way from inputs to outputs.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use flowglass_model::{CacheStatus, EventKind};
use flowglass_record::Tick;
use smallvec::SmallVec;

use super::attempts::Attempts;
use super::items::Items;
use super::keyed::{Keyed, output_signature};
use super::open_span::{Ended, OpenSpan, Spanned};
use super::shared::Level;
use super::slot::{Slot, Slots};
use crate::backend::Execution;
use crate::cache::Entry;
use crate::error::{BoxError, Error, ErrorKind, panic_text};
use crate::node::{Call, Inputs, Node, NodeContext, NodeSpec, Outputs};
use crate::pipeline::{Arg, NodeKind, PlanNode};
use crate::policy::Retry;
use crate::value::{KeyDigest, Type, ValueError};

/// What a piece of work gave.
pub(crate) struct Done {
    pub(crate) result: Result<Slots, Error>,
    /// Whether everything in it came from the cache.
    pub(crate) hit: bool,
    pub(crate) saved_ns: u64,
    pub(crate) end: Tick,
}

/// Work that has ended at its first poll, or is under way.
pub(crate) enum Begun {
    Done(Done),
    Running(Pin<Box<dyn Future<Output = Done> + Send>>),
}

impl Begun {
    /// Polls work once; what isn't ready is boxed.
    pub(crate) fn poll_once(mut work: impl Future<Output = Done> + Send + Unpin + 'static, cx: &mut Context<'_>) -> Self {
        match Pin::new(&mut work).poll(cx) {
            Poll::Ready(done) => Self::Done(done),
            Poll::Pending => Self::Running(Box::pin(work)),
        }
    }
}

/// One input of a call: where its value is, and the types on both sides.
pub(crate) struct Given {
    pub(crate) slot: Slot,
    pub(crate) have: Type,
}

/// The inputs of a call, in the order of the node's parameters.
pub(crate) type Givens = SmallVec<[Given; 2]>;

/// A node at one place: as itself, or as the item of a map.
pub(crate) struct CallSite {
    pub(crate) level: Arc<Level>,
    pub(crate) node: usize,
    pub(crate) site: u32,
    pub(crate) index: Option<u64>,
    pub(crate) recorded: bool,
    pub(crate) items: Option<Arc<Items>>,
}

impl CallSite {
    pub(crate) fn plan(&self) -> &PlanNode {
        &self.level.pipeline.0.nodes[self.node]
    }

    fn path(&self) -> String {
        self.level.place.inside(&self.plan().name, self.index).path()
    }

    pub(crate) fn error(&self, kind: ErrorKind, error: &ValueError) -> Error {
        Error::new(kind, error.to_string())
    }
}

/// Looks for a node's results in the cache without starting it.
pub(crate) fn lookup(level: &Arc<Level>, node: usize, given: &[Given]) -> Option<(Vec<Slot>, u64)> {
    let site = CallSite { level: Arc::clone(level), node, site: 0, index: None, recorded: false, items: None };
    let NodeKind::Call { node, spec } = &site.plan().kind else { return None };
    let keyed = Keyed::find(&site, &**node, spec, given).ok()??;
    let entry = keyed.lookup()?;
    Some((cached_slots(site.plan(), &entry, &keyed.signature), entry.cost_ns))
}

/// Runs a node: from the cache where it can, inline where the node is ready at once.
pub(crate) fn begin(site: CallSite, given: &[Given], start: Tick, cx: &mut Context<'_>) -> Begun {
    let NodeKind::Call { node, spec } = &site.plan().kind else { return unreachable_kind(start) };
    let (node, spec) = (Arc::clone(node), Arc::clone(spec));
    let open = OpenSpan::start_quiet(&site.level, site.site, site.index, site.recorded, start).with_items(site.items.as_ref());
    let told = |open: &OpenSpan| {
        site.level.tell(site.site, open.span(), site.index, start, EventKind::Started { total: None });
    };
    // A node tells of its start before the cache is asked; an item only when it really starts.
    if site.index.is_none() {
        told(&open);
    }
    let keyed = match Keyed::find(&site, &*node, &spec, given) {
        Ok(keyed) => keyed,
        Err(error) => return Begun::Done(fail(open, &site.path(), error, Tick::now())),
    };
    if let Some((signature, entry)) = keyed.as_ref().and_then(|keyed| Some((keyed.signature, keyed.lookup()?))) {
        return Begun::Done(hit(open, &entry, signature, site.plan()));
    }
    if site.index.is_some() {
        told(&open);
    }
    let inputs = match inputs(&site.plan().args, given) {
        Ok(inputs) => inputs,
        Err(error) => return Begun::Done(fail(open, &site.path(), site.error(ErrorKind::Cache, &error), Tick::now())),
    };
    let work = Work { context: context(&site, &open), site, node, spec, keyed };
    work.first_attempt(inputs, open, cx)
}

fn unreachable_kind(end: Tick) -> Begun {
    let result = Err(Error::new(ErrorKind::Build, "a pipeline was called as a function"));
    Begun::Done(Done { result, hit: false, saved_ns: 0, end })
}

fn context(site: &CallSite, open: &OpenSpan) -> NodeContext {
    let level = &site.level;
    NodeContext {
        run: level.run.id,
        span: open.span(),
        sampled: site.recorded && level.run.scope.is_sampled(),
        path: Arc::clone(&level.site(site.site).path),
        index: site.index.or_else(|| level.place.index()),
        attempt: 1,
        cancel: level.run.cancel.clone(),
    }
}

pub(crate) fn inputs(args: &[Arg], given: &[Given]) -> Result<Inputs, ValueError> {
    args.iter()
        .zip(given)
        .map(|(arg, given)| {
            arg.want
                .adapt(&given.have, given.slot.value(&given.have)?)
                .map_err(|error| ValueError::new(format!("input `{}`: {error}", arg.name)))
        })
        .collect()
}

fn fail(open: OpenSpan, path: &str, error: Error, end: Tick) -> Done {
    let error = error.at(path, open.index(), open.level.run.id, open.attempts);
    open.end(&Ended::Failed { error: &error }, end);
    Done { result: Err(error), hit: false, saved_ns: 0, end }
}

fn hit(open: OpenSpan, entry: &Arc<Entry>, signature: KeyDigest, plan: &PlanNode) -> Done {
    let end = Tick::now();
    let lookup_ns = open.frame.start.elapsed_ns(end);
    let saved_ns = entry.cost_ns;
    let slots = cached_slots(plan, entry, &signature).into();
    open.end(&Ended::Hit { signature: Some(&signature), saved_ns, lookup_ns }, end);
    Done { result: Ok(slots), hit: true, saved_ns, end }
}

fn cached_slots(plan: &PlanNode, entry: &Arc<Entry>, signature: &KeyDigest) -> Vec<Slot> {
    plan.exposed.iter().map(|&output| Slot::cached(entry, output, output_signature(signature, output))).collect()
}

/// A call on its way through its attempts.
struct Work {
    site: CallSite,
    node: Arc<dyn Node>,
    spec: Arc<NodeSpec>,
    context: NodeContext,
    keyed: Option<Keyed>,
}

type Attempt = Pin<Box<dyn Future<Output = Result<Outputs, BoxError>> + Send>>;

impl Work {
    fn retry(&self) -> Option<&Retry> {
        self.site.plan().retry.as_ref()
    }

    fn on_thread(&self) -> bool {
        let threads = self.site.level.config.backend.node_execution == Execution::Threads && !self.spec.asynchronous;
        self.spec.blocking || threads
    }

    fn first_attempt(self, inputs: Inputs, open: OpenSpan, cx: &mut Context<'_>) -> Begun {
        let again = self.retry().is_some().then(|| inputs.clone());
        let start = open.frame.start;
        match self.call(inputs, &open) {
            Ok(Call::Ready(result)) => {
                let end = Tick::now();
                let result = check(&self.spec, result);
                match (result, again) {
                    (Err(error), Some(inputs)) if self.retry().is_some_and(|retry| retry.again(1, &error)) => {
                        self.more_attempts(Err(error), (start, end), inputs, open, cx)
                    }
                    (result, _) => Begun::Done(self.complete(result, open, end)),
                }
            }
            Ok(Call::Pending(future)) => {
                let timeout = self.site.plan().timeout;
                match again {
                    None => self.only_attempt(bounded(future, timeout), open, cx),
                    Some(inputs) => {
                        let site = &self.site;
                        let error = Error::new(ErrorKind::Environment, NO_RUNTIME);
                        if tokio::runtime::Handle::try_current().is_err() {
                            return Begun::Done(fail(open, &site.path(), error, Tick::now()));
                        }
                        self.attempts_from(bounded(future, timeout), inputs, open, cx)
                    }
                }
            }
            Err(error) => Begun::Done(self.complete(Err(error), open, Tick::now())),
        }
    }

    /// Calls the node once, on this thread or on one of its own.
    fn call(&self, inputs: Inputs, open: &OpenSpan) -> Result<Call, Error> {
        if !self.on_thread() {
            return catch_unwind(AssertUnwindSafe(|| self.node.call(inputs, &self.context))).map_err(|panic| panicked(&*panic));
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| Error::new(ErrorKind::Environment, NO_RUNTIME))?;
        let (node, context) = (Arc::clone(&self.node), self.context.clone());
        let scope = self.site.level.run.scope.fork(&open.frame);
        let thread = runtime.spawn_blocking(move || {
            let _active = scope.activate();
            node.call(inputs, &context)
        });
        Ok(Call::Pending(Box::pin(async move {
            match thread.await {
                Ok(Call::Ready(result)) => result,
                Ok(Call::Pending(future)) => future.await,
                Err(join) => match join.try_into_panic() {
                    Ok(panic) => Err(Box::new(panicked(&*panic)) as BoxError),
                    Err(join) => Err(Box::new(join) as BoxError),
                },
            }
        })))
    }

    fn only_attempt(self, attempt: Attempt, open: OpenSpan, cx: &mut Context<'_>) -> Begun {
        let complete = move |open: OpenSpan, result: Result<Outputs, BoxError>, end: Tick| {
            let result = check(&self.spec, result);
            self.complete(result, open, end)
        };
        Begun::poll_once(Spanned::new(Guarded(attempt), open, complete), cx)
    }

    fn attempts_from(self, attempt: Attempt, inputs: Inputs, open: OpenSpan, cx: &mut Context<'_>) -> Begun {
        let start = open.frame.start;
        let first = Guarded(attempt);
        self.under_span(open, cx, move |this, attempts| {
            Box::pin(async move {
                let result = check(&this.spec, first.await);
                let end = Tick::now();
                this.go_on(result, (start, end), inputs, attempts).await
            })
        })
    }

    fn more_attempts(
        self,
        failed: Result<Outputs, Error>,
        time: (Tick, Tick),
        inputs: Inputs,
        open: OpenSpan,
        cx: &mut Context<'_>,
    ) -> Begun {
        self.under_span(open, cx, move |this, attempts| {
            Box::pin(async move { this.go_on(failed, time, inputs, attempts).await })
        })
    }

    /// Runs the rest of a call as one future under its span; the attempts made are recorded when it ends.
    fn under_span<F>(self, open: OpenSpan, cx: &mut Context<'_>, rest: F) -> Begun
    where
        F: FnOnce(Arc<Self>, Reporter) -> Pin<Box<dyn Future<Output = (Result<Outputs, Error>, Attempts)> + Send>>,
    {
        let this = Arc::new(self);
        let reporter = Reporter { span: open.span() };
        let work = rest(Arc::clone(&this), reporter);
        let complete = move |mut open: OpenSpan, (result, attempts): (Result<Outputs, Error>, Attempts), end: Tick| {
            let template = this.site.level.sites.nodes[this.site.node].attempt;
            open.record_attempts(template, &attempts);
            this.complete(result, open, end)
        };
        Begun::poll_once(Spanned::new(work, open, complete), cx)
    }

    /// Goes through further attempts until one is good or none is left.
    async fn go_on(
        &self,
        mut result: Result<Outputs, Error>,
        mut time: (Tick, Tick),
        inputs: Inputs,
        reporter: Reporter,
    ) -> (Result<Outputs, Error>, Attempts) {
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
            reporter.retried(self, number, delay, error);
            tokio::time::sleep(delay).await;
            context.attempt = number + 1;
            let start = Tick::now();
            result = self.further_attempt(inputs.clone(), &context).await;
            time = (start, Tick::now());
        }
    }

    async fn further_attempt(&self, inputs: Inputs, context: &NodeContext) -> Result<Outputs, Error> {
        let call = if self.on_thread() {
            let (node, context) = (Arc::clone(&self.node), context.clone());
            let thread = tokio::task::spawn_blocking(move || node.call(inputs, &context));
            thread.await.map_err(|join| match join.try_into_panic() {
                Ok(panic) => panicked(&*panic),
                Err(join) => Error::from_node(Box::new(join)),
            })?
        } else {
            catch_unwind(AssertUnwindSafe(|| self.node.call(inputs, context))).map_err(|panic| panicked(&*panic))?
        };
        let result = match call {
            Call::Ready(result) => result,
            Call::Pending(future) => Guarded(bounded(future, self.site.plan().timeout)).await,
        };
        check(&self.spec, result)
    }

    /// Ends the call: keeps its outputs, closes its span.
    fn complete(&self, result: Result<Outputs, Error>, open: OpenSpan, end: Tick) -> Done {
        let outputs = match result {
            Ok(outputs) => outputs,
            Err(error) => return fail(open, &self.site.path(), error, end),
        };
        let cost_ns = open.frame.start.elapsed_ns(end);
        let cache = self.keyed.as_ref().map_or(CacheStatus::Off, |keyed| keyed.store(&self.spec, &outputs, cost_ns));
        let signature = self.keyed.as_ref().map(|keyed| keyed.signature);
        let end = if self.keyed.is_some() { Tick::now() } else { end };
        let slots = self
            .site
            .plan()
            .exposed
            .iter()
            .map(|&output| {
                let signature = signature.as_ref().map(|signature| output_signature(signature, output));
                Slot::computed(Arc::clone(&outputs[output]), signature)
            })
            .collect();
        open.end(&Ended::Computed { cache, signature: signature.as_ref() }, end);
        Done { result: Ok(slots), hit: false, saved_ns: 0, end }
    }
}

pub(crate) const NO_RUNTIME: &str =
    "this needs a tokio runtime for timers, retries or threads; run inside one, or use `wait()`";

/// Tells of retries while the span is held by the future that makes them.
struct Reporter {
    span: flowglass_model::SpanId,
}

impl Reporter {
    fn retried(&self, work: &Work, attempt: u32, delay: Duration, error: &Error) {
        let failure = error.to_failure();
        let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        let kind = EventKind::Retried { attempt, delay_ns, failure: &failure };
        work.site.level.tell(work.site.site, self.span, work.site.index, Tick::now(), kind);
    }
}

/// Sees to it that a node gave as many outputs as it declared.
fn check(spec: &NodeSpec, result: Result<Outputs, BoxError>) -> Result<Outputs, Error> {
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

fn bounded(future: Attempt, timeout: Option<Duration>) -> Attempt {
    let Some(timeout) = timeout else { return future };
    if tokio::runtime::Handle::try_current().is_err() {
        return Box::pin(async { Err(Box::new(Error::new(ErrorKind::Environment, NO_RUNTIME)) as BoxError) });
    }
    Box::pin(async move {
        let late = |_| Box::new(Error::new(ErrorKind::Timeout, format!("took longer than {timeout:?}"))) as BoxError;
        tokio::time::timeout(timeout, future).await.map_err(late)?
    })
}

/// A future of user code: a panic in it becomes an error.
struct Guarded(Attempt);

impl Future for Guarded {
    type Output = Result<Outputs, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)))
            .unwrap_or_else(|panic| Poll::Ready(Err(Box::new(panicked(&*panic)))))
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::new(ErrorKind::Panic, format!("panicked: {}", panic_text(panic)))
}
