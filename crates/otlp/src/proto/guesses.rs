//! Texts at the places where they stood last: mostly the next span has the same ones there, and comparing costs less than looking.

use flowglass_model::{BatchBuilder, Sym};

/// Beyond so many places nothing is remembered.
const PLACES: usize = 64;

/// The text that stood last at each place.
#[derive(Debug, Default)]
pub(super) struct Guesses(Vec<Sym>);

impl Guesses {
    /// Forgets all: another batch has other texts.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Puts the text at a place into a batch.
    #[inline]
    pub(super) fn intern(&mut self, place: usize, text: &str, builder: &mut BatchBuilder) -> Sym {
        let guess = self.0.get(place).copied().unwrap_or_default();
        if builder.batch_mut().arena.bytes(guess) == text.as_bytes() {
            return guess;
        }
        let found = builder.intern(text);
        if place < PLACES {
            self.0.resize(self.0.len().max(place + 1), Sym::EMPTY);
            self.0[place] = found;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_guess_costs_nothing_but_time() {
        let (mut builder, mut guesses) = (BatchBuilder::default(), Guesses::default());
        let words = ["a", "b", "", "a", "c", "a"];
        for place in [0, 3, 0, 63, 64, 1_000_000] {
            for word in words {
                let sym = guesses.intern(place, word, &mut builder);
                assert_eq!(builder.batch_mut().arena.text(sym), word);
            }
        }
        guesses.clear();
        assert_eq!((builder.finish().arena.len(), guesses.0.len()), (4, 0));
    }
}
