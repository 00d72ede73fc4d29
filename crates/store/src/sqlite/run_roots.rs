//! The roots of runs, and the rows of the table `runs` that they write.

use flowglass_model::{Fingerprint, RunId, SpanColumns, SpanRef, SpanRow, SpanType, conventions};
use rusqlite::{Transaction, params};

use super::joined::root_of_run;
use super::rows::{key, stored};
use super::run_rows::Counts;
use super::runs::run_key;

/// The root span of a run.
pub(super) struct Root<'a> {
    writer: i64,
    pub(super) run: RunId,
    span: SpanRef<'a>,
    pub(super) row: SpanRow,
}

/// Returns the roots among spans, of which few stand for a pipeline.
pub(super) fn roots<'a>(
    writer: i64,
    spans: impl Iterator<Item = SpanRef<'a>>,
    columns: &'a SpanColumns,
) -> impl Iterator<Item = Root<'a>> {
    let pipelines = spans.zip(&columns.span_type).filter(|(_, span_type)| **span_type == SpanType::Pipeline);
    pipelines.filter_map(move |(span, _)| {
        let row = span.row();
        root_of_run(&row).map(|run| Root { writer, run, span, row })
    })
}

const INSERT: &str = "
INSERT INTO runs (id, root, name, version, graph, status, start_unix_ns, duration_ns, nodes, cache_hits, failed,
    saved_ms, error, writer, span_count, error_count)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
ON CONFLICT (start_unix_ns, id) DO NOTHING";

pub(super) const UPDATE_OPENED: &str = "
UPDATE runs SET span_count = span_count + ?15, error_count = error_count + ?16 WHERE start_unix_ns = ?7 AND id = ?1";

/// The news that a writer died does not replace a real end.
pub(super) const UPDATE_ENDED: &str = "
UPDATE runs SET span_count = span_count + ?15, error_count = error_count + ?16, name = ?3, version = ?4,
    graph = coalesce(?5, graph), status = ?6, duration_ns = ?8, nodes = ?9, cache_hits = ?10, failed = ?11, saved_ms = ?12,
    error = ?13, writer = ?14
WHERE start_unix_ns = ?7 AND id = ?1 AND (?6 <> 'interrupted' OR status IN ('running', 'interrupted'))";

/// Writes the row of a run, which is probably there or not; returns how many rows that added.
pub(super) fn put(
    transaction: &Transaction<'_>,
    update: &str,
    known: bool,
    root: &Root<'_>,
    counts: Counts,
) -> rusqlite::Result<i64> {
    let Root { writer, run, span, row } = root;
    let told = Told::of(span);
    let run_id = run_key(*run);
    let values = params![
        run_id,
        key(row.span_id),
        told.name.unwrap_or_else(|| span.name().trim_start_matches("pipeline ")),
        told.version,
        told.graph.map(Fingerprint::to_bytes),
        row.status.as_str(),
        row.start_unix_ns,
        stored(row.duration_ns),
        told.nodes,
        told.cache_hits,
        told.failed,
        told.saved_ms,
        span.status_message(),
        writer,
        counts.spans,
        counts.errors,
    ];
    if known && transaction.prepare_cached(update)?.execute(values)? > 0 {
        return Ok(0);
    }
    let added = transaction.prepare_cached(INSERT)?.execute(values)?;
    if added == 0 && !known {
        transaction.prepare_cached(update)?.execute(values)?;
    }
    Ok(added as i64)
}

/// What the attributes of a root tell of its run.
#[derive(Default)]
struct Told<'a> {
    name: Option<&'a str>,
    version: &'a str,
    graph: Option<Fingerprint>,
    nodes: i64,
    cache_hits: i64,
    failed: i64,
    saved_ms: f64,
}

impl<'a> Told<'a> {
    fn of(span: &SpanRef<'a>) -> Self {
        let mut told = Self::default();
        for attribute in span.attributes() {
            let number = || attribute.to_value().as_int().unwrap_or(0).max(0);
            match attribute.key() {
                conventions::PIPELINE_NAME => told.name = attribute.as_str(),
                conventions::PIPELINE_VERSION => told.version = attribute.as_str().unwrap_or_default(),
                conventions::PIPELINE_FINGERPRINT => told.graph = attribute.as_str().and_then(|text| text.parse().ok()),
                conventions::NODE_COUNT => told.nodes = number(),
                conventions::CACHE_HITS => told.cache_hits = number(),
                conventions::NODE_FAILED => told.failed = number(),
                // SQLite keeps what is no number as NULL.
                conventions::CACHE_SAVED_MS => {
                    told.saved_ms = attribute.to_value().as_f64().filter(|saved_ms| saved_ms.is_finite()).unwrap_or(0.0);
                }
                _ => {}
            }
        }
        told
    }
}
