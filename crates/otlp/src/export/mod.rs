//! Sending batches to where OTLP is understood: collectors, Jaeger, Tempo, Logfire, Honeycomb, files.
//!
//! A sink writes requests on the recorder's thread for it and puts them into a bounded backlog, one for each signal. A thread
//! of its own sends them, tries again as OTLP says, and counts what is lost. A destination that is away slows nothing.

mod address;
mod answer;
mod backlog;
mod backoff;
mod body;
mod builder;
mod connection;
mod destination;
mod environment;
mod error;
mod file;
mod lane;
mod preset;
mod probe;
mod project;
mod proxy;
mod sink;
mod spooled;
mod stats;
mod tls;

pub use backoff::Backoff;
pub use builder::ExporterBuilder;
pub use destination::{Compression, Destination, Protocol, TlsFiles};
pub use environment::{options_from, resource_attributes_from};
pub use error::{ExportError, ExportErrorKind};
pub use file::FileExporter;
pub use probe::{Probed, probe};
pub use project::Project;
pub use proxy::Proxies;
pub use sink::{ExportOptions, Exporter, SpoolOptions};
pub use stats::{ExportCounts, ExportStats};
