//! What one subscriber has to read: a bounded inbox that never makes the sender wait.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use flowglass_model::EventRecord;
use futures_util::Stream;
use parking_lot::{Condvar, Mutex};

use super::EventFilter;

/// Events that wait for a subscriber, at most; the oldest of more are lost.
const ROOM: usize = 8_192;

/// What a subscription hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Something happened.
    Event(Arc<EventRecord>),
    /// So many events of this subscription are lost here, because it didn't keep up.
    Lost(u64),
}

/// The events of a feed, as far as the subscription's filter lets them through. Dropping it ends it.
///
/// Read it as a stream or with [`recv`](Self::recv) in async code, with [`recv_blocking`](Self::recv_blocking) on a thread, or
/// with [`try_recv`](Self::try_recv) for what is there. It never slows a run: 8,192 events wait for it, and of more the oldest
/// are lost and counted.
#[must_use = "a subscription that is dropped hears nothing"]
pub struct Subscription {
    inbox: Arc<Inbox>,
}

pub(super) struct Inbox {
    pub(super) filter: EventFilter,
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    events: VecDeque<Arc<EventRecord>>,
    lost: u64,
    is_closed: bool,
    waker: Option<Waker>,
}

impl Inbox {
    pub(super) fn new(filter: EventFilter) -> Self {
        Self { filter, state: Mutex::default(), news: Condvar::new() }
    }

    pub(super) fn put(&self, event: &Arc<EventRecord>) {
        let mut state = self.state.lock();
        if state.events.len() >= ROOM {
            state.events.pop_front();
            state.lost += 1;
        }
        state.events.push_back(Arc::clone(event));
        self.wake(state);
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        self.wake(state);
    }

    fn wake(&self, mut state: parking_lot::MutexGuard<'_, State>) {
        let waker = state.waker.take();
        drop(state);
        self.news.notify_one();
        waker.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn next(&mut self) -> Option<Received> {
        match std::mem::take(&mut self.lost) {
            0 => self.events.pop_front().map(Received::Event),
            lost => Some(Received::Lost(lost)),
        }
    }
}

impl Subscription {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox }
    }

    /// Returns what is there to be read; none if that is nothing now.
    pub fn try_recv(&mut self) -> Option<Received> {
        self.inbox.state.lock().next()
    }

    /// Waits for what comes next; none when the feed has ended and all is read.
    pub async fn recv(&mut self) -> Option<Received> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Waits, blocking the thread, for what comes next; none when the feed has ended and all is read.
    pub fn recv_blocking(&mut self) -> Option<Received> {
        let mut state = self.inbox.state.lock();
        loop {
            let next = state.next();
            if next.is_some() || state.is_closed {
                return next;
            }
            self.inbox.news.wait(&mut state);
        }
    }

    fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Received>> {
        let mut state = self.inbox.state.lock();
        let next = state.next();
        if next.is_some() || state.is_closed {
            return Poll::Ready(next);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Stream for Subscription {
    type Item = Received;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        self.poll_recv(cx)
    }
}
