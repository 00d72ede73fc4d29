//! Connections to a store's file: how they are opened, and a few kept for reading.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::place::{self, Found, beside};
use super::schema::{self, Access, FORMAT_VERSION, OLDEST_VERSION};
use crate::{StoreError, StoreErrorKind, file_layer};

/// How long a process waits for another one that is writing.
pub(super) const BUSY_WAIT: Duration = Duration::from_secs(10);

const LOG_LIMIT_BYTES: i64 = 8 << 20;
const CHECKPOINT_PAGES: i64 = 1000;
const IDLE_READERS: usize = 4;

/// Opens a connection that writes to an existing store, and brings it to the newest format.
///
/// # Errors
/// `NotWritable`, `Newer`, `Corrupt`, `Busy`, `Io`.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let connection = open_file(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        protect(&connection)?;
        connection.pragma_update(None, "journal_size_limit", LOG_LIMIT_BYTES)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        Ok((connection.is_readonly("main")?, connection))
    };
    match open().map_err(|error| unless_newer(path, StoreError::sqlite(path, "open", error)))? {
        (true, _) => Err(not_writable(path, "the file is read-only")),
        (false, mut connection) => {
            if check_version(path, &connection, Access::Write)? < FORMAT_VERSION {
                schema::upgrade(&mut connection).map_err(|error| StoreError::sqlite(path, "upgrade", error))?;
            }
            Ok(connection)
        }
    }
}

/// A later format may keep other checksums of its pages: where its header says that it is later, that is what is wrong.
fn unless_newer(path: &Path, error: StoreError) -> StoreError {
    match place::look(path) {
        Ok(Found::Store { version, .. }) if version > FORMAT_VERSION => place::newer(path, version),
        _ => error,
    }
}

/// Opens a file through the layer that keeps its pages' checksums: every connection to a store must.
fn open_file(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    Connection::open_with_flags_and_vfs(path, flags, file_layer::name()?)
}

pub(super) fn not_writable(path: &Path, why: impl std::fmt::Display) -> StoreError {
    let message = format!(
        "can't write to {}: {why}; check the permissions of the file and its folder, or name another place",
        path.display()
    );
    StoreError::new(StoreErrorKind::NotWritable, message)
}

/// Makes the file's tables. The caller holds the gate, so that no other process does the same.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    let make = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = open_file(path, flags)?;
        protect(&connection)?;
        schema::create(&mut connection)
    };
    make().map_err(|error| StoreError::sqlite(path, "create", error))
}

/// Sets what every connection needs: patience, and no trust in what a hostile file's schema says.
fn protect(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Returns the format of the file, if this version may use it.
fn check_version(path: &Path, connection: &Connection, access: Access) -> Result<u32, StoreError> {
    let failed = |error| unless_newer(path, StoreError::sqlite(path, "read", error));
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    if version < OLDEST_VERSION {
        return Err(place::older(path, version));
    }
    match schema::least_version(connection, access) {
        Ok(least) if least > FORMAT_VERSION => Err(place::newer(path, version)),
        // What a later format calls its tables is unknown; what matters is that it is later.
        Err(_) if version > FORMAT_VERSION => Err(place::newer(path, version)),
        least => least.map(|_| version).map_err(failed),
    }
}

/// Opens connections that read, and keeps a few for the next reader.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Opens the first connection to a file that is there.
    ///
    /// # Errors
    /// `NotFound`, `NotOurs`, `Newer`, `Corrupt`, `Busy`, `Io`.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        match place::look(path)? {
            Found::Store { .. } => {}
            Found::Nothing | Found::Blank => return Err(nothing_recorded(path)),
        }
        let readers = Self { path: path.to_owned(), idle: Mutex::default() };
        readers.read(|_| Ok(()))?;
        Ok(readers)
    }

    /// Runs `question` on one consistent state of the store.
    ///
    /// # Errors
    /// Those of `question`, and those of opening.
    pub(super) fn read<T>(&self, question: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let mut reader = idle.map_or_else(|| open_reader(&self.path), |connection| Ok(Reader { connection, lasting: true }))?;
        let answer = {
            let transaction = reader
                .connection
                .transaction_with_behavior(TransactionBehavior::Deferred)
                .map_err(|error| StoreError::sqlite(&self.path, "read", error))?;
            question(&transaction)?
        };
        let mut idle = self.idle.lock();
        if reader.lasting && idle.len() < IDLE_READERS {
            idle.push(reader.connection);
        }
        Ok(answer)
    }
}

fn nothing_recorded(path: &Path) -> StoreError {
    let message = format!("there is no store at {}; it is made by the first recorded run", path.display());
    StoreError::new(StoreErrorKind::NotFound, message)
}

pub(super) struct Reader {
    pub(super) connection: Connection,
    /// Whether the connection sees what is written later.
    lasting: bool,
}

/// Opens a connection that reads.
///
/// # Errors
/// `Newer`, `Corrupt`, `Busy`, `Io`.
pub(super) fn open_reader(path: &Path) -> Result<Reader, StoreError> {
    let opened = match connect_reader(path, false) {
        Err(error) if needs_shared_memory(&error) && log_is_empty(path) => {
            connect_reader(path, true).map(|connection| Reader { connection, lasting: false })
        }
        opened => opened.map(|connection| Reader { connection, lasting: true }),
    };
    let reader = opened.map_err(|error| unless_newer(path, StoreError::sqlite(path, "read", error)))?;
    check_version(path, &reader.connection, Access::Read).map(|_| reader)
}

/// In a folder that can't be written, SQLite can't make the memory that readers and writers share. Where no log is left,
/// nobody writes, and the file alone is the whole store.
fn needs_shared_memory(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied))
}

fn log_is_empty(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).map_or(true, |metadata| metadata.len() == 0)
}

fn connect_reader(path: &Path, immutable: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if immutable {
        open_file(Path::new(&immutable_uri(path)), flags | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        open_file(path, flags)?
    };
    protect(&connection)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for character in path.to_string_lossy().chars() {
        match character {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            other => uri.push(other),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_alone_in_its_folder_can_be_read_as_immutable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd #%?.db");
        create(&path).unwrap();
        let connection = connect_reader(&path, true).unwrap();
        assert_eq!(schema::least_version(&connection, Access::Read).unwrap(), FORMAT_VERSION);
        assert!(log_is_empty(&path));
    }

    #[test]
    fn a_reader_can_not_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        create(&path).unwrap();
        assert!(connect_reader(&path, false).unwrap().execute("DELETE FROM meta", []).is_err());
    }

    #[test]
    fn a_file_has_its_marks_from_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        create(&path).unwrap();
        assert_eq!(place::look(&path).unwrap(), Found::Store { version: FORMAT_VERSION, complete: true });
        let connection = open_writer(&path).unwrap();
        let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((pragma("auto_vacuum"), pragma("page_size")), (2, 4096));
        create(&path).unwrap();
    }
}
