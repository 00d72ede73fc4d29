//! Words with wildcards, and where they occur in a text.

/// Words that a text must have next to each other, in any case. `*` stands for any letters, `?` for one, and a backslash takes
/// the meaning from the letter behind it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

/// One piece of a pattern.
#[derive(Clone, Copy, PartialEq)]
enum Piece {
    Letter(char),
    One,
    Any,
}

impl Pattern {
    /// Makes a pattern in which `*`, `?` and backslashes have their meaning. Backslashes that take no meaning away are left out.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut kept = String::with_capacity(text.len());
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let escaped = if letter == '\\' { letters.next().or(Some('\\')) } else { None };
            match escaped {
                Some(special @ ('*' | '?' | '\\')) => kept.extend(['\\', special]),
                other => kept.push(other.unwrap_or(letter)),
            }
        }
        Self(kept)
    }

    /// Makes a pattern of exactly these letters, without wildcards.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        let escape = |letter: char| matches!(letter, '*' | '?' | '\\').then_some('\\').into_iter().chain([letter]);
        Self(text.chars().flat_map(escape).collect())
    }

    /// Returns the letters, with wildcards and backslashes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Says whether the pattern matches whatever is there.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        !self.0.is_empty() && self.0.chars().all(|c| c == '*')
    }

    /// Returns the letters, if none of them is a wildcard: what a text must have somewhere, in any case.
    #[must_use]
    pub fn as_literal(&self) -> Option<String> {
        let letter = |piece: &Piece| if let Piece::Letter(letter) = piece { Some(*letter) } else { None };
        self.pieces().iter().map(letter).collect()
    }

    /// Says whether the words occur in a text: as whole words, one behind the other, in any case.
    #[must_use]
    pub fn occurs_in(&self, text: &str) -> bool {
        let pieces = self.pieces();
        let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
        pieces.is_empty() || (0..text.len()).filter(|&at| begins_word(&text, at)).any(|at| matches_from(&pieces, &text, at))
    }

    fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(self.0.len());
        let mut letters = self.0.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '*' if pieces.last() == Some(&Piece::Any) => {}
                '*' => pieces.push(Piece::Any),
                '?' => pieces.push(Piece::One),
                '\\' => pieces.extend(letters.next().unwrap_or('\\').to_lowercase().map(Piece::Letter)),
                letter => pieces.extend(letter.to_lowercase().map(Piece::Letter)),
            }
        }
        pieces
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// A match may begin where a word begins, and at anything that is no part of a word.
fn begins_word(text: &[char], at: usize) -> bool {
    at == 0 || !is_word(text[at]) || !is_word(text[at - 1])
}

/// A match may end where a word ends.
fn ends_word(text: &[char], at: usize) -> bool {
    at == text.len() || at == 0 || !is_word(text[at - 1]) || !is_word(text[at])
}

/// Matches from one place on, to the end of some word. Goes back to the last `*` only, so it takes at most the product of both
/// lengths: <https://research.swtch.com/glob>.
fn matches_from(pieces: &[Piece], text: &[char], start: usize) -> bool {
    let (mut piece, mut at) = (0, start);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match pieces.get(piece) {
            None if ends_word(text, at) => return true,
            Some(Piece::Any) => {
                retry = Some((piece, at + 1));
                piece += 1;
                continue;
            }
            Some(Piece::One) if at < text.len() => {
                (piece, at) = (piece + 1, at + 1);
                continue;
            }
            Some(Piece::Letter(letter)) if text.get(at) == Some(letter) => {
                (piece, at) = (piece + 1, at + 1);
                continue;
            }
            _ => {}
        }
        match retry {
            Some((star, next)) if next <= text.len() => {
                (piece, at) = (star + 1, next);
                retry = Some((star, next + 1));
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_and_in_any_case() {
        let occurs = |pattern: &str, text: &str| Pattern::new(pattern).occurs_in(text);
        assert!(occurs("encode", "node Encode"));
        assert!(!occurs("code", "node encode"));
        assert!(!occurs("encode", "encode_audio"));
        assert!(occurs("encode*", "encode_audio"));
        assert!(occurs("*audio", "node encode_audio[3]"));
        assert!(occurs("node enc*", "the node encode"));
        assert!(occurs("time?out", "a time-out"));
        assert!(occurs("größe", "GRÖSSE größe"));
        assert!(!occurs("a*z", "ab cd"));
        assert!(occurs("a/b.md", "docs/a/b.md"));
        assert!(occurs("*", "x") && occurs("", ""));
    }

    #[test]
    fn a_literal_has_no_wildcards() {
        assert!(Pattern::literal("2 * 3\\").occurs_in("it is 2 * 3\\."));
        assert!(!Pattern::literal("enc*").occurs_in("encode"));
    }

    #[test]
    fn many_stars_in_a_long_text_end() {
        let pattern = Pattern::new(&("*a".repeat(50) + "b"));
        assert!(!pattern.occurs_in(&"a".repeat(2_000)));
    }
}
