//! The counts of one site of a plan.

use flowglass_model::{Event, EventKind, Failure, GraphLabel, Site, Subject};

/// How long the kept beginning of a failure's message may get, in bytes.
const MESSAGE_BYTES: usize = 400;

/// How a site stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Nothing has started here.
    Waiting,
    /// Something runs, or more is expected.
    Running,
    /// Everything ended well.
    Finished,
    /// Everything came from the cache.
    Cached,
    /// Something failed.
    Failed,
    /// Something was stopped.
    Cancelled,
    /// Nothing ever started here.
    Skipped,
}

/// An attempt that failed and was followed by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The attempt that failed, from 1.
    pub attempt: u32,
    /// The beginning of why it failed.
    pub message: String,
}

/// How far one site is: the sum over everything that was executed there.
#[derive(Debug, Clone)]
pub struct SiteProgress {
    /// The site.
    pub site: Site,
    /// What is to be said of how it is configured; see [`Progress::with_settings`](super::Progress::with_settings).
    pub labels: Vec<GraphLabel>,
    /// How many started. An item that comes whole from the cache never starts.
    pub started: u64,
    /// How many ended well.
    pub finished: u64,
    /// How many came from the cache.
    pub cached: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were stopped.
    pub cancelled: u64,
    /// How many never started.
    pub skipped: u64,
    /// How many attempts were followed by another.
    pub retried: u64,
    /// The most that ran at one moment.
    pub peak: u64,
    /// How many children there will be, as far as was told: nodes of a pipeline, items of a map.
    pub total: Option<u64>,
    /// How many children ended.
    pub done: u64,
    /// When the first started, in nanoseconds since 1970 UTC.
    pub first_started_unix_ns: Option<i64>,
    /// When the last ended, in nanoseconds since 1970 UTC.
    pub last_ended_unix_ns: Option<i64>,
    /// How long all that ended took together, in nanoseconds.
    pub busy_ns: u64,
    /// What cache hits saved, in nanoseconds.
    pub saved_ns: u64,
    /// The beginning of why the first of those that failed did.
    pub failure: Option<String>,
    /// The attempt that failed last, until what was tried again ends.
    pub retry: Option<Retry>,
}

impl SiteProgress {
    pub(super) fn new(site: Site) -> Self {
        Self {
            site,
            labels: Vec::new(),
            started: 0,
            finished: 0,
            cached: 0,
            failed: 0,
            cancelled: 0,
            skipped: 0,
            retried: 0,
            peak: 0,
            total: None,
            done: 0,
            first_started_unix_ns: None,
            last_ended_unix_ns: None,
            busy_ns: 0,
            saved_ns: 0,
            failure: None,
            retry: None,
        }
    }

    /// Returns how many ended, in whatever way.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.finished + self.cached + self.failed + self.cancelled + self.skipped
    }

    /// Says whether work is done here: in a node, or in the items of a map over one that isn't a pipeline.
    #[must_use]
    pub fn is_work(&self) -> bool {
        match self.site.subject {
            Subject::Node => true,
            Subject::Item => self.site.children == 0,
            Subject::Pipeline | Subject::Map | Subject::Other => false,
        }
    }

    /// Returns how many run.
    #[must_use]
    pub fn active(&self) -> u64 {
        let never_started = self.skipped + if self.site.subject == Subject::Item { self.cached } else { 0 };
        self.started.saturating_sub(self.ended() - never_started)
    }

    /// Returns the share of cache hits among what ended, 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share shown with two digits")]
    pub fn hit_share(&self) -> f64 {
        if self.ended() == 0 { 0.0 } else { self.cached as f64 / self.ended() as f64 }
    }

    /// Returns how long the site has been busy from its first start to `now_unix_ns`, or to its last end if nothing runs; in
    /// nanoseconds.
    #[must_use]
    pub fn elapsed_ns(&self, now_unix_ns: i64) -> u64 {
        let Some(first_unix_ns) = self.first_started_unix_ns else { return 0 };
        let until_unix_ns = self.last_ended_unix_ns.filter(|_| self.active() == 0).unwrap_or(now_unix_ns);
        u64::try_from(until_unix_ns.saturating_sub(first_unix_ns)).unwrap_or_default()
    }

    /// Returns how the site stands, if so many executions are expected.
    #[must_use]
    pub fn state(&self, expected: u64) -> State {
        let ended = self.ended();
        match () {
            () if self.started == 0 && ended == 0 => State::Waiting,
            () if self.active() > 0 || ended < expected => State::Running,
            () => self.outcome(),
        }
    }

    /// Returns how what ended so far ended.
    #[must_use]
    pub const fn outcome(&self) -> State {
        match self.ended() {
            _ if self.failed > 0 => State::Failed,
            _ if self.cancelled > 0 => State::Cancelled,
            ended if ended > 0 && ended == self.skipped => State::Skipped,
            ended if ended > 0 && ended == self.cached + self.skipped => State::Cached,
            _ => State::Finished,
        }
    }

    /// Says whether a pipeline or map, executed so many times, is over: nothing more will start in it.
    pub(super) fn is_settled(&self, expected: u64) -> bool {
        self.site.subject != Subject::Item && self.ended() >= expected.max(1) && self.active() == 0
    }

    /// Returns how a site ended whose surroundings are over: it may have had nothing to do.
    pub(super) const fn outcome_when_over(&self) -> State {
        if self.ended() == 0 { State::Skipped } else { self.outcome() }
    }

    pub(super) fn apply(&mut self, event: &Event<'_>) {
        match event.kind {
            EventKind::Started { total } => return self.start(event.at_unix_ns, total),
            EventKind::Retried { attempt, failure, .. } => return self.note_retry(attempt, failure),
            EventKind::Finished { duration_ns, .. } => self.end(duration_ns, |site| &mut site.finished),
            EventKind::Cancelled { duration_ns } => self.end(duration_ns, |site| &mut site.cancelled),
            EventKind::Cached { lookup_ns, saved_ns, .. } => {
                self.end(lookup_ns, |site| &mut site.cached);
                self.saved_ns = self.saved_ns.saturating_add(saved_ns);
            }
            EventKind::Failed { duration_ns, failure } => {
                self.end(duration_ns, |site| &mut site.failed);
                self.failure.get_or_insert_with(|| beginning(&failure.message).to_owned());
            }
            EventKind::Skipped => self.skipped += 1,
            _ => return,
        }
        self.retry = None;
        self.first_started_unix_ns.get_or_insert(event.at_unix_ns);
        self.last_ended_unix_ns = self.last_ended_unix_ns.max(Some(event.at_unix_ns));
    }

    fn start(&mut self, at_unix_ns: i64, total: Option<u64>) {
        self.started += 1;
        self.peak = self.peak.max(self.active());
        self.first_started_unix_ns.get_or_insert(at_unix_ns);
        if let Some(total) = total {
            self.total = Some(self.total.unwrap_or_default().saturating_add(total));
        }
    }

    fn end(&mut self, duration_ns: u64, counter: fn(&mut Self) -> &mut u64) {
        *counter(self) += 1;
        self.busy_ns = self.busy_ns.saturating_add(duration_ns);
    }

    fn note_retry(&mut self, attempt: u32, failure: &Failure) {
        self.retried += 1;
        let retry = self.retry.get_or_insert_with(|| Retry { attempt, message: String::new() });
        retry.attempt = attempt;
        retry.message.clear();
        retry.message.push_str(beginning(&failure.message));
    }
}

fn beginning(message: &str) -> &str {
    &message[..message.floor_char_boundary(MESSAGE_BYTES)]
}
