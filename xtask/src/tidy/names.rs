//! Names: a file is called after its topic.

use super::finding::Finding;
use super::tree::Tree;

const TOPICLESS: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "types"];
const EXTENSIONS: [&str; 3] = ["rs", "py", "js"];

/// Looks at the names of source files and of the directories they lie in.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let sources = EXTENSIONS.iter().flat_map(|extension| tree.with_extension(extension));
    sources.filter_map(|(path, _)| Some(finding(path, topicless_part(path)?))).collect()
}

fn finding(path: &str, part: &str) -> Finding {
    Finding::in_file(path, format!("`{part}` names no topic"), "name it after what lives there, or split it by topic")
}

fn topicless_part(path: &str) -> Option<&str> {
    path.split('/').map(stem).find(|part| TOPICLESS.contains(part))
}

fn stem(part: &str) -> &str {
    part.split_once('.').map_or(part, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topicless_files_and_directories_are_found() {
        let tree = Tree::of(&[("crates/a/src/utils.rs", ""), ("crates/a/tests/common/mod.rs", ""), ("web/helpers.js", "")]);
        assert_eq!(check(&tree).len(), 3);
    }

    #[test]
    fn a_name_that_only_contains_such_a_word_is_fine() {
        let tree = Tree::of(&[("crates/a/src/span_types.rs", ""), ("crates/a/src/utilisation.rs", ""), ("docs/types.md", "")]);
        assert!(check(&tree).is_empty());
    }
}
