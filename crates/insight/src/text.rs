//! Text that is safe to show and whose width is known.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the text on one line and without anything that steers a terminal or reorders what is around it.
///
/// Control characters become their pictures (`␛`), line breaks and tabs a space, invisible format characters nothing.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter_map(shown).collect())
}

/// Returns the first line that has something on it, cleaned as [`clean`] does.
#[must_use]
pub fn first_line(text: &str) -> Cow<'_, str> {
    clean(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default())
}

/// Returns how many columns the text takes on a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Returns the text if it fits into so many columns, else as much of it as fits with the ellipsis behind it.
#[must_use]
pub fn cut<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    if prefix(text, columns).len() == text.len() {
        return Cow::Borrowed(text);
    }
    match columns.checked_sub(width(ellipsis)) {
        Some(room) => Cow::Owned(format!("{}{ellipsis}", prefix(text, room))),
        None => Cow::Borrowed(prefix(text, columns)),
    }
}

/// Returns the text if it fits into so many columns, else what tells it best from others like it: the end of a path with the
/// ellipsis before it, the beginning of anything else, as [`cut`] does.
#[must_use]
pub fn shorten<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    let room = columns.checked_sub(width(ellipsis)).filter(|_| is_path(text));
    match room {
        Some(room) if prefix(text, columns).len() < text.len() => Cow::Owned(format!("{ellipsis}{}", last_names(text, room))),
        _ => cut(text, columns, ellipsis),
    }
}

/// Returns the text cut to so many columns, as [`cut`] does, and filled up with spaces on the right.
#[must_use]
pub fn pad(text: &str, columns: usize, ellipsis: &str) -> String {
    let mut text = cut(text, columns, ellipsis).into_owned();
    text.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&text))));
    text
}

/// Returns the text cut to so many columns, as [`cut`] does, and filled up with spaces on the left.
#[must_use]
pub fn pad_left(text: &str, columns: usize, ellipsis: &str) -> String {
    let text = cut(text, columns, ellipsis);
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(&text))))
}

/// Returns the longest beginning of the text that takes at most so many columns.
///
/// Single widths are summed: ligatures and joined emoji make the whole narrower, never wider, once [`clean`] took the
/// variation selectors out.
fn prefix(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(1);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

/// Returns the longest end of the text that takes at most so many columns.
fn suffix(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(1);
        if used > columns {
            return &text[at + c.len_utf8()..];
        }
    }
    text
}

/// Returns as many whole names at the end of a path as fit, else the end of its last one.
fn last_names(path: &str, columns: usize) -> &str {
    let end = suffix(path, columns);
    let names = end.find(SEPARATORS).map(|at| &end[at..]);
    names.filter(|names| names.len() > 1).unwrap_or(end)
}

/// What stands between the names of a path.
const SEPARATORS: [char; 2] = ['/', '\\'];

fn is_path(text: &str) -> bool {
    text.contains(SEPARATORS) && !text.contains(char::is_whitespace)
}

fn is_plain(c: char) -> bool {
    shown(c) == Some(c)
}

fn shown(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32),
        '\u{7f}' => Some('␡'),
        '\u{80}'..='\u{9f}' => Some('\u{fffd}'),
        c if is_invisible(c) => None,
        c => Some(c),
    }
}

/// Says whether a character changes how others are shown without being seen: joiners, marks of direction, selectors.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_text_is_made_harmless() {
        assert_eq!(clean("a\x1b[31mb\x07\r\nc\u{9b}2J"), "a␛[31mb␇  c\u{fffd}2J");
        assert_eq!(clean("invoice\u{202e}fdp.exe"), "invoicefdp.exe");
        assert!(matches!(clean("naïve 漢字"), Cow::Borrowed(_)));
        assert_eq!(first_line("\n\n  oops\x00 \nmore"), "oops␀");
        assert_eq!(first_line(""), "");
    }

    #[test]
    fn wide_text_is_cut_between_characters() {
        assert_eq!(cut("漢字漢字", 8, "…"), "漢字漢字");
        assert_eq!(cut("漢字漢字", 6, "…"), "漢字…");
        assert_eq!(cut("漢字漢字", 1, "…"), "…");
        assert_eq!(cut("abcdef", 2, "..."), "ab");
        assert_eq!(cut("abc", 0, "…"), "");
        assert_eq!(pad("漢字漢", 4, "…"), "漢… ");
        assert_eq!(pad_left("ab", 4, "…"), "  ab");
    }

    #[test]
    fn of_a_path_the_end_is_kept_and_of_other_text_the_beginning() {
        assert_eq!(shorten("crates/x/src/y.rs", 17, "…"), "crates/x/src/y.rs");
        assert_eq!(shorten("crates/x/src/y.rs", 16, "…"), "…/x/src/y.rs");
        assert_eq!(shorten("crates/x/src/y.rs", 9, "…"), "…/y.rs");
        assert_eq!(shorten("crates/x/src/y.rs", 4, "…"), "….rs");
        assert_eq!(shorten("a/漢字漢字/", 5, "…"), "…字/");
        assert_eq!(shorten(r"C:\data\a.csv", 8, "~"), r"~\a.csv");
        assert_eq!(shorten("this and/or that", 9, "…"), "this and…");
        assert_eq!(shorten("a/b", 0, "…"), "");
    }

    proptest! {
        #[test]
        fn shortened_text_fits(text in "[ -~/漢é]{0,60}", columns in 0usize..40) {
            prop_assert!(width(&shorten(&text, columns, "…")) <= columns);
        }

        #[test]
        fn padded_text_is_exactly_as_wide_as_asked(text in any::<String>(), columns in 1usize..40) {
            let cleaned = clean(&text);
            prop_assert!(cleaned.chars().all(|c| !c.is_control()));
            prop_assert_eq!(width(&pad(&cleaned, columns, "…")), columns);
        }
    }
}
