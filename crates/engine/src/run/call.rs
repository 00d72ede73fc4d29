//! One execution of a node, the long way: cache, policies, and the way from inputs to outputs.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use flowglass_model::{CacheStatus, EventKind};
use flowglass_record::{Frame, Tick};
use smallvec::SmallVec;
use tokio::runtime::Handle;

use super::aftermath;
use super::handed::{self, Calling, SharedTrip};
use super::hit::{Hit, Recipe, any_lost, restore_first};
use super::keyed::{Identities, Keyed, NoKey};
use super::map::Shown;
use super::nested;
use super::open_span::{Ended, OpenSpan, Spanned};
use super::shared::Level;
use super::slot::{Slot, Slots};
use super::user_code::{self, Attempt, Guarded, ThreadLimits, bounded, check, no_runtime};
use crate::cache::{Entry, Found};
use crate::error::{BoxError, Error, ErrorKind};
use crate::node::{Call, Inputs, Node, NodeContext, NodeSpec, Outputs};
use crate::pipeline::{Arg, NodeKind, PlanNode};
use crate::value::{Type, ValueError};

/// What a piece of work gave.
pub(crate) struct Done {
    pub(crate) result: Result<Slots, Error>,
    /// Whether everything in it came from the cache.
    pub(crate) hit: bool,
    pub(crate) saved_ns: u64,
    /// When it really began, if that may be later than when it was started: it waited for a worker elsewhere.
    pub(crate) began: Option<Tick>,
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

/// One input of a call: where its value is, and its type there.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) slot: Slot,
    pub(crate) have: Type,
}

/// The inputs of a call, in the order of the node's parameters.
pub(crate) type Givens = SmallVec<[Given; 2]>;

/// A node at one place: as itself, or as the item of a map.
#[derive(Clone)]
pub(crate) struct CallSite {
    pub(crate) level: Arc<Level>,
    pub(crate) node: usize,
    pub(crate) site: u32,
    pub(crate) index: Option<u64>,
    pub(crate) recorded: bool,
    /// Whether sampling keeps what is inside, if that is recorded at all.
    pub(crate) sampled: bool,
    pub(crate) shown: Option<Shown>,
}

impl CallSite {
    /// A node of a level, as itself.
    pub(crate) fn of_node(level: &Arc<Level>, node: usize) -> Self {
        let site = level.sites.nodes[node].site;
        let (recorded, sampled) = (level.records(&level.pipeline.0.nodes[node].kind, level.sampled), level.sampled);
        Self { level: Arc::clone(level), node, site, index: None, recorded, sampled, shown: None }
    }

    pub(crate) fn plan(&self) -> &PlanNode {
        &self.level.pipeline.0.nodes[self.node]
    }

    pub(crate) fn path(&self) -> String {
        self.level.place.inside(&self.plan().name, self.index).path()
    }

    pub(crate) fn error(&self, kind: ErrorKind, error: &ValueError) -> Error {
        Error::new(kind, error.to_string())
    }
}

/// Looks for a node's results in the cache without starting it.
pub(crate) fn lookup(level: &Arc<Level>, at: usize, given: Givens) -> Option<(Slots, u64)> {
    let site = CallSite::of_node(level, at);
    let NodeKind::Call { node, spec } = &site.plan().kind else { return None };
    let keyed = Keyed::find(&site, &**node, spec, &given).ok()??;
    let Found::Hit(entry) = keyed.lookup(level, spec) else { return None };
    let saved_ns = entry.cost_ns;
    let recipe = Recipe::Node(given.into_iter().map(|given| given.slot).collect());
    Some((Hit::new(keyed.known(entry), Arc::clone(level), at, recipe).slots().collect(), saved_ns))
}

/// Runs a node: from the cache where it can, inline where the node is ready at once.
pub(crate) fn begin(site: CallSite, given: Givens, start: Tick, cx: &mut Context<'_>) -> Begun {
    begin_call(site, given, start, Ask::First, cx)
}

/// Runs a node of which the cache was found to know nothing.
pub(crate) fn begin_unknown(site: CallSite, given: Givens, keyed: Keyed, start: Tick, cx: &mut Context<'_>) -> Begun {
    begin_call(site, given, start, Ask::Asked(Box::new(keyed)), cx)
}

/// Computes a node once more, whatever the cache says.
pub(super) fn again(site: CallSite, given: Givens, cx: &mut Context<'_>) -> Begun {
    if matches!(site.plan().kind, NodeKind::Pipeline(_)) {
        return nested::begin(site, given, false, Tick::now(), cx);
    }
    begin_call(site, given, Tick::now(), Ask::Not, cx)
}

/// Whether the cache is asked before a node is computed.
enum Ask {
    First,
    /// It was, and had nothing.
    Asked(Box<Keyed>),
    /// What it has is lost.
    Not,
}

fn begin_call(site: CallSite, given: Givens, start: Tick, ask: Ask, cx: &mut Context<'_>) -> Begun {
    let NodeKind::Call { node, spec } = &site.plan().kind else { return Begun::Done(not_a_call(start)) };
    let is_first = matches!(ask, Ask::First);
    let keyed = match ask {
        Ask::Asked(keyed) => Ok(Some(*keyed)),
        Ask::First | Ask::Not => Keyed::find(&site, &**node, spec, &given),
    };
    let keyed = match keyed {
        Ok(keyed) => keyed,
        Err(NoKey::Lost) => return when_restored(site, given, is_first, cx),
        Err(NoKey::Failed(error)) => return Begun::Done(fail(started(&site, start), &site.path(), error, Tick::now())),
    };
    if let Some(keyed) = keyed.as_ref().filter(|_| is_first) {
        match keyed.lookup(&site.level, spec) {
            Found::Hit(entry) => return Begun::Done(hit(site, given, start, keyed, entry)),
            Found::Damaged(error) => site.level.run.totals.count_damage(error),
            Found::Miss => {}
        }
    }
    let is_away = site.level.config.remote.is_some();
    // What is handed out is loaded only where it must be, and by whoever hands it out.
    let inputs = match if is_away { Ok(Inputs::new()) } else { inputs(&site.plan().args, &given) } {
        Ok(inputs) => inputs,
        Err(_) if any_lost(&given) => return when_restored(site, given, is_first, cx),
        Err(error) => {
            let error = site.error(ErrorKind::Cache, &error);
            return Begun::Done(fail(started(&site, start), &site.path(), error, Tick::now()));
        }
    };
    let shown = aftermath::shown(&site, &given);
    // What the level gave away for its last reader is to be moved, not cloned.
    let away = is_away.then(|| Sent { given, trip: SharedTrip::default() });
    let (node, spec) = (Arc::clone(node), Arc::clone(spec));
    let open = started(&site, start);
    let context = context(&site.level, &open.frame, site.recorded, site.index);
    let work = Work { context, site, node, spec, keyed, away, shown };
    work.first_attempt(inputs, open, cx)
}

/// Begins a call when what it reads, and the cache has lost, has been computed again.
fn when_restored(site: CallSite, given: Givens, is_first: bool, cx: &mut Context<'_>) -> Begun {
    let ask = if is_first { Ask::First } else { Ask::Not };
    restore_first(given, move |given, cx| begin_call(site, given, Tick::now(), ask, cx), cx)
}

/// Opens the span of a call and tells of its start.
fn started(site: &CallSite, start: Tick) -> OpenSpan {
    let open = OpenSpan::start_quiet(&site.level, site.site, site.index, site.recorded, start).showing(site.shown.clone());
    site.level.tell(site.site, open.span(), site.index, start, EventKind::Started { total: None });
    open
}

#[cold]
fn not_a_call(end: Tick) -> Done {
    let result = Err(Error::new(ErrorKind::Build, "a pipeline was called as a function"));
    Done { result, hit: false, saved_ns: 0, end, began: None }
}

/// Makes what a node may know of its surroundings.
pub(crate) fn context(level: &Level, frame: &Frame, recorded: bool, index: Option<u64>) -> NodeContext {
    NodeContext {
        run: level.run.id,
        span: frame.span,
        sampled: recorded && level.scope.is_sampled(),
        path: Arc::clone(&level.site(frame.template).path),
        index: index.or_else(|| level.place.index()),
        attempt: 1,
        cancel: level.cancel.clone(),
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
    let error = open.place(error, path);
    open.end(&Ended::Failed { error: &error }, end);
    Done { result: Err(error), hit: false, saved_ns: 0, end, began: None }
}

fn hit(site: CallSite, given: Givens, start: Tick, keyed: &Keyed, entry: Arc<Entry>) -> Done {
    let open = OpenSpan::start_quiet(&site.level, site.site, site.index, site.recorded, start).showing(site.shown.clone());
    // A node tells of its start though the cache has it; an item only when it really starts.
    if site.index.is_none() {
        site.level.tell(site.site, open.span(), None, start, EventKind::Started { total: None });
    }
    let end = Tick::now();
    let (lookup_ns, saved_ns) = (start.elapsed_ns(end), entry.cost_ns);
    let (level, node) = (Arc::clone(&site.level), site.node);
    let slots = Hit::new(keyed.known(entry), level, node, Recipe::Item(Box::new((site, given)))).slots().collect();
    open.end(&Ended::Hit { signature: Some(&keyed.signature), saved_ns, lookup_ns }, end);
    Done { result: Ok(slots), hit: true, saved_ns, end, began: None }
}

/// Ends a direct call of a level's node: checks what it gave and closes its span.
pub(crate) fn conclude(open: OpenSpan, node: usize, result: Result<Outputs, BoxError>, end: Tick) -> Done {
    let level = Arc::clone(&open.level);
    let plan = &level.pipeline.0.nodes[node];
    let NodeKind::Call { spec, .. } = &plan.kind else { return not_a_call(end) };
    match check(spec, result) {
        Ok(outputs) => {
            open.end(&Ended::Computed { cache: CacheStatus::Off, signature: None }, end);
            let slots = plan.exposed.iter().map(|&output| Slot::unsigned(Arc::clone(&outputs[output]))).collect();
            Done { result: Ok(slots), hit: false, saved_ns: 0, end, began: None }
        }
        Err(error) => fail(open, &level.place.inside(&plan.name, None).path(), error, end),
    }
}

/// A call on its way through its attempts.
pub(super) struct Work {
    pub(super) site: CallSite,
    pub(super) node: Arc<dyn Node>,
    pub(super) spec: Arc<NodeSpec>,
    pub(super) context: NodeContext,
    keyed: Option<Keyed>,
    /// What is handed to a worker elsewhere.
    away: Option<Sent>,
    /// What it is given, for the case that it fails.
    shown: Vec<(String, String)>,
}

/// What a worker elsewhere is given, and when it had it.
struct Sent {
    given: Givens,
    trip: SharedTrip,
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

    fn first_attempt(self, inputs: Inputs, open: OpenSpan, cx: &mut Context<'_>) -> Begun {
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
            let is_kept = self.keyed.is_some();
            let calling = Calling { level, node, index, recorded, spec: &self.spec, context, frame, is_kept };
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
            // What is with a worker elsewhere has its time limit there.
            return Guarded::new(future, &self.site.level.cancel);
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
        let cost_ns = open.frame.start.elapsed_ns(end);
        let (cache, identities) = match &self.keyed {
            Some(keyed) => keyed.store(&self.site, &self.spec, &outputs, cost_ns),
            None => (CacheStatus::Off, Identities::Values),
        };
        let signature = self.keyed.as_ref().map(|keyed| keyed.signature);
        let end = if self.keyed.is_some() { Tick::now() } else { end };
        let slot = |&output: &usize| Slot::computed(Arc::clone(&outputs[output]), identities.of(output));
        let mut slots: Slots = self.site.plan().exposed.iter().map(slot).collect();
        if cache == CacheStatus::Write {
            self.leave_in_cache(&mut slots);
        }
        let began = Some(open.frame.start);
        open.end(&Ended::Computed { cache, signature: signature.as_ref() }, end);
        Done { result: Ok(slots), hit: false, saved_ns: 0, end, began }
    }

    /// Leaves large outputs that a worker made in the cache: whoever reads them next is most often a worker, too.
    fn leave_in_cache(&self, slots: &mut Slots) {
        let (Some(keyed), Some(Sent { given, trip })) = (&self.keyed, &self.away) else { return };
        if !trip.lock().is_large {
            return;
        }
        let Found::Hit(entry) = keyed.lookup(&self.site.level, &self.spec) else { return };
        let recipe = Recipe::Item(Box::new((self.site.clone(), given.clone())));
        let hit = Hit::new(keyed.known(entry), Arc::clone(&self.site.level), self.site.node, recipe);
        for (slot, left) in slots.iter_mut().zip(hit.slots()) {
            if left.stored().is_some() {
                *slot = left;
            }
        }
    }
}
