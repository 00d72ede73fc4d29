//! What every store can do: take batches through its sinks, answer queries, and say what it promises.

use std::fmt;

use flowglass_model::{Fingerprint, Graph, Rollup, RunId, Sink, Span};

use crate::query::Query;
use crate::{
    Forgotten, NAMED_RUNS, Page, RetentionPolicy, RollupFilter, Rows, RunRecord, SinkOptions, StoreError, StoreErrorKind,
};

/// A place that keeps what was recorded and answers questions about it: a file, a database, memory, or one of your own.
///
/// A store is shared (`Arc<dyn Store>`) and asked from any thread. What is written goes through a [`Sink`] that the store opens,
/// one for each recorder or receiver; several of them, of several stores, can stand side by side in one recorder.
///
/// Every store gives the same answers: [`Expr::matches`](crate::query::Expr::matches) says what a filter means.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns where the store is, for people: a path, or an address without its password.
    fn location(&self) -> String;

    /// Returns what the store promises and can do.
    fn capabilities(&self) -> Capabilities;

    /// Opens a sink that writes into the store. While it lives, the spans that it told of as open are running; those that are
    /// open when it ends, or when its process dies, are interrupted.
    ///
    /// What the sink's `write` returned `Ok` for is in every answer from then on, and survives what
    /// [`Capabilities::survives`] says.
    ///
    /// # Errors
    /// `NotWritable`, `Newer`, `Corrupt`, `Full`, `Busy`, `Unavailable`, `Io`.
    fn sink(&self, options: SinkOptions) -> Result<Box<dyn Sink>, StoreError>;

    /// Answers a query with one page, in the order that the query asks for.
    ///
    /// - Spans come without their events and links: [`trace`](Self::trace) has them.
    /// - A span that was written twice (same ids and start) is there once, the last time; an end replaces the news that its
    ///   writer died.
    /// - Spans that have not ended are there, too.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Unavailable`, `Io`.
    fn query(&self, query: &Query) -> Result<Page, StoreError>;

    /// Returns how many things match, whatever the query's limit and cursor.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    fn count(&self, query: &Query) -> Result<u64, StoreError> {
        const PAGE: usize = 1000;
        let mut query = Query { limit: PAGE, after: None, ..query.clone() };
        let mut count = 0;
        loop {
            let page = self.query(&query)?;
            count += page.rows.len() as u64;
            query.after = page.next;
            if query.after.is_none() {
                return Ok(count);
            }
        }
    }

    /// Returns all spans of a run with their events and links, sorted by start and span id; for the id of a trace, all of it.
    /// Nothing for a run that isn't there.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    fn trace(&self, run: RunId) -> Result<Vec<Span>, StoreError>;

    /// Returns the graph with this fingerprint, if a run that has it was recorded.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    fn graph(&self, fingerprint: Fingerprint) -> Result<Option<Graph>, StoreError>;

    /// Returns counts and durations of ended spans by time, pipeline, name and node. Where the store has roll-ups
    /// ([`Capabilities::rollups`]), they outlive the spans.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    fn rollups(&self, filter: &RollupFilter) -> Result<Vec<Rollup>, StoreError>;

    /// Forgets what the policy gives up, and says how much that was. What is being written stays.
    ///
    /// # Errors
    /// `Unsupported` where [`Capabilities::retention`] says so, else as [`sink`](Self::sink).
    fn retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        let _ = policy;
        let message = format!("{} keeps everything: it can't forget by age or size", self.location());
        Err(StoreError::new(StoreErrorKind::Unsupported, message))
    }

    /// Returns the run with this id, or with the only id that begins so.
    ///
    /// # Errors
    /// `Ambiguous` names the runs that begin so, `NotFound` the last runs; else as [`query`](Self::query).
    fn find_run(&self, id: &str) -> Result<RunRecord, StoreError> {
        let wanted = id.trim().to_ascii_lowercase();
        let digits = wanted.split('-').next().unwrap_or_default();
        let mut found = runs_of(self.query(&Query::runs().beginning(digits).limit(64))?);
        found.retain(|run| run.id.to_string().starts_with(&wanted));
        if let Some(exact) = found.iter().position(|run| run.id.to_string() == wanted) {
            return Ok(found.swap_remove(exact));
        }
        match found.len() {
            1 => Ok(found.swap_remove(0)),
            0 => Err(StoreError::no_run(&self.location(), id, &runs_of(self.query(&Query::runs().limit(NAMED_RUNS))?))),
            _ => {
                found.truncate(NAMED_RUNS);
                Err(StoreError::several_runs(id, &found))
            }
        }
    }
}

fn runs_of(page: Page) -> Vec<RunRecord> {
    match page.rows {
        Rows::Runs(runs) => runs,
        _ => Vec::new(),
    }
}

/// What a store promises and can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// What survives when, once a sink's `write` has returned.
    pub survives: Survives,
    /// Whether other processes write and read the same store at the same time.
    pub shared: bool,
    /// Whether the store forgets by a [`RetentionPolicy`].
    pub retention: bool,
    /// Whether counts and durations outlive the spans that they count.
    pub rollups: bool,
}

impl Capabilities {
    /// Describes a store that keeps things as long as its process lives, and does nothing else.
    pub const LEAST: Self = Self { survives: Survives::Nothing, shared: false, retention: false, rollups: false };

    /// Says what survives.
    #[must_use]
    pub const fn surviving(mut self, survives: Survives) -> Self {
        self.survives = survives;
        self
    }

    /// Says that other processes use the store, too.
    #[must_use]
    pub const fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Says that the store forgets by a [`RetentionPolicy`].
    #[must_use]
    pub const fn with_retention(mut self) -> Self {
        self.retention = true;
        self
    }

    /// Says that counts and durations outlive their spans.
    #[must_use]
    pub const fn with_rollups(mut self) -> Self {
        self.rollups = true;
        self
    }
}

/// What survives once something was written; each is worth more than those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Survives {
    /// It is gone when the process ends.
    Nothing,
    /// The death of any process, but not always a power cut.
    Processes,
    /// A power cut, too, where the disk honours a flush.
    PowerCuts,
}
