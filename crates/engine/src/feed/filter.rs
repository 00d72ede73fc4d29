//! Which events a subscription lets through.

use flowglass_model::{EventRecord, Interest, RunId};

/// Which events a subscription lets through: kinds, a part of the pipeline, one run.
#[derive(Debug, Clone)]
pub struct EventFilter {
    interest: Interest,
    path: Option<String>,
    run: Option<RunId>,
}

impl EventFilter {
    /// Lets every event through.
    #[must_use]
    pub fn all() -> Self {
        Interest::ALL.into()
    }

    /// Lets only events of what stands at this path or below it through: `outer > inner`.
    #[must_use]
    pub fn below(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Lets only events of this run through.
    #[must_use]
    pub fn of_run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    pub(super) fn interest(&self) -> Interest {
        self.interest
    }

    pub(super) fn lets(&self, event: &EventRecord) -> bool {
        let is_below = |path: &String| {
            let rest = event.site.path.strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" > "))
        };
        self.interest.wants(event.site.subject, event.verb)
            && self.path.as_ref().is_none_or(is_below)
            && self.run.is_none_or(|run| run == event.run)
    }
}

impl From<Interest> for EventFilter {
    fn from(interest: Interest) -> Self {
        Self { interest, path: None, run: None }
    }
}
