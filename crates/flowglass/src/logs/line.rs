//! One log record as one line.

use std::fmt::Write as _;

use flowglass_model::{AttributeValue, LogRecord, Redaction, SpanId, TraceId};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Human,
}

impl Form {
    /// Adds a record as a line.
    pub(super) fn write(self, record: &LogRecord, to: &mut String) {
        match self {
            Self::Json => to.push_str(&as_json(record).to_string()),
            Self::Human => write_text(record, to),
        }
        to.push('\n');
    }
}

/// Hides the secrets of a record.
pub(super) fn redact(record: &mut LogRecord, redaction: &Redaction) {
    redaction.attributes(&mut record.attributes);
    let mut body = vec![(String::new(), std::mem::take(&mut record.body))];
    redaction.attributes(&mut body);
    record.body = body.pop().map(|(_, body)| body).unwrap_or_default();
}

fn as_json(record: &LogRecord) -> Value {
    let mut line = Map::new();
    let mut put = |key: &str, value: Value| drop(line.insert(key.to_owned(), value));
    put("time", moment(record).to_string().into());
    put("level", record.severity.as_str().into());
    put("message", record.body.to_json());
    if !record.event_name.is_empty() {
        put("event", record.event_name.as_str().into());
    }
    if record.trace_id != TraceId::NONE {
        put("trace_id", record.trace_id.to_string().into());
    }
    if record.span_id != SpanId::NONE {
        put("span_id", record.span_id.to_string().into());
    }
    if !record.attributes.is_empty() {
        let attributes = record.attributes.iter().map(|(key, value)| (key.clone(), value.to_json()));
        put("attributes", json!(attributes.collect::<Map<_, _>>()));
    }
    Value::Object(line)
}

/// Writing into a text does not fail.
fn write_text(record: &LogRecord, to: &mut String) {
    let _ = write!(to, "{} {:<5} ", moment(record).strftime("%H:%M:%S%.3f"), record.severity);
    push_plain(&shown(&record.body), to);
    for (key, value) in &record.attributes {
        to.push(' ');
        push_plain(key, to);
        to.push('=');
        push_plain(&shown(value), to);
    }
    if record.trace_id != TraceId::NONE {
        let _ = write!(to, " trace={}", record.trace_id);
    }
}

fn shown(value: &AttributeValue) -> String {
    value.as_str().map_or_else(|| value.to_json().to_string(), str::to_owned)
}

/// Adds a text so that it stays on its line and steers no terminal.
fn push_plain(text: &str, to: &mut String) {
    for c in text.chars() {
        if c.is_control() { to.extend(c.escape_default()) } else { to.push(c) }
    }
}

fn moment(record: &LogRecord) -> Timestamp {
    let unix_ns = if record.unix_ns == 0 { record.observed_unix_ns } else { record.unix_ns };
    Timestamp::from_nanosecond(unix_ns.into()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use flowglass_model::Severity;

    use super::*;

    fn record() -> LogRecord {
        LogRecord {
            unix_ns: 1_767_268_800_500_000_000,
            severity: Severity::WARN,
            body: "two\nlines \u{1b}[31m".into(),
            attributes: vec![
                ("rows".into(), 3_i64.into()),
                ("Api_Key".into(), "k".into()),
                ("request".into(), AttributeValue::Map(vec![("cookie".into(), "c".into()), ("path".into(), "/".into())])),
                ("iban".into(), "DE".into()),
            ],
            ..LogRecord::default()
        }
    }

    #[test]
    fn a_line_for_people_is_one_line() {
        let mut record = record();
        redact(&mut record, &Redaction::secrets().key("*iban*"));
        let mut line = String::new();
        Form::Human.write(&record, &mut line);
        let attributes = r#"rows=3 Api_Key=[redacted] request={"cookie":"[redacted]","path":"/"} iban=[redacted]"#;
        assert_eq!(line, format!("12:00:00.500 WARN  two\\nlines \\u{{1b}}[31m {attributes}\n"));
    }

    #[test]
    fn a_line_of_json_says_where_it_was_said() {
        let trace_id = TraceId::random();
        let mut record = LogRecord { trace_id, span_id: SpanId::random(), event_name: "checkpoint".into(), ..record() };
        redact(&mut record, &Redaction::secrets());
        let mut line = String::new();
        Form::Json.write(&record, &mut line);
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((value["time"].as_str(), value["level"].as_str()), (Some("2026-01-01T12:00:00.5Z"), Some("WARN")));
        assert_eq!((value["trace_id"].as_str(), value["event"].as_str()), (Some(&*trace_id.to_string()), Some("checkpoint")));
        assert_eq!((&value["attributes"]["rows"], &value["attributes"]["Api_Key"]), (&json!(3), &json!("[redacted]")));
        assert_eq!(value["message"], "two\nlines \u{1b}[31m");
        assert_eq!(line.matches('\n').count(), 1);
    }
}
