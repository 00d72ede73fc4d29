//! Attributes: no lint and no test is switched off without a reason that stands beside it.

use super::finding::Finding;
use super::rust_text::{RustText, ends_of_word};
use super::tree::Tree;

/// Reads the attributes of every Rust file.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("rs").flat_map(|(path, text)| check_source(path, &RustText::split(text).code)).collect()
}

fn check_source(path: &str, code: &str) -> Vec<Finding> {
    attributes(code)
        .flat_map(|(line, attribute)| faults(attribute).map(move |(what, remedy)| Finding::on_line(path, line, what, remedy)))
        .collect()
}

fn faults(attribute: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let silenced = gives_no_reason(attribute, "allow")
        .then_some(("a bare `allow`", "mend the code, or write `#[expect(lint, reason = \"...\")]`"));
    let expected = gives_no_reason(attribute, "expect").then_some(("an `expect` without a reason", "add `reason = \"...\"`"));
    let ignored = is_ignore(attribute).then_some(("an ignored test", "mend it, or take it out"));
    [silenced, expected, ignored].into_iter().flatten()
}

fn gives_no_reason(attribute: &str, level: &str) -> bool {
    ends_of_word(attribute, level).any(|end| {
        let arguments = enclosed(&attribute[end..], '(', ')');
        arguments.is_some_and(|arguments| ends_of_word(arguments, "reason").next().is_none())
    })
}

fn is_ignore(attribute: &str) -> bool {
    let head = attribute.trim_start();
    let is_conditional = head.starts_with("cfg_attr");
    ends_of_word(attribute, "ignore").any(|_| is_conditional || head.starts_with("ignore"))
}

/// Gives the inside of every `#[…]` and `#![…]`, with the line it begins on.
fn attributes(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices('#').filter_map(|(start, _)| {
        let after = &code[start + 1..];
        let inside = enclosed(after.strip_prefix('!').unwrap_or(after), '[', ']')?;
        Some((code[..start].matches('\n').count() + 1, inside))
    })
}

/// Gives what stands between `open`, which must come first, and the `close` that belongs to it.
fn enclosed(text: &str, open: char, close: char) -> Option<&str> {
    let text = text.trim_start().strip_prefix(open)?;
    let mut depth = 1_usize;
    for (at, character) in text.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close {
            depth -= 1;
        }
        if depth == 0 {
            return Some(&text[..at]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        check(&Tree::of(&[("a.rs", text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_bare_allow_is_found() {
        assert_eq!(found("\n#[allow(dead_code)]\nfn f() {}").len(), 1);
        assert!(found("\n#[allow(dead_code)]\nfn f() {}")[0].starts_with("a.rs:2: a bare `allow`"));
        assert_eq!(found("#![allow(clippy::all)]").len(), 1);
        assert_eq!(found("#[cfg_attr(windows, allow(dead_code))]").len(), 1);
        assert_eq!(found("#[expect(\n    dead_code,\n)]").len(), 1);
    }

    #[test]
    fn a_reason_is_enough() {
        assert!(found("#[expect(dead_code, reason = \"x\")]\n#[allow(\n    a,\n    reason = \"y\"\n)]").is_empty());
    }

    #[test]
    fn an_ignored_test_is_found() {
        assert_eq!(found("#[test]\n#[ignore]\nfn f() {}").len(), 1);
        assert_eq!(found("#[ignore = \"slow\"]").len(), 1);
        assert_eq!(found("#[cfg_attr(windows, ignore)]").len(), 1);
    }

    #[test]
    fn what_only_looks_like_it_is_fine() {
        assert!(
            found("let x = y.expect(\"z\"); // #[allow(x)]\nlet s = \"#[ignore]\";\n#[serde(ignore, allow = 1)]").is_empty()
        );
        assert!(found("#[allow(").is_empty());
    }
}
