//! Recorders for the usual destinations, wired.

use std::path::Path;

use flowglass_model::{Attributes, Resource, conventions};
use flowglass_record::{Recorder, RecorderBuilder};
use flowglass_store::{SinkOptions, SqliteStore, StoreError};

/// Keeps every run in one SQLite file, made on first use: `telemetry::sqlite(".flowglass/flowglass.db")`.
///
/// # Errors
/// If the file can't be made or written, isn't a Flowglass store, or is of a newer version.
pub fn sqlite(path: impl AsRef<Path>) -> Result<Recorder, StoreError> {
    let store = SqliteStore::create_or_open(path.as_ref())?;
    to_store(&store, SinkOptions::default()).map(RecorderBuilder::build)
}

/// Prepares a recorder that writes into this store, to be changed before it is built.
///
/// # Errors
/// If the store can't take another writer.
pub fn to_store(store: &SqliteStore, options: SinkOptions) -> Result<RecorderBuilder, StoreError> {
    Ok(Recorder::builder().resource(resource()).sink("store", store.sink(options)?))
}

/// Keeps runs in memory only, as long as the program holds them.
#[must_use]
pub fn memory() -> Recorder {
    Recorder::in_memory()
}

/// Records nothing.
#[must_use]
pub fn off() -> Recorder {
    Recorder::off()
}

/// Says who records: this program, on this host, in this process.
#[must_use]
pub fn resource() -> Resource {
    let program = std::env::current_exe().ok();
    let program = program.as_ref().and_then(|path| path.file_stem()).map(|name| name.to_string_lossy().into_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    let mut attributes: Attributes = Vec::new();
    if let Some(program) = program {
        attributes.push((conventions::SERVICE_NAME.to_owned(), program.as_str().into()));
        attributes.push((conventions::PROCESS_EXECUTABLE_NAME.to_owned(), program.into()));
    }
    if let Some(host) = host.filter(|name| !name.is_empty()) {
        attributes.push((conventions::HOST_NAME.to_owned(), host.into()));
    }
    attributes.push((conventions::PROCESS_PID.to_owned(), i64::from(std::process::id()).into()));
    Resource { attributes, ..Resource::default() }
}
