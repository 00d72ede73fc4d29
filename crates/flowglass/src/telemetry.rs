//! Recorders for the usual destinations, wired.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use flowglass_model::{Attributes, Resource, Sink, conventions};
use flowglass_otlp::{ExportError, ExportOptions, Exporter, ExporterBuilder, options_from, resource_attributes_from};
use flowglass_record::{Recorder, RecorderBuilder};
use flowglass_store::{SinkOptions, SqliteStore, Store, StoreError};
use flowglass_term::console::Console;

/// Keeps every run in one SQLite file, made on first use: `telemetry::sqlite(".flowglass/flowglass.db")`.
///
/// # Errors
/// If the file can't be made or written, isn't a Flowglass store, or is of a newer version.
pub fn sqlite(path: impl AsRef<Path>) -> Result<Recorder, StoreError> {
    let store = SqliteStore::create_or_open(path.as_ref())?;
    to_store(&store, SinkOptions::default()).map(RecorderBuilder::build)
}

/// Prepares a recorder that writes into this store, of whatever kind, to be changed before it is built: with more
/// [`sink`](RecorderBuilder::sink)s, it writes into several stores at once.
///
/// # Errors
/// If the store can't take another writer.
pub fn to_store(store: &dyn Store, options: SinkOptions) -> Result<RecorderBuilder, StoreError> {
    Ok(to_sink("store", store.sink(options)?))
}

/// Prepares a recorder that writes into this sink of your own, to be changed before it is built. The name stands in errors and counts.
pub fn to_sink(name: &str, sink: impl Sink) -> RecorderBuilder {
    recording().sink(name, sink)
}

/// Sends everything to an OTLP receiver: `telemetry::otlp("http://localhost:4318")`; see [`Exporter::builder`] for addresses.
///
/// # Errors
/// If the address isn't one.
pub fn otlp(address: &str) -> Result<Recorder, ExportError> {
    Ok(to_exporter(Exporter::builder(address).build()?).build())
}

/// Prepares a recorder that sends through this exporter, to be changed before it is built. It sends once a second, or when there
/// is enough.
pub fn to_exporter(exporter: Exporter) -> RecorderBuilder {
    recording().export_interval(Duration::from_secs(1)).sink("otlp", exporter)
}

/// Draws every trace on standard error as a tree once it has ended, and logs as lines: `telemetry::console()`. In colour on a
/// terminal, unless `NO_COLOR` is set.
#[must_use]
pub fn console() -> Recorder {
    to_console(own_console()).build()
}

/// Makes the console of this process.
pub(crate) fn own_console() -> Console {
    let is_terminal = std::io::stderr().is_terminal() && variable("NO_COLOR").is_none_or(|word| word.is_empty());
    let width = variable("COLUMNS").and_then(|columns| columns.parse().ok()).unwrap_or(100);
    let options = flowglass_term::Options { width, color: is_terminal, unicode: true };
    Console::new(std::io::stderr(), options)
}

/// Prepares a recorder that draws on this console, to be changed before it is built.
pub fn to_console(console: Console) -> RecorderBuilder {
    recording().sink("console", console)
}

/// Prepares an exporter to what somebody wrote: an address, or the name of a service (`jaeger`, `tempo`, `logfire`, `honeycomb`); see
/// [`ExporterBuilder::named`]. The environment completes it. Returns also warnings about variables that mean nothing.
///
/// # Errors
/// If it is no address, or the service's token isn't in the environment.
pub fn exporter_named(text: &str) -> Result<(ExporterBuilder, Vec<String>), ExportError> {
    ExporterBuilder::named(text, variable)
}

/// Makes the exporter that the standard variables `OTEL_EXPORTER_OTLP_*` of the environment ask for, or none if they don't. Returns
/// also warnings about variables that mean nothing.
///
/// # Errors
/// If an address, a header or a certificate that they name can't be used.
pub fn exporter_from_environment() -> Result<(Option<Exporter>, Vec<String>), ExportError> {
    let (options, warnings) = export_options_from_environment();
    Ok((options.map(|options| Exporter::new(&options)).transpose()?, warnings))
}

/// Returns what the standard variables of the environment say about exporting, to be changed before an exporter is made; see
/// [`exporter_from_environment`].
#[must_use]
pub fn export_options_from_environment() -> (Option<ExportOptions>, Vec<String>) {
    options_from(variable)
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

/// Prepares a recorder that says who records, and what this process uses.
pub(crate) fn recording() -> RecorderBuilder {
    Recorder::builder().resource(resource()).process_metrics(true)
}

/// Says who records: this program, on this host, in this process, and what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say.
#[must_use]
pub fn resource() -> Resource {
    let mut resource = own_resource();
    for (key, value) in resource_attributes_from(variable) {
        resource.attributes.retain(|(known, _)| *known != key);
        resource.attributes.push((key, value));
    }
    resource
}

/// Says who records: this program, on this host, in this process.
pub(crate) fn own_resource() -> Resource {
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

#[expect(clippy::disallowed_methods, reason = "the facade is where the environment is read")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
