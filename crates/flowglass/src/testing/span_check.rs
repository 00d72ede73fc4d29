//! Assertions on one span, one after the other.

use flowglass_model::{AttributeValue, Span, Status};

use super::is_same;

/// Assertions on one span; each gives it back, so that they stand one after the other.
#[derive(Debug, Clone)]
pub struct SpanCheck {
    span: Span,
    /// The names of the spans around it, the nearest first.
    around: Vec<String>,
}

impl SpanCheck {
    pub(super) fn new(span: Span, all: &[Span]) -> Self {
        let above = |span: &Span| all.iter().find(|other| other.trace_id == span.trace_id && other.span_id == span.parent_id);
        let around = std::iter::successors(above(&span), |span| above(span)).take(all.len());
        Self { around: around.map(|span| span.name.clone()).collect(), span }
    }

    /// Returns the span.
    #[must_use]
    pub const fn span(&self) -> &Span {
        &self.span
    }

    /// Checks that an attribute has this value.
    ///
    /// # Panics
    /// If it hasn't.
    #[track_caller]
    pub fn has(self, key: &str, value: impl Into<AttributeValue>) -> Self {
        let value = value.into();
        match self.span.attribute(key) {
            Some(found) if is_same(found, &value) => self,
            found => panic!("`{}` has {found:?} as `{key}`, not {value:?}", self.span.name),
        }
    }

    /// Checks that there is no such attribute.
    ///
    /// # Panics
    /// If there is.
    #[track_caller]
    pub fn has_no(self, key: &str) -> Self {
        let found = self.span.attribute(key);
        assert!(found.is_none(), "`{}` has {found:?} as `{key}`", self.span.name);
        self
    }

    /// Checks that there is an event of this name.
    ///
    /// # Panics
    /// If there isn't.
    #[track_caller]
    pub fn has_event(self, name: &str) -> Self {
        let names: Vec<&str> = self.span.events.iter().map(|event| event.name.as_str()).collect();
        assert!(names.contains(&name), "`{}` has no event `{name}`, only {names:?}", self.span.name);
        self
    }

    /// Checks that the span is inside of one with this name, however deep.
    ///
    /// # Panics
    /// If it isn't.
    #[track_caller]
    pub fn is_inside(self, name: &str) -> Self {
        let is_inside = self.around.iter().any(|around| around == name);
        assert!(is_inside, "`{}` is not inside of `{name}`, only of {:?}", self.span.name, self.around);
        self
    }

    /// Checks that it ended well.
    ///
    /// # Panics
    /// If it didn't.
    #[track_caller]
    pub fn is_ok(self) -> Self {
        self.is(Status::Ok)
    }

    /// Checks that it failed, with a message that holds this text.
    ///
    /// # Panics
    /// If it didn't.
    #[track_caller]
    pub fn failed_with(self, text: &str) -> Self {
        let checked = self.is(Status::Error);
        let message = &checked.span.status_message;
        assert!(message.contains(text), "`{}` failed with `{message}`, not with `{text}`", checked.span.name);
        checked
    }

    /// Checks how it ended.
    ///
    /// # Panics
    /// If it ended differently.
    #[track_caller]
    pub fn is(self, status: Status) -> Self {
        let Span { name, status: found, status_message, .. } = &self.span;
        assert_eq!(*found, status, "`{name}` ended as {found}: {status_message}");
        self
    }
}
