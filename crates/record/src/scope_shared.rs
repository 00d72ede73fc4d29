//! What a scope's handles, its threads and the collector share.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Release},
};

use flowglass_model::{Attributes, Number, Propagation, SpanId, Status, TraceId, flags};

use crate::core::Core;
use crate::fate::{Course, Fate};
use crate::lane;
use crate::lanes::{Lanes, Loss};
use crate::metrics::MeteredEnd;
use crate::open::{Frame, FreePlace, OpenFrames};
use crate::raw::{CountRecord, PlainEnd, SpanRecord, UnseenEndRecord};
use crate::scope::{ScopeSpec, SpanEnd, SpanTemplate};
use crate::tick::Anchor;
use crate::{SpanMeter, Tick, Value, Verdict};

/// No lanes have this number.
const NOBODY: u64 = u64::MAX;

/// What a scope begins with.
pub(crate) struct ScopeStart {
    pub(crate) id: u64,
    pub(crate) anchor: Anchor,
    pub(crate) trace_id: TraceId,
    pub(crate) verdict: Verdict,
    /// The span that its spans are in.
    pub(crate) root: SpanId,
    /// What travels with them.
    pub(crate) carried: Option<Arc<Propagation>>,
    /// What it shares with the scope that it does a part of the work of.
    pub(crate) fate: Option<Arc<Fate>>,
    pub(crate) is_metered: bool,
    /// The templates and the attributes of its spans, if they have any.
    pub(crate) dress: Option<(Arc<[SpanTemplate]>, Attributes)>,
}

/// What a scope's handles, its threads and the collector share. Recycled with its slots.
#[derive(Debug)]
pub(crate) struct ScopeShared {
    pub(crate) id: u64,
    /// By what lanes know the recorder.
    pub(crate) recorder: u64,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) trace_id: TraceId,
    pub(crate) templates: Arc<[SpanTemplate]>,
    pub(crate) attributes: Attributes,
    /// What the scope's ticks are told as Unix time by: one for all its spans, so that they fit together.
    pub(crate) anchor: Anchor,
    pub(crate) open: OpenFrames,
    /// What travels with the trace.
    pub(crate) carried: Option<Arc<Propagation>>,
    root: SpanId,
    verdict: Verdict,
    is_sampled: bool,
    /// Whether it is, on a clock that is read quickly.
    is_quick: bool,
    /// By what lanes know the recorder, if the scope is sampled; else what they know none by.
    sampled_by: u64,
    /// What has become of its trace, if that wasn't chosen.
    fate: Option<Arc<Fate>>,
    /// Whether its spans feed metrics that somebody is told of.
    is_metered: bool,
    is_given_up: AtomicBool,
    /// The next span's; never zero.
    next_id: AtomicU64,
}

/// A panic of a caller, who never runs inside, leaves everything whole.
impl std::panic::RefUnwindSafe for ScopeShared {}

impl ScopeShared {
    /// Makes a scope, or makes over a used one that nobody else holds and that is [empty](Self::empty).
    #[inline]
    pub(crate) fn make(
        used: Option<Arc<Self>>,
        lanes: &Arc<Lanes>,
        no_templates: &Arc<[SpanTemplate]>,
        start: ScopeStart,
    ) -> Arc<Self> {
        let mut shared = used.unwrap_or_else(|| Arc::new(Self::unused(lanes, start.anchor, no_templates)));
        if let Some(own) = Arc::get_mut(&mut shared) {
            own.begin(start);
        }
        shared
    }

    /// Sets what differs between two scopes.
    #[inline]
    fn begin(&mut self, start: ScopeStart) {
        self.id = start.id;
        self.trace_id = start.trace_id;
        self.anchor = start.anchor;
        self.root = start.root;
        self.carried = start.carried;
        self.verdict = start.verdict;
        self.is_sampled = start.verdict.records();
        self.is_quick = self.is_sampled && Tick::is_quick();
        self.sampled_by = if self.is_sampled { self.recorder } else { NOBODY };
        self.fate = start.fate.or_else(|| start.verdict.new_fate());
        self.is_metered = start.is_metered;
        *self.is_given_up.get_mut() = false;
        // With the highest bit clear, no scope comes to zero, which stands for no span.
        *self.next_id.get_mut() = ((fastrand::u64(..) ^ self.lanes.salt()) >> 1).max(1);
        if let Some((templates, attributes)) = start.dress {
            self.templates = templates;
            self.attributes = attributes;
        }
    }

    fn unused(lanes: &Arc<Lanes>, anchor: Anchor, templates: &Arc<[SpanTemplate]>) -> Self {
        Self {
            id: 0,
            recorder: lanes.id(),
            lanes: Arc::clone(lanes),
            trace_id: TraceId::default(),
            templates: Arc::clone(templates),
            attributes: Attributes::new(),
            anchor,
            open: OpenFrames::default(),
            carried: None,
            root: SpanId::NONE,
            verdict: Verdict::Never,
            is_sampled: false,
            is_quick: false,
            sampled_by: NOBODY,
            fate: None,
            is_metered: false,
            is_given_up: AtomicBool::new(false),
            next_id: AtomicU64::new(1),
        }
    }

    #[inline]
    pub(crate) const fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// Says whether anything of the scope is recorded as things stand.
    #[inline]
    pub(crate) fn is_recording(&self) -> bool {
        self.is_sampled || self.fate.as_ref().is_some_and(|fate| fate.is_promoted())
    }

    /// Says whether anything of the scope is recorded, now or after an error.
    pub(crate) const fn may_record(&self) -> bool {
        self.is_sampled || self.fate.is_some()
    }

    #[inline]
    pub(crate) const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Returns what becomes of its trace.
    pub(crate) fn course(&self) -> Course {
        Course { verdict: self.verdict, fate: self.fate.clone() }
    }

    /// Says whether what is recorded of its trace doesn't begin with its start.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.fate.as_ref().is_some_and(|fate| fate.is_promoted())
    }

    /// Says whether its trace was chosen when it began, so that there is nothing to decide.
    pub(crate) const fn is_chosen(&self) -> bool {
        self.is_sampled && self.fate.is_none()
    }

    /// Returns what has become of its trace, if that is recorded and held.
    pub(crate) fn held_fate(&self) -> Option<&Arc<Fate>> {
        self.fate.as_ref().filter(|_| self.verdict == Verdict::Hold)
    }

    /// Says whether nothing of its trace is told as things stand, because it is held or was let go.
    pub(crate) fn is_unseen(&self) -> bool {
        self.held_fate().is_some_and(|fate| fate.is_open() || fate.is_let_go())
    }

    /// Says whether what is recorded of its trace is let go.
    pub(crate) fn is_let_go(&self) -> bool {
        self.held_fate().is_some_and(|fate| fate.is_let_go())
    }

    /// Says whether its trace was let go before its end.
    pub(crate) fn is_crowded_out(&self) -> bool {
        self.held_fate().is_some_and(|fate| fate.is_crowded_out())
    }

    /// Records from now on what is in the trace, on this condition.
    pub(crate) fn promote_if(&self, is_wanted: bool) {
        if is_wanted {
            self.promote();
        }
    }

    /// Returns the fate that a scope for a part of its work shares with it.
    pub(crate) fn fate_of_fork(&self, verdict: Verdict) -> Option<Arc<Fate>> {
        self.fate.clone().filter(|_| self.verdict == verdict)
    }

    #[inline]
    pub(crate) const fn is_metered(&self) -> bool {
        self.is_metered
    }

    /// Records from now on what is in the trace, though it wasn't chosen.
    #[cold]
    pub(crate) fn promote(&self) {
        if let Some(fate) = &self.fate {
            fate.promote();
        }
    }

    /// Takes note of an error: a trace that wasn't chosen but for errors is recorded from now on, and one that is held will be kept
    /// where errors are. Says whether it is the former.
    pub(crate) fn note_error(&self) -> bool {
        self.promote_if(self.verdict == Verdict::OnError);
        self.held_fate().into_iter().for_each(|fate| fate.note_error());
        self.verdict == Verdict::OnError
    }

    /// Says whether an error was told of while its trace was held.
    pub(crate) fn has_error(&self) -> bool {
        self.held_fate().is_some_and(|fate| fate.has_error())
    }

    /// Returns the innermost open span, inside of which one that begins now is recorded; `None` where it isn't.
    #[inline]
    pub(crate) fn recorded_parent(&self) -> Option<SpanId> {
        if !self.is_recording() {
            return None;
        }
        let (span, is_recorded) = self.open.top_recording().unwrap_or((self.root, true));
        // In a trace that was promoted, whatever is open is recorded when it ends.
        (is_recorded || self.is_incomplete()).then_some(span)
    }

    /// Says whether the scope is sampled, and the time to be had by [`Tick::read_quickly`].
    #[inline(always)]
    pub(crate) const fn is_quick(&self) -> bool {
        self.is_quick
    }

    /// Returns the place where a span that begins now is put, in a scope that is sampled, if that is found quickly.
    #[inline(always)]
    pub(crate) fn free_place(&self) -> Option<FreePlace<'_>> {
        self.open.free_place(self.root)
    }

    /// Says whether the collector is told of the scope: something of it may be recorded, or counted.
    pub(crate) fn is_registered(&self) -> bool {
        self.verdict != Verdict::Never || self.is_metered
    }

    /// Takes note that somebody else ends the scope's spans; returns those that are open, the outermost first.
    pub(crate) fn give_up(&self) -> Vec<Frame> {
        self.is_given_up.store(true, Release);
        let mut frames: Vec<Frame> = Vec::new();
        self.open.scan(|open| {
            if !open.is_users() && frames.iter().all(|frame| frame.span != open.frame.span) {
                frames.push(open.frame);
            }
        });
        frames
    }

    /// Says whether the scope's open spans are still its own.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Acquire)
    }

    /// One thread at a time drives a scope, so that counting needs no locked instruction.
    #[inline]
    pub(crate) fn next_span(&self) -> SpanId {
        let id = self.next_id.load(Acquire);
        self.next_id.store(id.wrapping_add(1), Release);
        SpanId::from_u64(id)
    }

    #[inline]
    pub(crate) fn current(&self) -> SpanId {
        self.open.current().unwrap_or(self.root)
    }

    /// Returns the template of a frame, unless a user's span or a wrong number has none.
    pub(crate) fn template(&self, frame: &Frame) -> Option<&SpanTemplate> {
        self.templates.get(frame.template as usize)
    }

    /// Says whether a frame is the root of a run.
    pub(crate) fn is_run_root(&self, frame: &Frame) -> bool {
        self.template(frame).is_some_and(|template| flags::begin_a_run(frame.flags, template.span_type, frame.parent))
    }

    /// Returns the bits that say of a span that its parent is in another process, if so.
    pub(crate) fn remote_flags(&self, frame: &Frame) -> u32 {
        let caller = self.carried.as_ref().and_then(|carried| carried.parent);
        let is_remote = caller.is_some_and(|caller| caller.parent_id == frame.parent);
        if is_remote { flags::HAS_IS_REMOTE | flags::IS_REMOTE } else { 0 }
    }

    /// Returns what a scope for work of an open span is made of.
    pub(crate) fn fork_spec(&self, frame: &Frame) -> ScopeSpec {
        ScopeSpec {
            trace_id: self.trace_id,
            verdict: self.verdict.inside(frame.is_sampled()),
            templates: Arc::clone(&self.templates),
            attributes: self.attributes.clone(),
        }
    }

    /// Lets go of what a used scope holds, before it waits to be made over.
    pub(crate) fn empty(&mut self, templates: &Arc<[SpanTemplate]>) {
        self.open.clear();
        self.templates = Arc::clone(templates);
        self.attributes = Attributes::new();
        self.carried = None;
        self.fate = None;
    }

    /// Records the end of a span if the scope is sampled, or if the span has failed and its trace is recorded then; else counts it.
    #[inline]
    pub(crate) fn end(&self, end: &SpanEnd<'_>) {
        if self.is_sampled {
            self.record(end);
        } else {
            self.end_unsampled(end);
        }
    }

    #[inline(never)]
    fn end_unsampled(&self, end: &SpanEnd<'_>) {
        if end.status == Status::Error && self.verdict == Verdict::OnError && !self.is_recording() {
            self.promote();
        }
        if self.is_recording() {
            self.record(end);
        } else {
            self.count_end(&end.frame, end.end, end.status);
        }
    }

    #[inline]
    fn record(&self, end: &SpanEnd<'_>) {
        if !self.lanes.write(Loss::Span, SpanRecord { scope: self.id, end }) {
            self.count_lost(end);
        }
    }

    /// Takes the engine's topmost frame off the stack, whose span has ended well, and records that. On its shortest way this calls
    /// nothing: inlined, it would take more instructions.
    #[inline(never)]
    pub(crate) fn leave(&self, frame: &Frame, end: Tick, values: &[Value<'_>]) {
        if !self.open.pop_slot() {
            self.leave_with_care(frame, end, values);
        } else if !lane::put_end(self.sampled_by, &PlainEnd { scope: self.id, frame, end, values }) {
            self.end_well(frame, end, values);
        }
    }

    /// Inlined, it would bring a call along, for which the stack must be made ready.
    #[cold]
    #[inline(never)]
    fn leave_with_care(&self, frame: &Frame, end: Tick, values: &[Value<'_>]) {
        self.open.pop_elsewhere();
        self.end_well(frame, end, values);
    }

    #[inline(never)]
    fn end_well(&self, frame: &Frame, end: Tick, values: &[Value<'_>]) {
        let (status, message, extra, failure) = (Status::Ok, "", &[], None);
        let end = SpanEnd { frame: *frame, end, status, message, values, extra, failure };
        if self.is_recording() {
            self.record(&end);
        } else {
            self.count_end(frame, end.end, status);
        }
    }

    /// Counts the end of a span that isn't recorded.
    #[inline]
    pub(crate) fn count_end(&self, frame: &Frame, end: Tick, status: Status) {
        if self.is_metered && !frame.is_uncounted() {
            let record = UnseenEndRecord { scope: self.id, template: frame.template, start: frame.start, end, status };
            if !self.lanes.write(Loss::Nothing, record) {
                self.meter_end(frame, &MeteredEnd::unseen(status, frame.start.elapsed_ns(end), ""));
            }
        }
    }

    /// Adds a number to a metric of a template, or sets it.
    #[inline]
    pub(crate) fn count(&self, template: u32, metric: usize, number: Number) {
        if self.is_metered {
            let place = u32::try_from(metric).unwrap_or(u32::MAX);
            let record = CountRecord { scope: self.id, template, metric: place, number };
            if !self.lanes.write(Loss::Nothing, record) {
                self.meter(template, |core, meter| meter.measure(core, metric, number));
            }
        }
    }

    /// Counts a span whose record was lost: metrics are exact whatever is dropped.
    #[cold]
    fn count_lost(&self, end: &SpanEnd<'_>) {
        if self.is_metered && !end.frame.is_uncounted() {
            let duration_ns = end.frame.start.elapsed_ns(end.end);
            let error_type = end.failure.map_or("", |failure| &failure.error_type);
            self.meter_end(&end.frame, &MeteredEnd::unseen(end.status, duration_ns, error_type));
        }
    }

    #[cold]
    fn meter_end(&self, frame: &Frame, end: &MeteredEnd<'_>) {
        self.meter(frame.template, |core, meter| meter.measure_end(core, end));
    }

    fn meter(&self, template: u32, measure: impl FnOnce(&Core, &SpanMeter)) {
        if let (Some(core), Some(template)) = (self.lanes.core(), self.templates.get(template as usize)) {
            measure(&core, &template.meter);
        }
    }
}
