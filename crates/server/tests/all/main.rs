//! The receiver as its senders see it: over real connections, into sinks that remember, wait or fail.

mod answers;
mod client;
mod hostile;
mod limits;
mod running;
mod secure;
mod sinks;
mod stopping;
