//! What crosses a process boundary with a call: the parent span, the trace state and the baggage, in headers or in
//! environment variables.

use crate::{Baggage, TraceParent, TraceState, conventions};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const BAGGAGE: &str = "baggage";
const CORRELATION: &str = "x-correlation-id";

/// What crosses a process boundary with a call.
///
/// ```
/// use flowglass_model::Propagation;
///
/// let headers = [("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("X-Correlation-ID", "order-7")];
/// let received = Propagation::from_headers(headers);
/// assert!(received.parent.unwrap().sampled);
/// assert_eq!(received.baggage.correlation_id(), Some("order-7"));
/// assert_eq!(received.to_headers().len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Propagation {
    /// The span above, where there is one.
    pub parent: Option<TraceParent>,
    /// What tracing systems pass on to themselves. Empty where there is no parent.
    pub state: TraceState,
    /// Names and values.
    pub baggage: Baggage,
}

impl Propagation {
    /// Reads headers: `traceparent`, `tracestate`, `baggage` and `X-Correlation-ID`, in any case. Others are passed over;
    /// what is malformed counts as not there.
    #[must_use]
    pub fn from_headers<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let (mut parents, mut states, mut baggage, mut correlation) = (Vec::new(), Vec::new(), Vec::new(), None);
        for (name, value) in headers {
            match name {
                name if name.eq_ignore_ascii_case(TRACEPARENT) => parents.push(value),
                name if name.eq_ignore_ascii_case(TRACESTATE) => states.push(value),
                name if name.eq_ignore_ascii_case(BAGGAGE) => baggage.push(value),
                name if name.eq_ignore_ascii_case(CORRELATION) => correlation = Some(value),
                _ => {}
            }
        }
        let mut read = Self::new(&parents, &states, &baggage);
        if let Some(id) = correlation.map(str::trim).filter(|id| !id.is_empty() && read.baggage.correlation_id().is_none()) {
            read.baggage.set(conventions::CORRELATION_ID, id);
        }
        read
    }

    /// Returns the headers for a call, names in lower case.
    #[must_use]
    pub fn to_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = self.texts();
        let id = self.baggage.correlation_id().filter(|id| id.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        headers.extend(id.map(|id| (CORRELATION, id.to_owned())));
        headers
    }

    /// Reads environment variables: `TRACEPARENT`, `TRACESTATE` and `BAGGAGE`. `get` gives the value of a name.
    #[must_use]
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Self {
        let [parent, state, baggage] = [TRACEPARENT, TRACESTATE, BAGGAGE].map(|name| get(&name.to_ascii_uppercase()));
        Self::new(&texts(&parent), &texts(&state), &texts(&baggage))
    }

    /// Returns the environment variables for a process.
    #[must_use]
    pub fn to_environment(&self) -> Vec<(String, String)> {
        self.texts().into_iter().map(|(name, value)| (name.to_ascii_uppercase(), value)).collect()
    }

    /// Two parents are none, and a trace state without a parent means nothing.
    fn new(parents: &[&str], states: &[&str], baggage: &[&str]) -> Self {
        let parent = if let [parent] = parents { parent.parse().ok() } else { None };
        let state = parent.map(|_: TraceParent| TraceState::parse(states.iter().copied())).unwrap_or_default();
        Self { parent, state, baggage: Baggage::parse(baggage.iter().copied()) }
    }

    fn texts(&self) -> Vec<(&'static str, String)> {
        let parent = self.parent.map(|parent| parent.to_string());
        let state = (parent.is_some() && !self.state.is_empty()).then(|| self.state.to_string());
        let baggage = (!self.baggage.is_empty()).then(|| self.baggage.to_string());
        let texts = [(TRACEPARENT, parent), (TRACESTATE, state), (BAGGAGE, baggage)];
        texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }
}

fn texts(variable: &Option<String>) -> Vec<&str> {
    variable.as_deref().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-12345678901234567890123456789012-1234567890123456-01";

    fn parent_of(headers: &[(&str, &str)]) -> Option<String> {
        Propagation::from_headers(headers.iter().copied()).parent.map(|parent| parent.trace_id.to_string())
    }

    /// The cases of the specification's own test suite: which parents are followed.
    #[test]
    fn valid_parents_are_followed() {
        for value in [
            PARENT,
            "00-12345678901234567890123456789012-1234567890123456-00",
            "  00-12345678901234567890123456789012-1234567890123456-01 \t",
            "cc-12345678901234567890123456789012-1234567890123456-01",
            "cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
            "00-12345678901234567890123456789012-1234567890123456-ff",
        ] {
            assert!(parent_of(&[("traceparent", value)]).is_some(), "{value}");
            assert!(parent_of(&[("TrAcEpArEnT", value)]).is_some(), "{value}");
        }
    }

    #[test]
    fn others_are_not() {
        for value in [
            "",
            "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
            "ff-12345678901234567890123456789012-1234567890123456-01",
            ".0-12345678901234567890123456789012-1234567890123456-01",
            "0.-12345678901234567890123456789012-1234567890123456-01",
            "000-12345678901234567890123456789012-1234567890123456-01",
            "0-12345678901234567890123456789012-1234567890123456-01",
            "00-00000000000000000000000000000000-1234567890123456-01",
            "00-.2345678901234567890123456789012-1234567890123456-01",
            "00-1234567890123456789012345678901.-1234567890123456-01",
            "00-123456789012345678901234567890123-1234567890123456-01",
            "00-1234567890123456789012345678901-1234567890123456-01",
            "00-12345678901234567890123456789012-0000000000000000-01",
            "00-12345678901234567890123456789012-.234567890123456-01",
            "00-12345678901234567890123456789012-12345678901234567-01",
            "00-12345678901234567890123456789012-123456789012345-01",
            "00-12345678901234567890123456789012-1234567890123456-.0",
            "00-12345678901234567890123456789012-1234567890123456-0.",
            "00-12345678901234567890123456789012-1234567890123456-001",
            "00-12345678901234567890123456789012-1234567890123456-1",
            "00-12345678901234567890123456789012-1234567890123456-01-extra",
            "00-ABCDEF78901234567890123456789012-1234567890123456-01",
        ] {
            assert_eq!(parent_of(&[("traceparent", value)]), None, "{value}");
        }
        let other = "00-12345678901234567890123456789011-1234567890123456-01";
        assert_eq!(parent_of(&[("traceparent", PARENT), ("traceparent", other)]), None, "two are none");
        assert_eq!(parent_of(&[("trace-parent", PARENT), ("trace.parent", PARENT)]), None, "other names");
    }

    #[test]
    fn a_state_needs_a_parent() {
        assert!(Propagation::from_headers([("tracestate", "foo=1")]).state.is_empty());
        let broken = Propagation::from_headers([("traceparent", PARENT), ("tracestate", "foo =1")]);
        assert!(broken.state.is_empty() && broken.parent.is_some(), "the parent holds without it");
    }

    #[test]
    fn headers_and_environment_come_back() {
        let headers = [("traceparent", PARENT), ("tracestate", "foo=1"), ("tracestate", "bar=2"), ("baggage", "a=1,b=x%20y")];
        let whole = Propagation::from_headers(headers);
        let texts = whole.to_headers();
        assert_eq!(Propagation::from_headers(texts.iter().map(|(name, value)| (*name, value.as_str()))), whole);
        let environment = whole.to_environment();
        assert_eq!(environment[0].0, "TRACEPARENT");
        let get = |name: &str| environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        assert_eq!(Propagation::from_environment(get), whole);
        assert_eq!(Propagation::from_environment(|_| None), Propagation::default());
    }

    #[test]
    fn a_correlation_id_is_baggage_with_a_header_of_its_own() {
        let received = Propagation::from_headers([("X-Correlation-ID", " order-7 ")]);
        assert_eq!(received.baggage.get("correlation.id"), Some("order-7"));
        assert_eq!(
            received.to_headers(),
            [("baggage", "correlation.id=order-7".into()), ("x-correlation-id", "order-7".to_owned())]
        );
        let both = Propagation::from_headers([("x-correlation-id", "b"), ("baggage", "correlation.id=a")]);
        assert_eq!(both.baggage.correlation_id(), Some("a"), "baggage says more");
        let mut odd = Propagation::default();
        odd.baggage.set("correlation.id", "line\r\nbreak");
        assert_eq!(odd.to_headers().len(), 1, "no header that would become two");
    }
}
