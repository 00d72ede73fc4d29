//! Machine paths: documents name no directory that exists on one machine only.

use super::finding::Finding;
use super::tree::Tree;

const DIRECTORIES: [&str; 5] = ["/mnt/", "/root/", "/tmp/", "/home/", "/Users/"];

/// Looks through every line of every Markdown file, code included.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("md").flat_map(|(path, text)| check_text(path, text)).collect()
}

fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(index, line)| {
            DIRECTORIES.iter().filter(move |name| names_directory(line, name)).map(move |name| (index, name))
        })
        .map(|(index, name)| {
            let what = format!("`{name}` is a path of one machine");
            Finding::on_line(path, index + 1, what, "write it from the repository's root, or as the reader's own")
        })
        .collect()
}

/// Tells whether a line names a directory from the root of a disk, not as part of a longer path or address.
fn names_directory(line: &str, directory: &str) -> bool {
    let is_path = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | '~' | '/' | '}' | '$');
    line.match_indices(directory).any(|(start, _)| {
        let before = &line[..start];
        before.ends_with("file://") || !before.ends_with(is_path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        check(&Tree::of(&[("docs/a.md", text)])).len()
    }

    #[test]
    fn machine_paths_are_found() {
        assert_eq!(found("see `/mnt/place`? no: /mnt/place/x\n\n    cat /tmp/x\n(file:///root/x)"), 3);
    }

    #[test]
    fn longer_paths_and_addresses_are_fine() {
        assert_eq!(found("crates/mnt/a https://example.org/tmp/x ./tmp/x ~/tmp/x $HOME/root/x /tmpfile"), 0);
    }
}
