//! OTLP as protobuf: read without copying, written straight from columns.

mod decode;
mod encode;
mod held;
mod reader;
mod resource;
mod span;
mod value;
mod writer;

pub use decode::{decode_traces, decode_traces_within};
pub use encode::{TraceEncoder, encode_traces};
