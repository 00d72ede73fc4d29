//! Moments as the cheapest clock gives them, and what they are in nanoseconds.
//!
//! A tick is a raw reading; its rate is measured against the system's monotonic clock, from the first reading on. A
//! span's length never exceeds the time since then, so that even an early rate is wrong by tens of nanoseconds at most.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::{Instant, SystemTime};

use crate::cycles;

/// A moment: a reading of the processor's time-stamp counter, or of the system's monotonic clock where that can't serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

const UNKNOWN: u8 = 0;
const COUNTER: u8 = 1;
const SYSTEM: u8 = 2;

static SOURCE: AtomicU8 = AtomicU8::new(UNKNOWN);
static ORIGIN: OnceLock<Origin> = OnceLock::new();
static RATE: Rate = Rate { ns_per_tick: AtomicU64::new(0), measured_over: AtomicU64::new(0) };

/// After this many ticks (some ten seconds) the rate is as exact as it gets.
const LONG_ENOUGH: u64 = 1 << 35;

struct Origin {
    tick: Tick,
    instant: Instant,
}

/// Nanoseconds a tick (the bits of an `f64`), and over how many ticks that was measured.
struct Rate {
    ns_per_tick: AtomicU64,
    measured_over: AtomicU64,
}

impl Tick {
    /// Before every other moment.
    pub const ZERO: Self = Self(0);

    /// Reads the clock.
    #[inline]
    #[must_use]
    pub fn now() -> Self {
        match Self::read() {
            Some(now) => now,
            None => Self::now_elsewhere(),
        }
    }

    /// Reads the clock, if that is the processor's counter, as has been found out before.
    #[inline(always)]
    pub(crate) fn read() -> Option<Self> {
        (SOURCE.load(Relaxed) == COUNTER).then(|| Self(cycles::read()))
    }

    /// Returns how long after this moment another one is, in nanoseconds; 0 if it isn't after it.
    #[must_use]
    pub fn elapsed_ns(self, later: Self) -> u64 {
        self.elapsed_by(later, TickLength::at(later))
    }

    /// As [`elapsed_ns`](Self::elapsed_ns), by a length of ticks that is known.
    #[inline]
    pub(crate) fn elapsed_by(self, later: Self, length: TickLength) -> u64 {
        length.of(later.0.saturating_sub(self.0))
    }

    /// Returns the moment that was so many nanoseconds before this one.
    #[must_use]
    pub fn earlier_by(self, ns: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a day in nanoseconds is exact to some tens of them")]
        let ticks = ns as f64 / ns_per_tick(self);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and saturating")]
        Self(self.0.saturating_sub(ticks as u64))
    }

    /// Returns the moment that is about so many nanoseconds after this one.
    fn later_by(self, ns: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "about")]
        let ticks = ns as f64 / ns_per_tick(self);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and saturating")]
        Self(self.0.saturating_add(ticks as u64))
    }

    /// Says whether [`read`](Self::read) gives the time: known as soon as the clock was read for the first time.
    pub(crate) fn is_quick() -> bool {
        SOURCE.load(Relaxed) == COUNTER
    }

    /// Reads the processor's counter, where that [`is_quick`](Self::is_quick).
    #[inline(always)]
    pub(crate) fn read_quickly() -> Self {
        Self(cycles::read())
    }

    /// Returns the raw reading.
    pub(crate) const fn to_raw(self) -> u64 {
        self.0
    }

    /// Makes a moment from its raw reading.
    pub(crate) const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    #[cold]
    fn now_elsewhere() -> Self {
        if SOURCE.load(Relaxed) == UNKNOWN {
            SOURCE.store(if cycles::is_reliable() { COUNTER } else { SYSTEM }, Relaxed);
            origin();
            return Self::now();
        }
        Self(1 + u64::try_from(origin().instant.elapsed().as_nanos()).unwrap_or(u64::MAX - 1))
    }
}

/// How long a tick is, as it was known at one moment, in nanoseconds: what is told of many ticks needs to ask for it once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TickLength {
    /// In parts of a nanosecond, of which one has 2^[`FRACTION`](Self::FRACTION): a multiplication and a shift tell a span's length.
    parts: u64,
}

impl TickLength {
    /// Returns what is known of it at `now`.
    pub(crate) fn at(now: Tick) -> Self {
        const ONE: f64 = (1_u64 << TickLength::FRACTION) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and saturating")]
        Self { parts: (ns_per_tick(now) * ONE) as u64 }
    }

    /// Leaves room for ticks of up to 255 nanoseconds; a day is exact to a nanosecond.
    const FRACTION: u32 = 56;

    #[inline]
    fn of(self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.parts)) >> Self::FRACTION) as u64
    }
}

/// One moment on both clocks: ticks near it can be told as time since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor {
    tick: Tick,
    unix_ns: i64,
    /// About a second behind it.
    fresh_until: Tick,
}

impl Anchor {
    /// Reads both clocks.
    pub(crate) fn now() -> Self {
        let (tick, unix_ns) = (Tick::now(), unix_now_ns());
        Self { tick, unix_ns, fresh_until: tick.later_by(1_000_000_000) }
    }

    /// Says whether both clocks were read less than about a second before `now`.
    #[inline]
    pub(crate) fn is_fresh(&self, now: Tick) -> bool {
        now < self.fresh_until
    }

    /// Returns a moment in nanoseconds since 1970 UTC.
    pub(crate) fn unix_ns(&self, tick: Tick) -> i64 {
        self.unix_ns_by(tick, TickLength::at(tick.max(self.tick)))
    }

    /// As [`unix_ns`](Self::unix_ns), by a length of ticks that is known.
    #[inline]
    pub(crate) fn unix_ns_by(&self, tick: Tick, length: TickLength) -> i64 {
        if tick >= self.tick {
            self.unix_ns.saturating_add_unsigned(self.tick.elapsed_by(tick, length))
        } else {
            self.unix_ns.saturating_sub_unsigned(tick.elapsed_by(self.tick, length))
        }
    }
}

fn unix_now_ns() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn origin() -> &'static Origin {
    ORIGIN.get_or_init(|| {
        if SOURCE.load(Relaxed) == SYSTEM {
            return Origin { tick: Tick(1), instant: Instant::now() };
        }
        let (tick, instant) = read_both();
        Origin { tick, instant }
    })
}

/// Reads the counter and the monotonic clock as close together as three attempts get.
fn read_both() -> (Tick, Instant) {
    let attempt = || {
        let before = cycles::read();
        let instant = Instant::now();
        let gap = cycles::read().saturating_sub(before);
        (gap, Tick(before + gap / 2), instant)
    };
    let [first, second, third] = [attempt(), attempt(), attempt()];
    let (_, tick, instant) = [second, third].into_iter().fold(first, |best, next| if next.0 < best.0 { next } else { best });
    (tick, instant)
}

fn ns_per_tick(now: Tick) -> f64 {
    if SOURCE.load(Relaxed) != COUNTER {
        return 1.0;
    }
    let origin = origin();
    let known = RATE.measured_over.load(Relaxed);
    if known == 0 || (known < LONG_ENOUGH && now.0.saturating_sub(origin.tick.0) / 2 > known) {
        measure_rate(origin);
    }
    f64::from_bits(RATE.ns_per_tick.load(Relaxed))
}

#[cold]
#[expect(clippy::cast_precision_loss, reason = "53 bits hold more ticks than a measurement has")]
fn measure_rate(origin: &Origin) {
    let (tick, instant) = read_both();
    let ticks = tick.0.saturating_sub(origin.tick.0).max(1);
    let ns = instant.saturating_duration_since(origin.instant).as_nanos();
    RATE.ns_per_tick.store((ns as f64 / ticks as f64).to_bits(), Relaxed);
    RATE.measured_over.store(ticks, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_moment_is_after_an_earlier_one() {
        let (first, second) = (Tick::now(), Tick::now());
        assert!(first <= second);
        assert_eq!(second.elapsed_ns(first), 0, "never negative");
        assert_eq!(first.elapsed_ns(first), 0);
        assert!(Tick::ZERO < first);
    }

    #[test]
    fn a_tick_keeps_its_place_around_an_anchor() {
        let before = Tick::now();
        let anchor = Anchor::now();
        let after = Tick::now();
        assert!(anchor.unix_ns(before) <= anchor.unix_ns);
        assert!(anchor.unix_ns(after) >= anchor.unix_ns);
        assert!(anchor.is_fresh(after));
    }

    #[test]
    fn absurd_ticks_do_not_overflow() {
        let anchor = Anchor::now();
        assert!(anchor.unix_ns(Tick(u64::MAX)) >= anchor.unix_ns);
        assert!(anchor.unix_ns(Tick::ZERO) <= anchor.unix_ns);
    }

    #[test]
    fn a_length_of_ticks_is_exact_for_long() {
        let length = |ns: f64| TickLength { parts: (ns * (1_u64 << TickLength::FRACTION) as f64) as u64 };
        let day = 86_400_000_000_000;
        assert_eq!((length(1.0).of(day), length(0.5).of(2 * day), length(41.5).of(2)), (day, day, 83));
        assert!(length(1.0 / 3.0).of(3 * day).abs_diff(day) <= 1);
        assert_eq!(TickLength::default().of(u64::MAX), 0);
    }
}
