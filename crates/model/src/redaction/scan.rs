//! Looks through a text once for all that may be a secret.

use std::ops::Range;

use super::{REDACTED, assignment, shapes};

/// What to look at more closely where a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clue {
    Nothing,
    Assignment,
    Service,
    Capital,
    Digit,
}

static CLUES: [Clue; 256] = clues();

const fn clues() -> [Clue; 256] {
    let mut clues = [Clue::Nothing; 256];
    clues[b'=' as usize] = Clue::Assignment;
    clues[b':' as usize] = Clue::Assignment;
    clues[b'-' as usize] = Clue::Service;
    clues[b'_' as usize] = Clue::Service;
    clues[b'.' as usize] = Clue::Service;
    clues[b'z' as usize] = Clue::Service;
    clues[b'A' as usize] = Clue::Capital;
    clues[b'B' as usize] = Clue::Capital;
    clues[b'J' as usize] = Clue::Capital;
    let mut digit = b'0';
    while digit <= b'9' {
        clues[digit as usize] = Clue::Digit;
        digit += 1;
    }
    clues
}

/// A text that is shorter has no secret in it that could be known.
const SHORTEST: usize = 4;

/// Finds the secrets in a text, in order of where they begin. `hides` says whether a name is that of a secret.
pub(super) fn secrets(bytes: &[u8], hides: &dyn Fn(&str) -> bool, has_cards: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if bytes.len() < SHORTEST {
        return found;
    }
    let is_clue = |byte: &u8| match CLUES[usize::from(*byte)] {
        Clue::Nothing => false,
        Clue::Digit => has_cards,
        _ => true,
    };
    let mut at = 0;
    // Most bytes are no clue, and most dashes and dots lead nowhere: the first is asked of each byte, and the second right after.
    while let Some(more) = bytes[at..].iter().position(is_clue) {
        at += more;
        if CLUES[usize::from(bytes[at])] == Clue::Service && !shapes::may_end_beginning(bytes, at) {
            at += 1;
            continue;
        }
        match look(bytes, at, hides, has_cards) {
            Some(range) => {
                at = range.end.max(at + 1);
                found.push(range);
            }
            None => at = past(bytes, at),
        }
    }
    found
}

fn look(bytes: &[u8], at: usize, hides: &dyn Fn(&str) -> bool, has_cards: bool) -> Option<Range<usize>> {
    match (CLUES[usize::from(bytes[at])], bytes[at]) {
        (Clue::Assignment, b':') => assignment::in_address(bytes, at).or_else(|| assignment::assigned(bytes, at, hides)),
        (Clue::Assignment, _) => assignment::assigned(bytes, at, hides),
        (Clue::Service, _) => shapes::key_of_service(bytes, at),
        (Clue::Capital, b'A') => shapes::aws_key(bytes, at),
        (Clue::Capital, b'J') => shapes::web_token(bytes, at),
        (Clue::Capital, _) => shapes::private_key(bytes, at).or_else(|| shapes::bearer(bytes, at)),
        (Clue::Digit, _) if has_cards => shapes::credit_card(bytes, at),
        _ => None,
    }
}

/// Returns where to look next. Of digits behind each other only the first begins a number.
fn past(bytes: &[u8], at: usize) -> usize {
    let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    at + digits.max(1)
}

/// Puts ranges into order, and makes one of those that touch.
pub(super) fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// Returns a text in which something else stands at these places.
pub(super) fn replaced(bytes: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for range in ranges {
        out.extend_from_slice(&bytes[from..range.start]);
        out.extend_from_slice(&stand_in(bytes, range));
        from = range.end;
    }
    out.extend_from_slice(&bytes[from..]);
    out
}

/// Returns what stands in for a secret: in JSON, where a number or a group was the value of a key in quotes, a text.
fn stand_in(bytes: &[u8], range: &Range<usize>) -> Vec<u8> {
    let before = bytes[..range.start].iter().rev().find(|byte| **byte != b' ');
    let key = bytes[..range.start].iter().rev().filter(|byte| **byte != b' ').nth(1);
    let is_json = before == Some(&b':') && key == Some(&b'"');
    if is_json { format!("\"{REDACTED}\"").into_bytes() } else { REDACTED.as_bytes().to_vec() }
}
