//! A Rust file taken apart into code and comments, so that a word in a string or a comment is not mistaken for code.

/// The two halves of a source file; each keeps every line break, and has blanks where the other half or a literal stood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RustText {
    /// What the compiler reads, without the contents of string and character literals.
    pub(super) code: String,
    /// Comments and doc comments, with their slashes and stars.
    pub(super) comments: String,
}

impl RustText {
    /// Takes a source file apart; what is not valid Rust comes out in some way, but never fails.
    pub(super) fn split(source: &str) -> RustText {
        let mut text = RustText { code: String::new(), comments: String::new() };
        let mut rest = source;
        let mut previous = None;
        while !rest.is_empty() {
            let (kind, length) = piece(rest, previous);
            let (taken, left) = rest.split_at(length);
            text.push(kind, taken);
            previous = taken.chars().last();
            rest = left;
        }
        text
    }

    fn push(&mut self, kind: Kind, piece: &str) {
        let blank = || piece.chars().map(|character| if character == '\n' { '\n' } else { ' ' });
        match kind {
            Kind::Code => self.code.push_str(piece),
            Kind::Comment | Kind::Literal => self.code.extend(blank()),
        }
        match kind {
            Kind::Comment => self.comments.push_str(piece),
            Kind::Code | Kind::Literal => self.comments.extend(blank()),
        }
    }
}

/// Finds a word in a line of code, as whole words only; gives the byte after each.
pub(super) fn ends_of_word<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).map(|(start, found)| (start, start + found.len())).filter_map(move |(start, end)| {
        let is_whole = !line[..start].ends_with(is_part) && !line[end..].starts_with(is_part);
        is_whole.then_some(end)
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Finds what `rest` begins with, and its length in bytes: at least one character.
fn piece(rest: &str, previous: Option<char>) -> (Kind, usize) {
    let first = rest.chars().next().map_or(0, char::len_utf8);
    if rest.starts_with("//") {
        (Kind::Comment, rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        (Kind::Comment, block_comment(rest))
    } else if rest.starts_with('"') {
        (Kind::Literal, quoted(rest, '"').unwrap_or(rest.len()))
    } else if let Some(length) = raw_string(rest, previous) {
        (Kind::Literal, length)
    } else if let Some(length) = character(rest) {
        (Kind::Literal, length)
    } else {
        (Kind::Code, first)
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Measures a literal that begins with `quote` and ends with the next one that no backslash escapes.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return Some(at + character.len_utf8()),
            _ => {}
        }
    }
    None
}

/// Measures `r"…"`, `r#"…"#` and so on; the prefix of `br` and `cr` has gone by as code.
fn raw_string(rest: &str, previous: Option<char>) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    if previous.is_some_and(|character| character.is_alphanumeric() && !matches!(character, 'b' | 'c') || character == '_') {
        return None;
    }
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(1 + hashes + 1 + length)
}

/// Measures a character literal, which a lifetime is not.
fn character(rest: &str) -> Option<usize> {
    let mut after = rest.strip_prefix('\'')?.chars();
    let first = after.next()?;
    if first == '\\' {
        return quoted(rest, '\'');
    }
    after.as_str().starts_with('\'').then_some(1 + first.len_utf8() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> String {
        RustText::split(source).code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn comments(source: &str) -> String {
        RustText::split(source).comments.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_leave_the_code() {
        assert_eq!(code("a(); // todo!()\nb();"), "a(); b();");
        assert_eq!(code("a /* x /* y */ z */ b"), "a b");
        assert_eq!(comments("a /* x /* y */ z */ b // c"), "/* x /* y */ z */ // c");
    }

    #[test]
    fn strings_are_neither() {
        for source in [r#"f("un\"safe")"#, r##"f(r#"un"safe"#)"##, r#"f(r"unsafe\")"#, r#"f("//")"#] {
            let text = RustText::split(source);
            assert_eq!(text.code.replace(' ', ""), "f()", "{source}");
            assert_eq!(text.comments.trim(), "", "{source}");
        }
        assert_eq!(code(r##"f(b"x", br#"y"#, c"z")"##), "f(b , b , c )");
    }

    #[test]
    fn raw_identifiers_and_names_that_end_in_r_are_code() {
        assert_eq!(code("r#type + for_r + var"), "r#type + for_r + var");
    }

    #[test]
    fn characters_are_no_lifetimes() {
        assert_eq!(code("fn f<'a>(x: &'a str) -> char { '\"' }"), "fn f<'a>(x: &'a str) -> char { }");
        assert_eq!(code(r"['\'', '\\', 'é', '\u{1F600}', b'x']"), "[ , , , , b ]");
    }

    #[test]
    fn lines_stay_where_they_are() {
        let source = "a\n\"x\ny\"\n/* b\nc */ d\n";
        let text = RustText::split(source);
        assert_eq!(text.code.lines().count(), source.lines().count());
        assert_eq!(text.code.lines().nth(4).map(str::trim), Some("d"));
        assert_eq!(text.comments.lines().nth(3), Some("/* b"));
    }

    #[test]
    fn broken_sources_come_through() {
        for source in ["\"open", "/* open", "r#\"open", "'", "'\\", "/*/", "r", "\\"] {
            assert_eq!(RustText::split(source).code.chars().count(), source.chars().count(), "{source}");
        }
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(ends_of_word("unsafe_code unsafe fn my_unsafe", "unsafe").collect::<Vec<_>>(), [18]);
    }
}
