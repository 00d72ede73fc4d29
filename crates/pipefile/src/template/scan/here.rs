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
        let (opened, depth) = (self.offset(), self.frames.len());
        let (delimiter, is_verbatim) = self.here_delimiter();
        self.here.push_back(HereDocument { delimiter, is_verbatim, strips_tabs, depth, opened });
    }

    /// Takes the word that ends a here-document and returns it without its quotes, and whether it had some.
    fn here_delimiter(&mut self) -> (String, bool) {
        let (mut delimiter, mut is_quoted) = (String::new(), false);
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
                Unit::Char(c @ ('"' | '\''), _) if quote.is_none() => (quote, is_quoted) = (Some(*c), true),
                Unit::Char('\\', _) if quote.is_none() => is_quoted = true,
                Unit::Char(c, _) => delimiter.push(*c),
            }
            self.take(1);
        }
        (delimiter, is_quoted)
    }

    pub(super) fn newline(&mut self) {
        self.boundary(1);
        while let Some(document) = self.here.pop_front() {
            if document.depth != self.frames.len() {
                // Shells disagree about where the text of a here-document begins if its line ends inside or outside of a `$(`.
                self.unclosed = Some((document.opened, "the line of this heredoc"));
            }
            while self.at < self.units.len() && !self.here_line(&document) {}
        }
    }

    /// Takes one line of a here-document; says whether it was the last.
    fn here_line(&mut self, document: &HereDocument) -> bool {
        let (mut line, mut goes_on) = (String::new(), false);
        let start = self.offset();
        while let Some(unit) = self.units.get(self.at) {
            match unit {
                Unit::Slot(placeholder) => {
                    self.refuse(placeholder.span.clone(), "in a heredoc", HEREDOC_HELP);
                    continue;
                }
                Unit::Char('\n', _) => {
                    self.take(1);
                    break;
                }
                Unit::Char('\\', _) if !document.is_verbatim => {
                    // A line that ends with a backslash goes on, whatever the next one looks like.
                    goes_on |= self.char_at(1) == Some('\n');
                    line.extend(['\\'].into_iter().filter(|_| self.char_at(1) != Some('\n')));
                    self.take(1);
                }
                Unit::Char(c, _) => line.push(*c),
                Unit::Verbatim(text, _) => line.push_str(text),
            }
            self.take(1);
        }
        let stripped = if document.strips_tabs { line.trim_start_matches('\t') } else { &line };
        let is_last = stripped == document.delimiter;
        if !document.is_verbatim && (may_go_on(&line) || goes_on && is_last) {
            self.unclosed = Some((start, "a line of this heredoc"));
        }
        is_last
    }
}

/// Says whether an expansion in a line may not end in it, so that shells disagree about which line is the last.
fn may_go_on(line: &str) -> bool {
    let opens = line.contains("$(") && line.matches('(').count() != line.matches(')').count();
    line.contains('\n') || line.matches('`').count() % 2 == 1 || opens
}
