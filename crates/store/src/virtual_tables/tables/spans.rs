//! The table `spans`: those that have ended, and those that have not, as they stand now.

use std::sync::{Arc, LazyLock};

use flowglass_model::{Batch, SpanColumns, Status};

use super::records::attribute_of;
use crate::sketch::zones::Zone;
use crate::sqlite::Depth;
use crate::virtual_tables::cell::Cell;
use crate::virtual_tables::column::{Column, Kind, Push, with_attributes};
use crate::virtual_tables::json;
use crate::virtual_tables::ordered::{self, By, Order};
use crate::virtual_tables::plan::Wanted;
use crate::virtual_tables::state::{Shared, State};
use crate::virtual_tables::table::{Picked, Rows, Scan, Table};
use crate::{SpanFilter, StoreError};

type Field = Column<Batch>;

pub(in crate::virtual_tables) struct Spans;

impl Table for Spans {
    type Chunk = Batch;
    const NAME: &'static str = "spans";
    const MEANING: &'static str = "every span: runs, nodes, maps, items, attempts, and what else was traced";

    fn columns() -> &'static [Column<Batch>] {
        static COLUMNS: LazyLock<Vec<Column<Batch>>> = LazyLock::new(columns);
        &COLUMNS
    }

    fn has_order(_: Order) -> bool {
        true
    }

    fn scan(shared: &Shared, wanted: Wanted) -> Result<Scan<Batch>, StoreError> {
        let (open, zones) = {
            let mut state = shared.lock();
            (state.snapshot.open_spans(wanted.filter.trace_id)?, state.blocks_with_spans(&wanted.filter)?)
        };
        let open = open.into_iter().map(|batch| rows(Arc::new(batch), &wanted.filter)).collect::<Vec<_>>();
        let (shared, order) = (shared.clone(), wanted.order);
        let load = move |zone: &Zone| ended(&mut shared.lock(), &wanted, zone);
        if let Some(order) = order {
            let times = |zone: &Zone| (zone.bounds.min_start_unix_ns, zone.bounds.max_start_unix_ns);
            let time = |batch: &Batch, row: usize| batch.spans.start_unix_ns[row];
            return Ok(ordered::scan(By { order, times, time }, open, zones, load));
        }
        let (mut open, mut zones) = (open.into_iter(), zones.into_iter());
        Ok(Box::new(move || match open.next() {
            Some(rows) => Ok(Some(rows)),
            None => zones.next().map(|zone| load(&zone)).transpose(),
        }))
    }

    fn attribute<'a>(chunk: &'a Batch, row: usize, name: &str) -> Cell<'a> {
        attribute_of(chunk, &chunk.spans.attributes, row, name)
    }
}

/// Returns the wanted rows of a block.
pub(super) fn ended(state: &mut State, wanted: &Wanted, zone: &Zone) -> Result<Rows<Batch>, StoreError> {
    let may_repeat = zone.bounds.may_have(Status::Interrupted);
    if wanted.depth == Depth::Nothing && !may_repeat {
        return Ok(Rows::all(Arc::default(), usize::try_from(zone.bounds.spans).unwrap_or(usize::MAX)));
    }
    let by_id = wanted.filter.trace_id.is_some() || wanted.filter.span_id.is_some() || wanted.filter.parent_id.is_some();
    let least = if may_repeat || by_id { Depth::Ids } else { Depth::Head };
    let rows = rows(state.load(zone.block, wanted.depth.max(least))?, &wanted.filter);
    if may_repeat { without_repeated(state, rows) } else { Ok(rows) }
}

/// Picks the rows that the filter's ids let through; all other conditions SQLite looks at itself.
fn rows(batch: Arc<Batch>, filter: &SpanFilter) -> Rows<Batch> {
    let spans = &batch.spans;
    let count = spans.start_unix_ns.len();
    if filter.trace_id.is_none() && filter.span_id.is_none() && filter.parent_id.is_none() {
        return Rows::all(batch, count);
    }
    let fits = |row: &u32| {
        let row = *row as usize;
        filter.span_id.is_none_or(|span| spans.span_id[row] == span)
            && filter.parent_id.is_none_or(|parent| spans.parent_id[row] == parent)
            && filter.trace_id.is_none_or(|trace| spans.trace_id[row] == trace)
    };
    let picked = Picked::These((0..u32::try_from(count).unwrap_or(u32::MAX)).filter(fits).collect());
    Rows { chunk: batch, picked }
}

/// Leaves out what was taken for interrupted and ended all the same.
fn without_repeated(state: &mut State, rows: Rows<Batch>) -> Result<Rows<Batch>, StoreError> {
    let mut kept = Vec::with_capacity(rows.picked.len());
    for at in 0..rows.picked.len() {
        let row = rows.picked.get(at);
        if !is_repeated(state, &rows.chunk.spans, row)? {
            kept.push(u32::try_from(row).unwrap_or(u32::MAX));
        }
    }
    Ok(Rows { chunk: rows.chunk, picked: Picked::These(kept) })
}

/// Says whether a span was taken for interrupted and ended all the same.
pub(super) fn is_repeated(state: &mut State, spans: &SpanColumns, row: usize) -> Result<bool, StoreError> {
    Ok(spans.status[row] == Status::Interrupted && state.has_real_end(spans.trace_id[row], spans.span_id[row])?)
}

fn columns() -> Vec<Column<Batch>> {
    use Depth::{Head, Ids};
    let columns = vec![
        Field::new("trace_id", Kind::Text, "The trace: 32 hexadecimal digits", |b, row| Cell::trace(b.spans.trace_id[row]))
            .at(Ids)
            .pushed(Push::Trace),
        Field::new("run_id", Kind::Text, "As `trace_id`: the run, unless it joined a trace", |b, row| {
            Cell::trace(b.spans.trace_id[row])
        })
        .at(Ids)
        .pushed(Push::Trace)
        .alias(),
        Field::new("span_id", Kind::Text, "The span: 16 hexadecimal digits", |b, row| Cell::span(b.spans.span_id[row]))
            .at(Ids)
            .pushed(Push::Span),
        Field::new("parent_id", Kind::Text, "The span above; nothing for a root", |b, row| Cell::span(b.spans.parent_id[row]))
            .at(Ids)
            .pushed(Push::Parent),
        Field::new("name", Kind::Text, "What it is called: `node encode`", |b, row| Cell::sym(b, b.spans.name[row]))
            .at(Head)
            .pushed(Push::Name),
        Field::new(
            "type",
            Kind::Text,
            "`pipeline`, `node`, `map`, `item`, `attempt`, `llm`, `tool`, `rpc`, `custom`",
            |b, row| Cell::text(b.spans.span_type[row].as_str()),
        )
        .at(Head),
        Field::new("status", Kind::Text, "`ok`, `error`, `running`, `cancelled`, `interrupted`", |b, row| {
            Cell::text(b.spans.status[row].as_str())
        })
        .at(Head)
        .pushed(Push::Status),
        Field::new("start", Kind::Moment, "When it started, in UTC", |b, row| Cell::moment(b.spans.start_unix_ns[row]))
            .at(Head)
            .pushed(Push::Moment),
        Field::new("duration_ms", Kind::Real, "How long it took, in milliseconds", |b, row| {
            Cell::milliseconds(b.spans.duration_ns[row])
        })
        .at(Head)
        .pushed(Push::DurationMs),
        Field::new("message", Kind::Text, "Why it failed", |b, row| Cell::some_text(b.arena.text(b.spans.status_message[row])))
            .at(Head),
        Field::new("kind", Kind::Text, "OpenTelemetry's kind: `internal`, `server`, `client`, …", |b, row| {
            Cell::text(b.spans.kind[row].as_str())
        })
        .at(Head),
        Field::new("attributes", Kind::Json, "Its attributes: `attributes ->> 'node.id'`", |b, row| {
            Cell::Text(json::object(b, &b.spans.attributes, row).into())
        }),
        Field::new("resource", Kind::Json, "Who recorded it: `resource ->> 'service.name'`", |b, _| {
            Cell::Text(json::owned(&b.resource.attributes).into())
        }),
        Field::new("scope", Kind::Text, "The library that recorded it", |b, row| {
            b.scope(b.spans.extras.get(row).scope).map_or(Cell::Null, |scope| Cell::text(&scope.name))
        }),
        Field::new("start_unix_ns", Kind::Int, "When it started, in nanoseconds since 1970", |b, row| {
            Cell::Int(b.spans.start_unix_ns[row])
        })
        .at(Head)
        .pushed(Push::UnixNs),
        Field::new("duration_ns", Kind::Int, "How long it took, in nanoseconds", |b, row| {
            Cell::count(b.spans.duration_ns[row])
        })
        .at(Head)
        .pushed(Push::DurationNs),
    ];
    with_attributes(columns)
}
