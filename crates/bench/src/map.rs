//! What a map over 10,000 trivial items costs: time, memory, and bytes in the store.
//!
//! The items are numbers, the pipeline adds one to each. It runs without telemetry, with the default sampling of items, and
//! with every item traced, each into a store of its own and in a process of its own, so that the peak of memory is its own.

use std::time::{Duration, Instant};

use flowglass::store::SqliteStore;
use flowglass::{MapItems, MapRun, Pipeline, inputs, node, telemetry};

use crate::contender;
use crate::figures::Figures;
use crate::process_memory::peak_mb;

const NAME: &str = "map";
const ITEMS: u32 = 10_000;
const ROUNDS: usize = 5;
const CONTENDERS: &[&str] = &["off", "sampled", "each"];

#[node(output = "next")]
fn add_one(number: u32) -> u32 {
    number + 1
}

/// Runs every contender, each in a process of its own, in turns.
pub(crate) fn run() -> Result<Figures, String> {
    let mut rounds: Vec<Vec<Figures>> = CONTENDERS.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (name, figures) in CONTENDERS.iter().zip(&mut rounds) {
            figures.push(contender::run(NAME, name)?);
        }
    }
    let mut all = Figures::default();
    rounds.iter().for_each(|figures| all.extend(Figures::median(figures)));
    Ok(all)
}

/// Runs one contender in this process.
pub(crate) fn contend(name: &str) -> Result<Figures, String> {
    let told = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let pipeline = Pipeline::builder("numbers").node(add_one {}).build().map_err(|error| told(&error))?;
    let numbers: Vec<u32> = (0..ITEMS).collect();
    let map = pipeline.map(inputs! { number: numbers }, ["number"]);
    let mut figures = Figures::default();
    let started = Instant::now();
    if name == "off" {
        let run = map.no_telemetry().wait().map_err(|error| told(&error))?;
        check(&run)?;
        figures.add("off_ms", milliseconds(started.elapsed()));
        figures.add("off_peak_mb", peak_mb()?);
        return Ok(figures);
    }
    let folder = std::env::temp_dir().join(format!("flowglass-bench-map-{}", std::process::id()));
    let path = folder.join("flowglass.db");
    let recorder = telemetry::sqlite(&path).map_err(|error| told(&error))?;
    let items = if name == "each" { MapItems::Each } else { MapItems::Auto };
    let run = map.telemetry(recorder.clone()).map_items(items).wait().map_err(|error| told(&error))?;
    let ran = started.elapsed();
    recorder.flush(Duration::from_secs(60)).map_err(|error| told(&error))?;
    figures.add(&format!("{name}_ms"), milliseconds(ran));
    figures.add(&format!("{name}_kept_ms"), milliseconds(started.elapsed()));
    figures.add(&format!("{name}_peak_mb"), peak_mb()?);
    check(&run)?;
    recorder.shutdown(Duration::from_secs(60)).map_err(|error| told(&error))?;
    drop((run, recorder));
    let info = SqliteStore::open(&path).and_then(|store| store.info()).map_err(|error| told(&error))?;
    let _ = std::fs::remove_dir_all(&folder);
    figures.add(&format!("{name}_spans"), number(info.spans));
    figures.add(&format!("{name}_bytes_per_span"), number(info.size_bytes) / number(info.spans.max(1)));
    Ok(figures)
}

fn check(run: &MapRun) -> Result<(), String> {
    let column = run.column::<u32>("next").map_err(|error| error.to_string())?;
    let right = column.iter().copied().eq(1..=ITEMS);
    if right { Ok(()) } else { Err("the map's results are wrong".to_owned()) }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn number(count: u64) -> f64 {
    count as f64
}
