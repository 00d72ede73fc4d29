//! Where the store and the cache are.

use std::path::PathBuf;
use std::sync::Arc;

use flowglass::config::{Config, StorePlace, nearest_folder};
use flowglass::store::{PostgresOptions, SqliteStore, Store, create_or_open_with, open_with};

use crate::arguments::StoreArgument;
use crate::configuration;
use crate::failure::Failure;

/// The variable that names the store where no argument does.
pub(crate) const VARIABLE: &str = "FLOWGLASS_STORE";
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
            None => configured(&configuration::load()?),
        }
    }

    /// Says whether a store was named, by the argument or the variable.
    pub(crate) fn is_named(&self) -> bool {
        self.named().is_some()
    }

    /// What was named as the store. An empty variable is one that is not set, as in many other programs;
    /// an empty argument is a mistake.
    fn named(&self) -> Option<&str> {
        #[expect(clippy::disallowed_methods, reason = "the environment is this command's to read")]
        let is_from_empty_variable = || std::env::var_os(VARIABLE).is_some_and(|value| value.is_empty());
        self.store.as_deref().filter(|named| !(named.is_empty() && is_from_empty_variable()))
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
        self.location()?.any_or_new()
    }
}

impl Location {
    /// This process's memory.
    pub(crate) fn memory() -> Self {
        Self::Address("memory:".to_owned())
    }

    fn named(named: &str) -> Self {
        match named.strip_prefix("sqlite://").or_else(|| named.strip_prefix("sqlite:")) {
            Some(path) => Self::File(path.into()),
            None if named.contains("://") || named == "memory:" => Self::Address(named.to_owned()),
            None => Self::File(named.into()),
        }
    }

    /// Opens the store, whatever kind it is of, and makes it if it isn't there.
    pub(crate) fn any_or_new(&self) -> Result<Arc<dyn Store>, Failure> {
        match self {
            Self::File(path) => Ok(Arc::new(SqliteStore::create_or_open(path)?)),
            Self::Address(address) => Ok(create_or_open_with(address, self.options()?)?),
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

/// The store's place as the configuration says it.
fn configured(config: &Config) -> Result<Location, Failure> {
    match config.store_place() {
        StorePlace::At(address) => Ok(Location::named(&address)),
        StorePlace::Memory => Ok(Location::memory()),
        _ => Err(Failure::usage("there is no store: `store.address` is `off`; `--store` names one")),
    }
}

/// The nearest `.flowglass/` upwards, else one here.
fn own_folder() -> Result<PathBuf, Failure> {
    let here =
        std::env::current_dir().map_err(|error| Failure::usage(format!("the current folder can't be found: {error}")))?;
    Ok(nearest_folder(&here))
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
}
