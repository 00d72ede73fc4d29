//! The table `attributes`: a row for each attribute of each span, event, log and point.

use std::sync::{Arc, LazyLock};

use flowglass_model::{AttributeColumns, Batch, Scalar, SpanId, Status, Sym, TraceId};

use super::spans;
use crate::StoreError;
use crate::sketch::zones::Zone;
use crate::sqlite::Depth;
use crate::virtual_tables::cell::Cell;
use crate::virtual_tables::column::{Column, Kind, Push};
use crate::virtual_tables::json::pairs;
use crate::virtual_tables::plan::Wanted;
use crate::virtual_tables::state::{Shared, State};
use crate::virtual_tables::table::{Rows, Scan, Table};

type Field = Column<Listed>;

pub(in crate::virtual_tables) struct Attributes;

/// The attributes of a batch, or those of them that are wanted.
pub(in crate::virtual_tables) struct Listed {
    batch: Arc<Batch>,
    rows: Vec<Row>,
}

/// One attribute, with what it is of.
struct Row {
    source: &'static str,
    trace: TraceId,
    span: SpanId,
    name: Sym,
    unix_ns: i64,
    key: Sym,
    value: Scalar,
}

impl Table for Attributes {
    type Chunk = Listed;
    const NAME: &'static str = "attributes";
    const MEANING: &'static str = "every attribute of every span, event, log and point of a metric, a row each";

    fn columns() -> &'static [Column<Listed>] {
        static COLUMNS: LazyLock<Vec<Column<Listed>>> = LazyLock::new(columns);
        &COLUMNS
    }

    fn scan(shared: &Shared, wanted: Wanted) -> Result<Scan<Listed>, StoreError> {
        let (open, zones) = {
            let mut state = shared.lock();
            let open = state.snapshot.open_spans(wanted.filter.trace_id)?;
            let trace = wanted.filter.trace_id;
            (open, state.blocks_with_anything(trace)?)
        };
        let (shared, mut open, mut zones) = (shared.clone(), open.into_iter(), zones.into_iter());
        Ok(Box::new(move || {
            let (batch, repeated) = match (open.next(), zones.len()) {
                (Some(batch), _) => (Arc::new(batch), Vec::new()),
                (None, 0) => return Ok(None),
                (None, _) => match zones.next() {
                    Some(zone) => whole(&mut shared.lock(), &zone)?,
                    None => return Ok(None),
                },
            };
            let listed = list(batch, &repeated, &wanted);
            let count = listed.rows.len();
            Ok(Some(Rows::all(Arc::new(listed), count)))
        }))
    }

    fn attribute<'a>(_: &'a Listed, _: usize, _: &str) -> Cell<'a> {
        Cell::Null
    }
}

/// Opens a block; returns the rows of spans that were taken for interrupted and ended all the same, too.
fn whole(state: &mut State, zone: &Zone) -> Result<(Arc<Batch>, Vec<usize>), StoreError> {
    let batch = state.load(zone.block, Depth::Whole)?;
    let mut repeated = Vec::new();
    if zone.bounds.may_have(Status::Interrupted) {
        for row in 0..batch.spans.len() {
            if spans::is_repeated(state, &batch.spans, row)? {
                repeated.push(row);
            }
        }
    }
    Ok((batch, repeated))
}

fn list(batch: Arc<Batch>, repeated: &[usize], wanted: &Wanted) -> Listed {
    let mut rows = Vec::new();
    let (spans, events, logs, points) = (&batch.spans, &batch.events, &batch.logs, &batch.points);
    take(&mut rows, &batch, &spans.attributes, wanted, |row| {
        let owner = ("span", spans.trace_id[row], spans.span_id[row], spans.name[row], spans.start_unix_ns[row]);
        repeated.binary_search(&row).is_err().then_some(owner)
    });
    take(&mut rows, &batch, &events.attributes, wanted, |row| {
        Some(("event", events.trace_id[row], events.span_id[row], events.name[row], events.unix_ns[row]))
    });
    take(&mut rows, &batch, &logs.attributes, wanted, |row| {
        Some(("log", logs.trace_id[row], logs.span_id[row], logs.event_name[row], logs.unix_ns[row]))
    });
    let metric_name = |row: usize| batch.metrics.name.get(points.metric[row] as usize).copied().unwrap_or_default();
    take(&mut rows, &batch, &points.attributes, wanted, |row| {
        Some(("metric", TraceId::NONE, SpanId::NONE, metric_name(row), points.unix_ns[row]))
    });
    Listed { batch, rows }
}

type Owner = (&'static str, TraceId, SpanId, Sym, i64);

/// Takes the attributes of each row that has an owner.
fn take(
    rows: &mut Vec<Row>,
    batch: &Batch,
    columns: &AttributeColumns,
    wanted: &Wanted,
    owner: impl Fn(usize) -> Option<Owner>,
) {
    let filter = &wanted.filter;
    for row in 0..columns.ends.len() {
        let Some((source, trace, span, name, unix_ns)) = owner(row) else { continue };
        let is_wanted =
            filter.trace_id.is_none_or(|wanted| wanted == trace) && filter.span_id.is_none_or(|wanted| wanted == span);
        if !is_wanted {
            continue;
        }
        for (key, value) in pairs(columns, row) {
            if wanted.key.as_ref().is_none_or(|wanted| batch.arena.bytes(key) == wanted.as_bytes()) {
                rows.push(Row { source, trace, span, name, unix_ns, key, value });
            }
        }
    }
}

const fn type_of(value: Scalar) -> &'static str {
    match value {
        Scalar::Str(_) => "text",
        Scalar::Bool(_) => "bool",
        Scalar::Int(_) => "int",
        Scalar::Float(_) => "float",
        Scalar::Bytes(_) => "bytes",
        Scalar::Nested(_) => "json",
        _ => "null",
    }
}

fn columns() -> Vec<Column<Listed>> {
    vec![
        Field::new("source", Kind::Text, "What it is of: `span`, `event`, `log`, `metric`", |l, row| {
            Cell::text(l.rows[row].source)
        }),
        Field::new("trace_id", Kind::Text, "The trace", |l, row| Cell::trace(l.rows[row].trace)).pushed(Push::Trace),
        Field::new("run_id", Kind::Text, "As `trace_id`: the run, unless it joined a trace", |l, row| {
            Cell::trace(l.rows[row].trace)
        })
        .pushed(Push::Trace)
        .alias(),
        Field::new("span_id", Kind::Text, "The span", |l, row| Cell::span(l.rows[row].span)).pushed(Push::Span),
        Field::new("name", Kind::Text, "The name of the span, the event or the metric", |l, row| {
            Cell::some_text(l.batch.arena.text(l.rows[row].name))
        }),
        Field::new("key", Kind::Text, "The attribute's name: `node.id`", |l, row| Cell::sym(&l.batch, l.rows[row].key))
            .pushed(Push::Key),
        Field::new("value", Kind::Any, "The attribute's value; truth as 1 and 0, lists and maps as JSON", |l, row| {
            Cell::scalar(&l.batch, l.rows[row].value)
        })
        .pushed(Push::Value),
        Field::new("type", Kind::Text, "`text`, `bool`, `int`, `float`, `bytes`, `json`, `null`", |l, row| {
            Cell::text(type_of(l.rows[row].value))
        }),
        Field::new("time", Kind::Moment, "When the span started, or the rest happened, in UTC", |l, row| {
            Cell::moment(l.rows[row].unix_ns)
        }),
    ]
}
