//! The one error type of the engine: what failed, where in the pipeline, and why.

mod kind;
mod node_error;

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, OnceLock};

use flowglass_model::{Failure, FailureReport, ReportPart, RunId, SpanId};

pub use kind::ErrorKind;
pub use node_error::NodeError;
pub(crate) use node_error::panic_text;

/// An error that user code gave, whatever its type.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// Why a pipeline couldn't be built or a run failed. Cheap to clone.
///
/// `Display` begins with a line that names the place and what went wrong; causes and what may explain it follow, a line each:
/// what the node was given, its attempts, what became of the nodes beside it. `{:#}` leaves nothing out.
/// [`report`](Self::report) is the same as data. [`source`](StdError::source) gives the original error, which
/// [`cause`](Self::cause) finds by its type.
#[derive(Clone)]
pub struct Error {
    what: Arc<What>,
    place: Option<Arc<Place>>,
}

struct What {
    kind: ErrorKind,
    message: String,
    error_type: Option<String>,
    source: Option<BoxError>,
    /// The span that ended with this error first; those that end with it after that only pass it on.
    span: OnceLock<SpanId>,
    /// Of a map: the errors of its first failed items.
    items: Vec<Error>,
}

#[derive(Clone)]
struct Place {
    index: Option<u64>,
    run: RunId,
    attempts: u32,
    /// Where it was, and what was found out about it on its way up. What the error itself says is added when it is asked for.
    report: FailureReport,
}

impl Error {
    /// Errors of items that a map's error holds, at most.
    pub(crate) const ITEMS: usize = 10;

    /// Makes an error with a message.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::of(What {
            kind,
            message: message.into(),
            error_type: None,
            source: None,
            span: OnceLock::new(),
            items: Vec::new(),
        })
    }

    fn of(what: What) -> Self {
        Self { what: Arc::new(what), place: None }
    }

    /// Wraps what user code gave.
    pub(crate) fn from_node(source: BoxError) -> Self {
        Self::of(What {
            kind: ErrorKind::Node,
            message: source.to_string(),
            error_type: source.downcast_ref::<NodeError>().map(|error| error.error_type.clone()),
            source: Some(source),
            span: OnceLock::new(),
            items: Vec::new(),
        })
    }

    /// Says, to the first who asks, that the error hasn't been told yet. Those around where it happened only pass it on, and
    /// a map whose items failed has no error of its own.
    pub(crate) fn is_news(&self, span: SpanId) -> bool {
        self.what.span.set(span).is_ok() && self.what.kind != ErrorKind::Items
    }

    /// Makes the error of a map of which items failed; a few of them stand for all.
    pub(crate) fn of_items(failed: u64, total: u64, items: Vec<Self>) -> Self {
        let first = items.first().map(|item| format!("; first failure: {}", item.headline())).unwrap_or_default();
        let message = format!("{failed} of {total} items failed{first}");
        let kind = ErrorKind::Items;
        Self::of(What { kind, message, error_type: None, source: None, span: OnceLock::new(), items })
    }

    /// Says where the error happened; a place that is already known stays.
    pub(crate) fn at(self, path: &str, index: Option<u64>, run: RunId, attempts: u32) -> Self {
        let place = self.place.or_else(|| {
            let report = FailureReport { path: path.to_owned(), ..FailureReport::default() };
            Some(Arc::new(Place { index, run, attempts, report }))
        });
        Self { place, ..self }
    }

    /// Adds what was found out about an error that has its place.
    pub(crate) fn explained(mut self, add: impl FnOnce(&mut FailureReport)) -> Self {
        if let Some(place) = &mut self.place {
            add(&mut Arc::make_mut(place).report);
        }
        self
    }

    /// Returns what was found out on the way up, without what the error itself says.
    pub(crate) fn found(&self) -> Option<&FailureReport> {
        self.place.as_ref().map(|place| &place.report)
    }

    /// Returns what kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.what.kind
    }

    /// Says whether doing the same again may help: timeouts and cancellations may, wrong inputs can't.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.what.kind, ErrorKind::Timeout | ErrorKind::Cancelled | ErrorKind::Node | ErrorKind::Worker)
    }

    /// Returns where it happened: `outer > inner > node[3]`; empty for errors of no one node.
    #[must_use]
    pub fn path(&self) -> &str {
        self.place.as_ref().map_or("", |place| &place.report.path)
    }

    /// Returns the name of the node where it happened.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        let last = self.path().rsplit(" > ").next().filter(|name| !name.is_empty())?;
        Some(last.split_once('[').map_or(last, |(name, _)| name))
    }

    /// Returns the index of the map item in which it happened.
    #[must_use]
    pub fn index(&self) -> Option<u64> {
        self.place.as_ref()?.index
    }

    /// Returns the run in which it happened.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        self.place.as_ref().map(|place| place.run)
    }

    /// Returns how many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.place.as_ref().map_or(1, |place| place.attempts)
    }

    /// Returns the span that ended with this error; none where no span did, or none is recorded.
    #[must_use]
    pub fn span(&self) -> Option<SpanId> {
        self.what.span.get().copied().and_then(SpanId::some)
    }

    /// Returns the errors of the first failed items, where a map failed; at most ten.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        &self.what.items
    }

    /// Returns all that is known: the causes, what the node was given, each attempt, what became of the nodes around.
    #[must_use]
    pub fn report(&self) -> FailureReport {
        let failure = self.to_failure();
        FailureReport {
            error_type: failure.error_type,
            message: failure.message,
            causes: failure.causes,
            span: self.span(),
            ..self.found().cloned().unwrap_or_default()
        }
    }

    /// Returns the first line of what is displayed: the place and the message.
    fn headline(&self) -> String {
        let place = if self.path().is_empty() { String::new() } else { format!("{}: ", self.path()) };
        let first = self.what.message.lines().next().unwrap_or_default();
        let attempts = if self.attempts() > 1 { format!(" (after {} attempts)", self.attempts()) } else { String::new() };
        format!("{place}{first}{attempts}")
    }

    /// Returns the message alone, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.what.message
    }

    /// Returns the original error, if it (or one of its causes) is of this type.
    #[must_use]
    pub fn cause<T: StdError + 'static>(&self) -> Option<&T> {
        let mut next: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(error) = next {
            let stands_for = error.downcast_ref::<NodeError>().and_then(|error| error.stands_for.as_deref());
            let found = error.downcast_ref().or_else(|| stands_for.and_then(|original| original.downcast_ref()));
            if found.is_some() {
                return found;
            }
            next = error.source();
        }
        None
    }

    /// Returns the attribute `error.type`.
    #[must_use]
    pub fn error_type(&self) -> &str {
        self.what.error_type.as_deref().unwrap_or(self.what.kind.as_str())
    }

    /// Returns the form told to readers of events and spans.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        let mut causes = Vec::new();
        let mut next = self.source().and_then(StdError::source);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        Failure { error_type: self.error_type().to_owned(), message: self.what.message.clone(), causes }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        self.what.message.lines().skip(1).try_for_each(|line| write!(f, "\n{line}"))?;
        // What failed in a map's items explains the map.
        if self.what.items.is_empty() || f.alternate() {
            self.fmt_facts(f)?;
        }
        let items = self.what.items.iter().take(if f.alternate() { Self::ITEMS } else { 0 });
        items.into_iter().try_for_each(|item| write!(f, "\n\n{:#}", item.report()))
    }
}

impl Error {
    fn fmt_facts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (part, text) in self.report().lines(f.alternate()) {
            match part {
                ReportPart::Fact("cause") => write!(f, "\n  caused by: {text}")?,
                ReportPart::Fact(label) => write!(f, "\n  {label}: {text}")?,
                ReportPart::Place | ReportPart::Message => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.what.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.what.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_error_is_found_by_its_type() {
        let io = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let error = Error::from_node(Box::new(NodeError::new("io", "reading failed").with_source(io)));
        let error = error.at("outer > load[3]", Some(3), flowglass_model::TraceId::random().into(), 2);
        assert_eq!(error.to_string(), "outer > load[3]: reading failed (after 2 attempts)\n  caused by: no such file");
        assert_eq!(error.cause::<std::io::Error>().unwrap().kind(), std::io::ErrorKind::NotFound);
        assert_eq!((error.node(), error.error_type()), (Some("load"), "io"));
    }
}
