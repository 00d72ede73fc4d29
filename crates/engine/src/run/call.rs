//! One execution of a node, the long way: cache, policies, and the way from inputs to outputs.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use flowglass_model::CacheStatus;
use flowglass_record::{Frame, Tick};
use smallvec::SmallVec;

use super::aftermath;
use super::ended::Ended;
use super::hit::{Hit, Recipe, any_lost, restore_first};
use super::keyed::{Keyed, NoKey};
use super::map::Shown;
use super::nested;
use super::open_span::OpenSpan;
use super::shared::Level;
use super::slot::{Slot, Slots};
use super::told::Lot;
use super::user_code::check;
use super::work::{Sent, Work};
use crate::cache::{Entry, Found};
use crate::error::{BoxError, Error, ErrorKind};
use crate::node::{Inputs, NodeContext, Outputs};
use crate::pipeline::{Arg, NodeKind, PlanNode, Whole};
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

    /// What it makes, of the outputs of the function or of the pipeline inside.
    pub(crate) fn outputs(&self) -> &[usize] {
        self.level.inside(self.node).map_or(&self.plan().exposed, |inside| &inside.needs.outputs)
    }

    /// What a cache can know of the pipeline that it is.
    pub(crate) fn whole(&self) -> Whole {
        self.level.inside(self.node).map(|inside| *inside.whole(self.plan())).unwrap_or_default()
    }

    /// What was made, as events tell of it.
    pub(crate) fn made<'a>(&'a self, slots: &'a Slots) -> Lot<'a> {
        let (ports, is_item) = (self.level.pipeline.0.ports_of(self.node), self.index.is_some());
        Lot::Made { slots, ports, picked: self.level.places(self.node), is_item }
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
        Err(NoKey::Failed(error)) => return Begun::Done(fail(started(&site, &given, start), &site.path(), error, Tick::now())),
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
            return Begun::Done(fail(started(&site, &given, start), &site.path(), error, Tick::now()));
        }
    };
    let shown = aftermath::shown(&site, &given);
    // What the level gave away for its last reader is to be moved, not cloned.
    let open = started(&site, &given, start);
    let away = is_away.then(|| Sent::new(given));
    let (node, spec) = (Arc::clone(node), Arc::clone(spec));
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
fn started(site: &CallSite, given: &[Given], start: Tick) -> OpenSpan {
    let open = OpenSpan::start_quiet(&site.level, site.site, site.index, site.recorded, start).showing(site.shown.clone());
    site.level.tell_start(&open, start, None, Lot::Given(given));
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
        sampled: recorded && level.scope.is_recording(),
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

pub(super) fn fail(open: OpenSpan, path: &str, error: Error, end: Tick) -> Done {
    let error = open.place(error, path);
    open.end(&Ended::Failed { error: &error }, end);
    Done { result: Err(error), hit: false, saved_ns: 0, end, began: None }
}

fn hit(site: CallSite, given: Givens, start: Tick, keyed: &Keyed, entry: Arc<Entry>) -> Done {
    let open = OpenSpan::start_quiet(&site.level, site.site, site.index, site.recorded, start).showing(site.shown.clone());
    // A node tells of its start though the cache has it; an item only when it really starts.
    if site.index.is_none() {
        site.level.tell_start(&open, start, None, Lot::Given(&given));
    }
    let end = Tick::now();
    let (lookup_ns, saved_ns) = (start.elapsed_ns(end), entry.cost_ns);
    let (level, node) = (Arc::clone(&site.level), site.node);
    let is_item = site.index.is_some();
    let slots: Slots = Hit::new(keyed.known(entry), level, node, Recipe::Item(Box::new((site, given)))).slots().collect();
    let ended = Ended::Hit { signature: Some(&keyed.signature), saved_ns, lookup_ns };
    open.end_with(&ended, end, Lot::Recalled { slots: &slots, is_item });
    Done { result: Ok(slots), hit: true, saved_ns, end, began: None }
}

/// Ends a direct call of a level's node: checks what it gave and closes its span.
pub(crate) fn conclude(open: OpenSpan, node: usize, result: Result<Outputs, BoxError>, end: Tick) -> Done {
    let level = Arc::clone(&open.level);
    let plan = &level.pipeline.0.nodes[node];
    let NodeKind::Call { spec, .. } = &plan.kind else { return not_a_call(end) };
    match check(spec, result) {
        Ok(outputs) => {
            let slots: Slots = plan.exposed.iter().map(|&output| Slot::unsigned(Arc::clone(&outputs[output]))).collect();
            let made = Lot::Made { slots: &slots, ports: level.pipeline.0.ports_of(node), picked: None, is_item: false };
            open.end_with(&Ended::Computed { cache: CacheStatus::Off, signature: None }, end, made);
            Done { result: Ok(slots), hit: false, saved_ns: 0, end, began: None }
        }
        Err(error) => fail(open, &level.place.inside(&plan.name, None).path(), error, end),
    }
}
