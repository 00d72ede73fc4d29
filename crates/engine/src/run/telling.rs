//! Telling of what happens: to the observer, to feeds, and to the callbacks of the level where it happens.

use flowglass_model::{Event, EventKind, EventVerb, SpanId, Subject};
use flowglass_record::{Frame, Tick};

use super::open_span::OpenSpan;
use super::shared::{Level, RunShared};
use super::told::{Lot, Told};
use crate::callback::{Callbacks, Telling, View};

/// The sets of callbacks that hear of an event: that of the level around, and that of the pipeline which the event is about.
#[derive(Default)]
struct Listeners<'a> {
    around: Option<(&'a Callbacks, View)>,
    inside: Option<(&'a Callbacks, View)>,
}

/// What an event is about, and when it happened.
#[derive(Clone, Copy)]
pub(crate) struct About {
    pub(crate) site: u32,
    pub(crate) span: SpanId,
    pub(crate) index: Option<u64>,
    pub(crate) at: Tick,
    /// Whether a failure only passes on what failed inside.
    pub(crate) from_inside: bool,
}

impl About {
    /// A node of a level, by its open frame.
    #[inline]
    pub(super) const fn node(frame: &Frame, at: Tick) -> Self {
        Self { site: frame.template, span: frame.span, index: None, at, from_inside: false }
    }
}

const FROM_INSIDE: View = View { around: false, inside: true };
const FROM_AROUND: View = View { around: true, inside: false };
const FROM_BOTH: View = View { around: true, inside: true };

impl Level {
    /// Tells all who want to hear of an event; one that nobody wants is never made.
    #[inline]
    pub(crate) fn tell(&self, site: u32, span: SpanId, index: Option<u64>, at: Tick, kind: EventKind<'_>) {
        self.tell_of(&About { site, span, index, at, from_inside: false }, kind, Lot::Unknown);
    }

    /// Tells of a start, with what it is given.
    #[inline]
    pub(crate) fn tell_start(&self, open: &OpenSpan, at: Tick, total: Option<u64>, given: Lot<'_>) {
        open.capture_given(&given);
        let (site, span, index) = (open.site, open.span(), open.index());
        self.tell_of(&About { site, span, index, at, from_inside: false }, EventKind::Started { total }, given);
    }

    /// Says whether nobody at all listens here.
    #[inline]
    pub(crate) fn is_unheard(&self) -> bool {
        let run = &*self.run;
        let nobody_inside = run.layout.surroundings.own_callbacks.is_empty();
        self.config.callbacks.is_none() && run.observer.is_none() && run.feeds.is_empty() && nobody_inside
    }

    /// Tells of something, and of the values that it is about.
    #[inline]
    pub(crate) fn tell_of(&self, about: &About, kind: EventKind<'_>, lot: Lot<'_>) {
        if !self.is_unheard()
            && let Some(_passing) = self.pass()
        {
            self.tell_listeners(about, kind, lot);
        }
    }

    fn tell_listeners(&self, about: &About, kind: EventKind<'_>, lot: Lot<'_>) {
        let About { site, span, index, at, from_inside } = *about;
        let (subject, verb) = (self.site(site).subject, kind.verb());
        let listeners = self.listeners(site, subject, verb);
        let run = &*self.run;
        let is_fed = run.feeds.want(subject, verb);
        if listeners.is_empty() && run.observer.is_none() && !is_fed {
            return;
        }
        let told = run.layout.surroundings.sites.get(site as usize).map(|facts| Told::new(facts, &run.redaction, verb, lot));
        let mut next = run.next_event.lock();
        let order = (*next, run.clock.unix_ns(at));
        *next += 1;
        let index = index.or_else(|| self.place.index());
        let mut event = Event::new(order, run.id, self.site(site), span, index, kind);
        event.parent = self.span;
        event.from_inside = from_inside;
        if let Some(told) = &told {
            event = event.with_values(told);
        }
        if let Some(observer) = &run.observer {
            observer(&event);
        }
        if is_fed {
            run.feeds.push(&event);
        }
        listeners.tell(&event, run);
    }

    /// Finds who hears of an event. A pipeline's own callbacks hear of it from inside, those around it from around.
    fn listeners(&self, site: u32, subject: Subject, verb: EventVerb) -> Listeners<'_> {
        let wants = |callbacks: &&Callbacks| callbacks.wants(subject, verb);
        let around = self.config.callbacks.as_ref();
        let own = &self.run.layout.surroundings.own_callbacks;
        let own = own.iter().find(|(own, _)| *own == site).map(|(_, callbacks)| callbacks.as_ref());
        let is_nested = subject == Subject::Pipeline && site != self.run.layout.root;
        let view = match own {
            None if is_nested => FROM_BOTH,
            Some(Some(own)) if around.is_some_and(|around| around.is(own)) => FROM_BOTH,
            Some(_) if is_nested => FROM_AROUND,
            _ => FROM_INSIDE,
        };
        let inside = own.flatten().filter(|own| around.is_none_or(|around| !around.is(own))).filter(wants);
        Listeners {
            around: around.filter(wants).map(|around| (around, view)),
            inside: inside.map(|inside| (inside, FROM_INSIDE)),
        }
    }
}

impl Listeners<'_> {
    fn is_empty(&self) -> bool {
        self.around.is_none() && self.inside.is_none()
    }

    /// Tells both, in the order in which the thing is entered or left.
    fn tell(&self, event: &Event<'_>, run: &RunShared) {
        let is_start = event.kind.verb() == EventVerb::Started;
        let order = if is_start { [self.around, self.inside] } else { [self.inside, self.around] };
        for (callbacks, view) in order.into_iter().flatten() {
            callbacks.tell(event, &Telling { surroundings: &run.layout.surroundings, tally: &run.tally, view });
        }
    }
}
