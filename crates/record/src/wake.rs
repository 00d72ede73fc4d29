//! How the collector's thread is woken: when its interval is over, when there is much to read, or when something begins.

use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
    fence,
};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Why the collector looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A chunk is full.
    Chunk,
    /// The export interval is over.
    Interval,
    /// Somebody waits for everything recorded so far.
    Flush,
    /// Nothing more comes.
    End,
}

/// Wakes the collector's thread.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    state: Mutex<State>,
    changed: Condvar,
    /// As `is_active` says: for those who tell of news without the lock.
    is_awake: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Scopes are alive, so that records may come without anybody telling.
    is_active: bool,
    is_requested: bool,
    is_over: bool,
}

impl Wake {
    /// Says whether the thread must be told of news. Whoever asks has made them before, and the thread looks for news
    /// after it has begun to rest: one of the two sees the other.
    #[inline]
    pub(crate) fn is_resting(&self) -> bool {
        fence(SeqCst);
        !self.is_awake.load(Relaxed)
    }

    /// As [`is_resting`](Self::is_resting), for those whose news were made by sequentially consistent writes.
    #[inline]
    pub(crate) fn is_unaware(&self) -> bool {
        !self.is_awake.load(SeqCst)
    }

    /// Makes the thread look at every interval again.
    pub(crate) fn activate(&self) {
        let mut state = self.state.lock();
        if !state.is_active {
            state.is_active = true;
            self.is_awake.store(true, SeqCst);
            self.changed.notify_one();
        }
    }

    /// Makes the thread look at once.
    pub(crate) fn request(&self) {
        let mut state = self.state.lock();
        if !state.is_requested {
            state.is_requested = true;
            self.changed.notify_one();
        }
    }

    /// Makes the thread end.
    pub(crate) fn finish(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_one();
    }

    /// Waits for the next look; `None` when it is over.
    pub(crate) fn wait(&self, until: Instant) -> Option<Cause> {
        let mut state = self.state.lock();
        loop {
            if state.is_over {
                return None;
            }
            if std::mem::take(&mut state.is_requested) {
                return Some(Cause::Chunk);
            }
            if !state.is_active {
                self.changed.wait(&mut state);
            } else if self.changed.wait_until(&mut state, until).timed_out() {
                return Some(Cause::Interval);
            }
        }
    }

    /// Lets the thread sleep without an interval, if `is_idle` still says so once nobody can tell of news in between.
    pub(crate) fn rest_if(&self, is_idle: impl FnOnce() -> bool) {
        let mut state = self.state.lock();
        self.is_awake.store(false, SeqCst);
        fence(SeqCst);
        let rests = is_idle();
        self.is_awake.store(state.is_active && !rests, SeqCst);
        state.is_active &= !rests;
    }
}

/// The moments at which the export interval is over.
#[derive(Debug)]
pub(crate) struct Interval {
    length: Duration,
    next: Instant,
}

impl Interval {
    pub(crate) fn new(length: Duration) -> Self {
        Self { length, next: Instant::now() + length }
    }

    pub(crate) const fn next(&self) -> Instant {
        self.next
    }

    /// Begins the next interval, if this one is over.
    pub(crate) fn advance(&mut self) -> bool {
        let now = Instant::now();
        let is_over = now >= self.next;
        if is_over {
            self.next = now + self.length;
        }
        is_over
    }
}
