//! The line on which whoever waits for an item hears of it. Thousands of items have one each, so it is much smaller than a channel.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::dispatch::Told;

/// Tells on a line. Dropped, it says that nothing more will come.
pub(super) struct Teller(Arc<Line>);

/// Hears what is told on a line. Dropped, it wants nothing any more.
pub(super) struct Hearer(Arc<Line>);

#[derive(Default)]
struct Line(Mutex<State>);

#[derive(Default)]
struct State {
    told: VecDeque<Told>,
    waker: Option<Waker>,
    is_told_out: bool,
    /// Whether nobody wants what is made any more; its end is waited for all the same, unless that is closed, too.
    is_given_up: bool,
    is_closed: bool,
}

/// Makes both ends of a line.
pub(super) fn line() -> (Teller, Hearer) {
    let line = Arc::<Line>::default();
    (Teller(Arc::clone(&line)), Hearer(line))
}

impl Teller {
    /// Tells something, if anybody is there to hear it.
    pub(super) fn tell(&self, told: Told) {
        self.change(|state| {
            if !state.is_closed {
                state.told.push_back(told);
            }
        });
    }

    /// Says whether somebody wants what is made.
    pub(super) fn is_wanted(&self) -> bool {
        let state = self.0.0.lock();
        !(state.is_given_up || state.is_closed)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.0.lock();
        change(&mut state);
        let waker = state.waker.take();
        // Who is woken may want the lock at once.
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.change(|state| state.is_told_out = true);
    }
}

impl Hearer {
    /// Takes what was told next; nothing if nothing more will come.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Told>> {
        let mut state = self.0.0.lock();
        match state.told.pop_front() {
            Some(told) => Poll::Ready(Some(told)),
            None if state.is_told_out => Poll::Ready(None),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Says that nobody wants what is made, and goes on hearing of it.
    pub(super) fn give_up(&self) {
        self.0.0.lock().is_given_up = true;
    }

    /// Says that nothing more is wanted.
    pub(super) fn close(&self) {
        let mut state = self.0.0.lock();
        state.is_closed = true;
        let left = std::mem::take(&mut state.told);
        drop(state);
        drop(left);
    }
}

impl Drop for Hearer {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn what_is_told_wakes_who_waits_and_comes_in_order() {
        let (woken, (teller, hearer)) = (Arc::new(Woken::default()), line());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        assert!(hearer.poll_next(&mut cx).is_pending());
        teller.tell(Told::Started);
        teller.tell(Told::Lost);
        assert_eq!(woken.0.load(SeqCst), 1, "nobody waited the second time");
        assert!(matches!(hearer.poll_next(&mut cx), Poll::Ready(Some(Told::Started))));
        assert!(matches!(hearer.poll_next(&mut cx), Poll::Ready(Some(Told::Lost))));
        assert!(hearer.poll_next(&mut cx).is_pending());
        drop(teller);
        assert!(woken.0.load(SeqCst) == 2 && matches!(hearer.poll_next(&mut cx), Poll::Ready(None)));
    }

    #[test]
    fn who_has_given_up_hears_of_the_end() {
        let (teller, hearer) = line();
        hearer.give_up();
        assert!(!teller.is_wanted());
        teller.tell(Told::Lost);
        assert!(matches!(hearer.poll_next(&mut Context::from_waker(Waker::noop())), Poll::Ready(Some(Told::Lost))));
    }

    #[test]
    fn nothing_is_kept_for_who_has_gone() {
        let (teller, hearer) = line();
        teller.tell(Told::Started);
        assert!(teller.is_wanted());
        drop(hearer);
        teller.tell(Told::Lost);
        assert!(!teller.is_wanted() && teller.0.0.lock().told.is_empty());
    }
}
