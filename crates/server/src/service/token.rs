//! The token that senders must know, where a receiver has one.

use ::http::HeaderValue;

/// The token that senders must know.
#[derive(Clone)]
pub(crate) struct Token(Vec<u8>);

impl Token {
    pub(crate) fn new(token: &str) -> Self {
        Self(token.as_bytes().to_owned())
    }

    /// Says whether the header `Authorization` holds the token: after `Bearer`, or alone, as Logfire's SDK sends it.
    pub(crate) fn is_in(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some(given) = authorization.map(HeaderValue::as_bytes) else { return false };
        let bare = match given.split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest.trim_ascii(),
            _ => given.trim_ascii(),
        };
        is_equal(bare, &self.0)
    }
}

/// Compares in a time that doesn't tell how much is right.
fn is_equal(given: &[u8], wanted: &[u8]) -> bool {
    let differing = given.iter().zip(wanted).fold(0, |differing, (a, b)| differing | (a ^ b));
    std::hint::black_box(differing) == 0 && given.len() == wanted.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_in_two_ways() {
        let token = Token::new("secret");
        let is_in = |text: &'static str| token.is_in(Some(&HeaderValue::from_static(text)));
        assert!(is_in("Bearer secret") && is_in("bearer  secret ") && is_in("secret"));
        assert!(!is_in("Bearer secre") && !is_in("Bearer secrets") && !is_in("Basic secret") && !is_in(""));
        assert!(!token.is_in(None));
    }
}
