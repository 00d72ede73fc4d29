//! A piece of work from its start to its one end: its frame, its record, its events.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flowglass_model::{
    AttemptReport, AttributeValue, CacheStatus, Failure, Site, SpanId, Status, Subject, conventions as names,
};
use flowglass_record::{Frame, NO_INDEX, ProcessUsage, SpanEnd, Tick, Value as AttributeInput};

use super::aftermath::Explanation;
use super::attempts::Attempts;
use super::ended::{Aggregate, CallValues, Ended, event_kind, seconds, status};
use super::map::Shown;
use super::shared::Level;
use super::telling::About;
use super::told::{self, Lot};
use crate::capture::{Capture, Showing, told};
use crate::error::{Error, ErrorKind};
use crate::pipeline::{SiteFacts, meters};

/// Work that has started and not ended. Dropped before its end, it ends as cancelled.
pub(crate) struct OpenSpan {
    pub(crate) level: Arc<Level>,
    pub(crate) site: u32,
    pub(crate) frame: Frame,
    pub(crate) recorded: bool,
    /// Whether it only records once more, elsewhere, what another span stands for: nothing is told or counted by it.
    is_copy: bool,
    state: State,
    pub(crate) attempts: u32,
    /// The failed attempts, where there were several.
    tried: Option<Box<[AttemptReport]>>,
    /// What it works on, where it is an item of a map.
    shown: Option<Shown>,
    /// What it was given, where that is shown whatever becomes of it.
    given: OnceLock<AttributeValue>,
    /// How long the process had been on processors when it began, where that is measured.
    cpu_before: Option<Duration>,
    /// Values for the keys of a map's or a pipeline's template, set just before the end.
    pub(crate) aggregates: Vec<Aggregate>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// On the scope's inline stack.
    Inline,
    /// In the scope's table of parked frames.
    Parked,
    Over,
}

/// Marks a span whose thread was left behind.
pub(crate) const DETACHED: &[(&str, AttributeInput<'static>)] = &[(names::NODE_DETACHED, AttributeInput::Bool(true))];

const SAMPLED: u32 = flowglass_model::flags::SAMPLED;

impl OpenSpan {
    /// Starts a piece of work: its frame is open and its start is told.
    pub(crate) fn start(
        level: &Arc<Level>,
        site: u32,
        index: Option<u64>,
        recorded: bool,
        start: Tick,
        (total, given): (Option<u64>, Lot<'_>),
    ) -> Self {
        let open = Self::start_quiet(level, site, index, recorded, start);
        level.tell_start(&open, start, total, given);
        open
    }

    /// Starts a piece of work without telling, because it may turn out to come whole from the cache.
    pub(crate) fn start_quiet(level: &Arc<Level>, site: u32, index: Option<u64>, recorded: bool, start: Tick) -> Self {
        let scope = &level.scope;
        let flags = if recorded { SAMPLED } else { 0 };
        let index = index.unwrap_or(NO_INDEX);
        let parent = level.parent_of(recorded);
        Self::enter(level, site, Frame { span: scope.next_span(), parent, template: site, index, start, flags })
    }

    /// Starts the root of a run, whose frame says how it joined its trace.
    pub(crate) fn start_root(level: &Arc<Level>, site: u32, frame: Frame, (total, given): (Option<u64>, Lot<'_>)) -> Self {
        let open = Self::enter(level, site, frame);
        level.tell_start(&open, frame.start, total, given);
        open
    }

    /// Starts a span that records once more, by the recorder of its level, what another span stands for.
    pub(crate) fn start_copy(level: &Arc<Level>, site: u32, frame: Frame) -> Self {
        let mut copy = Self::enter(level, site, frame);
        copy.is_copy = true;
        copy
    }

    fn enter(level: &Arc<Level>, site: u32, frame: Frame) -> Self {
        level.scope.enter(&frame);
        Self::entered(level, site, frame)
    }

    /// Takes over work whose frame was entered before.
    pub(crate) fn entered(level: &Arc<Level>, site: u32, frame: Frame) -> Self {
        let recorded = frame.flags & SAMPLED != 0;
        let is_measured = level.measures_usage() && is_call(level.site(site));
        Self {
            level: Arc::clone(level),
            site,
            frame,
            recorded,
            is_copy: false,
            state: State::Inline,
            attempts: 1,
            tried: None,
            shown: None,
            given: OnceLock::new(),
            cpu_before: is_measured.then(ProcessUsage::cpu_time),
            aggregates: Vec::new(),
        }
    }

    /// Says what an item works on, so that its span shows it.
    pub(crate) fn showing(mut self, shown: Option<Shown>) -> Self {
        self.shown = shown;
        self
    }

    pub(crate) fn span(&self) -> SpanId {
        self.frame.span
    }

    pub(crate) fn index(&self) -> Option<u64> {
        (self.frame.index != NO_INDEX).then_some(self.frame.index)
    }

    /// Ends the work: closes its frame, writes its record, tells of it and counts it.
    pub(crate) fn end(self, ended: &Ended<'_>, end: Tick) {
        self.end_with(ended, end, Lot::Unknown);
    }

    /// As [`end`](Self::end), and tells of what was made.
    pub(crate) fn end_with(mut self, ended: &Ended<'_>, end: Tick, made: Lot<'_>) {
        self.finish(ended, end, made);
    }

    fn finish(&mut self, ended: &Ended<'_>, end: Tick, made: Lot<'_>) {
        let state = std::mem::replace(&mut self.state, State::Over);
        if state != State::Over {
            self.finish_from(state, ended, end, made);
        }
    }

    fn finish_from(&self, state: State, ended: &Ended<'_>, end: Tick, made: Lot<'_>) {
        let level = &*self.level;
        // Nobody passes where somebody else has ended it, when its thread was left behind.
        let Some(_passing) = level.pass() else { return };
        // The frame is closed first, so that no flush can see the span both open and ended.
        match state {
            State::Inline => level.scope.exit(),
            State::Parked => level.scope.close(self.frame.span),
            State::Over => return,
        }
        let ended = match ended {
            Ended::Failed { error } if error.kind() == ErrorKind::Cancelled => &Ended::Cancelled,
            ended => ended,
        };
        let duration_ns = self.frame.start.elapsed_ns(end);
        let failure = match ended {
            Ended::Failed { error } => Some(told(&level.run.redaction, error.to_failure())),
            _ => None,
        };
        if (self.recorded && level.scope.is_recording()) || (failure.is_some() && level.config.telemetry) {
            self.record(ended, end, failure.as_ref(), &made);
        } else if level.config.telemetry {
            level.scope.count_end(&self.counted_frame(ended), end, status(ended));
        }
        if self.is_copy {
            return;
        }
        let is_call = is_call(level.site(self.site));
        if is_call {
            level.run.totals.count(ended);
        }
        if level.config.telemetry {
            self.meter(is_call, ended);
        }
        let kind = event_kind(ended, duration_ns, failure.as_ref());
        let from_inside = matches!(ended, Ended::Failed { error } if !error.is_news(self.frame.span));
        let about = About { site: self.site, span: self.frame.span, index: self.index(), at: end, from_inside };
        level.tell_of(&about, kind, made);
    }

    fn record(&self, ended: &Ended<'_>, end: Tick, failure: Option<&Failure>, made: &Lot<'_>) {
        let incomplete = if self.recorded { AttributeInput::None } else { AttributeInput::Bool(true) };
        let item = self.shown().and_then(|(shown, showing)| shown.preview(self.frame.index, showing));
        let item = item.as_deref().map_or(AttributeInput::None, AttributeInput::Str);
        let values = CallValues::of(ended, self.attempts, incomplete, item);
        let aggregates: Vec<AttributeInput<'_>>;
        let values = if self.aggregates.is_empty() {
            &values.0[..]
        } else {
            aggregates = self.aggregates.iter().map(Aggregate::input).collect();
            &aggregates[..]
        };
        let level = &self.level;
        let explanation = Explanation::of(self, ended);
        let mut extra = explanation.attributes();
        let made = self.captured().and_then(|(showing, facts)| told::shown(showing, &facts.outputs, made));
        let shown = [(names::VALUE_INPUTS, self.given.get()), (names::VALUE_OUTPUTS, made.as_ref())];
        extra.extend(shown.into_iter().filter_map(|(key, value)| Some((key, AttributeInput::Json(value?)))));
        extra.extend(if level.run.detached.has(self.frame.span) { DETACHED } else { &[] });
        self.used(ended).for_each(|used| extra.push(used));
        level.scope.record(&SpanEnd {
            frame: self.counted_frame(ended),
            end,
            status: status(ended),
            message: failure.map_or("", |failure| &failure.message),
            values,
            extra: &extra,
            failure,
        });
    }

    /// What this process used while it was called.
    fn used(&self, ended: &Ended<'_>) -> impl Iterator<Item = (&'static str, AttributeInput<'static>)> {
        let before = self.cpu_before.filter(|_| !matches!(ended, Ended::Hit { .. }));
        before.into_iter().flat_map(|before| {
            let usage = ProcessUsage::now();
            let cpu = AttributeInput::Float(usage.cpu_time.saturating_sub(before).as_secs_f64());
            let memory = usage.memory_bytes.map(|bytes| AttributeInput::Int(bytes.cast_signed()));
            [(names::PROCESS_CPU_TIME, cpu)].into_iter().chain(memory.map(|memory| (names::PROCESS_MEMORY_USAGE, memory)))
        })
    }

    /// Notes what it is given, where all values are shown: some are gone at its end.
    #[inline]
    pub(crate) fn capture_given(&self, given: &Lot<'_>) {
        if let Some((showing, facts)) = self.captured()
            && let Some(shown) = told::shown(showing, &facts.inputs, given)
        {
            let _ = self.given.set(shown);
        }
    }

    /// How values are shown and what they are called, where all that a call is given and makes is shown.
    fn captured(&self) -> Option<(Showing<'_>, &SiteFacts)> {
        let level = &*self.level;
        let facts = level.run.layout.surroundings.sites.get(self.site as usize)?;
        let capture = facts.capture.unwrap_or(level.config.capture);
        (capture == Capture::Full && self.recorded && is_call(level.site(self.site))).then(|| (level.showing(capture), facts))
    }

    /// What it works on, and how that is shown, where it is an item of which anything is shown.
    fn shown(&self) -> Option<(&Shown, Showing<'_>)> {
        let shown = self.shown.as_ref()?;
        let showing = self.level.showing(shown.capture().unwrap_or(self.level.config.capture));
        (!showing.is_off()).then_some((shown, showing))
    }

    /// The frame with which the end is recorded: what came from the cache was not computed.
    fn counted_frame(&self, ended: &Ended<'_>) -> Frame {
        if matches!(ended, Ended::Hit { .. }) { self.frame.uncounted() } else { self.frame }
    }

    /// Feeds the metrics that its end doesn't feed by itself.
    fn meter(&self, is_call: bool, ended: &Ended<'_>) {
        let count = |metric, number: u64| self.level.scope.count(self.site, metric, number.cast_signed());
        if self.attempts > 1 {
            count(meters::RETRIES, u64::from(self.attempts - 1));
        }
        match ended {
            Ended::Hit { saved_ns, .. } if is_call => {
                count(meters::HITS, 1);
                self.level.scope.count(self.site, meters::SAVED, seconds(*saved_ns));
            }
            Ended::Computed { cache: CacheStatus::Miss, .. } if is_call => count(meters::MISSES, 1),
            Ended::Computed { cache: CacheStatus::Write, .. } if is_call => {
                count(meters::MISSES, 1);
                count(meters::WRITES, 1);
            }
            _ => {}
        }
    }

    /// Counts the attempts; where there were several, each is recorded as a child.
    pub(crate) fn record_attempts(&mut self, template: u32, attempts: &Attempts) {
        self.attempts = u32::try_from(attempts.len()).unwrap_or(u32::MAX).max(1);
        if attempts.len() > 1 {
            self.tried = Some(attempts.iter().filter_map(tried).collect());
            let has_failed = attempts.last().is_some_and(|(_, error)| error.is_some());
            let is_told = (self.recorded && self.level.scope.is_recording()) || (has_failed && self.level.config.telemetry);
            for (number, (time, error)) in (1..).zip(attempts).filter(|_| is_told) {
                self.record_attempt(template, *time, number, error.as_ref());
            }
        }
    }

    /// Gives an error its place, with the attempts that were made and, of an item, what it works on.
    pub(crate) fn place(&self, error: Error, path: &str) -> Error {
        let is_new = error.found().is_none();
        let index = self.index().or_else(|| self.level.place.index());
        let error = error.at(path, index, self.level.run.id, self.attempts);
        let shown = self.shown();
        if shown.is_none() && (self.tried.is_none() || !is_new) {
            return error;
        }
        error.explained(|report| {
            if let (Some(tried), true) = (&self.tried, is_new) {
                report.attempts = tried.to_vec();
            }
            if let Some((shown, showing)) = shown {
                let item = || shown.preview(self.frame.index, showing).map(|item| showing.without_secrets(item));
                report.item = report.item.take().or_else(item);
                if is_new && report.inputs.is_empty() {
                    report.inputs = shown.previews(self.frame.index, showing);
                }
            }
        })
    }

    fn record_attempt(&self, template: u32, (start, end): (Tick, Tick), attempt: u32, error: Option<&Error>) {
        let scope = &self.level.scope;
        let failure = error.map(|error| told(&self.level.run.redaction, error.to_failure()));
        let frame = Frame {
            span: scope.next_span(),
            parent: self.frame.span,
            template,
            index: u64::from(attempt),
            start,
            flags: self.frame.flags,
        };
        scope.record(&SpanEnd {
            frame,
            end,
            status: if error.is_some() { Status::Error } else { Status::Ok },
            message: failure.as_ref().map_or("", |failure| &failure.message),
            values: &[],
            extra: &[],
            failure: failure.as_ref(),
        });
    }

    /// Steps off the inline stack: the work waits.
    pub(crate) fn park(&mut self) {
        if self.state == State::Inline {
            self.level.scope.park();
            self.state = State::Parked;
        }
    }
}

impl OpenSpan {
    /// Says whether the work waits, or has waited: then the span is current only while it is polled.
    pub(super) fn is_parked(&self) -> bool {
        self.state == State::Parked
    }

    /// Makes the span current for as long as its work is polled.
    pub(crate) fn resume(&self) {
        if self.is_parked() {
            self.level.scope.resume(self.frame.span);
        }
    }

    /// Leaves the span when its work has been polled. It stays open.
    pub(crate) fn suspend(&mut self) {
        match self.state {
            State::Parked => self.level.scope.suspend(),
            State::Inline => self.park(),
            State::Over => {}
        }
    }
}

/// Says whether a node is called here: as itself, or for an item.
fn is_call(site: &Site) -> bool {
    site.subject == Subject::Node || (site.subject == Subject::Item && site.children == 0)
}

/// One failed attempt, in words.
fn tried(((start, end), error): &((Tick, Tick), Option<Error>)) -> Option<AttemptReport> {
    let message = error.as_ref()?.message().to_owned();
    Some(AttemptReport { duration_ns: start.elapsed_ns(*end), message })
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        self.finish(&Ended::Cancelled, Tick::now(), Lot::Unknown);
    }
}
