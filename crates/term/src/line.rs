//! One line of output: pieces of text in colours that never pass the width.

use std::borrow::Cow;
use std::fmt::Write;

use anstyle::Style;
use flowglass_insight::text;

use crate::Options;
use crate::ink::Ink;

/// Fewer columns than this of what an item works on say nothing.
const LEAST_ITEM: usize = 6;

/// A line being written.
#[derive(Debug)]
pub(crate) struct Line {
    text: String,
    used: usize,
    options: Options,
}

impl Line {
    pub(crate) const fn new(options: Options) -> Self {
        Self { text: String::new(), used: 0, options }
    }

    /// Returns how many columns are taken.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// Returns how many columns are left.
    pub(crate) const fn room(&self) -> usize {
        self.options.width.saturating_sub(self.used)
    }

    /// Returns the text as this line would show it: harmless, and in ASCII if that is asked for.
    pub(crate) fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        shown(text, self.options)
    }

    /// Writes text, as much of it as there is room for.
    pub(crate) fn push(&mut self, ink: Ink, text: &str) -> &mut Self {
        self.push_cut(ink, text, usize::MAX)
    }

    /// Writes text, at most so many columns of it.
    pub(crate) fn push_cut(&mut self, ink: Ink, text: &str, columns: usize) -> &mut Self {
        let shown = self.shown(text).into_owned();
        let cut = text::cut(&shown, columns.min(self.room()), self.ellipsis());
        self.paint(ink.style(), &cut);
        self
    }

    /// Writes what an item works on behind its label, a space included in at most so many columns; nothing where they are too
    /// few to say anything.
    pub(crate) fn push_item(&mut self, item: &str, columns: usize) -> &mut Self {
        let shown = self.shown(item).into_owned();
        let Some(room) = columns.min(self.room()).checked_sub(1).filter(|&room| room >= LEAST_ITEM.min(text::width(&shown)))
        else {
            return self;
        };
        let item = text::shorten(&shown, room, self.ellipsis());
        self.paint(Style::new(), " ");
        self.paint(Ink::Dim.style(), &item);
        self
    }

    /// Writes text only if all of it fits, and says whether it did.
    pub(crate) fn push_whole(&mut self, ink: Ink, text: &str) -> bool {
        let fits = text::width(&self.shown(text)) <= self.room();
        if fits {
            self.push(ink, text);
        }
        fits
    }

    /// Writes a drawing character of ours in any style.
    pub(crate) fn push_cell(&mut self, style: Style, cell: char) -> &mut Self {
        let mut buffer = [0; 4];
        if self.room() > 0 {
            self.paint(style, cell.encode_utf8(&mut buffer));
        }
        self
    }

    /// Fills up with spaces to a column, counted from 0.
    pub(crate) fn pad_to(&mut self, column: usize) -> &mut Self {
        let spaces = column.min(self.options.width).saturating_sub(self.used);
        self.text.extend(std::iter::repeat_n(' ', spaces));
        self.used += spaces;
        self
    }

    /// Writes text so that it ends before a column, counted from 0.
    pub(crate) fn push_right(&mut self, ink: Ink, text: &str, column: usize) -> &mut Self {
        let width = text::width(&self.shown(text));
        self.pad_to(column.saturating_sub(width)).push(ink, text)
    }

    /// Returns the line without spaces at its end.
    pub(crate) fn finish(self) -> String {
        let length = self.text.trim_end_matches(' ').len();
        let mut text = self.text;
        text.truncate(length);
        text
    }

    const fn ellipsis(&self) -> &'static str {
        if self.options.unicode { "…" } else { "~" }
    }

    fn paint(&mut self, style: Style, text: &str) {
        self.used += text::width(text);
        if self.options.color && !style.is_plain() && !text.is_empty() {
            // Writing into a string never fails.
            let _ = write!(self.text, "{}{text}{}", style.render(), style.render_reset());
        } else {
            self.text.push_str(text);
        }
    }
}

/// Returns text of others as it may be shown.
pub(crate) fn shown(text: &str, options: Options) -> Cow<'_, str> {
    let clean = text::clean(text);
    if options.unicode || clean.is_ascii() { clean } else { Cow::Owned(to_ascii(&clean)) }
}

fn to_ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0'..='\x7f' => ascii.push(c),
            'µ' => ascii.push('u'),
            '×' => ascii.push('x'),
            '·' => ascii.push('-'),
            '…' => ascii.push_str("..."),
            '→' => ascii.push_str("->"),
            '↓' => ascii.push('^'),
            _ => ascii.push('?'),
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_never_passes_its_width() {
        let mut line = Line::new(Options::plain(8));
        line.push(Ink::Ok, "漢字").pad_to(5).push(Ink::Failed, "message");
        assert!(!line.push_whole(Ink::Plain, "x"));
        line.push_cell(Style::new(), 'x').pad_to(99);
        assert_eq!(line.finish(), "漢字 me…");
    }

    #[test]
    fn what_an_item_works_on_takes_the_room_there_is() {
        let drawn = |columns, item| {
            let mut line = Line::new(Options::plain(20));
            line.push(Ink::Plain, "[7]").push_item(item, columns);
            line.finish()
        };
        assert_eq!(drawn(99, "crates/x/src/y.rs"), "[7] …/x/src/y.rs");
        assert_eq!(drawn(99, "one\ntwo \u{202e}three four"), "[7] one two three f…");
        assert_eq!(drawn(7, "crates/x/src/y.rs"), "[7] …/y.rs");
        assert_eq!((drawn(6, "crates/x/src/y.rs"), drawn(3, "ab")), ("[7]".to_owned(), "[7] ab".to_owned()));
        assert_eq!(drawn(0, "a"), "[7]");
    }

    #[test]
    fn colours_wrap_the_cleaned_text_alone() {
        let mut line = Line::new(Options::colored(20));
        line.push(Ink::Failed, "a\x1b[0mb").push(Ink::Plain, " c");
        assert_eq!(line.finish(), "\x1b[31ma␛[0mb\x1b[0m c");
    }

    #[test]
    fn without_unicode_everything_is_ascii() {
        let mut line = Line::new(Options { unicode: false, ..Options::plain(30) });
        line.push(Ink::Plain, "漢 12µs ×3 …").push_right(Ink::Plain, "é", 30);
        assert_eq!(line.finish(), "? 12us x3 ...                ?");
    }
}
