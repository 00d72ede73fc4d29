//! OTLP in and out: the OpenTelemetry protocol, to and from Flowglass's [`Batch`](flowglass_model::Batch)es.
//!
//! The mapping is in one place, both directions next to each other. Encoding writes protobuf straight from the columns of a
//! batch; decoding scans protobuf without copying and fills a batch. Nothing is built in between.
//!
//! ```
//! use flowglass_model::BatchBuilder;
//! use flowglass_otlp::{decode_traces, encode_traces};
//!
//! let batch = BatchBuilder::default().finish();
//! let bytes = encode_traces(&batch);
//! assert!(decode_traces(&bytes)?.batches.is_empty());
//! # Ok::<(), flowglass_otlp::DecodeError>(())
//! ```

mod decoded;
mod export;
mod flaw;
mod json;
mod limits;
mod mapping;
mod proto;
mod response;
mod signal;
mod status;

pub use decoded::{Decoded, Rejected};
pub use export::{
    Backoff, Compression, Destination, ExportCounts, ExportError, ExportErrorKind, ExportOptions, ExportStats, Exporter,
    ExporterBuilder, FileExporter, Probed, Project, Protocol, Proxies, SpoolOptions, TlsFiles, options_from, probe,
    resource_attributes_from,
};
pub use flaw::{DecodeError, Flaw};
pub use json::{decode_json, request_to_json};
pub use limits::Limits;
pub use proto::{TraceEncoder, decode, decode_traces, encode_logs, encode_metrics, encode_traces};
pub use response::Response;
pub use signal::Signal;
pub use status::Status;
