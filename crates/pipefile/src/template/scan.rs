//! Where in a shell text a placeholder stands: bare, in double or in single quotes, or where no value may go.
//!
//! The scanner follows the POSIX shell grammar as far as quoting needs it: quotes, `$(…)`, backticks, arithmetic,
//! comments, here-documents and the unmatched parentheses of `case`. Where it can't be sure, it refuses.

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
    strips_tabs: bool,
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

    // --- outside of quotes

    fn script_step(&mut self) {
        let Some(unit) = self.units.get(self.at) else { return };
        match unit {
            Unit::Slot(placeholder) => {
                let alone = self.word.is_none() && is_boundary(self.units.get(self.at + 1));
                self.extend_word(None);
                self.slot(placeholder, Quoting::Bare, alone);
            }
            Unit::Verbatim(text, offset) => {
                self.doubt_odd_quotes(text, *offset, &['\'', '"', '`']);
                self.extend_word(None);
                self.take(1);
            }
            Unit::Char(c, _) => self.script_char(*c),
        }
    }

    /// Notes that the end of a `${…}` was found by counting braces although it holds a quote that may hide one.
    fn doubt_odd_quotes(&mut self, text: &str, offset: usize, quotes: &[char]) {
        if quotes.iter().any(|&quote| text.matches(quote).count() % 2 == 1) {
            self.unclosed = Some((offset, "a quote in this `${…}`"));
        }
    }

    fn script_char(&mut self, c: char) {
        match c {
            '\\' => self.escape(),
            '\'' | '"' if self.quoted_slot(c) => {}
            '\'' => self.single_quoted(),
            '"' => self.open(Frame::Double { opened: self.offset() }, 1),
            '`' => self.open(Frame::Backtick { opened: self.offset() }, 1),
            '$' if self.looks_at("$'") => self.dollar_quoted(),
            '$' if self.looks_at("$(") => self.substitution(),
            '#' if self.word.is_none() => self.comment(),
            '<' if self.looks_at("<<<") => self.boundary(3),
            '<' if self.looks_at("<<") => self.here_document(),
            '(' if self.word.is_none() && self.looks_at("((") => {
                self.open(Frame::Arithmetic { parens: 2, opened: self.offset() }, 2);
            }
            '(' | ')' => self.paren(c),
            '\n' => self.newline(),
            c if is_boundary_char(c) => self.boundary(1),
            c => {
                self.extend_word(Some(c));
                self.take(1);
            }
        }
    }

    /// Adds to the current word; what isn't a plain character makes it unlike any keyword.
    fn extend_word(&mut self, c: Option<char>) {
        self.word.get_or_insert_default().push(c.unwrap_or('\0'));
    }

    fn boundary(&mut self, count: usize) {
        let ends_command = self.char_at(0).is_some_and(|c| matches!(c, ';' | '&' | '|' | '\n'));
        self.end_word();
        self.at_command |= ends_command;
        self.take(count);
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        let was_command = std::mem::replace(&mut self.at_command, false);
        if !was_command {
            return;
        }
        if let Some(Frame::Script { cases, .. }) = self.frames.last_mut() {
            match word.as_str() {
                "case" => *cases += 1,
                "esac" => *cases = cases.saturating_sub(1),
                "then" | "do" | "else" | "elif" | "if" | "while" | "until" | "!" | "{" => self.at_command = true,
                _ => {}
            }
        }
    }

    fn paren(&mut self, c: char) {
        self.end_word();
        let nested = self.frames.len() > 1;
        let mut closes = false;
        if let Some(Frame::Script { parens, cases, .. }) = self.frames.last_mut() {
            match c {
                '(' => *parens += 1,
                _ if *parens > 0 => *parens -= 1,
                // A pattern of `case` ends with a parenthesis that nothing opened.
                _ if *cases > 0 => {}
                _ => closes = nested,
            }
        }
        self.take(1);
        self.at_command = true;
        if closes {
            self.close();
        }
    }

    fn open(&mut self, frame: Frame, count: usize) {
        let is_script = matches!(frame, Frame::Script { .. });
        if matches!(self.frames.last(), Some(Frame::Script { .. })) {
            self.extend_word(None);
        }
        self.take(count);
        self.frames.push(frame);
        if is_script {
            self.word = None;
            self.at_command = true;
        }
    }

    /// Leaves the innermost frame; what it was is part of a word outside.
    fn close(&mut self) {
        self.frames.pop();
        self.word = None;
        self.extend_word(None);
        self.at_command = false;
    }

    fn substitution(&mut self) {
        if self.looks_at("$((") {
            return self.open(Frame::Arithmetic { parens: 2, opened: self.offset() }, 3);
        }
        self.open(Frame::Script { parens: 0, cases: 0, opened: self.offset() }, 2);
    }

    fn escape(&mut self) {
        if matches!(self.frames.last(), Some(Frame::Script { .. })) {
            self.extend_word(None);
        }
        let escaped = self.units.get(self.at + 1);
        self.take(1);
        if let Some(Unit::Slot(placeholder)) = escaped {
            let help = "drop the backslash: the value is quoted already";
            return self.refuse(placeholder.span.clone(), "behind a backslash", help);
        }
        self.take(1);
    }

    /// Takes `"{x}"` or `'{x}'` that is a whole word as if the quotes weren't there.
    fn quoted_slot(&mut self, quote: char) -> bool {
        let Some(Unit::Slot(placeholder)) = self.units.get(self.at + 1) else { return false };
        if self.word.is_some() || self.char_at(2) != Some(quote) || !is_boundary(self.units.get(self.at + 3)) {
            return false;
        }
        self.extend_word(None);
        self.at += 1;
        self.slot(placeholder, Quoting::Bare, true);
        self.at += 1;
        true
    }

    fn single_quoted(&mut self) {
        let opened = self.offset();
        self.extend_word(None);
        self.take(1);
        while let Some(unit) = self.units.get(self.at) {
            match unit {
                Unit::Slot(placeholder) => self.slot(placeholder, Quoting::Single, false),
                Unit::Char('\'', _) => return self.take(1),
                // A shell reads nothing inside single quotes, so a quote within `${…}` closes them.
                Unit::Verbatim(text, offset) if text.contains('\'') => {
                    self.unclosed = Some((*offset, "`${`"));
                    self.take(1);
                }
                _ => self.take(1),
            }
        }
        self.unclosed = Some((opened, "`'`"));
    }

    /// `$'…'`: bash knows escapes in it, other shells don't.
    fn dollar_quoted(&mut self) {
        let opened = self.offset();
        self.extend_word(None);
        self.take(2);
        while let Some(unit) = self.units.get(self.at) {
            match unit {
                Unit::Slot(placeholder) => {
                    self.refuse(placeholder.span.clone(), "inside `$'…'`", "put it outside of the quotes")
                }
                Unit::Char('\'', _) => return self.take(1),
                Unit::Char('\\', _) if self.char_at(1) == Some('\'') => {
                    self.unclosed = Some((opened, "`$'` (which shells read differently)"));
                    self.take(2);
                }
                _ => self.take(1),
            }
        }
        self.unclosed = Some((opened, "`$'`"));
    }

    fn comment(&mut self) {
        while let Some(unit) = self.units.get(self.at) {
            match unit {
                Unit::Char('\n', _) => return,
                Unit::Slot(placeholder) => {
                    let help = format!("double the braces if they are literal: `{{{}}}`", placeholder.written());
                    self.refuse(placeholder.span.clone(), "in a comment", &help);
                }
                _ => self.take(1),
            }
        }
    }

    // --- here-documents

    fn here_document(&mut self) {
        self.boundary(2);
        let strips_tabs = self.char_at(0) == Some('-');
        self.take(usize::from(strips_tabs));
        while matches!(self.char_at(0), Some(' ' | '\t')) {
            self.take(1);
        }
        let delimiter = self.here_delimiter();
        self.here.push_back(HereDocument { delimiter, strips_tabs });
    }

    /// Takes the word that ends a here-document and returns it without its quotes.
    fn here_delimiter(&mut self) -> String {
        let mut delimiter = String::new();
        let mut quote = None;
        while let Some(unit) = self.units.get(self.at).filter(|unit| quote.is_some() || !is_boundary(Some(unit))) {
            match unit {
                Unit::Slot(placeholder) => {
                    self.refuse(placeholder.span.clone(), "in a heredoc's delimiter", HEREDOC_HELP);
                    continue;
                }
                Unit::Verbatim(text, _) => delimiter.push_str(text),
                Unit::Char('\n', _) => break,
                Unit::Char(c, _) if quote == Some(*c) => quote = None,
                Unit::Char(c @ ('"' | '\''), _) if quote.is_none() => quote = Some(*c),
                Unit::Char('\\', _) if quote.is_none() => {}
                Unit::Char(c, _) => delimiter.push(*c),
            }
            self.take(1);
        }
        delimiter
    }

    fn newline(&mut self) {
        self.boundary(1);
        while let Some(document) = self.here.pop_front() {
            while self.at < self.units.len() && !self.here_line(&document) {}
        }
    }

    /// Takes one line of a here-document; says whether it was the last.
    fn here_line(&mut self, document: &HereDocument) -> bool {
        let mut line = String::new();
        while let Some(unit) = self.units.get(self.at) {
            match unit {
                Unit::Slot(placeholder) => self.refuse(placeholder.span.clone(), "in a heredoc", HEREDOC_HELP),
                Unit::Char('\n', _) => {
                    self.take(1);
                    break;
                }
                Unit::Char(c, _) => {
                    line.push(*c);
                    self.take(1);
                }
                Unit::Verbatim(text, _) => {
                    line.push_str(text);
                    self.take(1);
                }
            }
        }
        let line = if document.strips_tabs { line.trim_start_matches('\t') } else { &line };
        line == document.delimiter
    }

    // --- inside of quotes and the like

    fn double_step(&mut self) {
        match self.units.get(self.at) {
            Some(Unit::Slot(placeholder)) => self.slot(placeholder, Quoting::Double, false),
            Some(Unit::Verbatim(text, offset)) => {
                self.doubt_odd_quotes(text, *offset, &['"', '`']);
                self.take(1);
            }
            Some(Unit::Char('"', _)) => {
                self.take(1);
                self.close();
            }
            Some(Unit::Char('\\', _)) => self.escape(),
            Some(Unit::Char('`', _)) => self.open(Frame::Backtick { opened: self.offset() }, 1),
            Some(Unit::Char('$', _)) if self.looks_at("$(") => self.substitution(),
            _ => self.take(1),
        }
    }

    fn arithmetic_step(&mut self) {
        let Some(Frame::Arithmetic { parens, .. }) = self.frames.last_mut() else { return };
        match self.units.get(self.at) {
            Some(Unit::Slot(placeholder)) => return self.refuse(placeholder.span.clone(), "in arithmetic", ARITHMETIC_HELP),
            Some(Unit::Char('(', _)) => *parens += 1,
            Some(Unit::Char(')', _)) => *parens -= 1,
            _ => {}
        }
        let closes = *parens == 0;
        self.take(1);
        if closes {
            self.close();
        }
    }

    fn backtick_step(&mut self) {
        match self.units.get(self.at) {
            Some(Unit::Slot(placeholder)) => {
                self.refuse(placeholder.span.clone(), "in backticks", "write `$(…)` instead of backticks")
            }
            Some(Unit::Char('`', _)) => {
                self.take(1);
                self.close();
            }
            Some(Unit::Char('\\', _)) => self.take(2),
            _ => self.take(1),
        }
    }
}

const HEREDOC_HELP: &str = "give the text by `stdin`, or print it with `printf '%s\\n' {name}`";
const ARITHMETIC_HELP: &str =
    "a shell would evaluate the value as code there: use `expr {name} + 1`, or compute in the program";

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
