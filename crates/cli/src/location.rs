//! Where the store and the cache are.

use std::path::{Path, PathBuf};

use flowglass::store::SqliteStore;

use crate::arguments::StoreArgument;
use crate::failure::Failure;

/// The variable that names the store where no argument does.
pub(crate) const VARIABLE: &str = "FLOWGLASS_STORE";
const FOLDER: &str = ".flowglass";
const FILE: &str = "flowglass.db";

impl StoreArgument {
    /// The store's file: what was named, else the one in the nearest `.flowglass/` upwards, else one here.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        match self.named() {
            Some(url) if url.contains("://") => match url.strip_prefix("sqlite://") {
                Some(path) => Ok(PathBuf::from(path)),
                None => Err(Failure::usage(format!("`{url}`: only files can be stores in this version; give a path"))),
            },
            Some("") => Err(Failure::usage("the store's path is empty")),
            Some(path) => Ok(PathBuf::from(path)),
            None => {
                let here = std::env::current_dir()
                    .map_err(|error| Failure::usage(format!("the current folder can't be found: {error}")))?;
                Ok(nearest(&here).unwrap_or_else(|| here.join(FOLDER)).join(FILE))
            }
        }
    }

    /// What was named as the store. An empty variable is one that is not set, as in many other programs;
    /// an empty argument is a mistake.
    fn named(&self) -> Option<&str> {
        #[expect(clippy::disallowed_methods, reason = "the environment is this command's to read")]
        let is_from_empty_variable = || std::env::var_os(VARIABLE).is_some_and(|value| value.is_empty());
        self.store.as_deref().filter(|named| !(named.is_empty() && is_from_empty_variable()))
    }

    /// Opens the store to read.
    pub(crate) fn open(&self) -> Result<SqliteStore, Failure> {
        Ok(SqliteStore::open(&self.path()?)?)
    }
}

/// The cache's folder: in `.flowglass/` with the store, or beside a store with a name of its own.
pub(crate) fn cache_beside(store: &Path) -> PathBuf {
    match store.file_name().and_then(|name| name.to_str()) {
        Some(FILE) => store.with_file_name("cache"),
        _ => store.with_extension("cache"),
    }
}

/// The folder of what waits to be sent: in `.flowglass/` with the store, or beside a store with a name of its own.
pub(crate) fn spool_beside(store: &Path) -> PathBuf {
    match store.file_name().and_then(|name| name.to_str()) {
        Some(FILE) => store.with_file_name("spool"),
        _ => store.with_extension("spool"),
    }
}

fn nearest(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(FOLDER)).find(|folder| folder.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_lies_with_the_store() {
        assert_eq!(cache_beside(Path::new("/a/.flowglass/flowglass.db")), Path::new("/a/.flowglass/cache"));
        assert_eq!(cache_beside(Path::new("/a/team.db")), Path::new("/a/team.cache"));
    }

    #[test]
    fn the_nearest_folder_upwards_is_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join(".flowglass")).unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        assert_eq!(nearest(&root.path().join("a/b")), Some(root.path().join(".flowglass")));
    }
}
