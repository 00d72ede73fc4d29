//! The pieces of a query's text, with their places.

use std::ops::Range;

use super::QueryError;

/// A piece of text and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) place: Range<usize>,
    /// What was written, without the quotes around it.
    pub(super) text: String,
    pub(super) quoted: bool,
}

impl Piece {
    /// The letters that are meant: in quotes, a backslash takes the meaning from the letter behind it.
    pub(super) fn exact(&self) -> String {
        if !self.quoted {
            return self.text.clone();
        }
        let mut exact = String::with_capacity(self.text.len());
        let mut letters = self.text.chars();
        while let Some(letter) = letters.next() {
            exact.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
        }
        exact
    }
}

/// What stands between a name and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Has,
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// The signs; longer ones come before those that they begin with.
const SIGNS: [(&str, Sign); 7] = [
    ("!=", Sign::IsNot),
    (">=", Sign::AtLeast),
    ("<=", Sign::AtMost),
    (">", Sign::More),
    ("<", Sign::Less),
    ("=", Sign::Is),
    (":", Sign::Has),
];

/// Reads a text from left to right.
pub(super) struct Scanner<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes this letter, if it is next.
    pub(super) fn take(&mut self, letter: char) -> bool {
        let taken = self.peek() == Some(letter);
        self.at += if taken { letter.len_utf8() } else { 0 };
        taken
    }

    pub(super) fn take_sign(&mut self) -> Option<Sign> {
        let (written, sign) = SIGNS.into_iter().find(|(written, _)| self.rest().starts_with(written))?;
        self.at += written.len();
        Some(sign)
    }

    /// Takes a name or a free word: up to a space, a parenthesis or a sign.
    pub(super) fn take_word(&mut self) -> Result<Piece, QueryError> {
        self.take_piece(|letter, _| !matches!(letter, ':' | '=' | '<' | '>' | '!'))
    }

    /// Takes one value: up to a space, a parenthesis, a comma or `..`.
    pub(super) fn take_value(&mut self) -> Result<Piece, QueryError> {
        self.take_piece(|letter, rest| letter != ',' && !rest.starts_with(".."))
    }

    fn take_piece(&mut self, goes_on: impl Fn(char, &str) -> bool) -> Result<Piece, QueryError> {
        if self.peek() == Some('"') {
            return self.take_quoted();
        }
        let ends = |(at, letter): (usize, char)| {
            let inside = !letter.is_whitespace() && !matches!(letter, '(' | ')' | '"') && goes_on(letter, &self.rest()[at..]);
            (!inside).then_some(at)
        };
        let length = self.rest().char_indices().find_map(ends).unwrap_or(self.rest().len());
        let place = self.at..self.at + length;
        self.at = place.end;
        Ok(Piece { text: self.text[place.clone()].to_owned(), place, quoted: false })
    }

    fn take_quoted(&mut self) -> Result<Piece, QueryError> {
        let start = self.at;
        let mut escaped = false;
        for (at, letter) in self.rest().char_indices().skip(1) {
            match letter {
                '"' if !escaped => {
                    let place = start..start + at + 1;
                    self.at = place.end;
                    let text = self.text[start + 1..start + at].replace("\\\"", "\"");
                    return Ok(Piece { place, text, quoted: true });
                }
                letter => escaped = letter == '\\' && !escaped,
            }
        }
        Err(QueryError::new(self.text, start..start + 1, "this quote has no end")
            .with_help(Some("end the text with another `\"`".to_owned())))
    }
}
