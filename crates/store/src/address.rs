//! From an address to the store that it names: the one place that knows all kinds of stores.

use std::path::PathBuf;
use std::sync::Arc;

use crate::{MemoryStore, PostgresOptions, PostgresStore, SqliteStore, Store, StoreError, StoreErrorKind};

/// Opens the store at an address, and makes it if it isn't there: for programs that write.
///
/// | address | store |
/// | --- | --- |
/// | `runs.db`, `sqlite:runs.db`, `sqlite:///data/runs.db` | a file ([`SqliteStore`]) |
/// | `postgres://user:password@host/database` | a database on a server ([`PostgresStore`]) |
/// | `memory:` | a new one in memory ([`MemoryStore`]) |
///
/// ```
/// let store = flowglass_store::create_or_open("memory:")?;
/// assert_eq!(store.location(), "memory:");
/// assert!(flowglass_store::create_or_open("mysql://host/runs").is_err());
/// # Ok::<_, flowglass_store::StoreError>(())
/// ```
///
/// # Errors
/// `BadAddress`, or as [`SqliteStore::create_or_open`] and [`PostgresStore::create_or_open`].
pub fn create_or_open(address: &str) -> Result<Arc<dyn Store>, StoreError> {
    create_or_open_with(address, PostgresOptions::default())
}

/// Opens the store at an address as [`create_or_open`] does. Where it is on a server, what the address doesn't say is as in `options`.
///
/// # Errors
/// As [`create_or_open`].
pub fn create_or_open_with(address: &str, options: PostgresOptions) -> Result<Arc<dyn Store>, StoreError> {
    match Address::parse(address)? {
        Address::Memory => Ok(Arc::new(MemoryStore::new())),
        Address::File(path) => Ok(Arc::new(SqliteStore::create_or_open(&path)?)),
        Address::Server(address) => Ok(Arc::new(PostgresStore::create_or_open(&address, options)?)),
    }
}

/// Opens the store at an address, which must be there: for programs that only read. See [`create_or_open`] for addresses.
///
/// # Errors
/// `BadAddress`, or as [`SqliteStore::open`] and [`PostgresStore::open`].
pub fn open(address: &str) -> Result<Arc<dyn Store>, StoreError> {
    open_with(address, PostgresOptions::default())
}

/// Opens the store at an address as [`open`] does. Where it is on a server, what the address doesn't say is as in `options`.
///
/// # Errors
/// As [`open`].
pub fn open_with(address: &str, options: PostgresOptions) -> Result<Arc<dyn Store>, StoreError> {
    match Address::parse(address)? {
        Address::Memory => Ok(Arc::new(MemoryStore::new())),
        Address::File(path) => Ok(Arc::new(SqliteStore::open(&path)?)),
        Address::Server(address) => Ok(Arc::new(PostgresStore::open(&address, options)?)),
    }
}

#[derive(Debug, PartialEq)]
enum Address {
    Memory,
    File(PathBuf),
    Server(String),
}

impl Address {
    fn parse(address: &str) -> Result<Self, StoreError> {
        if address == "memory:" {
            return Ok(Self::Memory);
        }
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            return Ok(Self::Server(address.to_owned()));
        }
        let path = address.strip_prefix("sqlite://").or_else(|| address.strip_prefix("sqlite:")).unwrap_or(address);
        if path.is_empty() {
            return Err(bad(address, "it names no file"));
        }
        match path.split_once("://") {
            Some((scheme, _)) => {
                Err(bad(address, &format!("`{scheme}` is no kind of store; there are `sqlite:`, `postgres://` and `memory:`")))
            }
            None => Ok(Self::File(path.into())),
        }
    }
}

fn bad(address: &str, why: &str) -> StoreError {
    // What stands before an `@` may be a password.
    let shown = address.rsplit('@').next().unwrap_or(address);
    StoreError::new(StoreErrorKind::BadAddress, format!("`{shown}` can't be a store: {why}; give a path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_stores() {
        let file = |path: &str| Some(Address::File(path.into()));
        let parse = |address| Address::parse(address).ok();
        assert_eq!(parse("runs.db"), file("runs.db"));
        assert_eq!(parse("sqlite:runs.db"), file("runs.db"));
        assert_eq!(parse("sqlite:///data/runs.db"), file("/data/runs.db"));
        assert_eq!(parse("memory:"), Some(Address::Memory));
        for server in ["postgres://h/db", "postgresql://h/db?schema=x"] {
            assert_eq!(parse(server), Some(Address::Server(server.to_owned())));
        }
        let error = Address::parse("mysql://me:secret@host/runs").unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::BadAddress);
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(Address::parse("").is_err() && Address::parse("sqlite:").is_err());
    }
}
