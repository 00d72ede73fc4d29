//! What every store can do: take batches through its sinks, answer queries, and say what it promises.

use std::fmt;
use std::path::{Path, PathBuf};

use flowglass_model::{Batch, Fingerprint, Graph, Rollup, RunId, Sink, Span};

use crate::copying;
use crate::naming::Name;
use crate::query::Query;
use crate::{
    Forgotten, ImportTimes, Importer, Migration, NAMED_RUNS, Page, RetentionPolicy, RollupFilter, Rows, RunRecord, Selection,
    SinkOptions, SqlQuestion, SqlReader, StoreCheck, StoreDetails, StoreError, StoreErrorKind, StoreInfo,
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

    /// Returns in which folder of this machine what sinks of this process were given waits, while some of it does because the store is on a
    /// server that is away. It is in no answer until then.
    fn waits_in(&self) -> Option<PathBuf> {
        None
    }

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

    /// Returns how many things match, whatever the query's limit and cursor. A span that was sent twice may count twice where a
    /// store has counted before; one that was given up and then ended counts once.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    fn count(&self, query: &Query) -> Result<u64, StoreError> {
        count_by_pages(|query| self.query(query), query)
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
        Err(unsupported(&self.location(), "can't forget by age or size"))
    }

    /// Says how much [`retain`](Self::retain) would forget at once, and changes nothing.
    ///
    /// # Errors
    /// `Unsupported` where [`Capabilities::retention`] says so, else as [`query`](Self::query).
    fn preview_retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        let _ = policy;
        Err(unsupported(&self.location(), "can't forget by age or size"))
    }

    /// Returns where the store is, how large it is, and how much it holds.
    ///
    /// # Errors
    /// `Unsupported` where a store has nothing to tell, else as [`query`](Self::query).
    fn info(&self) -> Result<StoreInfo, StoreError> {
        Err(unsupported(&self.location(), "tells nothing of itself"))
    }

    /// Returns how old and how new the store's records are, what has not ended, and who writes to it.
    ///
    /// # Errors
    /// As [`info`](Self::info).
    fn details(&self) -> Result<StoreDetails, StoreError> {
        Err(unsupported(&self.location(), "tells nothing of itself"))
    }

    /// Reads all of the store, and says what is damaged. It changes nothing.
    ///
    /// # Errors
    /// `Unsupported` where there is nothing to look at; `Busy`, `Unavailable`, `Io` if it can't be looked at. What is damaged is
    /// no error.
    fn check(&self) -> Result<StoreCheck, StoreError> {
        Err(unsupported(&self.location(), "can't be checked"))
    }

    /// Brings the store to the newest format, and says which one it had.
    ///
    /// # Errors
    /// `Unsupported` where there are no formats, else as [`sink`](Self::sink).
    fn migrate(&self) -> Result<Migration, StoreError> {
        Err(unsupported(&self.location(), "has no format that could be old"))
    }

    /// Runs a statement that only reads, and hands its rows to `reader` until it wants no more. The tables are those of
    /// [`sql_tables`](crate::sql_tables), whatever the storage beneath; the statement sees one state of the store.
    ///
    /// # Errors
    /// `Unsupported` where [`Capabilities::sql`] says so; `Sql` if the statement is wrong or would write; `Limit` if it took too
    /// long or a value is too large; else as [`query`](Self::query).
    fn answer_sql(&self, question: &SqlQuestion, reader: &mut dyn SqlReader) -> Result<(), StoreError> {
        let _ = (question, reader);
        Err(unsupported(&self.location(), "doesn't understand SQL"))
    }

    /// Returns what is selected as batches: graphs, then spans that have not ended, with the status that they have now, among
    /// ended ones, then all else. All of it is of one state of the store, and no more than some is in memory at once.
    ///
    /// What comes out is all that [`import`](Self::import) of another store needs to give the same answers, but for roll-ups of
    /// what was forgotten.
    ///
    /// # Errors
    /// `Unsupported` where [`Capabilities::export`] says so, else as [`query`](Self::query); the same for each batch.
    fn export(&self, selection: &Selection) -> Result<Exported<'_>, StoreError> {
        let _ = selection;
        Err(unsupported(&self.location(), "can't hand out what it has"))
    }

    /// Writes what is selected as plain tables into a new SQLite file, and returns how many rows there are: the tables of
    /// [`sql_tables`](crate::sql_tables), with indexes on ids, names and times.
    ///
    /// # Errors
    /// `NotWritable` if the file is there already or can't be written, `Full`; else as [`export`](Self::export).
    fn copy_to_sqlite(&self, path: &Path, selection: &Selection) -> Result<u64, StoreError> {
        copying::copy(self.export(selection)?, path, selection)
    }

    /// Begins an import, which leaves out what is here already.
    ///
    /// Spans are known by their ids: one that is there is left out, unless it was running or interrupted and now comes with its end.
    /// Events, log records and points are known by all that they say. A span that was still running when it was written out has
    /// lost its process, and is added as interrupted.
    ///
    /// # Errors
    /// As [`sink`](Self::sink) and [`query`](Self::query).
    fn import(&self, times: ImportTimes) -> Result<Importer<'_>, StoreError> {
        Importer::asking(|query| self.query(query), self.sink(SinkOptions::default())?, times)
    }

    /// Returns the run with this id, or with the only id that begins so.
    ///
    /// # Errors
    /// `Ambiguous` names the runs that begin so, `NotFound` the last runs; else as [`query`](Self::query).
    fn find_run(&self, id: &str) -> Result<RunRecord, StoreError> {
        let wanted = id.trim().to_ascii_lowercase();
        let name = Name::of(&wanted);
        let mut found = runs_of(self.query(&Query::runs().beginning(name.trace).limit(64))?);
        found.retain(|run| name.fits(run.id));
        name.choose(found).or_else(|mut several| match several.len() {
            0 => Err(StoreError::no_run(&self.location(), id, &runs_of(self.query(&Query::runs().limit(NAMED_RUNS))?))),
            _ => {
                several.truncate(NAMED_RUNS);
                Err(StoreError::several_runs(id, &several))
            }
        })
    }
}

fn unsupported(location: &str, why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unsupported, format!("{location} {why}"))
}

/// Counts what matches page by page.
pub(crate) fn count_by_pages(ask: impl Fn(&Query) -> Result<Page, StoreError>, query: &Query) -> Result<u64, StoreError> {
    const PAGE: usize = 1000;
    let mut query = Query { limit: PAGE, after: None, ..query.clone() };
    let mut count = 0;
    loop {
        let page = ask(&query)?;
        count += page.rows.len() as u64;
        query.after = page.next;
        if query.after.is_none() {
            return Ok(count);
        }
    }
}

fn runs_of(page: Page) -> Vec<RunRecord> {
    match page.rows {
        Rows::Runs(runs) => runs,
        _ => Vec::new(),
    }
}

/// The batches of an [export](Store::export), read as they are asked for.
pub type Exported<'a> = Box<dyn Iterator<Item = Result<Batch, StoreError>> + Send + 'a>;

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
    /// Whether the store answers [SQL](Store::answer_sql).
    pub sql: bool,
    /// Whether the store hands out [all that it has](Store::export).
    pub export: bool,
}

impl Capabilities {
    /// Describes a store that keeps things as long as its process lives, and does nothing else.
    pub const LEAST: Self =
        Self { survives: Survives::Nothing, shared: false, retention: false, rollups: false, sql: false, export: false };

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

    /// Says that the store answers [SQL](Store::answer_sql).
    #[must_use]
    pub const fn with_sql(mut self) -> Self {
        self.sql = true;
        self
    }

    /// Says that the store hands out [all that it has](Store::export).
    #[must_use]
    pub const fn with_export(mut self) -> Self {
        self.export = true;
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
