//! What the cache costs: a chain of 1,000 nodes that lie in memory, that lie on disk, and that are computed and stored.
//!
//! "On disk" is as a new process finds it, but for the system's page cache: each batch opens the cache anew and reads what it
//! needs of the logs. The cold one begins with an empty folder. All runs are recorded.

use flowglass::{Cache, DiskCache, Inputs, MemoryCache, Pipeline, Recorder, Run, inputs};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::graphs::chain;
use super::turns::{self, Batch, Series};
use super::{NODES, PATIENCE, number, runtime};
use crate::figures::Figures;

/// Measures the three in turns.
pub(super) fn run() -> Result<Figures, String> {
    let runtime = runtime()?;
    let recorder = Recorder::builder().build();
    let cached = |keep| Cached::new(keep, &recorder, &runtime).map(|cached| Box::new(cached) as Box<dyn Batch>);
    let mut series = vec![
        Series::new("hit_memory_us_per_node".to_owned(), cached(Keep::Memory(MemoryCache::new()))?),
        Series::new("hit_disk_us_per_node".to_owned(), cached(Keep::Disk)?),
        Series::new("cold_disk_us_per_node".to_owned(), cached(Keep::Nothing)?),
    ];
    turns::take(&mut series, || recorder.flush(PATIENCE).map_err(|error| error.to_string()))?;
    let mut figures = Figures::default();
    for one in &series {
        figures.add(&one.name, one.p10_ns() / 1e3 / number(NODES));
    }
    // A batch of this one is so long that a busy machine always interrupts it.
    figures.add("cold_disk_cpu_us_per_node", series[2].p10_cpu_ns() / 1e3 / number(NODES));
    Ok(figures)
}

/// What lies in the cache when a batch begins.
enum Keep {
    /// Everything, in this memory.
    Memory(MemoryCache),
    /// Everything, in a folder that is opened anew.
    Disk,
    /// Nothing: the folder is new.
    Nothing,
}

/// The chain, with a cache.
struct Cached<'a> {
    keep: Keep,
    pipeline: Pipeline,
    recorder: &'a Recorder,
    runtime: &'a Runtime,
    folder: TempDir,
    inputs: Inputs,
    run: Option<Result<Run, flowglass::Error>>,
}

impl<'a> Cached<'a> {
    fn new(keep: Keep, recorder: &'a Recorder, runtime: &'a Runtime) -> Result<Self, String> {
        let pipeline = chain().map_err(|error| error.to_string())?;
        let mut cached = Self { keep, pipeline, recorder, runtime, folder: folder()?, inputs: Inputs::new(), run: None };
        // The first run fills the cache.
        cached.inputs = inputs! { v0: 0u64 };
        cached.run();
        cached.run.take().ok_or("no run")?.map_err(|error| error.to_string())?;
        Ok(cached)
    }

    fn cache(&self) -> Result<Cache, flowglass::CacheError> {
        match &self.keep {
            Keep::Memory(cache) => Ok(cache.clone().into()),
            Keep::Disk | Keep::Nothing => DiskCache::open(self.folder.path()).map(Cache::from),
        }
    }
}

impl Batch for Cached<'_> {
    fn prepare(&mut self) {
        self.inputs = inputs! { v0: 0u64 };
        if matches!(self.keep, Keep::Nothing)
            && let Ok(folder) = folder()
        {
            self.folder = folder;
        }
    }

    fn run(&mut self) {
        let Ok(cache) = self.cache() else { return };
        let run = self.pipeline.run(std::mem::take(&mut self.inputs)).cache(cache).telemetry(self.recorder.clone());
        self.run = Some(self.runtime.block_on(run.into_future()));
    }

    fn check(&mut self) -> Result<(), String> {
        let run = self.run.take().ok_or("no run")?.map_err(|error| error.to_string())?;
        let made: u64 = run.get(&format!("v{NODES}")).map_err(|error| error.to_string())?;
        let hits = if matches!(self.keep, Keep::Nothing) { 0 } else { NODES as u64 };
        match (made == NODES as u64, run.cache_stats().hits == hits) {
            (true, true) => Ok(()),
            (false, _) => Err(format!("the chain gave {made}")),
            (_, false) => Err(format!("{} nodes came from the cache", run.cache_stats().hits)),
        }
    }
}

fn folder() -> Result<TempDir, String> {
    tempfile::tempdir().map_err(|error| error.to_string())
}
