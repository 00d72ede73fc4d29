//! A store that remembers its answers for a while: for pages and dashboards that ask the same again and again.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flowglass_model::{Batch, Fingerprint, Graph, Rollup, RunId, Sink, SinkError, Span};
use parking_lot::Mutex;

use crate::query::Query;
use crate::{
    Capabilities, Exported, Forgotten, ImportTimes, Importer, Page, RetentionPolicy, RollupFilter, RunRecord, Selection,
    SinkOptions, SqlQuestion, SqlReader, Store, StoreError,
};

/// Remembers what another store answered: pages, counts and roll-ups, for a minute where nothing else is said.
///
/// What is written through its own sinks is in every answer at once. What others write to the store beneath is seen when an
/// answer has had its time, or after [`forget_answers`](Self::forget_answers). Whole traces, graphs, SQL and exports are always
/// asked for anew.
///
/// ```
/// use std::sync::Arc;
/// use flowglass_store::query::Query;
/// use flowglass_store::{MemoryStore, RememberingStore, Store};
///
/// let store = RememberingStore::new(Arc::new(MemoryStore::new()));
/// assert_eq!(store.count(&Query::runs())?, 0);
/// # Ok::<_, flowglass_store::StoreError>(())
/// ```
pub struct RememberingStore {
    inner: Arc<dyn Store>,
    memory: Arc<Memory>,
    time: Duration,
    now: Box<dyn Fn() -> Instant + Send + Sync>,
}

/// So many answers are remembered; then the oldest is forgotten.
const MOST_ANSWERS: usize = 256;

impl RememberingStore {
    /// How long an answer is remembered where nothing else is said: a minute.
    pub const TIME: Duration = Duration::from_secs(60);

    /// Puts a memory before a store.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, memory: Arc::default(), time: Self::TIME, now: Box::new(Instant::now) }
    }

    /// Remembers answers for so long.
    #[must_use]
    pub fn remembering_for(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Tells the time by another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.now = Box::new(now);
        self
    }

    /// Forgets all answers, so that the next ones are new.
    pub fn forget_answers(&self) {
        self.memory.state.fetch_add(1, Ordering::Release);
    }

    fn remember<T: Clone>(
        &self,
        key: String,
        known: impl Fn(&Answer) -> Option<&T>,
        answer: impl FnOnce(T) -> Answer,
        ask: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (now, state) = ((self.now)(), self.memory.state.load(Ordering::Acquire));
        let is_fresh = |kept: &&Kept| kept.state == state && now.saturating_duration_since(kept.since) < self.time;
        if let Some(found) = self.memory.answers.lock().get(&key).filter(is_fresh).and_then(|kept| known(&kept.answer)) {
            return Ok(found.clone());
        }
        let found = ask()?;
        self.memory.keep(key, Kept { since: now, state, answer: answer(found.clone()) });
        Ok(found)
    }
}

impl fmt::Debug for RememberingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RememberingStore").field("inner", &self.inner).field("time", &self.time).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Memory {
    answers: Mutex<HashMap<String, Kept>>,
    /// Answers of an earlier state are out of date, however young they are.
    state: AtomicU64,
}

struct Kept {
    since: Instant,
    state: u64,
    answer: Answer,
}

enum Answer {
    Page(Page),
    Count(u64),
    Rollups(Vec<Rollup>),
}

impl Answer {
    const fn page(&self) -> Option<&Page> {
        if let Self::Page(page) = self { Some(page) } else { None }
    }

    const fn count(&self) -> Option<&u64> {
        if let Self::Count(count) = self { Some(count) } else { None }
    }

    const fn rollups(&self) -> Option<&Vec<Rollup>> {
        if let Self::Rollups(rollups) = self { Some(rollups) } else { None }
    }
}

impl Memory {
    fn keep(&self, key: String, kept: Kept) {
        let mut answers = self.answers.lock();
        if answers.len() >= MOST_ANSWERS {
            let oldest = answers.iter().min_by_key(|(_, kept)| kept.since).map(|(key, _)| key.clone());
            oldest.map(|oldest| answers.remove(&oldest));
        }
        answers.insert(key, kept);
    }
}

impl Store for RememberingStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn waits_in(&self) -> Option<PathBuf> {
        self.inner.waits_in()
    }

    fn sink(&self, options: SinkOptions) -> Result<Box<dyn Sink>, StoreError> {
        let inner = self.inner.sink(options)?;
        Ok(Box::new(Telling { inner: Some(inner), memory: Arc::clone(&self.memory) }))
    }

    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.remember(format!("{query:?}"), Answer::page, Answer::Page, || self.inner.query(query))
    }

    fn count(&self, query: &Query) -> Result<u64, StoreError> {
        self.remember(format!("count {query:?}"), Answer::count, Answer::Count, || self.inner.count(query))
    }

    fn trace(&self, run: RunId) -> Result<Vec<Span>, StoreError> {
        self.inner.trace(run)
    }

    fn graph(&self, fingerprint: Fingerprint) -> Result<Option<Graph>, StoreError> {
        self.inner.graph(fingerprint)
    }

    fn rollups(&self, filter: &RollupFilter) -> Result<Vec<Rollup>, StoreError> {
        self.remember(format!("{filter:?}"), Answer::rollups, Answer::Rollups, || self.inner.rollups(filter))
    }

    fn retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        let forgotten = self.inner.retain(policy);
        self.forget_answers();
        forgotten
    }

    fn preview_retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        self.inner.preview_retain(policy)
    }

    fn answer_sql(&self, question: &SqlQuestion, reader: &mut dyn SqlReader) -> Result<(), StoreError> {
        self.inner.answer_sql(question, reader)
    }

    fn export(&self, selection: &Selection) -> Result<Exported<'_>, StoreError> {
        self.inner.export(selection)
    }

    fn copy_to_sqlite(&self, path: &std::path::Path, selection: &Selection) -> Result<u64, StoreError> {
        self.inner.copy_to_sqlite(path, selection)
    }

    fn import(&self, times: ImportTimes) -> Result<Importer<'_>, StoreError> {
        Importer::asking(|query| self.inner.query(query), self.sink(SinkOptions::default())?, times)
    }

    fn find_run(&self, id: &str) -> Result<RunRecord, StoreError> {
        self.inner.find_run(id)
    }
}

/// A sink after whose writes the store answers anew.
struct Telling {
    inner: Option<Box<dyn Sink>>,
    memory: Arc<Memory>,
}

impl Telling {
    fn tell<T>(&mut self, what: impl FnOnce(&mut Box<dyn Sink>) -> Result<T, SinkError>) -> Result<T, SinkError> {
        let done = self.inner.as_mut().map(what);
        self.memory.state.fetch_add(1, Ordering::Release);
        done.unwrap_or_else(|| Err(SinkError::new(flowglass_model::SinkErrorKind::Permanent, "the sink has ended")))
    }
}

impl Sink for Telling {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.tell(|inner| inner.write(batch))
    }

    fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
        self.tell(|inner| inner.write_all(batches))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.tell(|inner| inner.flush())
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        // What it left open is interrupted from now on.
        self.inner = None;
        self.memory.state.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Recording};
    use crate::{MemoryStore, Rows};

    #[test]
    fn it_is_a_store_as_any_other() {
        let checked = conformance::check(|| Arc::new(RememberingStore::new(Arc::new(MemoryStore::new()))));
        assert_eq!(checked.map_err(|why| why.to_string()), Ok(()));
    }

    #[test]
    fn what_others_write_is_seen_when_an_answer_has_had_its_time() {
        let inner = MemoryStore::new();
        let (begun, passed) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let seconds = Arc::clone(&passed);
        let store = RememberingStore::new(Arc::new(inner.clone()))
            .remembering_for(Duration::from_secs(5))
            .with_clock(move || begun + Duration::from_secs(seconds.load(Ordering::Relaxed)));
        let (mut sink, mut recording) = (inner.sink(SinkOptions::default()).unwrap(), Recording::new(1));
        let mut write = || (0..5).for_each(|_| sink.write(&recording.batch(10)).unwrap());
        let asked = || {
            let Rows::Spans(spans) = store.query(&Query::spans().limit(1000)).unwrap().rows else { panic!("no spans") };
            assert_eq!(store.count(&Query::spans()).unwrap(), spans.len() as u64);
            (spans.len(), store.rollups(&RollupFilter::default()).unwrap().iter().map(|one| one.count).sum::<u64>())
        };
        assert_eq!(asked(), (0, 0));
        write();
        passed.store(4, Ordering::Relaxed);
        assert_eq!(asked(), (0, 0), "it is remembered");
        passed.store(5, Ordering::Relaxed);
        let then = asked();
        assert!(then.0 > 0 && then.1 > 0);
        write();
        assert_eq!(asked(), then);
        store.forget_answers();
        assert!(asked().0 > then.0);
        for limit in 0..MOST_ANSWERS * 2 {
            store.query(&Query::spans().limit(limit)).unwrap();
        }
        assert!(store.memory.answers.lock().len() <= MOST_ANSWERS);
    }
}
