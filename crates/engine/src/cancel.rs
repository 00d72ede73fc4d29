//! How work learns that it should stop.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Stops everything that holds a clone of it, or a token made [from it](Self::child). Cheap to clone.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<State>);

#[derive(Default)]
struct State {
    cancelled: AtomicBool,
    notify: Arc<Notify>,
    /// The token that this one was made from, which stops it too.
    around: Option<CancelToken>,
}

impl CancelToken {
    /// Makes a token that nobody has used yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a token that this one stops, too, and that doesn't stop this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(State { around: Some(self.clone()), ..State::default() }))
    }

    /// Says whether this token itself was cancelled, and not one around it.
    pub(crate) fn is_used(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Makes a token that stops with the same others as this one, and that nobody has used yet.
    pub(crate) fn renewed(&self) -> Self {
        Self(Arc::new(State { around: self.0.around.clone(), ..State::default() }))
    }

    /// Asks everything that holds this token to stop.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
    }

    /// Says whether somebody asked.
    #[inline]
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.chain().any(|state| state.cancelled.load(Ordering::Acquire))
    }

    /// Waits until somebody asks.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + use<> {
        // Listening begins before the look, so that a call in between isn't missed.
        let mut calls: SmallVec<[Pin<Box<OwnedNotified>>; 4]> =
            self.chain().map(|state| Box::pin(Arc::clone(&state.notify).notified_owned())).collect();
        for call in &mut calls {
            call.as_mut().enable();
        }
        let mut is_over = self.is_cancelled();
        std::future::poll_fn(move |cx| {
            is_over = is_over || calls.iter_mut().any(|call| call.as_mut().poll(cx).is_ready());
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    fn chain(&self) -> impl Iterator<Item = &State> {
        std::iter::successors(Some(&*self.0), |state| state.around.as_ref().map(|around| &*around.0))
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelToken({})", if self.is_cancelled() { "cancelled" } else { "not cancelled" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_waiter_wakes_whenever_it_began_to_wait() {
        let token = CancelToken::new();
        let waiter = tokio::spawn({
            let token = token.clone();
            async move { token.cancelled().await }
        });
        token.cancel();
        waiter.await.unwrap();
        token.cancelled().await;
        assert!(token.is_cancelled());
    }

    #[tokio::test]
    async fn a_token_stops_those_made_from_it_and_no_other() {
        let run = CancelToken::new();
        let (level, other) = (run.child(), run.child());
        let inner = level.child();
        let waiting = inner.cancelled();
        level.cancel();
        waiting.await;
        assert!(inner.is_cancelled() && level.is_cancelled());
        assert!(!run.is_cancelled() && !other.is_cancelled());
        run.cancel();
        assert!(other.is_cancelled());
        other.cancelled().await;
    }
}
