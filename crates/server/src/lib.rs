//! Receives OTLP: traces, metrics and logs of anything that speaks OpenTelemetry's protocol, over gRPC and HTTP, into any
//! [`Sink`](flowglass_model::Sink).
//!
//! A request is answered when the sink has what was in it: for a store, when it is committed. What waits is bounded in memory,
//! and what there is no room for is answered with OTLP's signal to try again. A record that is wrong costs itself only.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use flowglass_model::{Batch, Sink, SinkError};
//! use flowglass_server::Receiver;
//!
//! struct Count(u64);
//!
//! impl Sink for Count {
//!     fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
//!         self.0 += batch.counts().spans;
//!         Ok(())
//!     }
//! }
//!
//! let receiver = Receiver::builder().http("127.0.0.1:0").without_grpc().start(Count(0))?;
//! println!("send to http://{}", receiver.http_addresses()[0]);
//! receiver.stop(Duration::from_secs(5))?;
//! # Ok::<(), flowglass_server::ServeError>(())
//! ```

mod accept;
mod body;
mod builder;
mod connection;
mod error;
mod intake;
mod limits;
mod listen;
mod notice;
mod receiver;
mod room;
mod service;
mod stats;
mod tls;

pub use builder::ReceiverBuilder;
pub use error::{ServeError, ServeErrorKind};
pub use limits::ReceiverLimits;
pub use notice::Notice;
pub use receiver::Receiver;
pub use stats::ReceiverStats;
