//! The fields of `tracing` as attributes, typed where they are.

use std::fmt::{self, Write as _};

use flowglass_model::AttributeValue;
use flowglass_record::{DetachedSpan, Value};
use tracing::Metadata;
use tracing::field::{Field, Visit};

/// The field that says what an event is about.
const MESSAGE: &str = "message";
/// What `log` gives of a record's origin, which `tracing` can't.
const LOG: &str = "log.";
const LOG_TARGET: &str = "log.target";

/// The fields of an event.
#[derive(Default)]
pub(super) struct Fields {
    message: Option<String>,
    others: Vec<(&'static str, AttributeValue)>,
}

/// Puts the fields of a span on it.
pub(super) struct OnSpan<'a>(pub(super) &'a DetachedSpan);

impl Fields {
    pub(super) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns level, target and fields. What came from `log` has its own target.
    pub(super) fn attributes<'a>(&'a self, metadata: &Metadata<'a>) -> Vec<(&'a str, Value<'a>)> {
        let target = self.others.iter().find(|(key, _)| *key == LOG_TARGET).and_then(|(_, value)| value.as_str());
        let [level, own_target] = about(metadata);
        let target = target.map_or(own_target, |target| ("target", Value::Str(target)));
        let fields = self.others.iter().filter(|(key, _)| !key.starts_with(LOG));
        [level, target].into_iter().chain(fields.map(|(key, value)| (*key, Value::Json(value)))).collect()
    }

    fn put(&mut self, field: &Field, value: impl Into<AttributeValue>) {
        self.others.push((field.name(), value.into()));
    }
}

/// Returns the level and the target of what is said.
pub(super) fn about<'a>(metadata: &Metadata<'a>) -> [(&'static str, Value<'a>); 2] {
    [("level", Value::Str(metadata.level().as_str())), ("target", Value::Str(metadata.target()))]
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.put(field, value),
            Err(_) => self.put(field, value.to_string()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            self.message = Some(value.to_owned());
        } else {
            self.put(field, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, text(format_args!("{value}")));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &text(format_args!("{value:?}")));
    }
}

impl Visit for OnSpan<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.attr(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.attr(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.0.attr(field.name(), value),
            Err(_) => self.0.attr(field.name(), &*value.to_string()),
        };
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.attr(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.attr(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0.error(&text(format_args!("{}: {value}", field.name())));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &text(format_args!("{value:?}")));
    }
}

/// Writes out what a library's own code formats; an error of that code leaves what was written until then.
fn text(arguments: fmt::Arguments<'_>) -> String {
    let mut text = String::new();
    let _ = text.write_fmt(arguments);
    text
}
