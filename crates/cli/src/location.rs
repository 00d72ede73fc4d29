//! Where the store and the cache are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowglass::store::{PostgresOptions, SqliteStore, Store, create_or_open_with, open_with};

use crate::arguments::StoreArgument;
use crate::failure::Failure;

/// The variable that names the store where no argument does.
pub(crate) const VARIABLE: &str = "FLOWGLASS_STORE";
const FOLDER: &str = ".flowglass";
const FILE: &str = "flowglass.db";

/// Where a store is: in a file, or at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// A file.
    File(PathBuf),
    /// A server, or memory.
    Address(String),
}

impl StoreArgument {
    /// The store's place: what was named, else the file in the nearest `.flowglass/` upwards, else one here.
    pub(crate) fn location(&self) -> Result<Location, Failure> {
        match self.named() {
            Some("") => Err(Failure::usage("the store's path is empty")),
            Some(named) => Ok(Location::named(named)),
            None => Ok(Location::File(own_folder()?.join(FILE))),
        }
    }

    /// The store's file, for what only files can do.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        match self.location()? {
            Location::File(path) => Ok(path),
            Location::Address(_) => Err(Failure::usage("this works on a file only, and the store is none; give a path")),
        }
    }

    /// What was named as the store. An empty variable is one that is not set, as in many other programs;
    /// an empty argument is a mistake.
    fn named(&self) -> Option<&str> {
        #[expect(clippy::disallowed_methods, reason = "the environment is this command's to read")]
        let is_from_empty_variable = || std::env::var_os(VARIABLE).is_some_and(|value| value.is_empty());
        self.store.as_deref().filter(|named| !(named.is_empty() && is_from_empty_variable()))
    }

    /// Opens the store's file to read, for what only files can do.
    pub(crate) fn open(&self) -> Result<SqliteStore, Failure> {
        Ok(SqliteStore::open(&self.path()?)?)
    }

    /// Opens the store, whatever kind it is of, to ask it.
    pub(crate) fn any(&self) -> Result<Arc<dyn Store>, Failure> {
        let location = self.location()?;
        match &location {
            Location::File(path) => Ok(Arc::new(SqliteStore::open(path)?)),
            Location::Address(address) => Ok(open_with(address, location.options()?)?),
        }
    }

    /// Opens the store, whatever kind it is of, and makes it if it isn't there.
    pub(crate) fn any_or_new(&self) -> Result<Arc<dyn Store>, Failure> {
        let location = self.location()?;
        match &location {
            Location::File(path) => Ok(Arc::new(SqliteStore::create_or_open(path)?)),
            Location::Address(address) => Ok(create_or_open_with(address, location.options()?)?),
        }
    }
}

impl Location {
    fn named(named: &str) -> Self {
        match named.strip_prefix("sqlite://").or_else(|| named.strip_prefix("sqlite:")) {
            Some(path) => Self::File(path.into()),
            None if named.contains("://") || named == "memory:" => Self::Address(named.to_owned()),
            None => Self::File(named.into()),
        }
    }

    /// What waits for a server lies with what else belongs to this place.
    fn options(&self) -> Result<PostgresOptions, Failure> {
        Ok(PostgresOptions { spool: Some(self.spool()?), ..PostgresOptions::default() })
    }

    /// The cache's folder: in `.flowglass/` with the store, or beside a store with a name of its own.
    pub(crate) fn cache(&self) -> Result<PathBuf, Failure> {
        self.beside("cache")
    }

    /// The folder of what waits to be sent, beside the cache.
    pub(crate) fn spool(&self) -> Result<PathBuf, Failure> {
        self.beside("spool")
    }

    fn beside(&self, what: &str) -> Result<PathBuf, Failure> {
        match self {
            Self::File(store) => match store.file_name().and_then(|name| name.to_str()) {
                Some(FILE) => Ok(store.with_file_name(what)),
                _ => Ok(store.with_extension(what)),
            },
            // A server has no folder here.
            Self::Address(_) => Ok(own_folder()?.join(what)),
        }
    }
}

/// The nearest `.flowglass/` upwards, else one here.
fn own_folder() -> Result<PathBuf, Failure> {
    let here =
        std::env::current_dir().map_err(|error| Failure::usage(format!("the current folder can't be found: {error}")))?;
    Ok(nearest(&here).unwrap_or_else(|| here.join(FOLDER)))
}

fn nearest(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(FOLDER)).find(|folder| folder.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_lies_with_the_store() {
        let cache = |named: &str| Location::named(named).cache().ok();
        assert_eq!(cache("/a/.flowglass/flowglass.db"), Some("/a/.flowglass/cache".into()));
        assert_eq!(cache("/a/team.db"), Some("/a/team.cache".into()));
        let of_server = Location::named("postgres://h/db");
        assert!(of_server.cache().ok().is_some_and(|path| path.ends_with(".flowglass/cache")));
        assert!(of_server.spool().ok().is_some_and(|path| path.ends_with(".flowglass/spool")));
    }

    #[test]
    fn addresses_and_paths_are_told_apart() {
        for path in ["runs.db", "sqlite:runs.db", "sqlite://runs.db"] {
            assert_eq!(Location::named(path), Location::File("runs.db".into()));
        }
        for address in ["postgres://me@host/db", "memory:", "mysql://host/db"] {
            assert_eq!(Location::named(address), Location::Address(address.to_owned()));
        }
    }

    #[test]
    fn the_nearest_folder_upwards_is_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join(".flowglass")).unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        assert_eq!(nearest(&root.path().join("a/b")), Some(root.path().join(".flowglass")));
    }
}
