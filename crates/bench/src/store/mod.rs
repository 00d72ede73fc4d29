//! What storing spans costs, until merging is idle, and how fast the store answers.
//!
//! Batches of 512 spans go to the sink as a recorder would send them; making them is not counted. Each answer is a median of
//! calls with keys drawn at random.

mod any;
mod data;
mod questions;
mod server_time;

use std::path::{Path, PathBuf};

use flowglass::store::{SinkOptions, SqliteStore};
use flowglass_model::{Sink, TraceId};

use crate::arguments::Arguments;
use crate::figures::Figures;
use crate::{process_memory, thread_time};
use data::{Data, Samples};

const LARGE_RUN_SPANS: u64 = 100_000;
/// As many batches wait in a recorder's queue when it is busy.
const BATCHES_AT_ONCE: usize = 8;

/// Stores `--spans` spans, 1,000,000 if that isn't given, and asks for them: in a file, or in what `--store ADDRESS` names. With
/// `--beside N`, another file has so many, and both are asked in turns.
pub(crate) fn run(mut arguments: Arguments<'_>) -> Result<Figures, String> {
    let spans = arguments.number("--spans", 1_000_000)?;
    let address = arguments.text("--store")?;
    let beside = arguments.number("--beside", 0)?;
    arguments.finish()?;
    if let Some(address) = address {
        return any::measure(address, spans).map_err(|error| error.to_string());
    }
    let folder = Folder(std::env::temp_dir().join(format!("flowglass-bench-store-{}", std::process::id())));
    let told = |error: Box<dyn std::error::Error>| error.to_string();
    let mut figures = Figures::default();
    let filled = fill(&folder.0.join("flowglass.db"), spans, &mut figures).map_err(told)?;
    questions::ask(&filled, &mut figures)?;
    if beside > 0 {
        let other = fill(&folder.0.join("beside.db"), beside, &mut Figures::default()).map_err(told)?;
        questions::compare(&filled, &other, &mut figures)?;
    }
    Ok(figures)
}

/// A store with what was put into it.
struct Filled {
    store: SqliteStore,
    samples: Samples,
    /// A run of very many spans.
    large: TraceId,
}

/// A folder that goes when the benchmark ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays is only a nuisance.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Stores so many spans, and measures that.
fn fill(path: &Path, wanted: u64, figures: &mut Figures) -> Result<Filled, Box<dyn std::error::Error>> {
    let store = SqliteStore::create_or_open(path)?;
    let mut data = Data::new();
    let (mut spans, mut making_ns) = (0.0, 0.0);
    let began_ns = thread_time::process_cpu_ns();
    let mut sink = store.sink(SinkOptions::default())?;
    while spans < wanted as f64 {
        let making = thread_time::cpu_ns();
        let batches: Vec<_> = (0..BATCHES_AT_ONCE).map(|_| data.batch()).collect();
        making_ns += thread_time::cpu_ns() - making;
        sink.write_all(&mut batches.as_slice())?;
        spans += batches.iter().map(|batch| batch.spans.len()).sum::<usize>() as f64;
        drop(batches);
    }
    let rest = data.rest();
    sink.write_all(&mut rest.as_slice())?;
    spans += rest.iter().map(|batch| batch.spans.len()).sum::<usize>() as f64;
    sink.flush()?;
    let at_commit = store.info()?.size_bytes as f64;
    drop(sink);
    store.compact()?;
    let cpu_ns = thread_time::process_cpu_ns() - began_ns - making_ns;
    figures.add("ingest_cpu_s_per_million", cpu_ns / 1e3 / spans);
    figures.add("bytes_per_span", store.info()?.size_bytes as f64 / spans);
    figures.add("bytes_per_span_at_commit", at_commit / spans);
    figures.add("peak_mb", process_memory::peak_mb()?);
    questions::check(&store, &data.samples, store.info()?.spans)?;
    let (large, batches) = data.large_run(LARGE_RUN_SPANS);
    let mut sink = store.sink(SinkOptions::default())?;
    batches.iter().try_for_each(|batch| sink.write(batch))?;
    drop(sink);
    store.compact()?;
    Ok(Filled { store, samples: data.samples, large })
}
