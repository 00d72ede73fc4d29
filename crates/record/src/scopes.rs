//! The scopes that the collector knows: found by their numbers, the one that was asked for last without looking.

use std::sync::Arc;

use flowglass_model::TraceId;

use crate::core::Core;
use crate::id_hash::IdMap;
use crate::registry::Registry;
use crate::scope_shared::ScopeShared;

/// The scopes that records may come from.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    /// Places in `tracked`.
    places: IdMap<u64, usize>,
    tracked: Vec<Tracked>,
    /// The place of the scope that was asked for last: most records are of the same one as the record before.
    last: usize,
    arriving: Vec<Arc<ScopeShared>>,
}

/// A scope, and what the collector knows of it.
#[derive(Debug)]
pub(crate) struct Tracked {
    id: u64,
    pub(crate) shared: Arc<ScopeShared>,
    /// Whether anybody reads what the scope records; asked at most once a look.
    is_wanted: Option<bool>,
}

impl Scopes {
    /// Takes the scopes that were registered since the last time.
    pub(crate) fn adopt(&mut self, registry: &Registry) {
        registry.swap_registered(&mut self.arriving);
        for shared in self.arriving.drain(..) {
            self.places.insert(shared.id, self.tracked.len());
            self.tracked.push(Tracked { id: shared.id, shared, is_wanted: None });
        }
    }

    /// Says whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.tracked.is_empty()
    }

    /// Returns a scope.
    pub(crate) fn get(&self, id: u64) -> Option<&Tracked> {
        self.places.get(&id).map(|place| &self.tracked[*place])
    }

    /// Returns a scope; one that was registered during this look is adopted when its first record is read.
    #[inline]
    pub(crate) fn find(&mut self, id: u64, registry: &Registry) -> Option<&mut Tracked> {
        if self.tracked.get(self.last).is_none_or(|tracked| tracked.id != id) {
            self.last = self.place_of(id, registry)?;
        }
        self.tracked.get_mut(self.last)
    }

    /// Returns a scope of a trace that is recorded and held, or was.
    pub(crate) fn held(&self, trace: TraceId) -> Option<&ScopeShared> {
        let of_trace = self.tracked.iter().filter(|tracked| tracked.shared.trace_id == trace);
        of_trace.map(|tracked| &*tracked.shared).find(|scope| scope.held_fate().is_some())
    }

    /// Begins a look: tells `see` of each scope, and whether nobody but the collector has it any more.
    pub(crate) fn begin_look(&mut self, mut see: impl FnMut(&ScopeShared, bool)) {
        for tracked in &mut self.tracked {
            tracked.is_wanted = None;
            let is_gone = Arc::get_mut(&mut tracked.shared).is_some();
            see(&tracked.shared, is_gone);
        }
    }

    /// Forgets a scope.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Arc<ScopeShared>> {
        let place = self.places.remove(&id)?;
        let removed = self.tracked.swap_remove(place);
        if let Some(moved) = self.tracked.get(place) {
            self.places.insert(moved.id, place);
        }
        Some(removed.shared)
    }

    #[cold]
    fn place_of(&mut self, id: u64, registry: &Registry) -> Option<usize> {
        if !self.places.contains_key(&id) {
            self.adopt(registry);
        }
        self.places.get(&id).copied()
    }
}

impl Tracked {
    /// Says whether anybody reads what the scope records.
    #[inline]
    pub(crate) fn is_wanted(&mut self, core: &Core) -> bool {
        let trace = self.shared.trace_id;
        *self.is_wanted.get_or_insert_with(|| !core.outlets.is_empty() || core.retention.lock().wants(trace))
    }
}
