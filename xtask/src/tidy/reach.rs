//! Reach: crates that are pure calculation name no files, threads, clocks or waiting.

use super::finding::Finding;
use super::house::CRATES;
use super::rust_text::RustText;
use super::tree::Tree;

/// Looks through the sources of every crate that has something it must not touch.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in CRATES.iter().filter(|rule| !rule.must_not_reach.is_empty()) {
        let sources = format!("crates/{}/src/", rule.folder);
        for (path, text) in tree.with_extension("rs").filter(|(path, _)| path.starts_with(&sources)) {
            findings.extend(check_source(path, text, rule.folder, rule.must_not_reach));
        }
    }
    findings
}

fn check_source(path: &str, text: &str, folder: &str, must_not_reach: &[&str]) -> Vec<Finding> {
    let code = RustText::split(text).code;
    // By the habit of this repository the tests, which may do all this, close a file.
    let tests = code.find("#[cfg(test)]").unwrap_or(code.len());
    let mut findings = Vec::new();
    for (index, line) in code[..tests].lines().enumerate() {
        for name in must_not_reach.iter().filter(|name| line.contains(**name)) {
            let what = format!("`{folder}` must not reach for `{name}`");
            findings.push(Finding::on_line(path, index + 1, what, "let the caller pass the value in"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_clock_in_insight_is_found() {
        assert_eq!(lines("crates/insight/src/tree.rs", "fn f() { let now = Instant::now(); }"), 1);
        assert_eq!(lines("crates/model/src/span.rs", "use std::fs;\nuse std::thread;"), 2);
    }

    #[test]
    fn tests_comments_and_other_crates_may() {
        assert_eq!(lines("crates/insight/src/tree.rs", "// std::fs\n#[cfg(test)]\nmod tests { use std::fs; }"), 0);
        assert_eq!(lines("crates/insight/tests/tree.rs", "use std::fs;"), 0);
        assert_eq!(lines("crates/store/src/file.rs", "use std::fs;"), 0);
    }
}
