//! What a span says about itself: its label, what the cache said, the counts of a map, why it failed.

use std::borrow::Cow;

use flowglass_model::{AttributeValue, CacheStatus, Span, SpanType, Status, TraceState, conventions as names};
use serde::Serialize;

use crate::Histogram;

/// Counts of a map, exact even where items have no spans of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MapCounts {
    /// How many items there are.
    pub total: u64,
    /// How many failed.
    pub failed: u64,
    /// How many came whole from the cache.
    pub cached: u64,
    /// How many have no span.
    pub unsampled: u64,
    /// The median duration of the items, in nanoseconds, where the span carries their durations.
    pub p50_ns: Option<u64>,
    /// The longest duration of an item, in nanoseconds, where the span carries their durations.
    pub max_ns: Option<u64>,
}

impl MapCounts {
    /// Reads a map span's attributes; none where the span says no total.
    #[must_use]
    pub fn of(span: &Span) -> Option<Self> {
        let total = natural(span, names::MAP_TOTAL)?;
        let durations = span.attribute(names::MAP_DURATIONS).and_then(Histogram::from_attribute);
        Some(Self {
            total,
            failed: natural(span, names::MAP_FAILED).unwrap_or_default(),
            cached: natural(span, names::MAP_CACHED).unwrap_or_default(),
            unsampled: natural(span, names::MAP_UNSAMPLED).unwrap_or_default(),
            p50_ns: durations.as_ref().map(|durations| durations.quantile_ns(0.5)),
            max_ns: durations.map(|durations| durations.max_ns),
        })
    }
}

/// Returns for how many a span stands: for those, too, that chance left out when it chose this one, as the span's trace state tells. What is
/// recorded for another reason stands for itself.
///
/// The adjusted count of <https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>.
#[must_use]
pub fn stands_for(span: &Span) -> f64 {
    if span.trace_state.is_empty() {
        return 1.0;
    }
    TraceState::parse([span.trace_state.as_str()]).threshold().map_or(1.0, |threshold| 1.0 / threshold.rate())
}

/// Returns what to call a span in a row below its parent: a name without the word for its type, `[3]` for an item.
#[must_use]
pub fn label(span: &Span) -> Cow<'_, str> {
    let strip = |word: &str| span.name.strip_prefix(word).filter(|name| !name.is_empty()).unwrap_or(&span.name);
    match span.span_type {
        SpanType::Pipeline => Cow::Borrowed(strip("pipeline ")),
        SpanType::Node => Cow::Borrowed(strip("node ")),
        SpanType::Map => Cow::Borrowed(strip("map ")),
        SpanType::Item => match natural(span, names::MAP_INDEX) {
            Some(index) => Cow::Owned(format!("[{index}]")),
            None => Cow::Owned(format!("[{}]", strip("item "))),
        },
        _ => Cow::Borrowed(&span.name),
    }
}

/// Returns what an item of a map works on, as far as its span says: the beginning of the mapped value.
#[must_use]
pub fn item(span: &Span) -> Option<&str> {
    let item = span.text(names::MAP_ITEM).filter(|_| span.span_type == SpanType::Item)?;
    Some(item.trim()).filter(|item| !item.is_empty())
}

/// Returns what the cache said, where it was asked.
#[must_use]
pub fn cache(span: &Span) -> Option<CacheStatus> {
    span.text(names::CACHE_STATUS).and_then(CacheStatus::from_word)
}

/// Returns what a cache hit saved, in milliseconds; 0 where nothing is known.
#[must_use]
pub fn saved_ms(span: &Span) -> f64 {
    let saved_ms = span.attribute(names::CACHE_SAVED_MS).and_then(AttributeValue::as_f64);
    saved_ms.filter(|saved_ms| saved_ms.is_finite() && *saved_ms > 0.0).unwrap_or_default()
}

/// Returns why a span failed; none unless it did.
#[must_use]
pub fn error(span: &Span) -> Option<&str> {
    if span.status != Status::Error {
        return None;
    }
    let thrown = || exception(span, names::EXCEPTION_MESSAGE);
    let message = Some(span.status_message.as_str()).filter(|message| !message.is_empty());
    Some(message.or_else(thrown).or_else(|| span.text(names::ERROR_TYPE)).unwrap_or("failed"))
}

/// Returns the causes of a failure, the outermost first.
pub fn causes(span: &Span) -> impl Iterator<Item = &str> {
    exception(span, names::EXCEPTION_STACKTRACE).into_iter().flat_map(str::lines)
}

fn exception<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    let event = span.events.iter().rev().find(|event| event.name == "exception")?;
    event.attributes.iter().find(|(name, _)| name == key)?.1.as_str()
}

/// Returns an attribute that is a whole number from 0.
#[must_use]
pub fn natural(span: &Span, key: &str) -> Option<u64> {
    span.attribute(key).and_then(AttributeValue::as_int).and_then(|number| u64::try_from(number).ok())
}

/// Says whether a span only wraps its parent's work under the same name: the pipeline or the map that a node is.
#[must_use]
pub fn repeats(span: &Span, parent: &Span) -> bool {
    let wraps = matches!(
        (parent.span_type, span.span_type),
        (SpanType::Node, SpanType::Pipeline | SpanType::Map) | (SpanType::Pipeline, SpanType::Map)
    );
    wraps && label(span) == label(parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Runs;

    #[test]
    fn labels_drop_the_word_for_the_type() {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Pipeline, "etl", 0, 10);
        let item = run.add(Some(root), SpanType::Item, "7", 0, 1);
        assert_eq!(label(run.span(root)), "etl");
        assert_eq!(label(run.span(item)), "[7]");
        run.span_mut(item).name = "node ".to_owned();
        run.span_mut(item).span_type = SpanType::Node;
        assert_eq!(label(run.span(item)), "node ");
    }

    #[test]
    fn only_items_say_what_they_work_on() {
        let mut run = Runs::new();
        let map = run.add(None, SpanType::Map, "words", 0, 10);
        let (item, blank) = (run.add(Some(map), SpanType::Item, "0", 0, 1), run.add(Some(map), SpanType::Item, "1", 0, 1));
        for (at, text) in [(map, "a list"), (item, " a.txt\n"), (blank, " \t ")] {
            run.set(at, names::MAP_ITEM, text);
        }
        assert_eq!([map, item, blank].map(|at| super::item(run.span(at))), [None, Some("a.txt"), None]);
    }

    #[test]
    fn a_failure_always_has_words() {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Pipeline, "etl", 0, 10);
        assert_eq!(error(run.span(root)), None);
        run.span_mut(root).status = Status::Error;
        assert_eq!(error(run.span(root)), Some("failed"));
        run.set(root, names::ERROR_TYPE, "ValueError");
        assert_eq!(error(run.span(root)), Some("ValueError"));
    }

    #[test]
    fn hostile_numbers_are_ignored() {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Map, "m", 0, 10);
        run.set(root, names::MAP_TOTAL, -5_i64);
        run.set(root, names::CACHE_SAVED_MS, f64::NAN);
        assert_eq!(MapCounts::of(run.span(root)), None);
        assert!(saved_ms(run.span(root)).abs() < f64::EPSILON);
    }
}
