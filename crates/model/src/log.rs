//! Log records: what a program says, with a severity, where it stands in a trace.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AttributeValue, Attributes, InstrumentationScope, SpanId, TraceId};

/// How much a log record matters: OpenTelemetry's number, 1 to 24 in six ranges of four; 0 where it isn't known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Severity(pub u8);

impl Severity {
    /// It isn't known how much it matters.
    pub const UNSPECIFIED: Self = Self(0);
    /// Each step, for finding errors.
    pub const TRACE: Self = Self(1);
    /// For finding errors.
    pub const DEBUG: Self = Self(5);
    /// Something happened as it should.
    pub const INFO: Self = Self(9);
    /// Not an error, but worth a look.
    pub const WARN: Self = Self(13);
    /// Something went wrong.
    pub const ERROR: Self = Self(17);
    /// The program can't go on.
    pub const FATAL: Self = Self(21);

    /// Returns OpenTelemetry's short name: `INFO`, `WARN2`; empty where the severity isn't known.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        const NAMES: [&str; 25] = [
            "", "TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG", "DEBUG2", "DEBUG3", "DEBUG4", "INFO", "INFO2", "INFO3",
            "INFO4", "WARN", "WARN2", "WARN3", "WARN4", "ERROR", "ERROR2", "ERROR3", "ERROR4", "FATAL", "FATAL2", "FATAL3",
            "FATAL4",
        ];
        if (self.0 as usize) < NAMES.len() { NAMES[self.0 as usize] } else { "" }
    }

    /// Returns the severity of a name in any case: OpenTelemetry's short names, and `warning`, `critical` and their like.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let alias = match name.to_ascii_uppercase().as_str() {
            "WARNING" => Self::WARN,
            "ERR" => Self::ERROR,
            "CRITICAL" | "PANIC" | "EMERGENCY" => Self::FATAL,
            "NOTICE" => Self(10),
            other => return (1..=24).map(Self).find(|severity| severity.as_str() == other),
        };
        Some(alias)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that a program said. With an event name, it is what OpenTelemetry calls an event.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogRecord {
    /// When it was said, in nanoseconds since 1970 UTC; 0 where that isn't known.
    pub unix_ns: i64,
    /// When it was seen, in nanoseconds since 1970 UTC.
    pub observed_unix_ns: i64,
    /// How much it matters.
    pub severity: Severity,
    /// The severity in the words of its source.
    pub severity_text: String,
    /// What kind of event it is; empty for a plain record.
    pub event_name: String,
    /// What was said; [`AttributeValue::Null`] where nothing was.
    pub body: AttributeValue,
    /// The trace that it belongs to, or [`TraceId::NONE`].
    pub trace_id: TraceId,
    /// The span in which it was said, or [`SpanId::NONE`].
    pub span_id: SpanId,
    /// W3C trace flags.
    pub flags: u32,
    /// Keys and values.
    pub attributes: Attributes,
    /// How many attributes were left out.
    pub dropped_attributes: u32,
    /// What recorded it.
    pub scope: Option<Arc<InstrumentationScope>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_severities() {
        for number in 1..=24 {
            assert_eq!(Severity::from_name(Severity(number).as_str()), Some(Severity(number)));
        }
        assert_eq!(Severity::from_name("warning"), Some(Severity::WARN));
        assert_eq!((Severity::from_name(""), Severity::from_name("loud")), (None, None));
        assert_eq!((Severity(0).as_str(), Severity(200).as_str()), ("", ""));
    }
}
