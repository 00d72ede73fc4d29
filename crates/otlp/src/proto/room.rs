//! What all readers of items count: the rows that there is still room for, and fields that are unknown.

use flowglass_model::{BatchBuilder, Scalar, SpanId, Sym, TraceId};

use super::reader::Wire;
use super::value::KeyValue;
use crate::Flaw;

/// What all readers of items count.
#[derive(Debug)]
pub(super) struct Room {
    rows: usize,
    /// Fields that were left out because they are unknown.
    pub(super) unknown: u64,
}

impl Room {
    pub(super) const fn new(rows: usize) -> Self {
        Self { rows, unknown: 0 }
    }

    /// Counts rows, if there is room for them.
    #[inline]
    pub(super) fn take(&mut self, rows: usize) -> Result<(), Flaw> {
        self.rows = self.rows.checked_sub(rows).ok_or(Flaw::Rows)?;
        Ok(())
    }

    /// Counts an unknown field.
    #[inline]
    pub(super) const fn unknown(&mut self) {
        self.unknown += 1;
    }

    /// Reads an attribute into a batch's arena.
    #[inline]
    pub(super) fn pair(&mut self, wire: Wire<'_>, builder: &mut BatchBuilder) -> Result<(Sym, Scalar), Flaw> {
        self.take(1)?;
        let found = KeyValue::read(wire.bytes()?, "", &mut self.unknown)?;
        let value = found.value.intern(builder, &mut self.unknown)?;
        Ok((builder.intern(found.key), value))
    }
}

/// Returns a trace's id: 16 bytes.
pub(super) fn trace_id(bytes: &[u8]) -> Result<TraceId, Flaw> {
    bytes.try_into().map(TraceId::from_bytes).map_err(|_| Flaw::TraceId)
}

/// Returns a trace's id, or that there is none.
pub(super) fn trace_id_or_none(bytes: &[u8]) -> Result<TraceId, Flaw> {
    if bytes.is_empty() { Ok(TraceId::NONE) } else { trace_id(bytes) }
}

/// Returns a span's id: 8 bytes.
pub(super) fn span_id(bytes: &[u8]) -> Result<SpanId, Flaw> {
    bytes.try_into().map(|bytes| SpanId::from_u64(u64::from_be_bytes(bytes))).map_err(|_| Flaw::SpanId)
}

/// Returns a span's id, or that there is none.
pub(super) fn span_id_or_none(bytes: &[u8]) -> Result<SpanId, Flaw> {
    if bytes.is_empty() { Ok(SpanId::NONE) } else { span_id(bytes) }
}

/// Returns a time, in nanoseconds since 1970 UTC.
pub(super) fn unix_ns(time: u64) -> Result<i64, Flaw> {
    i64::try_from(time).map_err(|_| Flaw::Time)
}

/// Returns a count that OTLP gives 32 bits.
pub(super) const fn count(number: u64) -> u32 {
    number as u32
}
