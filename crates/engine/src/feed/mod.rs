//! Feeds of events: anyone may subscribe, nobody slows a run, and who can't keep up is told how much was lost.

mod filter;
mod subscription;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flowglass_model::{Event, EventRecord, EventVerb, Interest, Subject};
use parking_lot::Mutex;

pub use filter::EventFilter;
use subscription::Inbox;
pub use subscription::{Received, Subscription};

/// A place where the events of one or of many runs can be heard, whichever callbacks the runs have. A clone is the same feed.
///
/// ```
/// use flowglass_engine::{EventFeed, EventFilter, Received};
///
/// let feed = EventFeed::keeping(1_000);
/// // … pipeline.run(inputs).feed(&feed) …
/// let mut events = feed.subscribe(EventFilter::all(), usize::MAX);
/// while let Some(Received::Event(event)) = events.try_recv() {
///     println!("{} {}", event.name(), event.site.path);
/// }
/// ```
#[derive(Clone, Default)]
pub struct EventFeed(Arc<Feed>);

#[derive(Default)]
struct Feed {
    /// What anybody wants at the moment.
    interest: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inboxes: Vec<Arc<Inbox>>,
    /// The newest events, for those who subscribe later.
    kept: VecDeque<Arc<EventRecord>>,
    keep: usize,
    /// How many events were kept once and had to go.
    dropped: u64,
    is_closed: bool,
}

impl EventFeed {
    /// Makes a feed that keeps nothing: a subscription hears what happens from then on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a feed that keeps the newest events, at most so many, for subscriptions that come later. An event takes some
    /// 300 bytes.
    #[must_use]
    pub fn keeping(events: usize) -> Self {
        let feed = Self::default();
        feed.keep(events);
        feed
    }

    pub(crate) fn keep(&self, events: usize) {
        self.0.state.lock().keep = events;
        self.0.listen();
    }

    /// Subscribes to the events that the filter lets through, beginning with as many of those kept as are asked for.
    pub fn subscribe(&self, filter: impl Into<EventFilter>, replay: usize) -> Subscription {
        let mut state = self.0.state.lock();
        let inbox = Arc::new(Inbox::new(filter.into()));
        let past: Vec<_> = state.kept.iter().rev().filter(|event| inbox.filter.lets(event)).take(replay).cloned().collect();
        past.into_iter().rev().for_each(|event| inbox.put(&event));
        if state.is_closed {
            inbox.close();
        } else {
            state.inboxes.push(Arc::clone(&inbox));
        }
        drop(state);
        self.0.listen();
        Subscription::new(inbox)
    }

    /// Ends the feed: subscriptions get what is in them and then their end; nothing more comes.
    pub fn close(&self) {
        let mut state = self.0.state.lock();
        state.is_closed = true;
        state.inboxes.drain(..).for_each(|inbox| inbox.close());
        drop(state);
        self.0.listen();
    }

    /// Returns the events that are kept, the oldest first.
    pub(crate) fn kept(&self) -> Vec<Arc<EventRecord>> {
        self.0.state.lock().kept.iter().cloned().collect()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.0.state.lock().dropped
    }

    fn wants(&self, subject: Subject, verb: EventVerb) -> bool {
        Interest::from_bits(self.0.interest.load(Relaxed)).wants(subject, verb)
    }

    fn push(&self, event: &Arc<EventRecord>) {
        let mut state = self.0.state.lock();
        let before = state.inboxes.len();
        state.inboxes.retain(|inbox| Arc::strong_count(inbox) > 1);
        state.inboxes.iter().filter(|inbox| inbox.filter.lets(event)).for_each(|inbox| inbox.put(event));
        if state.keep > 0 && !state.is_closed {
            if state.kept.len() >= state.keep {
                state.kept.pop_front();
                state.dropped += 1;
            }
            state.kept.push_back(Arc::clone(event));
        }
        let somebody_left = state.inboxes.len() < before;
        drop(state);
        if somebody_left {
            self.0.listen();
        }
    }
}

impl Feed {
    /// Finds out what is wanted now.
    fn listen(&self) {
        let state = self.state.lock();
        let interest = match (state.is_closed, state.keep) {
            (true, _) => Interest::NONE,
            (false, 0) => state.inboxes.iter().fold(Interest::NONE, |all, inbox| all.union(inbox.filter.interest())),
            (false, _) => Interest::ALL,
        };
        self.interest.store(interest.bits(), Relaxed);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.state.get_mut().inboxes.drain(..).for_each(|inbox| inbox.close());
    }
}

/// The feeds that a run's events go to.
#[derive(Default)]
pub(crate) struct Feeds {
    shared: Vec<EventFeed>,
    /// The run's own feed, which ends with it.
    own: Option<EventFeed>,
}

impl Feeds {
    pub(crate) fn new(shared: Vec<EventFeed>, own: Option<EventFeed>) -> Self {
        Self { shared, own }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.own.is_none()
    }

    fn all(&self) -> impl Iterator<Item = &EventFeed> {
        self.shared.iter().chain(&self.own)
    }

    pub(crate) fn want(&self, subject: Subject, verb: EventVerb) -> bool {
        self.all().any(|feed| feed.wants(subject, verb))
    }

    pub(crate) fn push(&self, event: &Event<'_>) {
        let record = Arc::new(event.to_record());
        self.all().filter(|feed| feed.wants(record.site.subject, record.verb)).for_each(|feed| feed.push(&record));
    }
}

impl Drop for Feeds {
    fn drop(&mut self) {
        self.own.iter().for_each(EventFeed::close);
    }
}
