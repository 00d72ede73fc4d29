//! Markers of unfinished work: macros that stand for missing code, and notes to come back.

use super::finding::Finding;
use super::rust_text::{RustText, ends_of_word};
use super::tree::Tree;

const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
const NOTES: [&str; 2] = ["TODO", "FIXME"];
const OTHER_EXTENSIONS: [&str; 8] = ["toml", "sh", "py", "js", "css", "html", "yml", "yaml"];

/// Looks through code for the macros, and through comments and files of other kinds for the notes.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rust = tree.with_extension("rs").flat_map(|(path, text)| check_rust(path, text));
    let others = OTHER_EXTENSIONS.iter().flat_map(|extension| tree.with_extension(extension));
    rust.chain(others.flat_map(|(path, text)| notes(path, text))).collect()
}

fn check_rust(path: &str, text: &str) -> Vec<Finding> {
    let text = RustText::split(text);
    let mut findings = macros(path, &text.code);
    findings.extend(notes(path, &text.comments));
    findings
}

fn macros(path: &str, code: &str) -> Vec<Finding> {
    lines_with(code, &MACROS, |after| after.starts_with('!') && !after.starts_with("!="))
        .map(|(line, name)| Finding::on_line(path, line, format!("`{name}!`"), "write what belongs there, or take it out"))
        .collect()
}

fn notes(path: &str, text: &str) -> Vec<Finding> {
    lines_with(text, &NOTES, |_| true)
        .map(|(line, note)| Finding::on_line(path, line, format!("`{note}`"), "do it now, or open an issue"))
        .collect()
}

/// Finds whole words that are followed by what `is_meant` accepts; lines count from 1.
fn lines_with<'a>(
    text: &'a str,
    words: &'a [&'static str],
    is_meant: impl Fn(&str) -> bool + Copy + 'a,
) -> impl Iterator<Item = (usize, &'static str)> + 'a {
    text.lines().enumerate().flat_map(move |(index, line)| {
        let is_there = move |word: &&&'static str| ends_of_word(line, word).any(|end| is_meant(line[end..].trim_start()));
        words.iter().filter(is_there).map(move |word| (index + 1, *word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn macros_in_code_are_found() {
        assert_eq!(found("a.rs", "fn f() { todo!() }\nfn g() { unimplemented !(\"x\") }\nfn h() { std::dbg!(1); }"), 3);
    }

    #[test]
    fn names_strings_and_comments_are_no_macros() {
        assert_eq!(found("a.rs", "fn todo() { if todo != 1 { my_dbg!() } }\nlet x = \"todo!() TODO\"; // not todo!()"), 0);
    }

    #[test]
    fn notes_are_found_in_comments() {
        assert_eq!(found("a.rs", "// TODO: later\n/* FIXME */ let todo = 1;\nconst TODO: u8 = 1;"), 2);
        assert_eq!(found("page.js", "// TODO\nlet x = MASTODON;"), 1);
        assert_eq!(found("page.md", "We write no TODO."), 0);
    }
}
