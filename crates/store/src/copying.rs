//! Any store as a SQLite file with plain tables: by way of a store in a file, which has them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Exported, ImportTimes, Selection, SqliteStore, StoreError};

/// Writes batches as plain tables into a new SQLite file, and returns how many rows there are.
pub(crate) fn copy(batches: Exported<'_>, path: &Path, selection: &Selection) -> Result<u64, StoreError> {
    SqliteStore::refuse_to_replace(path)?;
    let between = Between::beside(path)?;
    let file = SqliteStore::create_or_open(&between.0.join("store.db"))?;
    // The file is new and knows nothing: no time of it has to be compared.
    let mut importer = file.import(ImportTimes::default())?;
    for batch in batches {
        importer.add(&batch?)?;
    }
    drop(importer);
    file.copy_to_sqlite(path, selection)
}

/// A folder that is gone when it was used.
struct Between(PathBuf);

impl Between {
    fn beside(path: &Path) -> Result<Self, StoreError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".copying");
        let folder = path.with_file_name(name);
        fs::create_dir(&folder).map_err(|error| StoreError::io(&folder, "create", error))?;
        Ok(Self(folder))
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        // What is left behind is in nobody's way but that of the next copy, which says so.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance::Recording;
    use crate::query::Query;
    use crate::{MemoryStore, SinkOptions, Store, StoreErrorKind};

    #[test]
    fn a_store_in_memory_becomes_plain_tables() {
        let store = MemoryStore::new();
        let mut sink = store.sink(SinkOptions::default()).unwrap();
        let mut recording = Recording::new(3);
        (0..5).for_each(|_| sink.write(&recording.batch(10)).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.db");
        let store: Arc<dyn Store> = Arc::new(store);
        assert!(store.copy_to_sqlite(&path, &Selection::default()).unwrap() > 0);
        let copy = rusqlite::Connection::open(&path).unwrap();
        let spans: u64 = copy.query_row("SELECT count(*) FROM spans", [], |row| row.get(0)).unwrap();
        assert_eq!(spans, store.count(&Query::spans()).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        let again = store.copy_to_sqlite(&path, &Selection::default()).unwrap_err();
        assert_eq!(again.kind(), StoreErrorKind::NotWritable);
    }
}
