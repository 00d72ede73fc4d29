//! Paths that people write: made absolute, and short where that can't change what they mean.
//!
//! `.` and `..` are taken out by their text alone, and no symbolic link is resolved: what a command is given is what was
//! written, only shorter. A `..` goes only together with an existing folder that is no symbolic link, because after a link it
//! leads beside the link's target, and after nothing it leads nowhere. A `/` at the end stays, since some commands heed it.

use std::path::{Component, Path, PathBuf};

/// Joins a path to a folder and takes out what `.` and `..` make superfluous.
pub(crate) fn absolute(path: &Path, base: &Path) -> PathBuf {
    shortened(&base.join(path))
}

/// Takes `.` and `..` out of an absolute path where that can't change what it means.
pub(crate) fn shortened(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if is_removable(&short) => {
                short.pop();
            }
            _ => short.push(component),
        }
    }
    let names_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if names_folder {
        // An empty name puts a `/` at the end.
        short.push("");
    }
    short
}

/// Says whether `..` after a path is the same as its parent. The root is its own parent.
fn is_removable(path: &Path) -> bool {
    path.is_absolute() && !path.ends_with("..") && path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
            std::fs::write(folder.path().join("file"), "").unwrap();
            symlink("a/b", folder.path().join("link")).unwrap();
            Self(folder)
        }

        /// What a path below the tree becomes, below the tree again.
        fn short(&self, path: &str) -> String {
            let short = absolute(Path::new(path), self.0.path());
            short.to_str().unwrap().strip_prefix(self.0.path().to_str().unwrap()).unwrap().to_owned()
        }
    }

    #[test]
    fn existing_folders_go_with_what_leads_out_of_them() {
        let tree = Tree::new();
        assert_eq!(tree.short("a/b/../../x"), "/x");
        assert_eq!(tree.short("./a/./b"), "/a/b");
        assert_eq!(tree.short("."), "");
        assert_eq!(tree.short("a/.."), "");
        assert_eq!(tree.short("a//b/"), "/a/b/");
    }

    #[test]
    fn what_may_mean_something_else_stays() {
        let tree = Tree::new();
        assert_eq!(tree.short("link/../x"), "/link/../x");
        assert_eq!(tree.short("file/../x"), "/file/../x");
        assert_eq!(tree.short("none/../x"), "/none/../x");
        assert_eq!(tree.short("link/../../x"), "/link/../../x");
        assert_eq!(tree.short("link"), "/link");
    }

    #[test]
    fn above_the_root_is_the_root() {
        assert_eq!(absolute(Path::new("../../x"), Path::new("/")), Path::new("/x"));
        assert_eq!(absolute(Path::new("/../y"), Path::new("/b")), Path::new("/y"));
    }
}
