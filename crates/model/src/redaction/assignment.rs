//! Secrets in texts that say their names: `password=…`, `"token": "…"`, `https://user:…@host`.

use std::ops::Range;

use super::keys::is_common;
use super::shapes::is_cut_at;

/// A name is not longer than this, in bytes.
const LONGEST_NAME: usize = 64;
/// What ends a value that stands in no quotes.
const ENDS: &[u8] = b" \t\r\n,;&|)]}\"'`<>\\";

/// Finds the value that is assigned by the `=` or `:` at this place, if its name is that of a secret.
pub(super) fn assigned(bytes: &[u8], at: usize, hides: &dyn Fn(&str) -> bool) -> Option<Range<usize>> {
    let name = name_before(bytes, at)?;
    // `==`, `=>`, `::` and `://` assign nothing.
    if matches!(bytes.get(at + 1), Some(b'=' | b'>' | b':')) || bytes[at + 1..].starts_with(b"//") || !hides(name.text) {
        return None;
    }
    let value = value_behind(bytes, at + 1, takes_line(name.text));
    let shown = &bytes[value.clone()];
    if shown.is_empty() || is_said_to_be_none(shown) {
        return None;
    }
    // After these words a colon is mostly one of a sentence: `unexpected token: …`.
    let may_be_sentence = bytes[at] == b':' && !name.is_quoted;
    let is_sentence = may_be_sentence && (goes_on(bytes, &value) || (is_common(name.text) && !looks_random(shown)));
    (!is_sentence).then_some(value)
}

/// Finds the password in an address whose `:` behind the scheme stands here.
pub(super) fn in_address(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + 3;
    let rest = bytes.get(start..).filter(|_| &bytes[at + 1..start] == b"//")?;
    let is_end =
        |byte: &u8| matches!(byte, b'/' | b'?' | b'#' | b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'<' | b'>' | b'`');
    let authority = &rest[..rest.iter().position(is_end).unwrap_or(rest.len())];
    let user = match authority.iter().rposition(|byte| *byte == b'@') {
        Some(end) => &authority[..end],
        None => cut_user(bytes, start, authority)?,
    };
    let colon = user.iter().position(|byte| *byte == b':')?;
    (colon + 1 < user.len()).then_some(start + colon + 1..start + user.len())
}

/// Returns what stands before the `@` of an address that was cut off before it: unless it is a host and its port.
fn cut_user<'a>(bytes: &[u8], start: usize, authority: &'a [u8]) -> Option<&'a [u8]> {
    let shown = authority.iter().position(|byte| !byte.is_ascii_graphic()).unwrap_or(authority.len());
    let shown = if authority[..shown].ends_with(b"...") { shown - 3 } else { shown };
    let user = &authority[..shown];
    let (_, behind) = user.split_at(user.iter().position(|byte| *byte == b':')? + 1);
    (is_cut_at(bytes, start + shown) && !behind.iter().all(u8::is_ascii_digit)).then_some(user)
}

struct Name<'a> {
    text: &'a str,
    is_quoted: bool,
}

fn name_before(bytes: &[u8], at: usize) -> Option<Name<'_>> {
    let is_space = |byte: &u8| *byte == b' ';
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\' | b'`');
    let spaced = end_without(&bytes[..at], is_space);
    let end = end_without(&bytes[..spaced], is_quote);
    let first = end.saturating_sub(LONGEST_NAME);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let start = bytes[first..end].iter().rposition(|byte| !is_name(byte)).map_or(first, |before| first + before + 1);
    let text = std::str::from_utf8(&bytes[start..end]).ok().filter(|text| !text.is_empty())?;
    Some(Name { text, is_quoted: end < spaced })
}

/// Says whether what stands under this name goes on to the end of its line.
fn takes_line(name: &str) -> bool {
    let last = name.rsplit(['.', '-', '_']).next().unwrap_or(name);
    ["authorization", "cookie"].iter().any(|word| last.eq_ignore_ascii_case(word))
}

fn value_behind(bytes: &[u8], from: usize, takes_line: bool) -> Range<usize> {
    let from = from + bytes[from..].iter().take_while(|byte| **byte == b' ').count();
    let from = if bytes[from..].starts_with(b"Some(") { from + 5 } else { from };
    let slashes = bytes[from..].iter().take_while(|byte| **byte == b'\\').count();
    match bytes.get(from + slashes) {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            let start = from + slashes + 1;
            start..end_of_quoted(bytes, start, *quote, slashes)
        }
        Some(b'[' | b'{' | b'(') if slashes == 0 => from..end_of_group(bytes, from),
        _ if takes_line => from..end_at(bytes, from, b"\r\n\"'`\\"),
        _ => from..end_at(bytes, from, ENDS),
    }
}

/// Returns where a text in quotes ends whose quotes stand behind so many backslashes.
fn end_of_quoted(bytes: &[u8], start: usize, quote: u8, slashes: usize) -> usize {
    let mut before = 0;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match *byte {
            b'\\' => before += 1,
            byte if byte == quote && before <= slashes => return at - before,
            _ => before = 0,
        }
    }
    bytes.len()
}

/// Returns where what is in brackets ends, the last one included.
fn end_of_group(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' | b'{' | b'(' => depth += 1,
            b']' | b'}' | b')' => depth -= 1,
            b'"' => at = end_of_quoted(bytes, at + 1, b'"', 0),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at.min(bytes.len())
}

fn end_at(bytes: &[u8], from: usize, ends: &[u8]) -> usize {
    from + bytes[from..].iter().position(|byte| ends.contains(byte)).unwrap_or(bytes.len() - from)
}

fn end_without(bytes: &[u8], is_left_out: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().rposition(|byte| !is_left_out(byte)).map_or(0, |last| last + 1)
}

/// Says whether a value says that there is none, or that it is hidden already, or stands for one.
fn is_said_to_be_none(value: &[u8]) -> bool {
    let known: [&[u8]; 8] = [b"None", b"null", b"nil", b"true", b"false", b"undefined", b"[redacted]", b"Some"];
    known.contains(&value)
        || value.starts_with(b"[redacted]")
        || value.starts_with(b"${")
        || value.iter().all(|byte| *byte == b'*')
}

/// Says whether a value is a small word that another one follows: `no password: give one as a header`.
fn goes_on(bytes: &[u8], value: &Range<usize>) -> bool {
    let is_word = bytes[value.clone()].iter().all(u8::is_ascii_lowercase);
    let behind = &bytes[value.end..];
    is_word && matches!(behind, [b' ', next, ..] if next.is_ascii_lowercase())
}

fn looks_random(value: &[u8]) -> bool {
    value.len() >= 8 && value.iter().any(u8::is_ascii_digit)
}
