//! The collector: looks for open spans, reads what the lanes hold, and makes batches of both.
//!
//! The order matters: open spans first, then records. A span leaves the open ones before its end is recorded, so that
//! whatever is found open either is open or has its end among the records read behind; it is told as one of them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use flowglass_model::{Batch, LinkRow, LogRow, Scalar, Severity, Span, SpanId, Status, Sym, TraceId};

use crate::Tick;
use crate::batcher::Batcher;
use crate::core::Core;
use crate::held::{Held, Judgement, trace_of};
use crate::id_hash::BuildIdHasher;
use crate::lanes::{Loss, Reading};
use crate::limits::SpanLimits;
use crate::metrics::SpanMeters;
use crate::open::{Found, Frame, OpenFrame};
use crate::open_spans::{FoundOpen, OpenSpans};
use crate::parts::{Admission, HeldEvent, Parts};
use crate::raw::{Fields, Owner, RawBody, RawRecord, UsersEnd, WholeSpan};
use crate::rows::{EndedSpan, Rows};
use crate::scope_shared::ScopeShared;
use crate::scopes::Scopes;
use crate::stats::{EVENT, LOG, SPAN};
use crate::tick::{Anchor, TickLength};
use crate::wake::Cause;
use crate::warnings::Warnings;

/// What a span is told to have ended with when its scope is gone and its end never came.
const ABANDONED: (Status, &str) = (Status::Cancelled, "dropped before it ended");
/// What a span is told to have ended with when its end was lost.
const LOST: (Status, &str) = (Status::Interrupted, "its end was lost because the recorder's buffers were full");

/// Everything that the collector remembers between two looks.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    reading: Vec<Reading>,
    scopes: Scopes,
    gone: HashSet<u64, BuildIdHasher>,
    found: Found<FoundOpen>,
    open: OpenSpans,
    parts: Parts,
    batcher: Batcher,
    held: Held,
    span_meters: SpanMeters,
    warnings: Warnings,
    /// By what the ticks of records that name no scope are told.
    anchor: Option<Anchor>,
    /// How long ticks are, as it was known when this look began.
    length: TickLength,
}

impl Collector {
    pub(crate) fn new(limits: SpanLimits) -> Self {
        Self { parts: Parts::new(limits), ..Self::default() }
    }

    /// Looks once, and sends what it finds on.
    pub(crate) fn look(&mut self, core: &Core, cause: Cause) {
        let now = Tick::now();
        (self.anchor, self.length) = (None, TickLength::at(now));
        self.scopes.adopt(&core.registry);
        self.find_open();
        let is_busy = self.read(core);
        self.settle_gone(core, now);
        if matches!(cause, Cause::Flush | Cause::End) {
            self.parts.holding().into_iter().for_each(|span| self.release_events(core, span));
        }
        if !core.outlets.is_empty() {
            self.span_meters.settle();
            if cause != Cause::Chunk {
                core.meters.observe();
                core.meters.export(|| self.batcher.rows(core));
            }
            self.settle_lost(core, cause, now);
            self.tell_open(core, cause, now);
            self.open.remember(&self.found, cause);
        }
        core.counters.let_go.add(self.held.settle());
        if cause == Cause::End {
            self.decide_held(core);
        }
        self.batcher.seal(core);
        if cause == Cause::Interval {
            self.warnings.tell(core);
        }
        if is_busy {
            core.lanes.restock();
        } else if cause == Cause::Interval {
            core.lanes.shrink();
        }
    }

    /// Passes on what another process recorded.
    pub(crate) fn relay(&mut self, core: &Core, batch: Batch) {
        let has_failed = batch.spans.status.contains(&Status::Error);
        if core.sampling.holds() {
            self.scopes.adopt(&core.registry);
            let scope = trace_of(&batch).and_then(|trace| self.scopes.held(trace));
            if scope.is_some_and(ScopeShared::is_let_go) {
                return core.counters.let_go.add(batch.counts());
            }
            scope.into_iter().for_each(|scope| self.held.expect(core, scope));
        }
        let Some(trace) = trace_of(&batch).filter(|trace| self.held.has(*trace)) else {
            return self.batcher.relay(core, batch);
        };
        self.held.relay(trace, batch);
        if has_failed && core.sampling.tail().keeps_errors {
            self.keep(core, trace);
        } else {
            self.crowd_out(core);
        }
    }

    /// Passes on what belongs to somebody else.
    pub(crate) fn pass_on(&mut self, core: &Core, batch: Arc<Batch>) {
        self.batcher.pass_on(core, batch);
    }

    /// Says whether everything is read and nothing more comes without a scope that is registered, or somebody who tells.
    pub(crate) fn is_idle(&self) -> bool {
        self.scopes.is_empty() && self.reading.iter().all(Reading::is_read)
    }

    /// Returns the spans of a trace that the last look found open.
    pub(crate) fn open_spans(&self, core: &Core, trace: TraceId) -> Vec<Span> {
        let now = Tick::now();
        let mut rows = Rows::new(core, 0);
        for found in self.found.values() {
            if let Some(tracked) = self.scopes.get(found.scope)
                && tracked.shared.trace_id == trace
            {
                rows.push_opened(&tracked.shared, &found.open, self.parts.get(found.open.frame.span).fields, now);
            }
        }
        let mut batch = rows.finish();
        core.clean(&mut batch);
        batch.opened().map(|span| span.to_span()).collect()
    }

    fn find_open(&mut self) {
        self.found.clear();
        self.gone.clear();
        // Asked before the records are read: once only the collector holds a scope, nothing more comes from it.
        self.scopes.begin_look(|scope, is_gone| {
            if is_gone {
                self.gone.insert(scope.id);
            }
            if scope.is_given_up() || !scope.is_recording() {
                return;
            }
            scope.open.scan(|open| {
                if open.frame.is_sampled() {
                    self.found.insert(open.frame.span, FoundOpen { scope: scope.id, open });
                }
            });
        });
    }

    fn read(&mut self, core: &Core) -> bool {
        let mut reading = std::mem::take(&mut self.reading);
        let mut is_busy = false;
        core.lanes.drain(&mut reading, |records| {
            is_busy |= records.words() > 0;
            records.for_each(|record| self.take(core, &record));
        });
        self.reading = reading;
        is_busy
    }

    fn take(&mut self, core: &Core, record: &RawRecord<'_>) {
        if record.truncated > 0 {
            core.counters.truncated_values.fetch_add(record.truncated.into(), Relaxed);
        }
        match record.body {
            RawBody::Whole(whole) if self.take_whole(core, record.owner.scope, &whole) => {}
            RawBody::Whole(whole) => whole.records().for_each(|record| self.take(core, &record)),
            RawBody::Log { .. } | RawBody::LooseEvent { .. } => self.take_loose(core, record),
            _ => self.take_of_scope(core, record),
        }
        self.batcher.seal_if_full(core);
    }

    /// Takes a user's span with all that was said of it, if there is nothing more to it than that; says whether it did.
    fn take_whole(&mut self, core: &Core, scope: u64, whole: &WholeSpan<'_>) -> bool {
        let Some(end) = whole.end() else { return false };
        let UsersEnd { frame, .. } = end;
        let is_usual =
            self.parts.has_room_for(frame.span, whole.attribute_count(), whole.event_count()) && self.held.is_empty();
        let Some(tracked) = self.scopes.find(scope, &core.registry).filter(|_| is_usual) else { return false };
        if !tracked.shared.is_chosen() || !tracked.is_wanted(core) {
            return false;
        }
        self.found.remove(&frame.span);
        let is_told = self.open.end(frame.span);
        let (rows, length) = (self.batcher.rows(core), self.length);
        rows.push_whole(&tracked.shared, whole, &end, length);
        close_if(is_told, rows, tracked.shared.trace_id, frame.span);
        true
    }

    fn take_of_scope(&mut self, core: &Core, record: &RawRecord<'_>) {
        let Owner { scope, span } = record.owner;
        let Some(tracked) = self.scopes.find(scope, &core.registry) else { return core.lanes.count(loss_of(&record.body)) };
        match record.body {
            RawBody::Part { is_failure, fields } => {
                let lost = self.parts.add(scope, span, fields, is_failure);
                core.counters.dropped_parts.fetch_add(lost, Relaxed);
            }
            RawBody::Event { at, name, fields } if tracked.is_wanted(core) => {
                match self.parts.admit_event((scope, span), at, name, fields) {
                    Admission::Now => match rows_of((&mut self.batcher, &mut self.held), core, &tracked.shared, fields) {
                        Some(rows) => rows.push_event(&tracked.shared, span, (at, self.length), name, fields),
                        None => core.counters.let_go.add(EVENT),
                    },
                    Admission::Held => {}
                    Admission::HeldForAnother => core.counters.over_limit.add(EVENT),
                }
            }
            RawBody::Event { .. } => core.counters.recorded.add(EVENT),
            RawBody::Link { trace, span: linked, flags, fields } => {
                if !self.parts.admit_link(scope, span) {
                    core.counters.dropped_parts.fetch_add(1, Relaxed);
                } else if tracked.is_wanted(core) {
                    let trace_id = tracked.shared.trace_id;
                    let row = LinkRow { trace_id, span_id: span, linked_trace_id: trace, linked_span_id: linked, flags };
                    if let Some(rows) = rows_of((&mut self.batcher, &mut self.held), core, &tracked.shared, fields) {
                        rows.push_link(row, fields);
                    }
                }
            }
            RawBody::Span { frame, name, end, status, fields } => {
                if tracked.shared.is_metered() {
                    self.span_meters.ended(core, &tracked.shared, (&frame, end), status, fields);
                }
                self.found.remove(&span);
                let found = FoundOpen { scope, open: OpenFrame { frame, name } };
                self.push_ended(core, &found, end, (status, ""), fields);
            }
            RawBody::UnseenEnd { template, start, end, status } => {
                self.span_meters.ended_unseen(core, &tracked.shared, template, status, start.elapsed_ns(end));
            }
            RawBody::Count { template, metric, number } => {
                self.span_meters.counted(core, &tracked.shared, (template, metric), number);
            }
            RawBody::Whole(_) | RawBody::Log { .. } | RawBody::LooseEvent { .. } => {}
        }
    }

    /// Takes what names no scope.
    fn take_loose(&mut self, core: &Core, record: &RawRecord<'_>) {
        let (is_log, counts) = match record.body {
            RawBody::Log { .. } => (true, LOG),
            _ => (false, EVENT),
        };
        if core.outlets.is_empty() {
            return core.counters.recorded.add(counts);
        }
        let anchor = *self.anchor.get_or_insert_with(Anchor::now);
        let rows = self.batcher.rows(core);
        match record.body {
            RawBody::Log { at, trace, severity, flags, fields } if is_log => {
                rows.push_log(log_row((trace, record.owner.span), anchor.unix_ns(at), severity, flags), fields);
            }
            RawBody::LooseEvent { at, trace, fields } => {
                rows.push_loose_event(anchor.unix_ns(at), (trace, record.owner.span), fields);
            }
            _ => {}
        }
    }

    /// Passes on the events that a span holds back.
    fn release_events(&mut self, core: &Core, span: SpanId) {
        for HeldEvent { scope, at, name, fields } in self.parts.release(span) {
            match self.scopes.get(scope) {
                Some(tracked) => {
                    match rows_of((&mut self.batcher, &mut self.held), core, &tracked.shared, Fields::new(&fields)) {
                        Some(rows) => rows.push_event(&tracked.shared, span, (at, self.length), name, Fields::new(&fields)),
                        None => core.counters.let_go.add(EVENT),
                    }
                }
                None => core.lanes.count(Loss::Event),
            }
        }
    }

    /// Adds a span that ended, with all that was said of it.
    fn push_ended(&mut self, core: &Core, found: &FoundOpen, end: Tick, (status, message): (Status, &str), fields: Fields<'_>) {
        let span = found.open.frame.span;
        let is_told = self.open.end(span);
        self.release_events(core, span);
        let Some(tracked) = self.scopes.find(found.scope, &core.registry) else { return core.lanes.count(Loss::Span) };
        let said = self.parts.get(span);
        let status = said.status_at_end(status);
        if tracked.is_wanted(core) {
            let shared = &tracked.shared;
            let has_failed = status == Status::Error || shared.has_error();
            shared.promote_if(has_failed && shared.is_crowded_out() && core.sampling.promotes_errors());
            match rows_of((&mut self.batcher, &mut self.held), core, shared, fields) {
                Some(rows) => {
                    let (open, length) = (found.open, self.length);
                    rows.push_ended(shared, &EndedSpan { open, end, status, message, fields, said, length });
                    close_if(is_told, rows, shared.trace_id, span);
                }
                None => core.counters.let_go.add(SPAN),
            }
        } else {
            core.counters.recorded.add(SPAN);
        }
        self.parts.remove(span);
        if self.held.has(tracked.shared.trace_id) {
            let shared = Arc::clone(&tracked.shared);
            self.judge(core, &shared, &found.open.frame, status, end);
        }
    }

    /// Decides what becomes of a trace that is held, if the end of one of its spans says it.
    fn judge(&mut self, core: &Core, scope: &ScopeShared, frame: &Frame, status: Status, end: Tick) {
        match core.sampling.tail().judge(scope, frame, status, frame.start.elapsed_ns(end)) {
            Judgement::Keep => self.keep(core, scope.trace_id),
            Judgement::LetGo => self.held.end(scope.trace_id),
            Judgement::Open => self.crowd_out(core),
        }
    }

    /// Sends on what was held of a trace.
    fn keep(&mut self, core: &Core, trace: TraceId) {
        if let Some(held) = self.held.keep(trace) {
            self.batcher.release(core, held);
        }
    }

    /// Lets the oldest traces go where more is held than may be.
    fn crowd_out(&mut self, core: &Core) {
        core.counters.let_go.add(self.held.shrink(core.sampling.tail()));
    }

    /// Decides what is held, because nothing more comes.
    fn decide_held(&mut self, core: &Core) {
        let (kept, let_go) = self.held.decide(core.sampling.tail());
        core.counters.let_go.add(let_go);
        kept.into_iter().for_each(|held| self.batcher.release(core, held));
    }

    /// Ends what scopes that are gone have left open, and takes their memory back.
    fn settle_gone(&mut self, core: &Core, now: Tick) {
        if self.gone.is_empty() {
            return;
        }
        let abandoned: Vec<FoundOpen> = self.found.values().copied().filter(|found| self.gone.contains(&found.scope)).collect();
        abandoned.iter().for_each(|found| self.end(core, found, now, ABANDONED));
        let lost = self.open.of_scopes(|scope| self.gone.contains(&scope));
        lost.iter().for_each(|found| self.end(core, found, now, LOST));
        self.parts.remove_scopes(|scope| self.gone.contains(&scope));
        for scope in self.gone.drain() {
            if let Some(shared) = self.scopes.remove(scope) {
                core.registry.give_back(shared);
            }
        }
    }

    fn settle_lost(&mut self, core: &Core, cause: Cause, now: Tick) {
        let lost = self.open.lost(&self.found, cause, core.lanes.dropped_records().total());
        lost.iter().for_each(|found| self.end(core, found, now, LOST));
    }

    /// Ends a span whose end never came.
    fn end(&mut self, core: &Core, found: &FoundOpen, now: Tick, (status, message): (Status, &str)) {
        self.found.remove(&found.open.frame.span);
        self.push_ended(core, found, now, (status, message), Fields::new(&[]));
    }

    fn tell_open(&mut self, core: &Core, cause: Cause, now: Tick) {
        let dropped = core.lanes.dropped_records().total();
        for found in self.found.values() {
            let Some(tracked) = self.scopes.get(found.scope) else { continue };
            let scope = &tracked.shared;
            if scope.is_unseen() {
                continue;
            }
            if self.open.should_tell(scope, &found.open, cause, now) {
                let said = self.parts.get(found.open.frame.span);
                self.batcher.rows(core).push_opened(scope, &found.open, said.fields, now);
                self.open.tell(*found, dropped);
            }
        }
    }
}

/// Returns where the next row of a scope goes, which has these fields; nothing where its trace was let go.
fn rows_of<'r>(
    (batcher, held): (&'r mut Batcher, &'r mut Held),
    core: &Core,
    scope: &ScopeShared,
    fields: Fields<'_>,
) -> Option<&'r mut Rows> {
    match held.rows(core, scope, fields.bytes().len()) {
        Some(rows) => Some(rows),
        None if scope.is_let_go() => None,
        None => Some(batcher.rows(core)),
    }
}

fn loss_of(body: &RawBody<'_>) -> Loss {
    match body {
        RawBody::Whole(_) | RawBody::Span { .. } => Loss::Span,
        RawBody::Event { .. } | RawBody::LooseEvent { .. } => Loss::Event,
        RawBody::Log { .. } => Loss::Log,
        RawBody::Part { .. } | RawBody::Link { .. } => Loss::Part,
        RawBody::UnseenEnd { .. } | RawBody::Count { .. } => Loss::Nothing,
    }
}

/// Returns a log record's columns but for its texts.
fn log_row((trace_id, span_id): (TraceId, SpanId), unix_ns: i64, severity: Severity, flags: u32) -> LogRow {
    LogRow {
        trace_id,
        span_id,
        unix_ns,
        observed_unix_ns: unix_ns,
        severity,
        severity_text: Sym::EMPTY,
        event_name: Sym::EMPTY,
        body: Scalar::Null,
        flags,
    }
}

fn close_if(is_told: bool, rows: &mut Rows, trace: TraceId, span: SpanId) {
    if is_told {
        rows.batch_mut().closed.push((trace, span));
    }
}
