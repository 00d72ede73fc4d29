//! Where in a shell text a placeholder stands: bare, in double or in single quotes, or where no value may go.
//!
//! The scanner follows the POSIX shell grammar as far as quoting needs it: quotes, `$(…)`, backticks, arithmetic,
//! comments, here-documents and the unmatched parentheses of `case`. Where it can't be sure, it refuses.

mod here;
mod quoted;
mod script;

use std::collections::VecDeque;
use std::ops::Range;

use super::{Piece, Placeholder, Template, TemplateError};

/// What surrounds a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// No quotes.
    Bare,
    /// `"…"`
    Double,
    /// `'…'`
    Single,
}

/// A part of a shell text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShellPiece {
    /// Text for the shell.
    Text(String),
    /// A value; `alone` if it is a whole word.
    Slot { placeholder: Placeholder, quoting: Quoting, alone: bool },
}

/// Cuts a template into what the shell reads and the places of values.
pub(super) fn scan(template: &Template) -> Result<Vec<ShellPiece>, Vec<TemplateError>> {
    let units = units(template);
    let mut scanner = Scanner::new(&units);
    while scanner.at < units.len() {
        scanner.step();
    }
    scanner.finish(template)
}

#[derive(Clone)]
enum Unit<'a> {
    Char(char, usize),
    Verbatim(&'a str, usize),
    Slot(&'a Placeholder),
}

impl Unit<'_> {
    fn start(&self) -> usize {
        match self {
            Self::Char(_, offset) | Self::Verbatim(_, offset) => *offset,
            Self::Slot(placeholder) => placeholder.span.start,
        }
    }
}

fn units(template: &Template) -> Vec<Unit<'_>> {
    let mut units = Vec::new();
    for piece in template.pieces() {
        match piece {
            Piece::Literal { text, offset } => units.extend(text.char_indices().map(|(at, c)| Unit::Char(c, offset + at))),
            Piece::Verbatim { text, offset } => units.push(Unit::Verbatim(text, *offset)),
            Piece::Placeholder(placeholder) => units.push(Unit::Slot(placeholder)),
        }
    }
    units
}

enum Frame {
    Script { parens: usize, cases: usize, opened: usize },
    Double { opened: usize },
    Arithmetic { parens: usize, opened: usize },
    Backtick { opened: usize },
}

impl Frame {
    fn opened(&self) -> (usize, &'static str) {
        match self {
            Self::Script { opened, .. } => (*opened, "`$(`"),
            Self::Double { opened } => (*opened, "`\"`"),
            Self::Arithmetic { opened, .. } => (*opened, "`((`"),
            Self::Backtick { opened } => (*opened, "a backtick"),
        }
    }
}

struct HereDocument {
    delimiter: String,
    /// The delimiter has quotes, so nothing in the text is special.
    is_verbatim: bool,
    strips_tabs: bool,
    /// How many frames were open where it was announced.
    depth: usize,
    opened: usize,
}

struct Scanner<'a> {
    units: &'a [Unit<'a>],
    at: usize,
    frames: Vec<Frame>,
    here: VecDeque<HereDocument>,
    /// The word so far, outside of quotes; none between words.
    word: Option<String>,
    /// The next word is the name of a command.
    at_command: bool,
    out: Vec<ShellPiece>,
    errors: Vec<TemplateError>,
    unclosed: Option<(usize, &'static str)>,
}

impl<'a> Scanner<'a> {
    fn new(units: &'a [Unit<'a>]) -> Self {
        let frames = vec![Frame::Script { parens: 0, cases: 0, opened: 0 }];
        let (here, out, errors) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { units, at: 0, frames, here, word: None, at_command: true, out, errors, unclosed: None }
    }

    fn finish(mut self, template: &Template) -> Result<Vec<ShellPiece>, Vec<TemplateError>> {
        let open = self.unclosed.or_else(|| self.frames.get(1).map(Frame::opened));
        if let (Some((opened, what)), true) = (open, template.placeholders().next().is_some()) {
            let message = format!("the shell text ends before {what} is closed");
            let end = (opened..template.text().len()).find(|&at| at > opened && template.text().is_char_boundary(at));
            let help = "values can only be put where the quotes around them are certain";
            self.errors.push(TemplateError::new(opened..end.unwrap_or(opened), message, help));
        }
        if self.errors.is_empty() { Ok(self.out) } else { Err(self.errors) }
    }

    fn step(&mut self) {
        match self.frames.last() {
            Some(Frame::Double { .. }) => self.double_step(),
            Some(Frame::Arithmetic { .. }) => self.arithmetic_step(),
            Some(Frame::Backtick { .. }) => self.backtick_step(),
            _ => self.script_step(),
        }
    }

    fn char_at(&self, ahead: usize) -> Option<char> {
        match self.units.get(self.at + ahead) {
            Some(Unit::Char(c, _)) => Some(*c),
            _ => None,
        }
    }

    fn looks_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, c)| self.char_at(ahead) == Some(c))
    }

    fn offset(&self) -> usize {
        self.units.get(self.at).map_or(0, Unit::start)
    }

    /// Takes the next units as text for the shell.
    fn take(&mut self, count: usize) {
        for _ in 0..count {
            match self.units.get(self.at) {
                Some(Unit::Char(c, _)) => self.push_text(c.encode_utf8(&mut [0; 4])),
                Some(Unit::Verbatim(text, _)) => self.push_text(text),
                Some(Unit::Slot(_)) | None => return,
            }
            self.at += 1;
        }
    }

    fn push_text(&mut self, more: &str) {
        match self.out.last_mut() {
            Some(ShellPiece::Text(text)) => text.push_str(more),
            _ => self.out.push(ShellPiece::Text(more.to_owned())),
        }
    }

    fn slot(&mut self, placeholder: &Placeholder, quoting: Quoting, alone: bool) {
        self.out.push(ShellPiece::Slot { placeholder: placeholder.clone(), quoting, alone });
        self.at += 1;
    }

    fn refuse(&mut self, span: Range<usize>, place: &str, help: &str) {
        self.errors.push(TemplateError::new(span, format!("a placeholder can't stand {place}"), help));
        self.at += 1;
    }
}

fn is_boundary_char(c: char) -> bool {
    c.is_ascii_whitespace() || matches!(c, ';' | '&' | '|' | '<' | '>' | '(' | ')')
}

fn is_boundary(unit: Option<&Unit<'_>>) -> bool {
    match unit {
        None => true,
        Some(Unit::Char(c, _)) => is_boundary_char(*c),
        Some(_) => false,
    }
}
