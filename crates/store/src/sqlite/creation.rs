//! Making a store where none is, or finishing one whose making was cut off.

use std::path::Path;

use super::connection::{self, not_writable};
use super::lock::LockFolder;
use super::place::{self, Found};
use super::schema;
use crate::StoreError;

/// Says whether a store is there that was made to its end.
pub(super) fn is_finished(path: &Path) -> Result<bool, StoreError> {
    Ok(matches!(place::look(path)?, Found::Store { complete: true, .. }) && !place::was_cut_off(path))
}

/// Makes the store at `path`, and the folders above it.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| match error.kind() {
            std::io::ErrorKind::StorageFull => StoreError::io(folder, "create", error),
            _ => not_writable(path, &error).with_source(error),
        })?;
    }
    let _gate = LockFolder::of(path).enter()?;
    // Another process may have finished it while this one waited.
    if is_finished(path)? {
        return Ok(());
    }
    match place::look(path)? {
        Found::Store { version, .. } if version > schema::FORMAT_VERSION => Err(place::newer(path, version)),
        _ => connection::create(path),
    }
}
