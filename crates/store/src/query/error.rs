//! Why a text is no query: what is wrong, where, and what was probably meant.

use std::fmt;
use std::ops::Range;

/// Why a text is no query. `Display` shows the text with a mark under the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    text: String,
    place: Range<usize>,
    message: String,
    help: Option<String>,
}

impl QueryError {
    pub(super) fn new(text: &str, place: Range<usize>, message: impl Into<String>) -> Self {
        Self { text: text.to_owned(), place, message: message.into(), help: None }
    }

    pub(super) fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// Returns what is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns what to do about it, where that is known.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Returns the bytes of the text that are wrong; an empty range at the end if something is missing there.
    #[must_use]
    pub fn place(&self) -> Range<usize> {
        self.place.clone()
    }
}

/// The most characters shown on either side of the place.
const SHOWN: usize = 60;

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before: String = shown(self.text[..self.place.start].chars().rev()).into_iter().rev().collect();
        let wrong: String = shown(self.text[self.place.clone()].chars()).into_iter().collect();
        let after: String = shown(self.text[self.place.end..].chars()).into_iter().collect();
        write!(f, "{}\n  {before}{wrong}{after}\n  ", self.message)?;
        write!(f, "{:1$}{2:^<3$}", "", before.chars().count(), "", wrong.chars().count().max(1))?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " {help}"))
    }
}

/// Some characters, none of which moves the cursor.
fn shown(text: impl Iterator<Item = char>) -> Vec<char> {
    text.take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl std::error::Error for QueryError {}
