//! Lock files: one for each living writer, and a gate that creation and clean-up pass one at a time.
//!
//! The operating system releases the lock of a process that dies, however it dies, so that a lock that can be taken proves
//! the writer's death; a process id would not, because it may be another process's by then.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use flowglass_model::WriterId;

use super::connection::{BUSY_WAIT, not_writable};
use super::place::beside;
use crate::{StoreError, StoreErrorKind};

const GATE: &str = "gate.lock";
const LEASE: &str = "merge.lock";

/// The folder with the lock files of a store's writers, beside the store's file.
#[derive(Debug, Clone)]
pub(super) struct LockFolder {
    path: PathBuf,
}

/// A lock that a living writer holds; its file goes when it is dropped.
#[derive(Debug)]
pub(super) struct WriterLock {
    path: PathBuf,
    id: WriterId,
    /// Open as long as the lock is held.
    _file: File,
}

/// Held while a store is created, or a writer comes and clears up after dead ones.
#[derive(Debug)]
pub(super) struct Gate {
    _file: File,
}

/// Held by the one process that merges segments at a time; the system releases it when that process dies.
#[derive(Debug)]
pub(super) struct Lease {
    _file: File,
}

impl LockFolder {
    pub(super) fn of(store: &Path) -> Self {
        Self { path: beside(store, "-writers") }
    }

    /// Waits until no other process is in the gate, and goes in.
    ///
    /// # Errors
    /// `NotWritable`, `Full`, `Busy`, `Io`.
    pub(super) fn enter(&self) -> Result<Gate, StoreError> {
        std::fs::create_dir_all(&self.path).map_err(|error| self.failed(error))?;
        let file = create(&self.path.join(GATE)).map_err(|error| self.failed(error))?;
        let deadline = Instant::now() + BUSY_WAIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Gate { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
                Err(TryLockError::WouldBlock) => return Err(self.busy()),
                Err(TryLockError::Error(error)) => return Err(self.failed(error)),
            }
        }
    }

    /// Becomes the one that merges, unless another is at it.
    ///
    /// # Errors
    /// `NotWritable`, `Full`, `Io`.
    pub(super) fn lease(&self) -> Result<Option<Lease>, StoreError> {
        let file = create(&self.path.join(LEASE)).map_err(|error| self.failed(error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lease { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.failed(error)),
        }
    }

    /// Waits until nobody else merges, and becomes the one that does.
    ///
    /// # Errors
    /// `NotWritable`, `Full`, `Busy`, `Io`.
    pub(super) fn lease_in_time(&self) -> Result<Lease, StoreError> {
        let deadline = Instant::now() + BUSY_WAIT;
        loop {
            match self.lease()? {
                Some(lease) => return Ok(lease),
                None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                None => {
                    let message =
                        format!("another process is merging segments of the store at {}; try again", self.path.display());
                    return Err(StoreError::new(StoreErrorKind::Busy, message));
                }
            }
        }
    }

    /// Makes and takes the lock of a new writer.
    ///
    /// # Errors
    /// `NotWritable`, `Full`, `Io`.
    pub(super) fn take(&self, _gate: &Gate) -> Result<WriterLock, StoreError> {
        let id = WriterId::random();
        let path = self.file(id);
        let file = create(&path).map_err(|error| self.failed(error))?;
        file.lock().map_err(|error| self.failed(error))?;
        Ok(WriterLock { path, id, _file: file })
    }

    /// Says whether the writer with this lock lives. Where that can't be found out, it does.
    pub(super) fn is_held(&self, id: WriterId) -> bool {
        match File::open(self.file(id)) {
            Ok(file) => file.try_lock_shared().is_err(),
            Err(error) => error.kind() != ErrorKind::NotFound,
        }
    }

    /// Removes the lock files of dead writers, those included that died before they wrote anything.
    pub(super) fn sweep(&self, _gate: &Gate) {
        let names = std::fs::read_dir(&self.path).into_iter().flatten().flatten().map(|entry| entry.file_name());
        for id in names.filter_map(|name| name.to_str()?.strip_suffix(".lock")?.parse().ok()) {
            if !self.is_held(id) {
                // A file that stays is found again by the next writer.
                let _ = std::fs::remove_file(self.file(id));
            }
        }
    }

    fn file(&self, id: WriterId) -> PathBuf {
        self.path.join(format!("{id}.lock"))
    }

    fn failed(&self, error: io::Error) -> StoreError {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::io(&self.path, "lock", error),
            _ => not_writable(&self.path, &error).with_source(error),
        }
    }

    fn busy(&self) -> StoreError {
        let message = format!("{} is being set up by another process; try again", self.path.display());
        StoreError::new(StoreErrorKind::Busy, message)
    }
}

fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).open(path)
}

impl WriterLock {
    /// Returns what names the lock.
    pub(super) const fn id(&self) -> WriterId {
        self.id
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // A file that stays is removed by the next writer.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let locks = LockFolder::of(&folder.path().join("a.db"));
        let gate = locks.enter().unwrap();
        let lock = locks.take(&gate).unwrap();
        let id = lock.id();
        assert!(locks.is_held(id));
        locks.sweep(&gate);
        assert!(locks.is_held(id));
        drop(lock);
        assert!(!locks.is_held(id));
        assert_eq!(std::fs::read_dir(&locks.path).unwrap().count(), 1, "only the gate is left");
    }

    #[test]
    fn one_merges_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let locks = LockFolder::of(&folder.path().join("a.db"));
        drop(locks.enter().unwrap());
        let lease = locks.lease().unwrap();
        assert!(lease.is_some() && locks.lease().unwrap().is_none());
        drop(lease);
        assert!(locks.lease().unwrap().is_some());
    }

    #[test]
    fn what_a_dead_writer_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let locks = LockFolder::of(&folder.path().join("a.db"));
        let gate = locks.enter().unwrap();
        let dead = WriterId::random();
        create(&locks.file(dead)).unwrap();
        create(&locks.path.join("notes.lock")).unwrap();
        assert!(!locks.is_held(dead));
        locks.sweep(&gate);
        assert!(!locks.file(dead).exists() && locks.path.join("notes.lock").exists());
    }

    #[test]
    fn a_place_that_can_not_be_written_is_named() {
        let error = LockFolder::of(Path::new("/dev/null/a.db")).enter().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NotWritable);
        assert!(error.to_string().contains("/dev/null"), "{error}");
    }
}
