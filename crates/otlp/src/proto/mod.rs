//! OTLP as protobuf: read without copying, written straight from columns.

mod columns;
mod decode;
mod encode;
mod guesses;
mod held;
mod log;
mod metric;
mod piece;
mod reader;
mod repeats;
mod resource;
mod room;
mod same;
mod scope;
mod span;
mod span_fields;
mod split;
mod value;
mod writer;

pub use decode::{decode, decode_traces};
pub use encode::{TraceEncoder, encode_traces};
pub use log::encode_logs;
pub use metric::encode_metrics;
pub(crate) use reader::{Reader, Wire};
pub(crate) use split::{halve, split};
pub(crate) use writer::{Gap, Writer};
