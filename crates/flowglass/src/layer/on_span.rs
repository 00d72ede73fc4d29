//! The fields of a span of `tracing`: put on it as attributes, and asked whether they say that it fails.

use std::fmt::{self, Write as _};

use flowglass_record::DetachedSpan;
use tracing::field::{Field, Visit};

use super::fields::ERROR;

/// How a span ends, and why, as `tracing-opentelemetry` has them.
const STATUS_CODE: &str = "otel.status_code";
const STATUS_DESCRIPTION: &str = "otel.status_description";

/// Puts fields on a span. Where that isn't recorded, they are only asked whether they tell of an error: that changes it.
pub(super) fn put(span: &DetachedSpan, visit: impl Fn(&mut dyn Visit)) {
    if !span.is_recorded() {
        let mut failing = Failing(false);
        visit(&mut failing);
        if !failing.0 {
            return;
        }
        span.note_error();
    }
    let mut fields = OnSpan { span, has_failed: false, reason: String::new() };
    visit(&mut fields);
    if fields.has_failed {
        span.error(&fields.reason);
    }
}

/// Puts fields on a span, and finds out whether it fails.
struct OnSpan<'a> {
    span: &'a DetachedSpan,
    has_failed: bool,
    /// Why, if it has.
    reason: String,
}

/// Finds out whether fields say that their span fails, and formats none but those that may.
struct Failing(bool);

/// Says whether a field that is a text tells of a failure.
fn is_failure(name: &str, value: &str) -> bool {
    match name {
        ERROR => !value.is_empty(),
        STATUS_CODE => value.eq_ignore_ascii_case("error"),
        _ => false,
    }
}

impl Visit for OnSpan<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.span.attr(field.name(), value);
        self.has_failed |= value && field.name() == ERROR;
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.span.attr(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.span.attr(field.name(), value),
            Err(_) => self.span.attr(field.name(), &*value.to_string()),
        };
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.span.attr(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let name = field.name();
        self.span.attr(name, value);
        self.has_failed |= is_failure(name, value);
        if name == ERROR || name == STATUS_DESCRIPTION {
            value.clone_into(&mut self.reason);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        if field.name() == ERROR {
            return self.record_str(field, &text(format_args!("{value}")));
        }
        self.has_failed = true;
        self.reason = text(format_args!("{}: {value}", field.name()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &text(format_args!("{value:?}")));
    }
}

impl Visit for Failing {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0 |= value && field.name() == ERROR;
    }

    fn record_i64(&mut self, _field: &Field, _value: i64) {}

    fn record_u64(&mut self, _field: &Field, _value: u64) {}

    fn record_f64(&mut self, _field: &Field, _value: f64) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 |= is_failure(field.name(), value);
    }

    fn record_error(&mut self, _field: &Field, _value: &(dyn std::error::Error + 'static)) {
        self.0 = true;
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if matches!(field.name(), ERROR | STATUS_CODE) {
            self.record_str(field, &text(format_args!("{value:?}")));
        }
    }
}

/// Writes out what a library's own code formats; an error of that code leaves what was written until then.
fn text(arguments: fmt::Arguments<'_>) -> String {
    let mut text = String::new();
    let _ = text.write_fmt(arguments);
    text
}
