//! Numbers that many threads add to or set, each in a few nanoseconds and without a lock.
//!
//! All of it is sequentially consistent: whoever measures asks afterwards whether the collector rests, and the collector
//! looks for measurements after it has begun to, so that one of the two sees the other.

use std::cell::Cell;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};

use flowglass_model::Number;

/// So many places a sum has: threads that add at the same time mostly use different ones.
const STRIPES: usize = 4;

static NEXT_STRIPE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The thread's stripe, plus one.
    static STRIPE: Cell<usize> = const { Cell::new(0) };
}

/// A sum of whole and other numbers.
#[derive(Debug, Default)]
pub(super) struct Sum {
    stripes: [Stripe; STRIPES],
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe {
    int: AtomicI64,
    /// The bits of an `f64`.
    float: AtomicU64,
}

impl Sum {
    #[inline]
    pub(super) fn add(&self, number: Number) {
        let stripe = &self.stripes[stripe()];
        match number {
            Number::Int(number) => _ = stripe.int.fetch_add(number, SeqCst),
            Number::Float(number) => add_float(&stripe.float, number),
        }
    }

    /// Returns the sum, and begins again at zero; nothing where it is zero.
    pub(super) fn take(&self) -> Option<Number> {
        let take = |stripe: &Stripe| (stripe.int.swap(0, SeqCst), f64::from_bits(stripe.float.swap(0, SeqCst)));
        total(self.stripes.iter().map(take)).filter(|number| number.as_f64() != 0.0)
    }

    /// Returns the sum.
    pub(super) fn get(&self) -> Number {
        let get = |stripe: &Stripe| (stripe.int.load(SeqCst), f64::from_bits(stripe.float.load(SeqCst)));
        total(self.stripes.iter().map(get)).unwrap_or(Number::Int(0))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sum of whole and other numbers is no whole number")]
fn total(parts: impl Iterator<Item = (i64, f64)>) -> Option<Number> {
    let (int, float) = parts.fold((0_i64, 0.0), |(int, float), part| (int.wrapping_add(part.0), float + part.1));
    Some(if float == 0.0 { Number::Int(int) } else { Number::Float(int as f64 + float) })
}

/// Adds to the bits of an `f64`.
pub(super) fn add_float(bits: &AtomicU64, number: f64) {
    update(bits, |sum| Some(sum + number));
}

/// Changes the bits of an `f64`, unless `change` says that they may stay.
pub(super) fn update(bits: &AtomicU64, change: impl Fn(f64) -> Option<f64>) {
    let mut known = bits.load(Relaxed);
    while let Some(next) = change(f64::from_bits(known)) {
        match bits.compare_exchange_weak(known, next.to_bits(), SeqCst, Relaxed) {
            Ok(_) => return,
            Err(other) => known = other,
        }
    }
}

/// The last value that was set.
#[derive(Debug, Default)]
pub(super) struct Last {
    /// The bits of an `f64`.
    bits: AtomicU64,
    /// A value was set that is no whole number, or too large to be told exactly.
    is_float: AtomicBool,
}

impl Last {
    const EXACT: u64 = 1 << 53;

    #[inline]
    pub(super) fn set(&self, number: Number) {
        let is_float = match number {
            Number::Int(number) => number.unsigned_abs() > Self::EXACT,
            Number::Float(_) => true,
        };
        if is_float && !self.is_float.load(Relaxed) {
            self.is_float.store(true, SeqCst);
        }
        self.bits.store(number.as_f64().to_bits(), SeqCst);
    }

    #[expect(clippy::cast_possible_truncation, reason = "as long as no other was set, it is a whole number below 2^53")]
    pub(super) fn get(&self) -> Number {
        let number = f64::from_bits(self.bits.load(SeqCst));
        if self.is_float.load(SeqCst) { Number::Float(number) } else { Number::Int(number as i64) }
    }
}

#[inline]
fn stripe() -> usize {
    STRIPE.with(|stripe| match stripe.get() {
        0 => new_stripe(stripe),
        known => known - 1,
    })
}

#[cold]
fn new_stripe(stripe: &Cell<usize>) -> usize {
    let number = NEXT_STRIPE.fetch_add(1, Relaxed) % STRIPES;
    stripe.set(number + 1);
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_add_is_all_there() {
        let sum = Sum::default();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| (0..1000).for_each(|_| sum.add(Number::Int(2))));
            }
        });
        assert_eq!((sum.get(), sum.take(), sum.take()), (Number::Int(8000), Some(Number::Int(8000)), None));
        sum.add(Number::Float(0.5));
        sum.add(Number::Int(1));
        assert_eq!(sum.take(), Some(Number::Float(1.5)));
    }

    #[test]
    fn the_last_value_keeps_its_type() {
        let last = Last::default();
        last.set(Number::Int(-7));
        assert_eq!(last.get(), Number::Int(-7));
        last.set(Number::Float(0.25));
        assert_eq!(last.get(), Number::Float(0.25));
    }
}
