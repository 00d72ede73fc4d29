//! Scopes on their way to the collector, and used ones on their way back.

use std::sync::Arc;

use flowglass_model::{Attributes, Propagation, SpanId, TraceId};
use parking_lot::Mutex;

use crate::fate::Fate;
use crate::lanes::Lanes;
use crate::open::Frame;
use crate::scope::{ScopeSpec, SpanTemplate};
use crate::scope_shared::{ScopeShared, ScopeStart};
use crate::tick::Anchor;
use crate::{Tick, Verdict};

/// So many used scopes are kept.
const KEPT: usize = 1024;

/// The span that a scope's spans are in, and what travels with them.
type Root = (SpanId, Option<Arc<Propagation>>);

/// Makes scopes and tells the collector of those that record.
#[derive(Debug)]
pub(crate) struct Registry {
    state: Mutex<State>,
    no_templates: Arc<[SpanTemplate]>,
    /// So many scopes are registered at most, but for those that feed metrics.
    most: usize,
    /// Whether somebody is told of the metrics that spans feed.
    is_metered: bool,
}

#[derive(Debug)]
struct State {
    registered: Vec<Arc<ScopeShared>>,
    used: Vec<Arc<ScopeShared>>,
    last_id: u64,
    anchor: Anchor,
    /// How many scopes were registered and haven't been given back.
    live: usize,
}

impl Registry {
    /// Makes a registry of scopes that take about so many bytes at most, or are few: what is in others is lost, and counted when
    /// their records are read.
    pub(crate) fn new(is_metered: bool, bytes: usize) -> Self {
        let state = State { registered: Vec::new(), used: Vec::new(), last_id: 0, anchor: Anchor::now(), live: 0 };
        let most = (bytes / size_of::<ScopeShared>()).max(KEPT);
        Self { state: Mutex::new(state), no_templates: Arc::new([]), most, is_metered }
    }

    /// Makes a scope, and registers it if anything of it may be recorded, or its spans feed metrics. Returns how many the
    /// collector hasn't taken yet, too.
    pub(crate) fn make(&self, lanes: &Arc<Lanes>, spec: ScopeSpec, root: Root) -> (Arc<ScopeShared>, usize) {
        self.make_sharing(lanes, spec, root, None)
    }

    /// As [`make`](Self::make), in a trace of which others have a part as well.
    pub(crate) fn make_sharing(
        &self,
        lanes: &Arc<Lanes>,
        spec: ScopeSpec,
        root: Root,
        fate: Option<Arc<Fate>>,
    ) -> (Arc<ScopeShared>, usize) {
        self.begin(lanes, (spec.trace_id, spec.verdict, fate), root, Some((spec.templates, spec.attributes)))
    }

    /// As [`make`](Self::make), for spans that have neither templates nor attributes in common.
    pub(crate) fn make_plain(&self, lanes: &Arc<Lanes>, of: (TraceId, Verdict), root: Root) -> (Arc<ScopeShared>, usize) {
        self.begin(lanes, (of.0, of.1, None), root, None)
    }

    /// Makes a scope for a part of another one's work, on the other one's time.
    pub(crate) fn fork(
        &self,
        lanes: &Arc<Lanes>,
        parent: &ScopeShared,
        (root, carried): (&Frame, Option<Arc<Propagation>>),
    ) -> (Arc<ScopeShared>, usize) {
        let spec = parent.fork_spec(root);
        let fate = parent.fate_of_fork(spec.verdict);
        let is_metered = self.meters(&spec.templates);
        let mut state = self.state.lock();
        let (id, anchor) = (state.next_id(), parent.anchor);
        let (trace_id, verdict, root) = (spec.trace_id, spec.verdict, root.span);
        let dress = Some((spec.templates, spec.attributes));
        let start = ScopeStart { id, anchor, trace_id, verdict, root, carried, fate, is_metered, dress };
        self.register(&mut state, lanes, start)
    }

    /// Takes the scopes that were registered since the last time, and leaves an empty buffer for those to come: whoever
    /// makes a scope need not allocate.
    pub(crate) fn swap_registered(&self, empty: &mut Vec<Arc<ScopeShared>>) {
        std::mem::swap(&mut self.state.lock().registered, empty);
    }

    /// Returns how many scopes the collector hasn't taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().registered.len()
    }

    /// Takes back a scope that nobody else holds.
    pub(crate) fn give_back(&self, mut scope: Arc<ScopeShared>) {
        let own = Arc::get_mut(&mut scope);
        let is_free = own.map(|own| own.empty(&self.no_templates)).is_some();
        let mut state = self.state.lock();
        state.live = state.live.saturating_sub(1);
        if is_free && state.used.len() < KEPT {
            state.used.push(scope);
        }
    }

    #[inline]
    fn begin(
        &self,
        lanes: &Arc<Lanes>,
        (trace_id, verdict, fate): (TraceId, Verdict, Option<Arc<Fate>>),
        (root, carried): Root,
        dress: Option<(Arc<[SpanTemplate]>, Attributes)>,
    ) -> (Arc<ScopeShared>, usize) {
        let is_metered = dress.as_ref().is_some_and(|(templates, _)| self.meters(templates));
        let mut state = self.state.lock();
        let (id, anchor) = (state.next_id(), state.fresh_anchor());
        let start = ScopeStart { id, anchor, trace_id, verdict, root, carried, fate, is_metered, dress };
        self.register(&mut state, lanes, start)
    }

    fn meters(&self, templates: &[SpanTemplate]) -> bool {
        self.is_metered && templates.first().is_some_and(|template| !template.meter.metrics.is_empty())
    }

    #[inline]
    fn register(&self, state: &mut State, lanes: &Arc<Lanes>, start: ScopeStart) -> (Arc<ScopeShared>, usize) {
        let is_registered = start.is_metered || (start.verdict != Verdict::Never && state.live < self.most);
        let used = if is_registered { state.used.pop() } else { None };
        let scope = ScopeShared::make(used, lanes, &self.no_templates, start);
        if is_registered {
            state.live += 1;
            state.registered.push(Arc::clone(&scope));
        }
        (scope, state.registered.len())
    }
}

impl State {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Ticks are told by a reading of the wall clock that is at most a second old when their scope is made.
    #[inline]
    fn fresh_anchor(&mut self) -> Anchor {
        if !self.anchor.is_fresh(Tick::now()) {
            self.anchor = Anchor::now();
        }
        self.anchor
    }
}
