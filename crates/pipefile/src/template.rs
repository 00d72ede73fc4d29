//! Texts with placeholders: `{identifier}`, `{identifier:file}`, `{{` and `}}`; `${…}` belongs to the shell.

mod files;
mod render;
mod scan;
mod shell;

use std::collections::BTreeMap;
use std::ops::Range;

pub use files::TempFiles;
pub use render::MOST_ARGUMENT_BYTES;
pub use shell::{ShellScript, ShellTemplate};

use crate::data::Data;

/// The values of placeholders by their names.
pub type Values<'a> = BTreeMap<&'a str, &'a Data>;

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text that stands for itself; it begins at `offset` of the template.
    Literal { text: String, offset: usize },
    /// `${…}`, which only a shell reads.
    Verbatim { text: String, offset: usize },
    /// A value.
    Placeholder(Placeholder),
}

/// A place in a template where a value goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder {
    /// The value's name.
    pub name: String,
    /// What of the value goes there.
    pub form: Form,
    /// The byte range in the template's text, braces included.
    pub span: Range<usize>,
}

impl Placeholder {
    /// Returns the placeholder as it is written.
    #[must_use]
    pub fn written(&self) -> String {
        match self.form {
            Form::Value => format!("{{{}}}", self.name),
            Form::File => format!("{{{}:file}}", self.name),
        }
    }
}

/// What of a value a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// The value itself.
    Value,
    /// The path of a temporary file that holds it.
    File,
}

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The byte range in the template's text.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl TemplateError {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: Some(help.into()) }
    }
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// Every problem: unknown forms (`{x:other}`), `${` without an end, and literal braces of which one is doubled and
    /// the other isn't.
    pub fn parse(text: &str) -> Result<Self, Vec<TemplateError>> {
        let mut parser = Parser { text, at: 0, literal_start: 0, open: Vec::new(), pieces: Vec::new(), errors: Vec::new() };
        parser.run();
        if parser.errors.is_empty() {
            return Ok(Self { text: text.to_owned(), pieces: parser.pieces });
        }
        Err(parser.errors)
    }

    /// Returns the text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Iterates over the placeholders in their order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Placeholder(placeholder) => Some(placeholder),
            _ => None,
        })
    }

    /// Returns the placeholder if the template is nothing else.
    #[must_use]
    pub fn sole_placeholder(&self) -> Option<&Placeholder> {
        match self.pieces.as_slice() {
            [Piece::Placeholder(placeholder)] => Some(placeholder),
            _ => None,
        }
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

/// Says whether a text can name an input or an output: a letter or `_`, then letters, digits and `_`.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    identifier_len(text) == text.len() && !text.is_empty()
}

fn identifier_len(text: &str) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces in one line: literals as they are, `<x>` and `<x:file>` for values, `«…»` for expansions.
    fn shown(text: &str) -> String {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(errors) => return errors.iter().map(|error| format!("{:?} {}", error.span, error.message)).collect(),
        };
        let piece = |piece: &Piece| match piece {
            Piece::Literal { text, .. } => text.clone(),
            Piece::Verbatim { text, .. } => format!("«{text}»"),
            Piece::Placeholder(placeholder) => placeholder.written().replace('{', "<").replace('}', ">"),
        };
        template.pieces.iter().map(piece).collect()
    }

    #[test]
    fn placeholders_are_identifiers_in_braces() {
        assert_eq!(shown("a {x} {größe_2}{_}"), "a <x> <größe_2><_>");
        assert_eq!(shown("{x:file}"), "<x:file>");
        for literal in ["{}", "{ x }", "{1}", "{a,b}", "{a-b}", "{print $1}", "{\"a\": 1}", "x } y", "{", "{x", "{x:", "{x:1}"]
        {
            assert_eq!(shown(literal), literal);
        }
    }

    #[test]
    fn doubled_braces_are_literal() {
        assert_eq!(shown("{{x}}"), "{x}");
        assert_eq!(shown("{{{x}}}"), "{<x>}");
        assert_eq!(shown("awk '{{print}}' {x}"), "awk '{print}' <x>");
        assert_eq!(shown("{ {{x}} }"), "{ {x} }");
        assert_eq!(shown("{{\"a\": {{\"b\": {x}}}}}"), "{\"a\": {\"b\": <x>}}");
        assert_eq!(shown("}}"), "}");
        assert_eq!(shown("{\"a\": {x}}"), "{\"a\": <x>}");
    }

    #[test]
    fn half_doubled_braces_are_refused() {
        assert!(shown("awk '{ if (1) { print }}'").contains("22..24 `}}` stands for one brace"));
        assert!(Template::parse("{ a: {b}}} {c:d}").unwrap_err().len() == 2);
    }

    #[test]
    fn expansions_belong_to_the_shell() {
        assert_eq!(shown("${x} {x} ${a:-${b}} ${a:-{x}}"), "«${x}» <x> «${a:-${b}}» «${a:-{x}»}");
        assert_eq!(shown("${a%\\}} $x"), "«${a%\\}}» $x");
        assert_eq!(shown("$${x}"), "$«${x}»");
        assert!(shown("${x").contains("0..2 `${` has no closing brace"));
    }

    #[test]
    fn unknown_forms_are_refused() {
        assert!(shown("a{x:fiel}").contains("1..9 `{x:fiel}` is no form"));
    }

    #[test]
    fn spans_and_offsets_are_those_of_the_text() {
        let template = Template::parse("ü{{{x}").unwrap();
        assert_eq!(template.placeholders().next().unwrap().span, 4..7);
        assert_eq!(template.pieces()[1], Piece::Literal { text: "{".into(), offset: 2 });
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        let mut random = fastrand::Rng::with_seed(7);
        let alphabet = ['{', '}', '$', ':', 'x', 'ü', '\\', '"', ' ', '\n'];
        for _ in 0..20_000 {
            let text: String = (0..random.usize(0..12)).map(|_| alphabet[random.usize(0..alphabet.len())]).collect();
            let _ = Template::parse(&text).map(|template| ShellTemplate::compile(&template));
        }
    }
}
