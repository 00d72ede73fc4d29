//! What all parts of one run share, and where a part stands in it.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use flowglass_model::{CacheStatus, Event, RunId, Site, SpanId};
use flowglass_record::{Scope, Tick};

use crate::backend::Execution;
use crate::callback::Tally;
use crate::cancel::CancelToken;
use crate::feed::Feeds;
use crate::pipeline::{Layout, LevelConfig, LevelSites, Pipeline};

/// Told of every event of a run, whatever callbacks its levels have: progress, a live view.
pub(crate) type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Shared by everything that runs for one call of `run` or `map`.
pub(crate) struct RunShared {
    pub(crate) id: RunId,
    pub(crate) scope: Scope,
    pub(crate) layout: Arc<Layout>,
    pub(crate) observer: Option<Observer>,
    pub(crate) cancel: CancelToken,
    pub(crate) clock: Clock,
    pub(crate) totals: Totals,
    pub(crate) map_items: MapItems,
    pub(crate) capture: Capture,
    pub(crate) seq: AtomicU64,
    /// What callbacks came to.
    pub(crate) tally: Arc<Tally>,
    pub(crate) feeds: Feeds,
}

/// Turns ticks into Unix time for events; spans are resolved by the recorder.
pub(crate) struct Clock {
    pub(crate) start: Tick,
    pub(crate) start_unix_ns: i64,
}

impl Clock {
    pub(crate) fn unix_ns(&self, tick: Tick) -> i64 {
        self.start_unix_ns.saturating_add_unsigned(self.start.elapsed_ns(tick))
    }
}

/// Which items of a map get spans. What is left out still counts in the map's aggregates, and a failed item always has its
/// span.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum MapItems {
    /// All up to 1,000, else about 1,000 of them, chosen by a hash of their index.
    #[default]
    Auto,
    /// All.
    Each,
    /// About this fraction, in [0, 1], chosen by a hash of their index.
    Sampled(f64),
    /// None.
    Off,
}

/// What of the values is put on spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Capture {
    /// The beginning of the value that an item works on; values named like secrets (password, token, …) are left out.
    #[default]
    Previews,
    /// Nothing.
    Off,
}

/// From this many items on, [`MapItems::Auto`] samples.
const AUTO_ITEMS: u64 = 1_000;

impl MapItems {
    /// Says whether the item with this index of a map of this many is recorded.
    pub(crate) fn keeps(self, index: u64, total: u64) -> bool {
        let rate = match self {
            Self::Auto if total <= AUTO_ITEMS => return true,
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
            Self::Auto => AUTO_ITEMS as f64 / total as f64,
            Self::Each => return true,
            Self::Sampled(rate) => rate,
            Self::Off => return false,
        };
        // SplitMix64's finaliser spreads neighbouring indexes: https://prng.di.unimi.it/splitmix64.c
        let mut hash = index.wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^= hash >> 31;
        #[expect(clippy::cast_precision_loss, reason = "the 53 upper bits are exact")]
        let unit = (hash >> 11) as f64 / (1u64 << 53) as f64;
        unit < rate
    }
}

/// What a run did, counted whether or not spans are recorded.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) nodes: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) saved_ns: AtomicU64,
    /// How many nodes asked the cache in vain.
    misses: AtomicU64,
    writes: AtomicU64,
    damaged: AtomicU64,
    /// The first thing that went wrong with the cache.
    problem: OnceLock<String>,
}

/// What the caches did for a run, its nested pipelines and maps included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheStats {
    /// How many nodes came from the cache.
    pub hits: u64,
    /// How many nodes were computed though they may be cached.
    pub misses: u64,
    /// How many of those were stored.
    pub writes: u64,
    /// How long the computations took that needn't be done again, in nanoseconds.
    pub saved_ns: u64,
    /// How many results the cache knew of but couldn't give; they were computed.
    pub damaged: u64,
    /// The first thing that went wrong with the cache, if something did. The run went on without it.
    pub problem: Option<String>,
}

impl Totals {
    pub(crate) fn count(&self, ended: &super::open_span::Ended<'_>) {
        use super::open_span::Ended;
        match ended {
            Ended::Hit { saved_ns, .. } => {
                self.hits.fetch_add(1, Relaxed);
                self.saved_ns.fetch_add(*saved_ns, Relaxed);
            }
            Ended::Failed { .. } => {
                self.nodes.fetch_add(1, Relaxed);
                self.failed.fetch_add(1, Relaxed);
            }
            Ended::Computed { cache, .. } => {
                self.nodes.fetch_add(1, Relaxed);
                self.misses.fetch_add(u64::from(matches!(cache, CacheStatus::Miss | CacheStatus::Write)), Relaxed);
                self.writes.fetch_add(u64::from(*cache == CacheStatus::Write), Relaxed);
            }
            Ended::Cancelled => {}
        }
    }

    /// Notes that the cache knows of a result but can't give it.
    pub(crate) fn count_damage(&self, problem: impl fmt::Display) {
        self.damaged.fetch_add(1, Relaxed);
        self.note_problem(problem);
    }

    /// Notes that something went wrong with the cache.
    pub(crate) fn note_problem(&self, problem: impl fmt::Display) {
        self.problem.get_or_init(|| problem.to_string());
    }

    pub(crate) fn cache(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            writes: self.writes.load(Relaxed),
            saved_ns: self.saved_ns.load(Relaxed),
            damaged: self.damaged.load(Relaxed),
            problem: self.problem.get().cloned(),
        }
    }
}

/// One pipeline at work: the root's, a nested one's, or that of a map's item.
pub(crate) struct Level {
    pub(crate) run: Arc<RunShared>,
    pub(crate) pipeline: Pipeline,
    pub(crate) sites: Arc<LevelSites>,
    pub(crate) config: LevelConfig,
    /// The span under which this level's spans hang.
    pub(crate) span: SpanId,
    /// Whether this level's spans are recorded (failures always are).
    pub(crate) recorded: bool,
    /// Whether this is, or is inside of, an item of a map whose items run on threads.
    pub(crate) in_thread: bool,
    pub(crate) place: Place,
}

/// Where something stands, with the indexes of the items around it: `digest > docs[3] > count`.
#[derive(Clone)]
pub(crate) struct Place(Arc<PlaceNode>);

struct PlaceNode {
    around: Option<Place>,
    name: Arc<str>,
    index: Option<u64>,
}

impl Place {
    pub(crate) fn root(name: &Arc<str>) -> Self {
        Self(Arc::new(PlaceNode { around: None, name: Arc::clone(name), index: None }))
    }

    pub(crate) fn inside(&self, name: &Arc<str>, index: Option<u64>) -> Self {
        Self(Arc::new(PlaceNode { around: Some(self.clone()), name: Arc::clone(name), index }))
    }

    /// The same place as an item of a top-level map.
    pub(crate) fn item(&self, index: u64) -> Self {
        let around = self.0.around.clone();
        Self(Arc::new(PlaceNode { around, name: Arc::clone(&self.0.name), index: Some(index) }))
    }

    /// The index of the nearest item around.
    pub(crate) fn index(&self) -> Option<u64> {
        self.0.index.or_else(|| self.0.around.as_ref()?.index())
    }

    pub(crate) fn path(&self) -> String {
        let mut path = self.0.around.as_ref().map(|around| around.path() + " > ").unwrap_or_default();
        path.push_str(&self.0.name);
        if let Some(index) = self.0.index {
            let _ = write!(path, "[{index}]");
        }
        path
    }
}

impl Level {
    pub(crate) fn site(&self, site: u32) -> &Site {
        &self.run.layout.sites[site as usize]
    }

    /// Says whether nodes of this level that aren't async run on threads.
    pub(crate) fn uses_threads(&self) -> bool {
        self.in_thread || self.config.backend.node_execution == Execution::Threads
    }

    /// Says whether items of this level's maps run on threads.
    pub(crate) fn items_use_threads(&self) -> bool {
        self.in_thread || self.config.backend.map_execution == Execution::Threads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_items_are_all_kept_and_many_are_sampled() {
        let kept = |rule: MapItems, total: u64| (0..total).filter(|&index| rule.keeps(index, total)).count();
        assert_eq!(kept(MapItems::Auto, 1_000), 1_000);
        let sampled = kept(MapItems::Auto, 100_000);
        assert!((900..1_100).contains(&sampled), "{sampled}");
        assert_eq!(kept(MapItems::Each, 5_000), 5_000);
        assert_eq!(kept(MapItems::Off, 10), 0);
        assert_eq!(kept(MapItems::Sampled(1.0), 100), 100);
    }

    #[test]
    fn places_name_items_where_they_stand() {
        let place = Place::root(&"a".into()).inside(&"b".into(), Some(3)).inside(&"c".into(), None);
        assert_eq!((place.path().as_str(), place.index()), ("a > b[3] > c", Some(3)));
        assert_eq!(Place::root(&"a".into()).item(2).path(), "a[2]");
    }
}
