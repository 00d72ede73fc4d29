//! The instruments of a recorder, by their names, and the series of each.

use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, OnceLock, Weak};

use flowglass_model::{MetricKind, Severity};
use parking_lot::{Mutex, RwLock};

use super::attribute_set;
use super::observed::Observed;
use super::series::{Changed, Series};
use crate::Value;
use crate::core::Core;
use crate::id_hash::IdMap;
use crate::lanes::Loss;
use crate::raw::{LogEntry, Standing};
use crate::tick::{Anchor, Tick};
use crate::wake::Wake;

/// The attribute of the series that everything goes to for which a metric has too many.
const OVERFLOW: &str = "otel.metric.overflow";

/// The instruments of a recorder.
#[derive(Debug)]
pub(crate) struct Meters {
    instruments: Mutex<Vec<Arc<Instrument>>>,
    limit: usize,
    overflowed: Arc<AtomicU64>,
}

/// One metric: its name and its series.
#[derive(Debug)]
pub(crate) struct Instrument {
    pub(super) name: String,
    pub(super) kind: MetricKind,
    pub(super) unit: OnceLock<String>,
    pub(super) description: OnceLock<String>,
    series: RwLock<SeriesTable>,
    pub(super) changed: Arc<Changed>,
    overflow: OnceLock<Arc<Series>>,
    pub(super) observed: Observed,
    has_warned: AtomicBool,
    limit: usize,
    overflowed: Arc<AtomicU64>,
    wake: Arc<Wake>,
    core: Weak<Core>,
}

#[derive(Debug, Default)]
struct SeriesTable {
    by_hash: IdMap<u64, Vec<Arc<Series>>>,
    count: usize,
}

impl Meters {
    pub(crate) fn new(limit: usize) -> Self {
        Self { instruments: Mutex::default(), limit, overflowed: Arc::default() }
    }

    /// Returns how many measurements went to overflow series.
    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed.load(Relaxed)
    }

    /// Says whether anything was measured that isn't told.
    pub(crate) fn has_news(&self) -> bool {
        self.instruments.lock().iter().any(|instrument| !instrument.changed.is_empty())
    }

    pub(super) fn all(&self) -> Vec<Arc<Instrument>> {
        self.instruments.lock().clone()
    }

    /// Returns the instrument of this name and kind.
    pub(crate) fn get(&self, core: &Weak<Core>, wake: &Arc<Wake>, name: &str, kind: MetricKind) -> Arc<Instrument> {
        let mut instruments = self.instruments.lock();
        if let Some(known) = instruments.iter().find(|known| known.name == name && known.kind == kind) {
            return Arc::clone(known);
        }
        let instrument = Arc::new(Instrument {
            name: name.to_owned(),
            kind,
            unit: OnceLock::new(),
            description: OnceLock::new(),
            series: RwLock::default(),
            changed: Arc::default(),
            overflow: OnceLock::new(),
            observed: Observed::default(),
            has_warned: AtomicBool::new(false),
            limit: self.limit,
            overflowed: Arc::clone(&self.overflowed),
            wake: Arc::clone(wake),
            core: Weak::clone(core),
        });
        instruments.push(Arc::clone(&instrument));
        instrument
    }
}

impl Instrument {
    /// Returns the series of a set of attributes; the overflow series where there are too many.
    pub(super) fn series(&self, set: &[(&str, Value<'_>)]) -> Arc<Series> {
        let hash = attribute_set::hash(set);
        let known = self.series.read().find(hash, set);
        known.unwrap_or_else(|| self.new_series(hash, set))
    }

    /// Makes sure that what was measured is told, though nothing else may be recorded.
    #[inline]
    pub(super) fn tell_of_news(&self) {
        if self.wake.is_unaware() {
            self.wake_up();
        }
    }

    #[cold]
    fn wake_up(&self) {
        if let Some(core) = self.core.upgrade() {
            core.expect_news();
        }
    }

    fn new_series(&self, hash: u64, set: &[(&str, Value<'_>)]) -> Arc<Series> {
        let mut table = self.series.write();
        if let Some(known) = table.find(hash, set) {
            return known;
        }
        if table.count >= self.limit {
            drop(table);
            return self.overflow();
        }
        let series = Arc::new(Series::new(self.kind, attribute_set::owned(set), &self.changed, now_unix_ns()));
        table.by_hash.entry(hash).or_default().push(Arc::clone(&series));
        table.count += 1;
        series
    }

    #[cold]
    fn overflow(&self) -> Arc<Series> {
        self.overflowed.fetch_add(1, Relaxed);
        if !self.has_warned.swap(true, SeqCst) {
            self.warn();
        }
        let attributes = || vec![(OVERFLOW.to_owned(), true.into())];
        let new = || Arc::new(Series::new(self.kind, attributes(), &self.changed, now_unix_ns()));
        Arc::clone(self.overflow.get_or_init(new))
    }

    /// Tells once for each metric, where everything else is told.
    fn warn(&self) {
        let Some(core) = self.core.upgrade() else { return };
        let attributes = [("metric.name", Value::Str(&self.name)), ("metric.attribute_sets", Value::from(self.limit))];
        let entry = LogEntry {
            standing: Standing::default(),
            at: Tick::now(),
            severity: Severity::WARN,
            event_name: "metric.overflow",
            body: Value::Str("a metric has too many sets of attributes: further ones are counted in one"),
            attributes: &attributes,
        };
        core.record_loose(Loss::Log, &entry);
    }
}

impl SeriesTable {
    fn find(&self, hash: u64, set: &[(&str, Value<'_>)]) -> Option<Arc<Series>> {
        let found = self.by_hash.get(&hash)?.iter().find(|series| attribute_set::is_same(set, &series.attributes));
        found.cloned()
    }
}

pub(super) fn now_unix_ns() -> i64 {
    Anchor::now().unix_ns(Tick::now())
}
