//! Instrumentation scopes, both directions: what recorded.
//!
//! Rows of ours that name no scope are sent under the scope `flowglass` with this version, and come back without one.

use std::ops::Range;

use flowglass_model::{Batch, Extras, InstrumentationScope};

use super::reader::Reader;
use super::value::{read_entry, write_attributes};
use super::writer::{Gap, Writer};
use crate::Flaw;
use crate::limits::DEPTH;

const NAME: &str = "flowglass";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes the messages `ScopeSpans` (or their like) of a table as fields 2: one for each scope. `each` writes one row as field 2
/// of its scope.
pub(super) fn write_scopes(
    w: &mut Writer<'_>,
    batch: &Batch,
    extras: &Extras,
    rows: usize,
    mut each: impl FnMut(&mut Writer<'_>, usize),
) {
    let segments = segments(extras, rows);
    for same in segments.chunk_by(|one, other| one.0 == other.0) {
        w.message(2, Gap::Three, |w| {
            let scope = batch.scope(same[0].0);
            write_scope(w, scope.map(|scope| &**scope));
            same.iter().flat_map(|(_, rows)| rows.clone()).for_each(|row| each(w, row));
            w.bytes(3, scope.map_or(b"", |scope| scope.schema_url.as_bytes()));
        });
    }
}

/// Returns the rows of each scope, by their numbers.
fn segments(extras: &Extras, rows: usize) -> Vec<(u32, Range<usize>)> {
    let (mut segments, mut from) = (Vec::new(), 0);
    for run in extras.runs() {
        let (start, end) = ((run.start as usize).min(rows), (run.end as usize).min(rows));
        segments.push((0, from..start));
        segments.push((run.extra.scope, start..end));
        from = end;
    }
    segments.push((0, from..rows));
    segments.retain(|(_, rows)| !rows.is_empty());
    segments.sort_by_key(|(scope, _)| *scope);
    segments
}

fn write_scope(w: &mut Writer<'_>, scope: Option<&InstrumentationScope>) {
    w.message(1, Gap::Two, |w| match scope {
        None => {
            w.bytes(1, NAME.as_bytes());
            w.bytes(2, VERSION.as_bytes());
        }
        Some(scope) => {
            w.bytes(1, scope.name.as_bytes());
            w.bytes(2, scope.version.as_bytes());
            write_attributes(w, 3, &scope.attributes);
            w.uint(4, u64::from(scope.dropped_attributes));
        }
    });
}

/// Adds what an `InstrumentationScope` message says to `scope`.
pub(super) fn read_scope(message: Reader<'_>, scope: &mut InstrumentationScope, unknown: &mut u64) -> Result<(), Flaw> {
    message.for_each(|number, wire| {
        match number {
            1 => scope.name = wire.text()?.to_owned(),
            2 => scope.version = wire.text()?.to_owned(),
            3 => scope.attributes.push(read_entry(wire, DEPTH, unknown)?),
            4 => scope.dropped_attributes = wire.varint()? as u32,
            _ => *unknown += 1,
        }
        Ok(())
    })
}

/// Says whether a scope is what rows without one are sent under.
pub(super) fn is_ours(scope: &InstrumentationScope) -> bool {
    scope.name == NAME
        && scope.version == VERSION
        && scope.attributes.is_empty()
        && scope.schema_url.is_empty()
        && scope.dropped_attributes == 0
}

#[cfg(test)]
mod tests {
    use flowglass_model::Extra;

    use super::*;

    #[test]
    fn rows_of_a_scope_stand_together() {
        let mut extras = Extras::default();
        for (row, scope) in [(1, 2), (2, 2), (4, 1), (6, 2)] {
            extras.set(row, Extra { scope, ..Extra::default() });
        }
        assert_eq!(segments(&extras, 8), [(0, 0..1), (0, 3..4), (0, 5..6), (0, 7..8), (1, 4..5), (2, 1..3), (2, 6..7)]);
        assert_eq!(segments(&Extras::default(), 3), [(0, 0..3)]);
        assert_eq!(segments(&Extras::default(), 0), []);
    }
}
