//! The receiver of `flowglass-bench ingest`: a program of its own, because what that one is measured against works before `main`
//! begins, and would count as the receiver's start.

use std::error::Error;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use flowglass::server::Receiver;
use flowglass::store::{SinkOptions, SqliteStore};
use flowglass_model::{Batch, Sink, SinkError};

/// Receives into the store that is named, or nowhere, until standard input ends. Prints where it listens, and at the end how many spans it
/// has taken.
fn main() -> Result<(), Box<dyn Error>> {
    let builder = Receiver::builder().http("127.0.0.1:0").grpc("127.0.0.1:0");
    let receiver = match std::env::args_os().nth(1) {
        Some(store) => builder.start(SqliteStore::create_or_open(store.as_ref())?.sink(SinkOptions::default())?)?,
        None => builder.start(Nowhere)?,
    };
    println!("{} {}", receiver.http_addresses()[0], receiver.grpc_addresses()[0]);
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    println!("{}", receiver.stop(Duration::from_secs(10))?.taken.spans);
    Ok(())
}

/// What is left is the cost of the wire.
struct Nowhere;

impl Sink for Nowhere {
    fn write(&mut self, _: &Arc<Batch>) -> Result<(), SinkError> {
        Ok(())
    }
}
