//! Scopes on their way to the collector, and used ones on their way back.

use std::sync::Arc;

use flowglass_model::{Propagation, SpanId};
use parking_lot::Mutex;

use crate::fate::Fate;
use crate::lanes::Lanes;
use crate::open::Frame;
use crate::scope::{ScopeSpec, SpanTemplate};
use crate::scope_shared::ScopeShared;
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
    /// Whether somebody is told of the metrics that spans feed.
    is_metered: bool,
}

#[derive(Debug)]
struct State {
    registered: Vec<Arc<ScopeShared>>,
    used: Vec<Arc<ScopeShared>>,
    last_id: u64,
    anchor: Anchor,
}

impl Registry {
    pub(crate) fn new(is_metered: bool) -> Self {
        let state = State { registered: Vec::new(), used: Vec::new(), last_id: 0, anchor: Anchor::now() };
        Self { state: Mutex::new(state), no_templates: Arc::new([]), is_metered }
    }

    /// Makes a scope, and registers it if anything of it may be recorded, or its spans feed metrics. Returns how many the collector hasn't taken yet, too.
    pub(crate) fn make(&self, lanes: &Arc<Lanes>, spec: ScopeSpec, root: Root) -> (Arc<ScopeShared>, usize) {
        let mut state = self.state.lock();
        state.last_id += 1;
        let anchor = state.fresh_anchor();
        self.finish(&mut state, lanes, spec, (anchor, root), None)
    }

    /// Makes a scope for a part of another one's work, on the other one's time.
    pub(crate) fn fork(
        &self,
        lanes: &Arc<Lanes>,
        parent: &ScopeShared,
        (root, carried): (&Frame, Option<Arc<Propagation>>),
    ) -> (Arc<ScopeShared>, usize) {
        let mut state = self.state.lock();
        state.last_id += 1;
        let spec = parent.fork_spec(root);
        let fate = parent.fate_of_fork(spec.verdict);
        self.finish(&mut state, lanes, spec, (parent.anchor, (root.span, carried)), fate)
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
        let Some(own) = Arc::get_mut(&mut scope) else { return };
        own.empty(&self.no_templates);
        let mut state = self.state.lock();
        if state.used.len() < KEPT {
            state.used.push(scope);
        }
    }

    /// Returns the templates of a scope that has none.
    pub(crate) fn no_templates(&self) -> Arc<[SpanTemplate]> {
        Arc::clone(&self.no_templates)
    }

    fn finish(
        &self,
        state: &mut State,
        lanes: &Arc<Lanes>,
        spec: ScopeSpec,
        (anchor, root): (Anchor, Root),
        fate: Option<Arc<Fate>>,
    ) -> (Arc<ScopeShared>, usize) {
        let is_metered = self.is_metered && spec.templates.first().is_some_and(|template| !template.meter.metrics.is_empty());
        let is_registered = spec.verdict != Verdict::Never || is_metered;
        let used = if is_registered { state.used.pop() } else { None };
        let scope = ScopeShared::make(used, lanes, (state.last_id, anchor), spec, root, (fate, is_metered));
        if is_registered {
            state.registered.push(Arc::clone(&scope));
        }
        (scope, state.registered.len())
    }
}

impl State {
    /// Ticks are told by a reading of the wall clock that is at most a second old when their scope is made.
    fn fresh_anchor(&mut self) -> Anchor {
        if !self.anchor.is_fresh(Tick::now()) {
            self.anchor = Anchor::now();
        }
        self.anchor
    }
}
