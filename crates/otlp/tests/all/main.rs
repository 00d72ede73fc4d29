//! OTLP against the messages that others generate from its definition.

mod any;
mod damaged;
mod json;
mod reference;
mod robust;
mod round_trips;
mod traces;
mod upstream;
