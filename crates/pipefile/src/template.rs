//! Texts with placeholders: `{identifier}`, `{identifier:file}`, `{{` and `}}`; `${…}` belongs to the shell.

mod files;
mod parser;
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
        let (pieces, errors) = parser::parse(text);
        if errors.is_empty() { Ok(Self { text: text.to_owned(), pieces }) } else { Err(errors) }
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

    /// Iterates over what looks like a placeholder inside `${…}`, where it is the shell's text and no value goes.
    pub(crate) fn lookalikes(&self) -> impl Iterator<Item = Placeholder> {
        self.pieces.iter().flat_map(|piece| match piece {
            Piece::Verbatim { text, offset } => parser::lookalikes(text, *offset),
            _ => Vec::new(),
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
    parser::identifier_len(text) == text.len() && !text.is_empty()
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
    fn what_looks_like_a_placeholder_in_an_expansion_is_found() {
        let found = |text: &str| {
            let template = Template::parse(text).unwrap();
            template.lookalikes().map(|found| format!("{:?} {}", found.span, found.written())).collect::<Vec<_>>()
        };
        assert_eq!(found("ü${z:-{x}} {y}"), ["7..10 {x}"]);
        assert_eq!(found("${a:-${b:-{x:file}}}"), ["10..18 {x:file}"]);
        assert_eq!(found("${x} ${a:-${b}} ${a%\\{x\\}} ${a:-{1}} ${a:-{x:other}}"), Vec::<String>::new());
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
