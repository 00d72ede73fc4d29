//! A call on its way through its attempts: where it runs, what bounds it, and how it ends.

use std::sync::Arc;
use std::task::Context;

use flowglass_model::CacheStatus;
use flowglass_record::{Frame, Tick};
use smallvec::SmallVec;
use tokio::runtime::Handle;

use super::call::{Begun, CallSite, Done, Givens, fail};
use super::ended::Ended;
use super::handed::{self, Calling, Lying, SharedTrip};
use super::hit::{Hit, Recipe};
use super::keyed::{Identities, Keyed};
use super::open_span::OpenSpan;
use super::slot::{Slot, Slots};
use super::spanned::Spanned;
use super::user_code::{self, Attempt, Guarded, ThreadLimits, bounded, check, no_runtime};
use crate::error::{BoxError, Error};
use crate::node::{Call, Inputs, Node, NodeContext, NodeSpec, Outputs};

/// A call on its way through its attempts.
pub(super) struct Work {
    pub(super) site: CallSite,
    pub(super) node: Arc<dyn Node>,
    pub(super) spec: Arc<NodeSpec>,
    pub(super) context: NodeContext,
    pub(super) keyed: Option<Keyed>,
    /// What is handed to a worker elsewhere.
    pub(super) away: Option<Sent>,
    /// What it is given, for the case that it fails.
    pub(super) shown: Vec<(String, String)>,
}

/// What a worker elsewhere is given, and when it had it.
pub(super) struct Sent {
    given: Givens,
    trip: SharedTrip,
}

impl Sent {
    pub(super) fn new(given: Givens) -> Self {
        Self { given, trip: SharedTrip::default() }
    }
}

impl Work {
    fn on_thread(&self) -> bool {
        let level = &*self.site.level;
        let is_item = self.site.index.is_some();
        let threads = if is_item { level.items_use_threads() } else { level.uses_threads() };
        let has_own = is_item && level.is_on_thread;
        // What blocks can't be interrupted; on a thread it can at least be left behind when its time is over.
        let is_bounded = self.site.plan().timeout.is_some() && Handle::try_current().is_ok();
        let wants_own = self.spec.blocking || (!self.spec.asynchronous && (threads || is_bounded));
        wants_own && (is_bounded || !has_own)
    }

    pub(super) fn first_attempt(self, inputs: Inputs, open: OpenSpan, cx: &mut Context<'_>) -> Begun {
        let again = self.retry().is_some().then(|| inputs.clone());
        let start = open.frame.start;
        let attempt = match self.call(inputs, &self.context, &open.frame) {
            Ok(Call::Ready(result)) => {
                let end = Tick::now();
                let result = check(&self.spec, result);
                return self.first_ended(result, (start, end), again, open, cx);
            }
            Ok(Call::Pending(future)) => self.guarded(future),
            Err(error) => return Begun::Done(self.complete(Err(error), open, Tick::now())),
        };
        match again {
            None => self.only_attempt(attempt, open, cx),
            Some(_) if tokio::runtime::Handle::try_current().is_err() => {
                Begun::Done(fail(open, &self.site.path(), no_runtime(), Tick::now()))
            }
            Some(inputs) => self.attempts_from(attempt, inputs, open, cx),
        }
    }

    /// Takes what a first attempt gave that was ready at once.
    fn first_ended(
        self,
        result: Result<Outputs, Error>,
        time: (Tick, Tick),
        again: Option<Inputs>,
        open: OpenSpan,
        cx: &mut Context<'_>,
    ) -> Begun {
        match (result, again) {
            (Err(error), Some(inputs)) if self.retry().is_some_and(|retry| retry.again(1, &error)) => {
                self.more_attempts(Err(error), time, inputs, open, cx)
            }
            (result, _) => Begun::Done(self.complete(result, open, time.1)),
        }
    }

    /// Calls the node once, on this thread or on one of its own.
    pub(super) fn call(&self, inputs: Inputs, context: &NodeContext, frame: &Frame) -> Result<Call, Error> {
        if let (Some(remote), Some(Sent { given, trip })) = (&self.site.level.config.remote, &self.away) {
            let (level, node, index, recorded) = (&self.site.level, self.site.node, self.site.index, self.site.recorded);
            let keyed = self.keyed.as_ref();
            let calling = Calling { level, node, index, recorded, spec: &self.spec, context, frame, keyed };
            return Ok(Call::Pending(Box::pin(handed::call(remote, &calling, given.clone(), Arc::clone(trip)))));
        }
        if !self.on_thread() {
            return user_code::call(&*self.node, inputs, context);
        }
        let level = &self.site.level;
        let (run, span, path) = (Arc::clone(&level.run), frame.span, self.site.path());
        let limits = ThreadLimits {
            cancel: level.cancel.clone(),
            timeout: self.site.plan().timeout,
            grace: run.grace,
            detach: Box::new(move || run.detached.add(span, Some(path))),
        };
        user_code::call_on_thread(Arc::clone(&self.node), inputs, context.clone(), level.scope.fork(frame), limits)
    }

    /// Bounds a call's future: by its time, and by whoever stops its level. A thread sees to both itself.
    pub(super) fn guarded(&self, future: Attempt) -> Guarded {
        if self.site.level.config.remote.is_some() {
            // What is with a worker elsewhere has its time limit there, and is asked there to stop.
            return Guarded::unstoppable(future);
        }
        if self.on_thread() {
            return Guarded::unstoppable(future);
        }
        Guarded::new(bounded(future, self.site.plan().timeout), &self.site.level.cancel)
    }

    fn only_attempt(self, attempt: Guarded, open: OpenSpan, cx: &mut Context<'_>) -> Begun {
        let complete = move |open: OpenSpan, result: Result<Outputs, BoxError>, end: Tick| {
            let result = check(&self.spec, result);
            self.complete(result, open, end)
        };
        Begun::poll_once(Spanned::new(attempt, open, complete), cx)
    }

    fn fail(&self, open: OpenSpan, error: Error, end: Tick) -> Done {
        let path = self.site.path();
        let error = open.place(error, &path).explained(|report| {
            if report.inputs.is_empty() {
                report.inputs.clone_from(&self.shown);
            }
        });
        fail(open, &path, error, end)
    }

    /// Ends the call: keeps its outputs, closes its span.
    pub(super) fn complete(&self, result: Result<Outputs, Error>, mut open: OpenSpan, mut end: Tick) -> Done {
        // An item that waited for its worker began when the worker did.
        let away = self.away.as_ref().filter(|_| self.site.index.is_some() && self.retry().is_none());
        if let Some((start, ended)) = away.and_then(|away| away.trip.lock().times) {
            (open.frame.start, end) = (start, ended);
        }
        let outputs = match result {
            Ok(outputs) => outputs,
            Err(error) => return self.fail(open, error, end),
        };
        if let (Some(keyed), Some(sent)) = (&self.keyed, &self.away)
            && let Some(lying) = sent.trip.lock().lying.take()
        {
            return self.complete_lying(&outputs, lying, (keyed, sent), open, end);
        }
        let cost_ns = open.frame.start.elapsed_ns(end);
        let (cache, identities) = match &self.keyed {
            Some(keyed) => keyed.store(&self.site, &self.spec, &outputs, cost_ns),
            None => (CacheStatus::Off, Identities::Values),
        };
        let end = if self.keyed.is_some() { Tick::now() } else { end };
        let slot = |&output: &usize| Slot::computed(Arc::clone(&outputs[output]), identities.of(output));
        self.end(open, cache, self.site.plan().exposed.iter().map(slot).collect(), end)
    }

    /// Ends a call whose results lie in the cache, where a worker left them or somebody else.
    fn complete_lying(
        &self,
        outputs: &Outputs,
        lying: Lying,
        (keyed, sent): (&Keyed, &Sent),
        open: OpenSpan,
        end: Tick,
    ) -> Done {
        let hit = |entry| {
            let recipe = Recipe::Item(Box::new((self.site.clone(), sent.given.clone())));
            Hit::new(keyed.known(entry), Arc::clone(&self.site.level), self.site.node, recipe)
        };
        match lying {
            Lying::Known { entry, lookup_ns } => {
                let saved_ns = entry.cost_ns;
                let slots: Slots = hit(entry).slots().collect();
                let ended = Ended::Hit { signature: Some(&keyed.signature), saved_ns, lookup_ns };
                open.end_with(&ended, end, self.site.made(&slots));
                Done { result: Ok(slots), hit: true, saved_ns, end, began: None }
            }
            Lying::Brought(brought) => {
                let is_here: SmallVec<[bool; 4]> = brought.iter().map(|brought| brought.is_here).collect();
                let cost_ns = open.frame.start.elapsed_ns(end);
                let brought = brought.into_iter().map(|brought| brought.output).collect();
                let (cache, identities, entry) = keyed.adopt(&self.site, &self.spec, brought, cost_ns);
                let mut slots: Slots = if is_here.contains(&false) { hit(entry).slots().collect() } else { Slots::new() };
                for (at, &output) in self.site.plan().exposed.iter().enumerate().filter(|(_, output)| is_here[**output]) {
                    let slot = Slot::computed(Arc::clone(&outputs[output]), identities.of(output));
                    if let Some(lying) = slots.get_mut(at) { *lying = slot } else { slots.push(slot) }
                }
                self.end(open, cache, slots, Tick::now())
            }
        }
    }

    fn end(&self, open: OpenSpan, cache: CacheStatus, slots: Slots, end: Tick) -> Done {
        let (began, signature) = (Some(open.frame.start), self.keyed.as_ref().map(|keyed| &keyed.signature));
        open.end_with(&Ended::Computed { cache, signature }, end, self.site.made(&slots));
        Done { result: Ok(slots), hit: false, saved_ns: 0, end, began }
    }
}
