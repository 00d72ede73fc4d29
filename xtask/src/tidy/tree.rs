//! The repository as the checks see it: paths and texts, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

const TEXT_EXTENSIONS: [&str; 10] = ["rs", "md", "toml", "sh", "py", "js", "css", "html", "yml", "yaml"];

/// All files of a repository by their path from its root, with `/` between the parts.
pub(super) struct Tree {
    texts: BTreeMap<String, String>,
    paths: BTreeSet<String>,
    file_count: usize,
}

impl Tree {
    /// Reads a repository, without what builds and tools leave behind.
    pub(super) fn read(root: &Path) -> io::Result<Tree> {
        let mut files = Vec::new();
        walk(root, "", &mut files)?;
        let mut texts = BTreeMap::new();
        for path in files.iter().filter(|path| is_text(path)) {
            // A file that is not UTF-8 is data for some test, whatever its name says.
            if let Ok(text) = String::from_utf8(fs::read(root.join(path))?) {
                texts.insert(path.clone(), text);
            }
        }
        Ok(Tree { paths: with_directories(&files), file_count: files.len(), texts })
    }

    /// Makes a repository up.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Tree {
        let texts: BTreeMap<String, String> = files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect();
        let names: Vec<String> = texts.keys().cloned().collect();
        Tree { paths: with_directories(&names), file_count: names.len(), texts }
    }

    /// Counts the files, those without text included.
    pub(super) fn file_count(&self) -> usize {
        self.file_count
    }

    /// Tells whether there is a file or a directory of this path.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Gives the text of a file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Gives path and text of all files with an extension, in the order of their paths.
    pub(super) fn with_extension(&self, extension: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().filter(move |(path, _)| has_extension(path, extension)).map(|(path, text)| (&**path, &**text))
    }

    /// Gives the manifests of the workspace's crates: folder name, path and text.
    pub(super) fn manifests(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.with_extension("toml").filter_map(|(path, text)| Some((crate_of_manifest(path)?, path, text)))
    }
}

fn crate_of_manifest(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("/Cargo.toml")?;
    match folder.strip_prefix("crates/") {
        Some(name) if !name.contains('/') => Some(name),
        None if folder == "xtask" => Some(folder),
        _ => None,
    }
}

fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

fn is_text(path: &str) -> bool {
    TEXT_EXTENSIONS.iter().any(|extension| has_extension(path, extension))
}

fn walk(root: &Path, directory: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(directory))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && !is_left_behind(&name) {
            walk(root, &path, files)?;
        } else if kind.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn is_left_behind(directory: &str) -> bool {
    const KEPT: [&str; 3] = [".cargo", ".ci", ".github"];
    let is_hidden = directory.starts_with('.') && !KEPT.contains(&directory);
    is_hidden || matches!(directory, "target" | "node_modules" | "__pycache__")
}

fn with_directories(files: &[String]) -> BTreeSet<String> {
    let mut paths = BTreeSet::from([String::new()]);
    for file in files {
        let mut path = file.as_str();
        while paths.insert(path.to_owned()) {
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_paths_too() {
        let tree = Tree::of(&[("docs/guide/start.md", ""), ("docs/b.md", "")]);
        for path in ["", "docs", "docs/guide", "docs/guide/start.md"] {
            assert!(tree.contains(path), "{path}");
        }
        assert!(!tree.contains("doc"));
        assert_eq!(tree.file_count(), 2);
    }

    #[test]
    fn only_members_have_manifests() {
        let tree = Tree::of(&[
            ("Cargo.toml", ""),
            ("crates/model/Cargo.toml", ""),
            ("crates/model/tests/sample/Cargo.toml", ""),
            ("xtask/Cargo.toml", ""),
        ]);
        let folders: Vec<&str> = tree.manifests().map(|(folder, _, _)| folder).collect();
        assert_eq!(folders, ["model", "xtask"]);
    }

    #[test]
    fn this_repository_is_read_without_its_builds() {
        let tree = Tree::read(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap();
        assert!(tree.text("xtask/src/tidy/tree.rs").is_some());
        assert!(tree.contains(".ci/run"));
        assert!(!tree.contains("target"));
        assert!(!tree.contains(".git/HEAD"));
    }
}
