//! Licence expressions: `MIT OR (Apache-2.0 AND ISC)`, judged against a list.
//!
//! The grammar is that of the [SPDX specification, annex B](https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/);
//! the `/` of older manifests counts as `OR`.

use std::collections::BTreeSet;

/// Nesting that no honest manifest has.
const DEEPEST: usize = 32;

/// Tells whether somebody who accepts only `allowed` may use what is licensed under `expression`.
///
/// # Errors
/// Where the expression is not valid.
pub(super) fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> Result<bool, String> {
    let mut reader = Reader { tokens: tokens(expression), at: 0, depth: 0, allowed };
    let verdict = reader.any_of()?;
    match reader.next() {
        None => Ok(verdict),
        Some(token) => Err(format!("unexpected `{token}`")),
    }
}

fn tokens(expression: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for word in expression.split_whitespace() {
        let mut rest = word;
        while let Some(at) = rest.find(['(', ')', '/']) {
            tokens.extend([&rest[..at], &rest[at..=at]].into_iter().filter(|token| !token.is_empty()));
            rest = &rest[at + 1..];
        }
        tokens.extend(Some(rest).filter(|rest| !rest.is_empty()));
    }
    tokens
}

struct Reader<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    depth: usize,
    allowed: &'a BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn any_of(&mut self) -> Result<bool, String> {
        let mut verdict = self.all_of()?;
        while self.takes(&["OR", "or", "/"]) {
            verdict |= self.all_of()?;
        }
        Ok(verdict)
    }

    fn all_of(&mut self) -> Result<bool, String> {
        let mut verdict = self.one()?;
        while self.takes(&["AND", "and"]) {
            verdict &= self.one()?;
        }
        Ok(verdict)
    }

    fn one(&mut self) -> Result<bool, String> {
        match self.next() {
            Some("(") => self.group(),
            Some(licence) if is_name(licence) => self.licence(licence),
            Some(token) => Err(format!("unexpected `{token}`")),
            None => Err("it ends too early".to_owned()),
        }
    }

    fn group(&mut self) -> Result<bool, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("it is nested too deep".to_owned());
        }
        let verdict = self.any_of()?;
        self.depth -= 1;
        if self.takes(&[")"]) { Ok(verdict) } else { Err("a parenthesis stays open".to_owned()) }
    }

    fn licence(&mut self, licence: &str) -> Result<bool, String> {
        if !self.takes(&["WITH", "with"]) {
            return Ok(self.allowed.contains(licence));
        }
        let exception = self.next().filter(|token| is_name(token)).ok_or("`WITH` names no exception")?;
        Ok(self.allowed.contains(&format!("{licence} WITH {exception}")))
    }

    fn takes(&mut self, wanted: &[&str]) -> bool {
        let is_next = self.tokens.get(self.at).is_some_and(|token| wanted.contains(token));
        self.at += usize::from(is_next);
        is_next
    }

    fn next(&mut self) -> Option<&'a str> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }
}

fn is_name(token: &str) -> bool {
    let is_operator = matches!(token.to_ascii_uppercase().as_str(), "OR" | "AND" | "WITH");
    !is_operator
        && token.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '+' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(expression: &str) -> Result<bool, String> {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];
        is_allowed(expression, &allowed.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn one_licence() {
        assert_eq!(judged("MIT"), Ok(true));
        assert_eq!(judged("GPL-3.0-only"), Ok(false));
        assert_eq!(judged("mit"), Ok(false));
    }

    #[test]
    fn or_needs_one_and_needs_all() {
        assert_eq!(judged("GPL-2.0 OR MIT"), Ok(true));
        assert_eq!(judged("MIT/GPL-2.0"), Ok(true));
        assert_eq!(judged("GPL-2.0 AND MIT"), Ok(false));
        assert_eq!(judged("MIT OR Apache-2.0 AND GPL-2.0"), Ok(true));
        assert_eq!(judged("(MIT OR Apache-2.0) AND GPL-2.0"), Ok(false));
        assert_eq!(judged("(MIT OR GPL-2.0) AND Unicode-3.0"), Ok(true));
    }

    #[test]
    fn an_exception_is_part_of_the_licence() {
        assert_eq!(judged("Apache-2.0 WITH LLVM-exception OR GPL-2.0"), Ok(true));
        assert_eq!(judged("MIT WITH LLVM-exception"), Ok(false));
        assert_eq!(judged("GPL-2.0 WITH Classpath-exception-2.0"), Ok(false));
    }

    #[test]
    fn broken_expressions_are_errors() {
        for expression in ["", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT MIT", "MIT WITH", "MIT WITH OR", "()", "MIT é", "/"] {
            assert!(judged(expression).is_err(), "{expression}");
        }
        assert!(judged(&"(".repeat(100_000)).is_err());
        let nested = format!("{}MIT{}", "(".repeat(DEEPEST), ")".repeat(DEEPEST));
        assert_eq!(judged(&nested), Ok(true));
    }
}
