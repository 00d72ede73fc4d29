//! One value of one row, on its way to SQLite.

use std::borrow::Cow;

use flowglass_model::{Batch, Scalar, SpanId, Sym, TraceId};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use super::{json, moment};

/// One value of one row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Int(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Blob(&'a [u8]),
}

impl<'a> Cell<'a> {
    /// Shows a text.
    pub(super) const fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Shows a text, or nothing where it is empty.
    pub(super) fn some_text(text: &'a str) -> Self {
        if text.is_empty() { Self::Null } else { Self::text(text) }
    }

    /// Shows a text of a batch.
    pub(super) fn sym(batch: &'a Batch, sym: Sym) -> Self {
        Self::text(batch.arena.text(sym))
    }

    /// Shows a trace's id in hexadecimal digits, or nothing where there is none.
    pub(super) fn trace(trace: TraceId) -> Self {
        if trace.is_zero() { Self::Null } else { Self::Text(trace.to_string().into()) }
    }

    /// Shows a span's id in hexadecimal digits, or nothing where there is none.
    pub(super) fn span(span: SpanId) -> Self {
        span.some().map_or(Self::Null, |span| Self::Text(span.to_string().into()))
    }

    /// Shows a count; one that SQLite has no number for is as large as can be.
    pub(super) fn count(count: u64) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Shows a moment as SQLite's functions of date and time do, in UTC.
    pub(super) fn moment(unix_ns: i64) -> Self {
        Self::Text(moment::text(unix_ns).into())
    }

    /// Shows a length of time in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "beside it stands a column with all nanoseconds")]
    pub(super) fn milliseconds(ns: u64) -> Self {
        Self::Real(ns as f64 / 1e6)
    }

    /// Shows a number, or nothing.
    pub(super) fn real(number: Option<f64>) -> Self {
        number.map_or(Self::Null, Self::Real)
    }

    /// Shows the value of an attribute: lists and maps as JSON, truth as 1 and 0.
    pub(super) fn scalar(batch: &'a Batch, scalar: Scalar) -> Self {
        match scalar {
            Scalar::Str(sym) => Self::sym(batch, sym),
            Scalar::Bool(flag) => Self::Int(flag.into()),
            Scalar::Int(number) => Self::Int(number),
            Scalar::Float(number) => Self::Real(number),
            Scalar::Bytes(sym) => Self::Blob(batch.arena.bytes(sym)),
            Scalar::Nested(sym) => Self::Text(json::nested(batch.arena.bytes(sym)).into()),
            _ => Self::Null,
        }
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Real(number) => ToSqlOutput::Owned(Value::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}
