//! Opening many blocks at once: one thread reads them from the store, and all that the machine has decode them.

use std::num::NonZero;
use std::thread;

use flowglass_model::Batch;
use rusqlite::Connection;

use super::blocks::{Blocks, Closed};
use super::failure::Failure;
use crate::block::FrameDecoder;

/// So many blocks lie in memory undecoded: a few megabytes.
const AT_ONCE: usize = 64;
/// Fewer blocks than this are not worth a thread.
const LEAST_OF_A_THREAD: usize = 4;

/// Opens all these blocks and returns what `take` makes of each, in their order.
pub(super) fn each_whole<T: Send>(
    connection: &Connection,
    of: &[i64],
    take: impl Fn(&Batch, i64) -> T + Sync,
) -> Result<Vec<T>, Failure> {
    each(connection, of, |block, decoder| Ok(take(&block.open(decoder)?, block.id)))
}

/// Returns what `take` makes of each of these blocks, in their order.
pub(super) fn each<T: Send>(
    connection: &Connection,
    of: &[i64],
    take: impl Fn(&Closed, &mut FrameDecoder) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let blocks = Blocks::new(connection);
    let mut taken = Vec::with_capacity(of.len());
    for some in of.chunks(AT_ONCE) {
        let closed = some.iter().map(|&block| blocks.closed(block)).collect::<Result<Vec<_>, _>>()?;
        let threads = threads().min(some.len() / LEAST_OF_A_THREAD).max(1);
        let open = |closed: &[Closed]| take_some(closed, &take);
        let (here, elsewhere) = closed.split_at(closed.len().div_ceil(threads));
        let opened = thread::scope(|scope| {
            let parts = elsewhere.chunks(here.len().max(1));
            let others: Vec<_> = parts.map(|part| (part, thread::Builder::new().spawn_scoped(scope, || open(part)))).collect();
            let mut opened = open(here)?;
            for (part, other) in others {
                // Where no thread could be started, or one panicked, the work is done here.
                let found = other.ok().and_then(|thread| thread.join().ok());
                opened.extend(found.unwrap_or_else(|| open(part))?);
            }
            Ok::<_, Failure>(opened)
        });
        taken.extend(opened?);
    }
    Ok(taken)
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

fn take_some<T>(closed: &[Closed], take: impl Fn(&Closed, &mut FrameDecoder) -> Result<T, Failure>) -> Result<Vec<T>, Failure> {
    let mut decoder = FrameDecoder::default();
    closed.iter().map(|block| take(block, &mut decoder)).collect()
}
