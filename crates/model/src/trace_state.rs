//! W3C trace state: what tracing systems pass on to themselves, untouched by everyone else.
//!
//! The format is <https://www.w3.org/TR/trace-context/#tracestate-header>; in environment variables it is `TRACESTATE`.

use std::fmt;

/// So many members a trace state has at most.
const MAX_MEMBERS: usize = 32;

/// A trace state that is valid, or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceState(Vec<(String, String)>);

impl TraceState {
    /// Reads the values of all headers of that name. If any member isn't valid, or there are too many, there is no trace
    /// state; of two members with one key, the first one counts.
    #[must_use]
    pub fn parse<'h>(headers: impl IntoIterator<Item = &'h str>) -> Self {
        let members = headers.into_iter().flat_map(|header| header.split(',')).map(|member| member.trim_matches([' ', '\t']));
        let mut state = Self::default();
        for (count, member) in members.filter(|member| !member.is_empty()).enumerate() {
            match member.split_once('=').filter(|(key, value)| is_key(key) && is_value(value)) {
                Some((key, value)) if count < MAX_MEMBERS => state.insert(key, value),
                _ => return Self::default(),
            }
        }
        state
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn insert(&mut self, key: &str, value: &str) {
        if self.get(key).is_none() {
            self.0.push((key.to_owned(), value.to_owned()));
        }
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.0.iter().enumerate() {
            write!(f, "{}{key}={value}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

fn is_key(key: &str) -> bool {
    match key.split_once('@') {
        None => is_key_part(key, 256),
        Some((tenant, system)) => {
            is_key_part(tenant, 241) && is_key_part(system, 14) && system.starts_with(|first: char| first.is_ascii_lowercase())
        }
    }
}

fn is_key_part(part: &str, longest: usize) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte);
    (1..=longest).contains(&part.len()) && part.as_bytes()[0].is_ascii_alphanumeric() && part.bytes().all(is_inner)
}

fn is_value(value: &str) -> bool {
    let is_inner = |byte: u8| matches!(byte, 0x20..=0x2b | 0x2d..=0x3c | 0x3e..=0x7e);
    (1..=256).contains(&value.len()) && value.bytes().all(is_inner) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[&str]) -> String {
        TraceState::parse(headers.iter().copied()).to_string()
    }

    #[test]
    fn what_is_valid_is_passed_on() {
        let all = "0123456789abcdefghijklmnopqrstuvwxyz_-*/";
        for text in [
            "foo=1,bar=2".to_owned(),
            format!("{all}=1"),
            format!("{all}@a-z0-9_-*/=1"),
            format!("foo={}", (0x20..0x7f_u8).filter(|byte| !b",=".contains(byte)).map(char::from).collect::<String>()),
            format!("{}=1", "z".repeat(256)),
            format!("{}@{}=1", "t".repeat(241), "v".repeat(14)),
            (1..=32).map(|at| format!("bar{at:02}={at:02}")).collect::<Vec<_>>().join(","),
        ] {
            assert_eq!(read(&[&text]), text);
        }
    }

    #[test]
    fn headers_join_and_blanks_go() {
        assert_eq!(read(&["foo=1", "", "bar=2"]), "foo=1,bar=2");
        assert_eq!(read(&["foo=1 \t , \t bar=2, \t baz=3"]), "foo=1,bar=2,baz=3");
        assert_eq!(read(&["foo=1,bar=2,foo=3"]), "foo=1,bar=2");
        assert_eq!(read(&["", ","]), "");
    }

    #[test]
    fn what_is_not_valid_is_not_passed_on_at_all() {
        for text in [
            "foo =1",
            "FOO=1",
            "foo.bar=1",
            "foo@=1,bar=2",
            "@foo=1,bar=2",
            "foo@@bar=1,bar=2",
            "foo@bar@baz=1,bar=2",
            "foo=bar=baz",
            "foo=,bar=3",
            "foo",
            "foo=\u{e9}",
        ] {
            assert_eq!(read(&[text]), "", "{text}");
        }
        assert_eq!(read(&[&format!("{}=1", "z".repeat(257))]), "");
        assert_eq!(read(&[&format!("{}@v=1", "t".repeat(242))]), "");
        assert_eq!(read(&[&format!("t@{}=1", "v".repeat(15))]), "");
        assert_eq!(read(&[&format!("foo={}", "v".repeat(257))]), "");
        assert_eq!(read(&[&(1..=33).map(|at| format!("bar{at:02}={at:02}")).collect::<Vec<_>>().join(",")]), "");
    }
}
