//! OTLP against the messages that others generate from its definition.

mod any;
mod reference;
mod robust;
mod traces;
