//! Attributes at the places where they stood last: mostly the next span has the same ones there, and comparing costs less than
//! reading.

use flowglass_model::{BatchBuilder, Scalar, Sym};

use super::same::same;
use super::value::{AnyValue, KeyValue};
use crate::Flaw;
use crate::mapping::Meaning;

/// Beyond so many places nothing is remembered.
const PLACES: usize = 64;

/// What an attribute of a span came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Found {
    /// An attribute, its texts in the batch.
    Pair(Sym, Scalar),
    /// Something that has a column of its own.
    Means(Meaning),
}

/// The attributes that stood last at each place.
#[derive(Debug, Default)]
pub(super) struct Guesses<'a>(Vec<Guess<'a>>);

/// An attribute as it stood, and what it came to.
#[derive(Debug, Clone, Copy)]
struct Guess<'a> {
    message: &'a [u8],
    key: &'a str,
    found: Found,
}

impl<'a> Guesses<'a> {
    /// Forgets all: another batch has other texts.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Reads the attribute at a place into a batch.
    #[inline]
    pub(super) fn read(
        &mut self,
        place: usize,
        message: &'a [u8],
        builder: &mut BatchBuilder,
        unknown: &mut u64,
    ) -> Result<Found, Flaw> {
        let guess = self.0.get(place);
        if let Some(guess) = guess.filter(|guess| same(guess.message, message)) {
            return Ok(guess.found);
        }
        let unknown_before = *unknown;
        let guessed = guess.map_or("", |guess| guess.key);
        let KeyValue { key, value } = KeyValue::read(message, guessed, unknown)?;
        let found = match (value, guess) {
            (AnyValue::Str(text), _) if let Some(meaning) = Meaning::of(key.as_bytes(), text) => Found::Means(meaning),
            // A key that was guessed is the guess itself: it need not be compared again.
            (value, Some(&Guess { found: Found::Pair(sym, _), .. })) if std::ptr::eq(key, guessed) => {
                Found::Pair(sym, value.intern(builder, unknown)?)
            }
            (value, _) => {
                let value = value.intern(builder, unknown)?;
                Found::Pair(builder.intern(key), value)
            }
        };
        // One with unknown fields is read each time, so that they are counted.
        if *unknown == unknown_before {
            self.remember(place, Guess { message, key, found });
        }
        Ok(found)
    }

    #[inline]
    fn remember(&mut self, place: usize, guess: Guess<'a>) {
        if let Some(known) = self.0.get_mut(place) {
            *known = guess;
        } else if place < PLACES && place == self.0.len() {
            self.0.push(guess);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::write_attributes;
    use super::super::writer::Writer;
    use super::*;

    fn message(key: &str, value: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write_attributes(&mut Writer::new(&mut out), 1, &vec![(key.to_owned(), value.into())]);
        out.split_off(2)
    }

    #[test]
    fn a_wrong_guess_costs_nothing_but_time() {
        let (mut builder, mut guesses) = (BatchBuilder::default(), Guesses::default());
        let keys = ["a", "b", "", "a", "c", "a"];
        let messages: Vec<_> = keys.iter().flat_map(|key| ["1", "2", "", "2"].map(|value| (key, value))).collect();
        let messages: Vec<_> = messages.into_iter().map(|(key, value)| (key, value, message(key, value))).collect();
        for place in [0, 1, 0, 2, 63, 64, 1_000_000] {
            for (key, value, message) in &messages {
                let found = guesses.read(place, message, &mut builder, &mut 0).unwrap();
                let Found::Pair(sym, Scalar::Str(text)) = found else { panic!("{found:?}") };
                let arena = &builder.batch_mut().arena;
                assert_eq!((arena.text(sym), arena.text(text)), (**key, *value));
            }
        }
        guesses.clear();
        assert_eq!((builder.finish().arena.len(), guesses.0.len()), (6, 0));
    }

    #[test]
    fn fields_that_are_unknown_are_counted_each_time() {
        let (mut builder, mut guesses, mut unknown) = (BatchBuilder::default(), Guesses::default(), 0);
        let mut odd = message("a", "1");
        odd.extend([0x48, 1]);
        for _ in 0..3 {
            guesses.read(0, &odd, &mut builder, &mut unknown).unwrap();
        }
        assert_eq!(unknown, 3);
    }
}
