//! Shell text outside of quotes: words, substitutions, comments and `case`.

use super::{Frame, Quoting, Scanner, Unit, is_boundary, is_boundary_char};

impl Scanner<'_> {
    pub(super) fn script_step(&mut self) {
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
    pub(super) fn doubt_odd_quotes(&mut self, text: &str, offset: usize, quotes: &[char]) {
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
    pub(super) fn extend_word(&mut self, c: Option<char>) {
        self.word.get_or_insert_default().push(c.unwrap_or('\0'));
    }

    pub(super) fn boundary(&mut self, count: usize) {
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

    pub(super) fn open(&mut self, frame: Frame, count: usize) {
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
    pub(super) fn close(&mut self) {
        self.frames.pop();
        self.word = None;
        self.extend_word(None);
        self.at_command = false;
    }

    pub(super) fn substitution(&mut self) {
        if self.looks_at("$((") {
            return self.open(Frame::Arithmetic { parens: 2, opened: self.offset() }, 3);
        }
        self.open(Frame::Script { parens: 0, cases: 0, opened: self.offset() }, 2);
    }

    pub(super) fn escape(&mut self) {
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
}
