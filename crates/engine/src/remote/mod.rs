//! The seam to other processes: what is sent to a worker, what comes back, and who sees to it that nothing is lost.
//!
//! A level whose backend is remote hands out its nodes: each call, each nested pipeline and each item of a map is one item
//! of some job. The driver opens and ends the item's own span, and keeps its cache, its retries and its time limit; the
//! worker runs what is inside by the ordinary engine, under that span. So a run looks the same wherever its parts ran.
//!
//! - [`dispatch`], [`flight`], [`lane`], [`pack`], [`away`], [`line`], [`landing`], [`loss`]: the driver's side. Items wait in
//!   lanes, travel in jobs, come back.
//! - [`job`], [`carrier`], [`freight`], [`envelope`], [`event`], [`failure`]: what is said, as plain data.
//! - [`transport`]: how bytes travel, as a trait; [`process`] is the one that comes with the engine.
//! - [`worker`], [`item`], [`answer`], [`registry`], [`states`]: the worker's side.
//! - [`telemetry`]: spans on their way home. [`travel`]: what can't travel, said before anything runs.

mod answer;
mod away;
mod backend;
mod carrier;
mod dispatch;
mod envelope;
mod event;
mod failure;
mod flight;
mod freight;
mod item;
mod job;
mod landing;
mod lane;
mod line;
mod loss;
mod observed;
mod pack;
mod payload;
mod process;
mod registry;
mod signed;
mod states;
mod telemetry;
mod transport;
pub(crate) mod travel;
mod voice;
mod worker;

pub(crate) use away::{Away, Listener, Stop};
pub use backend::{OnWorkerLost, RemoteBackend};
pub(crate) use carrier::Carrier;
pub(crate) use dispatch::{Errand, Returned};
pub(crate) use event::{RemoteEvent, RemoteKind};
pub(crate) use freight::{Freight, LARGE_BYTES, Reference};
pub(crate) use job::{Counts, Header, ItemValue, NotMade, SharedCache, Target};
pub use lane::Chunk;
pub(crate) use lane::LaneKey;
pub(crate) use pack::{IsKnown, Item, ItemInput, Sending};
pub(crate) use payload::Payload;
pub use process::{Invitation, ProcessWorkers, serve};
pub(crate) use signed::Signed;
pub use telemetry::{TelemetryCodec, TelemetryEncoder};
pub use transport::{Fate, Home, JobId, Limits, Message, OutgoingJob, Output, Stream, Transport, WorkerLost};
pub use worker::{Upstream, Worker};
