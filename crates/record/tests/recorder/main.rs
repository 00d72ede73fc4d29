//! The recorder as a whole, from a span's start to what a sink takes.

mod attributes;
mod by_id;
mod conservation;
mod context;
mod delivery;
mod metrics;
mod of_spans;
mod open_spans;
mod promotion;
mod redaction;
mod retained;
mod sampling;
mod signals;
mod support;
mod user_spans;
