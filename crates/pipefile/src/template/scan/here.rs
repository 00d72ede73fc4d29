//! Here-documents: their delimiters and their bodies.

use super::{HereDocument, Scanner, Unit, is_boundary};

const HEREDOC_HELP: &str = "give the text by `stdin`, or print it with `printf '%s\\n' {name}`";

impl Scanner<'_> {
    pub(super) fn here_document(&mut self) {
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

    pub(super) fn newline(&mut self) {
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
}
