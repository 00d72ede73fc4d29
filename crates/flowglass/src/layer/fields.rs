//! The fields of an event of `tracing` as attributes, typed where they are.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::ops::Range;

use flowglass_record::Value;
use smallvec::SmallVec;
use tracing::Metadata;
use tracing::field::{Field, Visit};

/// The field that says what an event is about.
const MESSAGE: &str = "message";
/// What `log` gives of a record's origin, which `tracing` can't.
const LOG: &str = "log.";
const LOG_TARGET: &str = "log.target";
/// The field that says what went wrong.
pub(super) const ERROR: &str = "error";

std::thread_local! {
    /// Fields without anything in them, and with room for as much as the thread's largest event.
    static EMPTY: Cell<Fields> = const { Cell::new(Fields::new()) };
}

/// Attributes of an event: seldom more than fit where they are made.
pub(super) type Attributes<'a> = SmallVec<[(&'static str, Value<'a>); 12]>;

/// The fields of an event.
pub(super) struct Fields {
    message: Option<Range<usize>>,
    others: Vec<(&'static str, Told)>,
    /// Message and texts, one behind the other.
    texts: String,
}

/// The value of a field.
#[derive(Debug, Clone)]
enum Told {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Range<usize>),
}

impl Default for Fields {
    fn default() -> Self {
        Self::new()
    }
}

impl Fields {
    const fn new() -> Self {
        Self { message: None, others: Vec::new(), texts: String::new() }
    }

    /// Reads the fields of an event and calls with them. What an event needs is kept for the next one; one that a value tells of while it
    /// is formatted finds nothing kept.
    pub(super) fn with<T>(record: impl FnOnce(&mut Self), with: impl FnOnce(&Self) -> T) -> T {
        // A thread that is ending has nothing kept.
        let mut fields = EMPTY.try_with(Cell::take).unwrap_or_default();
        record(&mut fields);
        let done = with(&fields);
        fields.clear();
        let _ = EMPTY.try_with(|empty| empty.set(fields));
        done
    }

    pub(super) fn message(&self) -> Option<&str> {
        self.text(self.message.as_ref()?)
    }

    /// Returns why an event that tells of an error says that it happened.
    pub(super) fn reason(&self) -> &str {
        let error = self.others.iter().find_map(|(key, told)| match told {
            Told::Text(place) if *key == ERROR => self.text(place),
            _ => None,
        });
        error.or_else(|| self.message()).unwrap_or_default()
    }

    /// Returns level, target and fields. What came from `log` has its own target.
    pub(super) fn attributes<'a>(&'a self, metadata: &Metadata<'a>) -> Attributes<'a> {
        let target = self.others.iter().find(|(key, _)| *key == LOG_TARGET).map(|(_, value)| ("target", self.value(value)));
        let [level, own_target] = about(metadata);
        let fields = self.others.iter().filter(|(key, _)| !key.starts_with(LOG));
        let fields = fields.map(|(key, value)| (*key, self.value(value)));
        [level, target.unwrap_or(own_target)].into_iter().chain(fields).collect()
    }

    fn value(&self, told: &Told) -> Value<'_> {
        match told {
            Told::Bool(value) => Value::Bool(*value),
            Told::Int(value) => Value::Int(*value),
            Told::Float(value) => Value::Float(*value),
            Told::Text(place) => Value::Str(self.text(place).unwrap_or_default()),
        }
    }

    fn text(&self, place: &Range<usize>) -> Option<&str> {
        self.texts.get(place.clone())
    }

    /// Writes out what a library's own code formats; an error of that code leaves what was written until then.
    fn put_text(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        let start = self.texts.len();
        let _ = self.texts.write_fmt(text);
        let place = start..self.texts.len();
        if field.name() == MESSAGE {
            self.message = Some(place);
        } else {
            self.others.push((field.name(), Told::Text(place)));
        }
    }

    fn clear(&mut self) {
        self.message = None;
        self.others.clear();
        self.texts.clear();
    }
}

/// Returns the level and the target of what is said.
pub(super) fn about<'a>(metadata: &Metadata<'a>) -> [(&'static str, Value<'a>); 2] {
    [("level", Value::Str(metadata.level().as_str())), ("target", Value::Str(metadata.target()))]
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.push((field.name(), Told::Bool(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.push((field.name(), Told::Int(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            Err(_) => self.put_text(field, format_args!("{value}")),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.others.push((field.name(), Told::Float(value)));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put_text(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, format_args!("{value:?}"));
    }
}
