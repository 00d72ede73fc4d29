//! W3C trace state: what tracing systems pass on to themselves, untouched by everyone else.
//!
//! The format is <https://www.w3.org/TR/trace-context/#tracestate-header>; in environment variables it is `TRACESTATE`.

use std::fmt;

use crate::{Randomness, Threshold};

/// So many members a trace state has at most.
const MAX_MEMBERS: usize = 32;
/// So many characters a value has at most.
const LONGEST_VALUE: usize = 256;
/// OpenTelemetry's own member, a list of sub-keys:
/// <https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/>.
const OPENTELEMETRY: &str = "ot";
const THRESHOLD: &str = "th";
const RANDOMNESS: &str = "rv";

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

    /// Returns the threshold that chance chose the trace by (`ot=th:…`), where one is told.
    #[must_use]
    pub fn threshold(&self) -> Option<Threshold> {
        self.sub_key(THRESHOLD).and_then(Threshold::parse)
    }

    /// Returns how random the trace is (`ot=rv:…`), where that is told: then it counts instead of the trace's id.
    #[must_use]
    pub fn randomness(&self) -> Option<Randomness> {
        self.sub_key(RANDOMNESS).and_then(Randomness::parse)
    }

    /// Tells the threshold that chance chose the trace by, or that none is known. What else OpenTelemetry tells stays as it is.
    pub fn set_threshold(&mut self, threshold: Option<Threshold>) {
        let (told, threshold) = (self.sub_key(THRESHOLD), threshold.map(|threshold| threshold.to_string()));
        if told == threshold.as_deref() {
            return;
        }
        let others = self.get(OPENTELEMETRY).unwrap_or_default().split(';');
        let others = others.filter(|member| !member.is_empty() && key_of(member) != THRESHOLD).map(str::to_owned);
        let mut members: Vec<String> = others.collect();
        let rest = members.join(";");
        members.extend(threshold.map(|threshold| format!("{THRESHOLD}:{threshold}")));
        let whole = members.join(";");
        self.put_first(OPENTELEMETRY, if whole.len() <= LONGEST_VALUE { whole } else { rest });
    }

    /// Forgets what OpenTelemetry tells, because it is about another trace.
    pub fn forget_sampling(&mut self) {
        self.0.retain(|(key, _)| key != OPENTELEMETRY);
    }

    fn sub_key(&self, key: &str) -> Option<&str> {
        let mut members = self.get(OPENTELEMETRY)?.split(';');
        members.find(|member| key_of(member) == key)?.split_once(':').map(|(_, value)| value)
    }

    /// Sets a member as W3C wants it: what was changed last stands first, and what is too much goes at the end.
    fn put_first(&mut self, key: &str, value: String) {
        self.0.retain(|(known, _)| known != key);
        if !value.is_empty() {
            self.0.insert(0, (key.to_owned(), value));
            self.0.truncate(MAX_MEMBERS);
        }
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

fn key_of(member: &str) -> &str {
    member.split_once(':').map_or(member, |(key, _)| key)
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
    (1..=LONGEST_VALUE).contains(&value.len()) && value.bytes().all(is_inner) && !value.ends_with(' ')
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

    fn told(state: &str, threshold: Option<&str>) -> String {
        let mut state = TraceState::parse([state]);
        state.set_threshold(threshold.and_then(Threshold::parse));
        state.to_string()
    }

    #[test]
    fn the_threshold_is_told_beside_what_is_told_already() {
        for (before, threshold, after) in [
            ("", Some("0"), "ot=th:0"),
            ("", None, ""),
            ("vendor=a", Some("c"), "ot=th:c,vendor=a"),
            // The specification's example: others' values stay.
            ("ot=p:8;r:62", Some("c"), "ot=p:8;r:62;th:c"),
            ("a=1,ot=rv:6e6d1a75832a2f;th:8;p:1,b=2", Some("c"), "ot=rv:6e6d1a75832a2f;p:1;th:c,a=1,b=2"),
            ("a=1,ot=th:8;rv:6e6d1a75832a2f", None, "ot=rv:6e6d1a75832a2f,a=1"),
            ("a=1,ot=th:8", None, "a=1"),
            ("a=1,ot=th:fd70a;th:9", Some("fd70a"), "a=1,ot=th:fd70a;th:9"),
            ("a=1,ot=th:nonsense", Some("8"), "ot=th:8,a=1"),
            ("a=1,ot=rv:1;th", None, "a=1,ot=rv:1;th"),
        ] {
            assert_eq!(told(before, threshold), after, "{before} {threshold:?}");
        }
    }

    #[test]
    fn what_has_no_room_is_not_told() {
        let full = format!("ot=x:{}", "v".repeat(254));
        assert_eq!(told(&full, Some("c")), full);
        let long = format!("ot=th:8;x:{}", "v".repeat(249));
        assert_eq!(told(&long, Some("fd70a")), format!("ot=x:{}", "v".repeat(249)), "a wrong one is worse than none");
        let many = (1..=32).map(|at| format!("bar{at:02}={at:02}")).collect::<Vec<_>>().join(",");
        let state = told(&many, Some("c"));
        assert!(state.starts_with("ot=th:c,bar01=01,") && state.ends_with(",bar31=31"), "{state}");
    }

    #[test]
    fn threshold_and_randomness_are_found() {
        let state = TraceState::parse(["a=1,ot=p:8;th:c;rv:6e6d1a75832a2f"]);
        assert_eq!((state.threshold(), state.randomness()), (Threshold::parse("c"), Randomness::parse("6e6d1a75832a2f")));
        for text in ["", "a=th:c", "ot=", "ot=th", "ot=th:", "ot=th:x;rv:1", "ot@th=th:c", "ot=;;"] {
            let state = TraceState::parse([text]);
            assert_eq!((state.threshold(), state.randomness()), (None, None), "{text}");
        }
        let mut state = TraceState::parse(["a=1,ot=th:c,b=2"]);
        state.forget_sampling();
        assert_eq!(state.to_string(), "a=1,b=2");
    }
}
