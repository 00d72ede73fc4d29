//! What was said of spans that are still open: attributes and messages, kept as they stand in their records until the end
//! comes, and how many events and links they have had.

use std::collections::{HashSet, VecDeque};

use flowglass_model::{SpanDrops, SpanId, Status};

use crate::Tick;
use crate::id_hash::{BuildIdHasher, IdMap};
use crate::limits::SpanLimits;
use crate::raw::{Field, Fields};
use crate::static_text::StaticText;

/// So many empty buffers are kept.
const SPARE: usize = 256;

/// What was said of open spans.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    limits: SpanLimits,
    of_spans: IdMap<SpanId, OfSpan>,
    spare: Vec<Vec<u8>>,
    /// Spans that hold events back.
    holding: HashSet<SpanId, BuildIdHasher>,
}

#[derive(Debug, Default)]
struct OfSpan {
    scope: u64,
    fields: usize,
    bytes: Vec<u8>,
    is_failed: bool,
    events: usize,
    links: usize,
    held: VecDeque<HeldEvent>,
    dropped: SpanDrops,
}

/// What was said of one span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) fields: Fields<'a>,
    /// It was told to fail.
    pub(crate) is_failed: bool,
    pub(crate) dropped: SpanDrops,
}

impl Said<'_> {
    /// Returns how a span has ended: work that ended well, as far as its maker knows, has failed if somebody below said so.
    pub(crate) const fn status_at_end(&self, status: Status) -> Status {
        match status {
            Status::Ok if self.is_failed => Status::Error,
            status => status,
        }
    }
}

/// An event that waits for its span's end, because the span has had many.
#[derive(Debug)]
pub(crate) struct HeldEvent {
    pub(crate) scope: u64,
    pub(crate) at: Tick,
    pub(crate) name: StaticText,
    pub(crate) fields: Vec<u8>,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is passed on.
    Now,
    /// It is held back.
    Held,
    /// It is held back, and the one that has been longest is let go.
    HeldForAnother,
}

impl Parts {
    pub(crate) fn new(limits: SpanLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Keeps fields of a span; returns how many had no room.
    pub(crate) fn add(&mut self, scope: u64, span: SpanId, fields: Fields<'_>, is_failure: bool) -> u64 {
        let limit = self.limits.attributes;
        let of_span = self.of_span(scope, span);
        of_span.is_failed |= is_failure;
        if of_span.fields >= limit && !is_failure {
            let mut each = fields;
            if !each.all(|field| of_span.replace(&field)) {
                of_span.dropped.attributes += 1;
                return 1;
            }
        } else {
            of_span.fields += 1;
        }
        of_span.bytes.extend_from_slice(fields.bytes());
        0
    }

    /// Says whether nothing was said of a span, and so much may be.
    #[inline]
    pub(crate) fn has_room_for(&self, span: SpanId, attributes: usize, events: usize) -> bool {
        let is_unknown = self.of_spans.is_empty() || !self.of_spans.contains_key(&span);
        is_unknown && attributes <= self.limits.attributes && events <= self.limits.first_and_last_events().0
    }

    /// Says what becomes of an event of a span, and keeps it if it is held back.
    pub(crate) fn admit_event(
        &mut self,
        (scope, span): (u64, SpanId),
        at: Tick,
        name: StaticText,
        fields: Fields<'_>,
    ) -> Admission {
        let (first, last) = self.limits.first_and_last_events();
        let of_span = self.of_span(scope, span);
        of_span.events += 1;
        if of_span.events <= first {
            return Admission::Now;
        }
        of_span.held.push_back(HeldEvent { scope, at, name, fields: fields.bytes().to_vec() });
        let is_full = of_span.held.len() > last;
        if is_full {
            of_span.held.pop_front();
            of_span.dropped.events += 1;
        }
        self.holding.insert(span);
        if is_full { Admission::HeldForAnother } else { Admission::Held }
    }

    /// Says whether a span may have one more link.
    pub(crate) fn admit_link(&mut self, scope: u64, span: SpanId) -> bool {
        let limit = self.limits.links;
        let of_span = self.of_span(scope, span);
        of_span.links += 1;
        let has_room = of_span.links <= limit;
        of_span.dropped.links += u32::from(!has_room);
        has_room
    }

    /// Returns what was said of a span so far.
    pub(crate) fn get(&self, span: SpanId) -> Said<'_> {
        let known = if self.of_spans.is_empty() { None } else { self.of_spans.get(&span) };
        match known {
            Some(of_span) => {
                Said { fields: Fields::new(&of_span.bytes), is_failed: of_span.is_failed, dropped: of_span.dropped }
            }
            None => Said { fields: Fields::new(&[]), is_failed: false, dropped: SpanDrops::default() },
        }
    }

    /// Takes the events that a span holds back.
    pub(crate) fn release(&mut self, span: SpanId) -> VecDeque<HeldEvent> {
        if self.holding.is_empty() || !self.holding.remove(&span) {
            return VecDeque::new();
        }
        self.of_spans.get_mut(&span).map(|of_span| std::mem::take(&mut of_span.held)).unwrap_or_default()
    }

    /// Returns the spans that hold events back.
    pub(crate) fn holding(&self) -> Vec<SpanId> {
        self.holding.iter().copied().collect()
    }

    /// Forgets a span.
    pub(crate) fn remove(&mut self, span: SpanId) {
        if self.of_spans.is_empty() {
            return;
        }
        if let Some(of_span) = self.of_spans.remove(&span) {
            self.keep(of_span.bytes);
        }
    }

    /// Forgets the spans of scopes that are gone.
    pub(crate) fn remove_scopes(&mut self, is_gone: impl Fn(u64) -> bool) {
        self.of_spans.retain(|_, of_span| !is_gone(of_span.scope));
    }

    fn of_span(&mut self, scope: u64, span: SpanId) -> &mut OfSpan {
        let Self { of_spans, spare, .. } = self;
        let fresh = || OfSpan { scope, bytes: spare.pop().unwrap_or_default(), ..OfSpan::default() };
        of_spans.entry(span).or_insert_with(fresh)
    }

    fn keep(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

impl OfSpan {
    /// Makes room for a field by forgetting the one with the same key; says whether there was one.
    fn replace(&mut self, field: &Field<'_>) -> bool {
        let mut kept = Vec::with_capacity(self.bytes.len());
        let mut rest = Fields::new(&self.bytes);
        let mut found = false;
        loop {
            let before = rest.bytes();
            let Some(known) = rest.next() else { break };
            let is_same = known.is_about_the_same(field);
            found |= is_same;
            if !is_same {
                kept.extend_from_slice(&before[..before.len() - rest.bytes().len()]);
            }
        }
        self.bytes = kept;
        found
    }
}
