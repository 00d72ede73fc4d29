//! Openings: every Rust file begins with a sentence that says what lives there.

use super::finding::Finding;
use super::tree::Tree;

const REMEDY: &str = "begin it with `//! A sentence that says what lives here.`";

/// Reads the first lines of every Rust file, tests included.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("rs")
        .filter(|(path, _)| !is_generated(path))
        .filter_map(|(path, text)| Some(Finding::on_line(path, 1, fault(text)?, REMEDY)))
        .collect()
}

fn is_generated(path: &str) -> bool {
    path.rsplit('/').next() == Some("build.rs") || path.split('/').any(|part| part == "generated")
}

fn fault(text: &str) -> Option<&'static str> {
    let paragraph: Vec<&str> = text.lines().map_while(opening_line).collect();
    match paragraph.last() {
        None => Some("begins without saying what lives here"),
        Some(last) if !last.trim_end().ends_with(['.', ':', '!', '?']) => Some("its opening is no sentence: it has no end"),
        Some(_) => None,
    }
}

/// Gives what a line of the opening paragraph says; an empty comment line ends the paragraph.
fn opening_line(line: &str) -> Option<&str> {
    line.strip_prefix("//! ").filter(|words| !words.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(text: &str) -> Option<String> {
        check(&Tree::of(&[("crates/model/src/a.rs", text)])).first().map(ToString::to_string)
    }

    #[test]
    fn a_sentence_opens() {
        assert_eq!(fault_of("//! Spans, and\n//! what they hold.\n//!\n//! More\nuse a;\n"), None);
    }

    #[test]
    fn anything_else_does_not() {
        for text in ["", "\n//! Late.\n", "use a;\n", "// Spans.\n", "//!\n//! Spans.\n", "/// Spans.\nfn f() {}\n"] {
            assert!(fault_of(text).is_some_and(|fault| fault.contains("begins without")), "{text:?}");
        }
        assert!(fault_of("//! Spans\nuse a;\n").is_some_and(|fault| fault.contains("no end")));
    }

    #[test]
    fn what_a_tool_wrote_is_left_alone() {
        assert!(check(&Tree::of(&[("crates/a/build.rs", ""), ("crates/a/src/generated/x.rs", "")])).is_empty());
    }
}
