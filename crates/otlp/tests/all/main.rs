//! OTLP against the messages that others generate from its definition.

mod any;
mod json;
mod reference;
mod robust;
mod round_trips;
mod traces;
