//! Unsafe code: only where the design gives it a home.

use super::finding::Finding;
use super::rust_text::{RustText, ends_of_word};
use super::tree::Tree;

/// Path prefixes: the recorder's lanes, where SQLite calls the store (its virtual tables, the layer below its files), and what
/// measures from below (a counting allocator).
const HOMES: [&str; 4] =
    ["crates/record/", "crates/store/src/virtual_tables", "crates/store/src/file_layer/shim.rs", "crates/bench/"];

/// Looks for the keyword in every Rust file elsewhere.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("rs")
        .filter(|(path, _)| !HOMES.iter().any(|home| path.starts_with(home)))
        .flat_map(|(path, text)| check_source(path, text))
        .collect()
}

fn check_source(path: &str, text: &str) -> Vec<Finding> {
    let code = RustText::split(text).code;
    let lines = code.lines().enumerate().filter(|(_, line)| ends_of_word(line, "unsafe").next().is_some());
    lines
        .map(|(index, _)| {
            let remedy = format!("find a safe way; its only homes are {}", HOMES.join(" and "));
            Finding::on_line(path, index + 1, "unsafe code", remedy)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn unsafe_code_away_from_home_is_found() {
        assert_eq!(found("crates/engine/src/a.rs", "fn f() { unsafe { g() } }\nunsafe impl Send for A {}"), 2);
        assert_eq!(found("crates/store/src/block.rs", "#[unsafe(no_mangle)] fn f() {}"), 1);
    }

    #[test]
    fn at_home_and_in_words_it_is_fine() {
        assert_eq!(found("crates/record/src/lane.rs", "unsafe { g() }"), 0);
        assert_eq!(found("crates/store/src/virtual_tables/cursor.rs", "unsafe { g() }"), 0);
        assert_eq!(found("crates/engine/src/a.rs", "// unsafe\n#![forbid(unsafe_code)]\nlet x = \"unsafe\";"), 0);
    }
}
