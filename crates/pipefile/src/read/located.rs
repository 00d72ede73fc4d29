//! Texts of a TOML file with the way back from a part of their value to its place in the source.

use std::ops::Range;

/// A text value and where its literal stands in the source, quotes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

impl Located {
    /// Returns where a part of the text stands in the source, escapes and line ends considered.
    pub(crate) fn inner_span(&self, source: &str, part: &Range<usize>) -> Range<usize> {
        let raw = source.get(self.span.clone()).unwrap_or_default();
        let start = raw_offset(raw, &self.text, part.start);
        let marked = self.text.get(part.clone()).unwrap_or_default();
        let end = advance(raw, start, marked);
        self.span.start + start..self.span.start + end
    }
}

/// Returns the offset in a TOML literal of an offset in its value. A bare key is its own literal.
fn raw_offset(raw: &str, text: &str, offset: usize) -> usize {
    let at = advance(raw, opening_len(raw), text.get(..offset).unwrap_or(text));
    at + continuation_len(raw, &raw[at..])
}

/// Goes on in a literal by the characters of its value.
fn advance(raw: &str, mut at: usize, text: &str) -> usize {
    for c in text.chars() {
        at += continuation_len(raw, &raw[at..]);
        at = raw.ceil_char_boundary(at + char_len(raw, &raw[at..], c));
    }
    at
}

fn opening_len(raw: &str) -> usize {
    for quotes in ["\"\"\"", "'''"] {
        if let Some(body) = raw.strip_prefix(quotes) {
            // The first line end of a literal over several lines is not part of it.
            let line_end = if body.starts_with("\r\n") { 2 } else { usize::from(body.starts_with('\n')) };
            return quotes.len() + line_end;
        }
    }
    usize::from(raw.starts_with(['"', '\'']))
}

/// The length of backslashes at line ends at the beginning of the rest, with the white space that they swallow.
fn continuation_len(raw: &str, rest: &str) -> usize {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    let mut after = rest;
    while let Some(swallowed) = after.strip_prefix('\\').filter(|swallowed| is_basic(raw) && swallowed.starts_with(SPACE)) {
        after = swallowed.trim_start_matches(SPACE);
    }
    rest.len() - after.len()
}

fn char_len(raw: &str, rest: &str, c: char) -> usize {
    if is_basic(raw)
        && let Some(escape) = rest.strip_prefix('\\')
    {
        return match escape.chars().next() {
            Some('u') => 6,
            Some('U') => 10,
            Some('x') => 4,
            _ => 2,
        };
    }
    if c == '\n' && rest.starts_with("\r\n") { 2 } else { rest.chars().next().map_or(0, char::len_utf8) }
}

/// Says whether backslashes mean something in a literal.
fn is_basic(raw: &str) -> bool {
    raw.starts_with('"')
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    /// The part of a TOML value's source in which `marked` stands.
    fn place(toml: &str, marked: &str) -> String {
        let document = DeTable::parse(toml).unwrap();
        let value = document.get_ref().get("k").unwrap();
        let text = value.get_ref().as_str().unwrap().to_owned();
        let start = text.find(marked).unwrap();
        let located = Located { text: text.clone(), span: value.span() };
        toml[located.inner_span(toml, &(start..start + marked.len()))].to_owned()
    }

    #[test]
    fn every_kind_of_literal_leads_back() {
        for toml in [
            "k = \"a {x} b\"",
            "k = 'a {x} b'",
            "k = \"\\n\\t\\u00fc\\U0001F600\\\"{x}\"",
            "k = \"\"\"\na\r\n{x}\"\"\"",
            "k = '''\r\nü\r\n{x}'''",
            "k = \"\"\"a \\\n   b \\\n\n  {x} \\\n \"\"\"",
            "k = \"\"\"{x}\\\n\"\"\"",
        ] {
            assert_eq!(place(toml, "{x}"), "{x}", "{toml}");
        }
        assert_eq!(place("k = \"a\\u0062c\"", "bc"), "\\u0062c");
    }
}
