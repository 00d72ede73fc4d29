//! Shell text inside of quotes, arithmetic and backticks.

use super::{Frame, Quoting, Scanner, Unit, is_boundary};

const ARITHMETIC_HELP: &str =
    "a shell would evaluate the value as code there: use `expr {name} + 1`, or compute in the program";

impl Scanner<'_> {
    pub(super) fn double_step(&mut self) {
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

    pub(super) fn arithmetic_step(&mut self) {
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

    pub(super) fn backtick_step(&mut self) {
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

    /// Takes `"{x}"` or `'{x}'` that is a whole word as if the quotes weren't there.
    pub(super) fn quoted_slot(&mut self, quote: char) -> bool {
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

    pub(super) fn single_quoted(&mut self) {
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
    pub(super) fn dollar_quoted(&mut self) {
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
}
