//! The recorder as a whole, from a span's start to what a sink takes.

mod delivery;
mod open_spans;
mod retained;
mod support;
mod user_spans;
