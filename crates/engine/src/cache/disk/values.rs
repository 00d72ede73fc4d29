//! Large values of a cache on disk: one file each, named by its content.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use crate::cache::{CacheError, ValueStore};
use crate::value::KeyDigest;

/// A file that no entry names is left alone for this long: the entry may be about to be written.
const GRACE: Duration = Duration::from_secs(3_600);
const TEMPORARY: &str = "tmp";

/// The folder of a cache's large values. Files are written beside their place and renamed into it, so a reader sees a whole
/// file or none.
#[derive(Debug, Clone)]
pub(super) struct Values {
    folder: Arc<Path>,
}

/// A value's file.
pub(super) struct ValueFile {
    pub(super) path: PathBuf,
    /// `None` for a file that is still being written, or never will be finished.
    pub(super) digest: Option<KeyDigest>,
    pub(super) size_bytes: u64,
    /// Whether it may belong to an entry that is about to be written.
    pub(super) is_young: bool,
}

impl Values {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    fn path(&self, digest: &KeyDigest) -> PathBuf {
        let name = blake3::Hash::from_bytes(*digest).to_hex();
        let (shelf, rest) = name.split_at(2);
        self.folder.join(shelf).join(rest)
    }

    /// Lists all files.
    pub(super) fn files(&self) -> io::Result<Vec<ValueFile>> {
        let mut files = Vec::new();
        for shelf in listing(&self.folder)? {
            for path in listing(&shelf)? {
                // A file that has gone meanwhile is no file.
                let Ok(metadata) = fs::metadata(&path) else { continue };
                let age = metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
                files.push(ValueFile {
                    digest: digest(&shelf, &path),
                    size_bytes: metadata.len(),
                    is_young: age.is_none_or(|age| age < GRACE),
                    path,
                });
            }
        }
        Ok(files)
    }
}

/// The digest that a file's name says.
fn digest(shelf: &Path, file: &Path) -> Option<KeyDigest> {
    let name = [shelf.file_name()?.to_str()?, file.file_name()?.to_str()?].concat();
    Some(*blake3::Hash::from_hex(name).ok()?.as_bytes())
}

fn listing(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(files) => files.map(|file| file.map(|file| file.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl ValueStore for Values {
    fn holds(&self, digest: &KeyDigest, size_bytes: u64) -> bool {
        fs::metadata(self.path(digest)).is_ok_and(|metadata| metadata.len() == size_bytes)
    }

    fn load(&self, digest: &KeyDigest) -> Result<Vec<u8>, CacheError> {
        let path = self.path(digest);
        fs::read(&path).map_err(|error| CacheError::new(format!("`{}` can't be read", path.display())).with_source(error))
    }

    fn put(&self, digest: &KeyDigest, bytes: &[u8]) -> Result<(), CacheError> {
        let path = self.path(digest);
        if self.holds(digest, bytes.len() as u64) && renew(&path).is_ok() {
            return Ok(());
        }
        write_whole(&path, bytes)
            .map_err(|error| CacheError::new(format!("`{}` can't be written", path.display())).with_source(error))
    }

    fn remove(&self, digest: &KeyDigest) -> Result<(), CacheError> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(CacheError::new(format!("`{}` can't be removed", path.display())).with_source(error))
            }
            _ => Ok(()),
        }
    }
}

/// Makes a file young again, because another entry is about to name it.
fn renew(path: &Path) -> io::Result<()> {
    File::options().append(true).open(path)?.set_modified(SystemTime::now())
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.{TEMPORARY}", std::process::id()));
    let written = fs::write(&temporary, bytes).or_else(|error| match (error.kind(), path.parent()) {
        (io::ErrorKind::NotFound, Some(shelf)) => {
            fs::create_dir_all(shelf)?;
            fs::write(&temporary, bytes)
        }
        _ => Err(error),
    });
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}
