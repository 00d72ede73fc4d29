//! How long work that never has to wait goes on before it lets others run: timers, signals, a neighbour on the same runtime.

use std::task::Context;

use flowglass_record::Tick;

/// A turn of many steps takes about this long, in nanoseconds.
const TURN_NS: u64 = 10_000_000;
/// So many steps are many. What has fewer keeps its order, also on a machine that is busy with something else.
const MANY: u32 = 64;
/// A turn of a few steps takes no longer than this, in nanoseconds, and the last of them.
const LONGEST_NS: u64 = 250_000_000;

/// The time since work was polled, looked at now and then.
pub(super) struct Turn {
    begin: Tick,
    steps: u32,
    /// So many steps lie between two looks at the clock.
    look_every: u32,
}

impl Turn {
    /// Begins a turn now.
    pub(super) const fn new(begin: Tick, look_every: u32) -> Self {
        Self { begin, steps: 0, look_every }
    }

    /// Counts a step, and says whether the turn is over. `now` is asked what time it is.
    #[inline]
    pub(super) fn is_over(&mut self, now: impl FnOnce() -> Tick) -> bool {
        self.steps += 1;
        if !self.steps.is_multiple_of(self.look_every) {
            return false;
        }
        let most_ns = if self.steps < MANY { LONGEST_NS } else { TURN_NS };
        self.begin.elapsed_ns(now()) > most_ns
    }
}

/// Lets others run: whoever polls this asks again soon.
pub(super) fn give_way(cx: &Context<'_>) {
    cx.waker().wake_by_ref();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_asked_now_and_then() {
        let begin = Tick::now();
        let (mut turn, mut asked) = (Turn::new(begin, 4), 0);
        let mut is_over = |now: Tick| {
            turn.is_over(|| {
                asked += 1;
                now
            })
        };
        assert!((0..8).all(|_| !is_over(begin)));
        assert!((0..3).all(|_| !is_over(Tick::now())), "it isn't asked yet");
        assert_eq!(asked, 2);
    }
}
