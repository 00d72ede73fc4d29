//! One consistent state of a store, read block by block: what SQL and exports see.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowglass_model::{Batch, Graph, Resource, TraceId};
use rusqlite::{Connection, OptionalExtension};

use super::blocks::Blocks;
use super::connection::open_reader;
use super::failure::Failure;
use super::liveness::Liveness;
use super::lock::LockFolder;
use super::search::Search;
use super::{rollups, runs};
use crate::sketch::fingerprint::{self, Groups};
use crate::sketch::zones::Zone;
use crate::statistics::RollupRow;
use crate::{RunRecord, SpanFilter, StoreError, StoreErrorKind};

/// How much of a block is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Nothing: how many rows there are is known.
    Nothing,
    /// Names, statuses, times.
    Head,
    /// Also the ids.
    Ids,
    /// Everything.
    Whole,
}

/// A connection of its own that sees one state of the store from [`begin`](Self::begin) to [`end`](Self::end).
pub(crate) struct Snapshot {
    connection: Connection,
    path: PathBuf,
    locks: LockFolder,
    resources: HashMap<i64, Arc<Resource>>,
}

impl Snapshot {
    pub(super) fn open(path: &Path, locks: &LockFolder) -> Result<Self, StoreError> {
        let connection = open_reader(path)?.connection;
        Ok(Self { connection, path: path.to_owned(), locks: locks.clone(), resources: HashMap::new() })
    }

    /// Returns the path of the store's file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Holds on to the state that the store has now.
    pub(crate) fn begin(&mut self) -> Result<(), StoreError> {
        self.resources.clear();
        self.connection.execute_batch("BEGIN").map_err(|error| StoreError::sqlite(&self.path, "read", error))
    }

    /// Lets go of it.
    pub(crate) fn end(&mut self) {
        // A transaction that only read leaves nothing behind, however it ends.
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    /// Returns the blocks that may hold ended spans which a filter asks for, those with the latest starts first.
    pub(crate) fn blocks_with_spans(&self, filter: &SpanFilter) -> Result<Vec<Zone>, StoreError> {
        let zones = Search::new(&self.connection, filter).and_then(Search::rest).map_err(|failure| self.failed(failure));
        zones.map(latest_first)
    }

    /// Returns the blocks that may hold something besides spans from these times, of a trace or of a metric where one is given.
    pub(crate) fn blocks_with_others(
        &self,
        times: Range<i64>,
        trace: Option<TraceId>,
        metric: Option<&str>,
    ) -> Result<Vec<Zone>, StoreError> {
        let wanted = trace.map(fingerprint::of_trace).or(metric.map(fingerprint::of_name)).unwrap_or_default();
        let zones = Search::others(&self.connection, times, wanted).and_then(Search::rest);
        zones.map_err(|failure| self.failed(failure))
    }

    /// Returns the blocks that hold anything, in the order in which they were written.
    pub(crate) fn all(&self, groups: Groups) -> Result<Vec<Zone>, StoreError> {
        let zones = Search::all(&self.connection, groups).and_then(Search::rest);
        zones.map_err(|failure| self.failed(failure))
    }

    /// Returns the graphs that runs of these traces name, or all.
    pub(crate) fn graphs(&self, traces: Option<&[TraceId]>) -> Result<Vec<Arc<Graph>>, StoreError> {
        let wanted = traces.map(|traces| self.fingerprints_of(traces)).transpose()?;
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut statement = self.connection.prepare("SELECT fingerprint, json FROM graph")?;
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let rows = read().map_err(|error| self.failed(error.into()))?;
        let is_wanted = |fingerprint: &String| wanted.as_ref().is_none_or(|wanted| wanted.contains(fingerprint));
        let graphs = rows.into_iter().filter(|(fingerprint, _)| is_wanted(fingerprint));
        graphs.map(|(fingerprint, json)| self.graph(&fingerprint, &json)).collect()
    }

    fn fingerprints_of(&self, traces: &[TraceId]) -> Result<HashSet<String>, StoreError> {
        let mut fingerprints = HashSet::new();
        for trace in traces {
            fingerprints.extend(self.runs_of(*trace)?.iter().filter_map(|run| run.fingerprint).map(|found| found.to_string()));
        }
        Ok(fingerprints)
    }

    fn graph(&self, fingerprint: &str, json: &str) -> Result<Arc<Graph>, StoreError> {
        serde_json::from_str(json).map(Arc::new).map_err(|error| {
            let message = format!("the graph {fingerprint} in {} is damaged: {error}", self.path.display());
            StoreError::new(StoreErrorKind::Corrupt, message).with_source(error)
        })
    }

    /// Opens a block. Where ids are not asked for, their columns are empty.
    pub(crate) fn load(&mut self, block: i64, depth: Depth) -> Result<Batch, StoreError> {
        let opened = match depth {
            Depth::Nothing | Depth::Head => self.blocks().head(block),
            Depth::Ids => self.blocks().identified(block),
            Depth::Whole => return self.load_whole(block),
        };
        let head = opened.map_err(|failure| self.failed(failure))?;
        Ok(Batch { arena: head.arena, spans: head.spans, ..Batch::default() })
    }

    /// Returns the spans that have not ended, as they stand now, in `spans`.
    pub(crate) fn open_spans(&mut self, trace: Option<TraceId>) -> Result<Vec<Batch>, StoreError> {
        let read = self.read_open_spans(trace).map_err(|failure| self.failed(failure))?;
        read.into_iter().map(|(writer, batch)| Ok(Batch { resource: self.resource(writer)?, ..batch })).collect()
    }

    /// Returns up to `limit` runs that started in this time, the newest first, behind one that was returned before.
    pub(crate) fn runs(
        &self,
        starts_unix_ns: Range<i64>,
        behind: Option<&RunRecord>,
        limit: usize,
    ) -> Result<Vec<RunRecord>, StoreError> {
        let page = runs::page(&self.connection, &self.locks, starts_unix_ns, behind, limit);
        page.map_err(|error| self.failed(error.into()))
    }

    /// Returns the runs of a trace.
    pub(crate) fn runs_of(&self, trace: TraceId) -> Result<Vec<RunRecord>, StoreError> {
        runs::of_trace(&self.connection, &self.locks, trace).map_err(|failure| self.failed(failure))
    }

    /// Returns the counts of each period of this length, in seconds.
    pub(crate) fn rollups(&self, period_s: i64) -> Result<Vec<RollupRow>, StoreError> {
        rollups::rows(&self.connection, period_s).map_err(|failure| self.failed(failure))
    }

    fn blocks(&self) -> Blocks<'_> {
        Blocks::new(&self.connection)
    }

    fn load_whole(&mut self, block: i64) -> Result<Batch, StoreError> {
        let batch = self.blocks().whole(block).map_err(|failure| self.failed(failure))?;
        let writer = self.blocks().writer(block).map_err(|failure| self.failed(failure))?;
        Ok(Batch { resource: self.resource(writer)?, ..batch })
    }

    /// Returns who a writer records for. A row that is gone, or can't be read, tells nothing.
    fn resource(&mut self, writer: i64) -> Result<Arc<Resource>, StoreError> {
        if let Some(known) = self.resources.get(&writer) {
            return Ok(Arc::clone(known));
        }
        let sql = "SELECT resource FROM writer WHERE id = ?1";
        let json = self.connection.query_row(sql, [writer], |row| row.get::<_, String>(0)).optional();
        let json = json.map_err(|error| self.failed(error.into()))?;
        let resource = Arc::new(json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default());
        self.resources.insert(writer, Arc::clone(&resource));
        Ok(resource)
    }

    fn read_open_spans(&self, trace: Option<TraceId>) -> Result<Vec<(i64, Batch)>, Failure> {
        let mut liveness = Liveness::new(&self.connection, &self.locks);
        let mut blocks = self.blocks();
        let sql = "SELECT writer, data FROM open_span WHERE ?1 IS NULL OR trace = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([trace.map(TraceId::to_bytes)])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let writer = row.get(0)?;
            let seen = liveness.of(writer)?;
            let mut batch = blocks.joined(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            batch.spans.status.fill(seen.status());
            for (duration, start) in batch.spans.duration_ns.iter_mut().zip(&batch.spans.start_unix_ns) {
                *duration = seen.duration_ns(*start, *duration);
            }
            found.push((writer, batch));
        }
        Ok(found)
    }

    fn failed(&self, failure: Failure) -> StoreError {
        failure.at(&self.path, "read")
    }
}

fn latest_first(mut zones: Vec<Zone>) -> Vec<Zone> {
    zones.sort_unstable_by_key(|zone| std::cmp::Reverse((zone.bounds.max_start_unix_ns, zone.block)));
    zones
}
