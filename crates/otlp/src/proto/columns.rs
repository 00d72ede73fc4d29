//! Rows of a batch's columns, as encoders walk over them.

use flowglass_model::{Arena, AttributeColumns, Scalar, Sym};

/// Iterates over the attributes of a row.
#[inline]
pub(super) fn attributes(columns: &AttributeColumns, row: usize) -> impl Iterator<Item = (Sym, Scalar)> + '_ {
    let start = row.checked_sub(1).map_or(0, |before| columns.ends[before] as usize);
    let range = start..columns.ends[row] as usize;
    columns.keys[range.clone()].iter().copied().zip(columns.values[range].iter().copied())
}

/// Returns every name that a text has in an arena.
pub(super) fn names_of(arena: &Arena, text: &str) -> Vec<Sym> {
    let syms = (0..u32::try_from(arena.len()).unwrap_or(u32::MAX)).map(Sym);
    syms.filter(|sym| arena.bytes(*sym) == text.as_bytes()).collect()
}
