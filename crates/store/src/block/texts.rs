//! The texts of a block, each kept once and named by a small number; 0 is the empty text.

use flowglass_model::{Arena, Sym};

use super::bytes::{Damaged, Reader, put_stream, put_varint};

/// Numbers the texts of an arena in the order of their first use.
pub(super) struct TextTable<'a> {
    arena: &'a Arena,
    /// The number of each text of the arena; 0 while it has none.
    numbers: Vec<u32>,
    used: Vec<Sym>,
}

impl<'a> TextTable<'a> {
    pub(super) fn new(arena: &'a Arena) -> Self {
        Self { arena, numbers: vec![0; arena.len()], used: Vec::new() }
    }

    pub(super) fn arena(&self) -> &'a Arena {
        self.arena
    }

    pub(super) fn number(&mut self, sym: Sym) -> u64 {
        if self.arena.bytes(sym).is_empty() {
            return 0;
        }
        let number = &mut self.numbers[sym.0 as usize];
        if *number == 0 {
            self.used.push(sym);
            *number = self.used.len() as u32;
        }
        u64::from(*number)
    }

    /// Returns how many texts have a number.
    pub(super) fn len(&self) -> usize {
        self.used.len()
    }

    /// Writes the texts from the one behind the first `skipped` on.
    pub(super) fn encode(&self, skipped: usize) -> Vec<u8> {
        let texts = || self.used[skipped..].iter().map(|&sym| self.arena.bytes(sym));
        let mut lengths = Vec::with_capacity(self.used.len() - skipped);
        texts().for_each(|text| put_varint(&mut lengths, text.len() as u64));
        let mut out = Vec::with_capacity(lengths.len() + texts().map(<[u8]>::len).sum::<usize>() + 5);
        put_stream(&mut out, &lengths);
        texts().for_each(|text| out.extend_from_slice(text));
        out
    }
}

/// Reads texts into an arena, where text number `n` becomes `Sym(n)`.
pub(super) fn decode(mut payload: Reader<'_>, arena: &mut Arena) -> Result<(), Damaged> {
    let mut lengths = payload.stream()?;
    while !lengths.is_empty() {
        let len = lengths.varint32()? as usize;
        arena.push(payload.bytes(len)?);
    }
    payload.finish()
}

/// Reads the number of a text that the arena has.
pub(super) fn sym(reader: &mut Reader<'_>, texts: usize) -> Result<Sym, Damaged> {
    let number = reader.varint32()?;
    if (number as usize) < texts { Ok(Sym(number)) } else { Err(Damaged("a text that isn't there is named")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_used_texts_are_written_in_order_of_use() {
        let mut arena = Arena::default();
        let (unused, first, second) = (arena.push(b"unused"), arena.push(b"first"), arena.push(b"second"));
        let mut table = TextTable::new(&arena);
        assert_eq!([table.number(second), table.number(first), table.number(second)], [1, 2, 1]);
        assert_eq!((table.number(Sym::EMPTY), table.number(Sym(99))), (0, 0));
        let mut back = Arena::default();
        decode(Reader::new(&table.encode(0)), &mut back).unwrap();
        assert_eq!((back.text(Sym(1)), back.text(Sym(2)), back.len()), ("second", "first", 3));
        decode(Reader::new(&table.encode(1)), &mut back).unwrap();
        assert_eq!((back.text(Sym(3)), back.len()), ("first", 4));
        assert_eq!(arena.text(unused), "unused");
    }

    #[test]
    fn lengths_beyond_the_end_are_refused() {
        assert!(decode(Reader::new(&[1, 5, b'x']), &mut Arena::default()).is_err());
        assert!(decode(Reader::new(&[1, 1, b'x', b'y']), &mut Arena::default()).is_err());
        assert!(sym(&mut Reader::new(&[3]), 3).is_err());
    }
}
