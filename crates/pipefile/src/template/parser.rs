//! Braces and dollars: where a template's pieces begin and end.

use super::{Form, Piece, Placeholder, TemplateError};

/// Cuts a text into pieces and says what is wrong with it.
pub(super) fn parse(text: &str) -> (Vec<Piece>, Vec<TemplateError>) {
    let mut parser = Parser { text, at: 0, literal_start: 0, open: Vec::new(), pieces: Vec::new(), errors: Vec::new() };
    parser.run();
    (parser.pieces, parser.errors)
}

/// Returns the length of the identifier at the beginning of a text; 0 if there is none.
pub(super) fn identifier_len(text: &str) -> usize {
    let mut letters = text.char_indices();
    match letters.next() {
        Some((_, first)) if first.is_alphabetic() || first == '_' => {}
        _ => return 0,
    }
    letters.find(|(_, c)| !c.is_alphanumeric() && *c != '_').map_or(text.len(), |(at, _)| at)
}

#[derive(Clone, Copy, PartialEq)]
enum Brace {
    Single,
    Doubled,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    literal_start: usize,
    open: Vec<(Brace, usize)>,
    pieces: Vec<Piece>,
    errors: Vec<TemplateError>,
}

impl Parser<'_> {
    fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            match c {
                '$' if self.rest().starts_with("${") => self.verbatim(),
                '{' => self.opening(),
                '}' => self.closing(),
                _ => self.at += c.len_utf8(),
            }
        }
        self.end_literal();
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Ends the current literal before the cursor.
    fn end_literal(&mut self) {
        let range = self.literal_start..self.at;
        if !range.is_empty() {
            self.pieces.push(Piece::Literal { text: self.text[range.clone()].to_owned(), offset: range.start });
        }
        self.literal_start = self.at;
    }

    fn skip(&mut self, len: usize) {
        self.at += len;
        self.literal_start = self.at;
    }

    fn verbatim(&mut self) {
        let Some(len) = expansion_len(self.rest()) else {
            let message = "`${` has no closing brace";
            self.errors.push(TemplateError::new(
                self.at..self.at + 2,
                message,
                "write `${name}`, or `$ {` if no expansion is meant",
            ));
            self.at += 2;
            return;
        };
        self.end_literal();
        self.pieces.push(Piece::Verbatim { text: self.rest()[..len].to_owned(), offset: self.at });
        self.skip(len);
    }

    fn opening(&mut self) {
        if self.rest().starts_with("{{") {
            self.open.push((Brace::Doubled, self.at));
            return self.escaped();
        }
        match placeholder_at(self.rest()) {
            Some((name, form, len)) => self.placeholder(name.to_owned(), form.map(str::to_owned), len),
            None => {
                self.open.push((Brace::Single, self.at));
                self.at += 1;
            }
        }
    }

    fn closing(&mut self) {
        let doubled = self.rest().starts_with("}}");
        match (self.open.last(), doubled) {
            (Some((Brace::Single, opened)), true) => {
                let message = "`}}` stands for one brace here, but the brace that it closes is not doubled";
                let help = format!("write `}} }}`, or double the literal brace at byte {opened} of this text too");
                self.errors.push(TemplateError::new(self.at..self.at + 2, message, help));
                self.open.pop();
                self.at += 2;
            }
            (Some((Brace::Single, _)), false) => {
                self.open.pop();
                self.at += 1;
            }
            (_, true) => {
                self.open.pop();
                self.escaped();
            }
            (_, false) => self.at += 1,
        }
    }

    /// Takes a doubled brace as one.
    fn escaped(&mut self) {
        self.end_literal();
        self.at += 1;
        self.end_literal();
        self.skip(1);
    }

    fn placeholder(&mut self, name: String, form: Option<String>, len: usize) {
        let span = self.at..self.at + len;
        self.end_literal();
        let form = match form.as_deref() {
            None => Form::Value,
            Some("file") => Form::File,
            Some(_) => {
                let message = format!("`{}` is no form of a placeholder", &self.text[span.clone()]);
                let help = format!("write `{{{name}}}` or `{{{name}:file}}`, or double the braces if they are literal");
                self.errors.push(TemplateError::new(span, message, help));
                return self.skip(len);
            }
        };
        self.pieces.push(Piece::Placeholder(Placeholder { name, form, span }));
        self.skip(len);
    }
}

/// Returns what would be placeholders in a text that is a shell's: `{name}` and `{name:file}`, but not the braces of `${name}`.
pub(super) fn lookalikes(text: &str, offset: usize) -> Vec<Placeholder> {
    let braces = text.match_indices('{').filter(|(at, _)| !text[..*at].ends_with('$'));
    let read = |(at, _)| {
        let (name, form, len) = placeholder_at(&text[at..])?;
        let form = match form {
            None => Form::Value,
            Some("file") => Form::File,
            Some(_) => return None,
        };
        Some(Placeholder { name: name.to_owned(), form, span: offset + at..offset + at + len })
    };
    braces.filter_map(read).collect()
}

/// Reads `{name}` or `{name:form}` at the beginning of a text: name, form, length.
fn placeholder_at(text: &str) -> Option<(&str, Option<&str>, usize)> {
    let inner = text.strip_prefix('{')?;
    let (name, after) = inner.split_at(identifier_len(inner));
    if name.is_empty() {
        return None;
    }
    if after.starts_with('}') {
        return Some((name, None, name.len() + 2));
    }
    let form = after.strip_prefix(':')?;
    let len = identifier_len(form);
    (len > 0 && form[len..].starts_with('}')).then(|| (name, Some(&form[..len]), name.len() + len + 3))
}

/// Returns the length of the `${…}` at the beginning of a text, expansions within it included.
fn expansion_len(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut rest = text.char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            '\\' => {
                rest.next();
            }
            '$' if text[at..].starts_with("${") => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}
