//! What secrets look like that say of themselves what they are.

use std::ops::Range;

/// A secret that begins with a text of its own, and goes on with so many of these characters.
struct Shape {
    prefix: &'static str,
    least: usize,
    goes_on: fn(u8) -> bool,
}

/// Keys of services, known by how they begin. The last character of each beginning is an unusual one: it is what is looked for.
static SHAPES: [Shape; 32] = [
    shape("sk-", 20, is_url_safe),
    shape("sk_live_", 10, is_word),
    shape("sk_test_", 10, is_word),
    shape("rk_live_", 10, is_word),
    shape("rk_test_", 10, is_word),
    shape("whsec_", 16, is_url_safe),
    shape("ghp_", 30, is_word),
    shape("gho_", 30, is_word),
    shape("ghu_", 30, is_word),
    shape("ghs_", 30, is_word),
    shape("ghr_", 30, is_word),
    shape("github_pat_", 30, is_word),
    shape("glpat-", 16, is_url_safe),
    shape("gldt-", 16, is_url_safe),
    shape("glrt-", 16, is_url_safe),
    shape("xoxb-", 10, is_url_safe),
    shape("xoxp-", 10, is_url_safe),
    shape("xoxa-", 10, is_url_safe),
    shape("xoxr-", 10, is_url_safe),
    shape("xoxs-", 10, is_url_safe),
    shape("xapp-", 10, is_url_safe),
    shape("pypi-", 32, is_url_safe),
    shape("npm_", 30, is_word),
    shape("hf_", 30, is_word),
    shape("dop_v1_", 32, is_word),
    shape("shpat_", 24, is_word),
    shape("glsa_", 24, is_word),
    shape("dckr_pat_", 20, is_url_safe),
    shape("pylf_", 20, is_word),
    shape("ya29.", 20, is_url_safe),
    shape("SG.", 30, is_dotted),
    shape("AIz", 30, is_url_safe),
];
/// Of a text that was cut off, so much of a secret is enough to know it.
const LEAST_OF_CUT: usize = 4;

const fn shape(prefix: &'static str, least: usize, goes_on: fn(u8) -> bool) -> Shape {
    Shape { prefix, least, goes_on }
}

/// The two last characters of the beginnings, one bit a pair.
static ENDINGS: [u64; 1024] = endings();

const fn endings() -> [u64; 1024] {
    let mut pairs = [0; 1024];
    let mut at = 0;
    while at < SHAPES.len() {
        let prefix = SHAPES[at].prefix.as_bytes();
        let pair = (prefix[prefix.len() - 2] as usize) << 8 | prefix[prefix.len() - 1] as usize;
        pairs[pair / 64] |= 1 << (pair % 64);
        at += 1;
    }
    pairs
}

/// Says whether the beginning of a key of some service may end at this place.
#[inline]
pub(super) fn may_end_beginning(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return false };
    let pair = usize::from(bytes[before]) << 8 | usize::from(bytes[at]);
    ENDINGS[pair / 64] & 1 << (pair % 64) != 0
}

/// Finds the key of a service whose beginning ends at this place.
pub(super) fn key_of_service(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let shape = SHAPES.iter().find(|shape| bytes[..=at].ends_with(shape.prefix.as_bytes()))?;
    let start = at + 1 - shape.prefix.len();
    run(bytes, start, at + 1, shape.least, shape.goes_on)
}

/// Finds an access key of AWS whose fourth letter stands here: twenty capitals and digits.
pub(super) fn aws_key(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at.checked_sub(3)?;
    if !matches!(&bytes[start..=at], b"AKIA" | b"ASIA") {
        return None;
    }
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    run(bytes, start, at + 1, 16, is_part)
}

/// Finds a JSON web token whose third letter stands here: parts of Base64, of which the first begins `{"`.
pub(super) fn web_token(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at.checked_sub(2).filter(|start| &bytes[*start..=at] == b"eyJ")?;
    let range = run(bytes, start, at + 1, 16, is_dotted)?;
    let has_parts = bytes[range.clone()].contains(&b'.');
    (has_parts || is_cut_at(bytes, range.end)).then_some(range)
}

/// Finds what follows `Bearer ` or `Basic `, which begins here.
pub(super) fn bearer(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = &bytes[at..];
    let (length, least) = match rest {
        [b'B', b'e', b'a', b'r', b'e', b'r', b' ', ..] => (7, 8),
        [b'B', b'a', b's', b'i', b'c', b' ', ..] => (6, 16),
        _ => return None,
    };
    let is_part = |byte: u8| is_dotted(byte) || matches!(byte, b'~' | b'+' | b'/' | b'=');
    let range = run(bytes, at, at + length, least, is_part)?;
    // In a text for people words follow: what is a token has more than small letters.
    let token = &bytes[at + length..range.end];
    token.iter().any(|byte| !byte.is_ascii_lowercase()).then_some(at + length..range.end)
}

/// Finds a private key whose `BEGIN` begins here, with its lines.
pub(super) fn private_key(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    const DASHES: &[u8] = b"-----";
    let start = at.checked_sub(DASHES.len()).filter(|start| &bytes[*start..at] == DASHES)?;
    let rest = bytes[at..].strip_prefix(b"BEGIN ")?;
    let label = find(rest, DASHES).unwrap_or(rest.len());
    find(&rest[..label], b"PRIVATE")?;
    let end = find(rest, b"-----END").map_or(bytes.len(), |end| {
        let end = at + 6 + end + 8;
        let dashes = find(&bytes[end..], DASHES).map_or(bytes.len(), |more| end + more + DASHES.len());
        dashes.min(bytes.len())
    });
    Some(start..end)
}

/// Finds the number of a credit card whose first digit stands here.
pub(super) fn credit_card(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let is_inside = start.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric() || bytes[before] == b'.');
    if is_inside {
        return None;
    }
    let (mut digits, mut end) = (Vec::with_capacity(19), start);
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'0'..=b'9' => {
                digits.push(u32::from(byte - b'0'));
                end = at + 1;
            }
            b' ' | b'-' if at == end && !digits.is_empty() => {}
            _ => break,
        }
    }
    let is_over = bytes.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    (is_over && (13..=19).contains(&digits.len()) && has_check_digit(&digits)).then_some(start..end)
}

/// Luhn's formula (ISO/IEC 7812-1): every second digit from the right counts twice.
fn has_check_digit(digits: &[u32]) -> bool {
    let weighed = digits.iter().rev().enumerate().map(|(at, digit)| match (at % 2, digit * 2) {
        (0, _) => *digit,
        (_, twice) => twice / 10 + twice % 10,
    });
    weighed.sum::<u32>() % 10 == 0 && digits.iter().any(|digit| *digit != 0)
}

/// Returns what begins at `start` and goes on from `from`, if it is long enough and begins a word.
fn run(bytes: &[u8], start: usize, from: usize, least: usize, goes_on: impl Fn(u8) -> bool) -> Option<Range<usize>> {
    if start.checked_sub(1).is_some_and(|before| is_word(bytes[before])) {
        return None;
    }
    let length = bytes[from..].iter().take_while(|byte| goes_on(**byte)).count();
    let end = from + length;
    (length >= least || (length >= LEAST_OF_CUT && is_cut_at(bytes, end))).then_some(start..end)
}

/// Says whether a text goes on behind this place as far as can be seen: what follows was cut off.
pub(super) fn is_cut_at(bytes: &[u8], end: usize) -> bool {
    /// Recorders keep no more of a text.
    const MOST: usize = 16 * 1024 - 4;
    let rest = &bytes[end..];
    rest.starts_with("…".as_bytes()) || rest.starts_with(b"...") || (rest.is_empty() && bytes.len() >= MOST)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn is_url_safe(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

const fn is_dotted(byte: u8) -> bool {
    is_url_safe(byte) || byte == b'.'
}
