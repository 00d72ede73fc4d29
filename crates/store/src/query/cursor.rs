//! Where a page of an answer ended, as text that a caller keeps and gives back.

use std::fmt;
use std::str::FromStr;

use flowglass_model::{SpanId, TraceId};

use super::SortKey;

/// Where a page ended: what its last thing is sorted by, and which thing that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// What the last thing is sorted by.
    pub key: SortKey,
    /// The last thing's trace.
    pub trace_id: TraceId,
    /// The last thing's span.
    pub span_id: SpanId,
    /// Tells things apart that have no ids of their own: events, logs, points of metrics. 0 for runs and spans.
    pub tie: u64,
    /// How many equal things stand at this place that pages before have shown.
    pub seen: u32,
}

/// A text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseCursorError;

impl fmt::Display for ParseCursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no cursor: pass on the one that came with the page before, unchanged")
    }
}

impl std::error::Error for ParseCursorError {}

/// `TRACE.SPAN.KEY`, the key with a letter for its kind, text in hexadecimal digits; `.TIE.SEEN` behind it where it takes that.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.", self.trace_id, self.span_id)?;
        match &self.key {
            SortKey::Missing => f.write_str("-"),
            SortKey::Int(number) => write!(f, "i{number}"),
            SortKey::Text(text) => {
                f.write_str("t")?;
                text.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }?;
        if (self.tie, self.seen) == (0, 1) { Ok(()) } else { write!(f, ".{:x}.{}", self.tie, self.seen) }
    }
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        read(text).ok_or(ParseCursorError)
    }
}

fn read(text: &str) -> Option<Cursor> {
    let (trace, rest) = text.split_once('.')?;
    let (span, rest) = rest.split_once('.')?;
    let (key, tie, seen) = match rest.split_once('.') {
        None => (rest, 0, 1),
        Some((key, rest)) => {
            let (tie, seen) = rest.split_once('.')?;
            (key, u64::from_str_radix(tie, 16).ok()?, seen.parse().ok()?)
        }
    };
    let key = match key.split_at_checked(1)? {
        ("-", "") => SortKey::Missing,
        ("i", number) => SortKey::Int(number.parse().ok()?),
        ("t", digits) => SortKey::Text(text_of(digits)?),
        _ => return None,
    };
    Some(Cursor { key, trace_id: trace.parse().ok()?, span_id: span.parse().ok()?, tie, seen })
}

fn text_of(digits: &str) -> Option<String> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
    String::from_utf8(bytes.collect::<Result<_, _>>().ok()?).ok()
}
