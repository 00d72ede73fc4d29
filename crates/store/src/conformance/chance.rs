//! Chance that repeats itself: numbers drawn from a seed.

use crate::hash::stir;

/// Draws numbers; the same seed draws the same ones.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(stir(seed ^ 0x5eed))
    }

    /// Draws a number below this one, which isn't 0.
    pub(super) const fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        stir(self.0) % end
    }

    /// Draws yes in so many of ten cases.
    pub(super) const fn tenths(&mut self, tenths: u64) -> bool {
        self.below(10) < tenths
    }

    /// Draws one of these, of which there is one.
    pub(super) fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }
}
