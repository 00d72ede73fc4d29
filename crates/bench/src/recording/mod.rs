//! What a span costs the thread that records it, here and elsewhere.
//!
//! A batch is 64 traces of one root and ten children; a child has six typed attributes, one of them 16 bytes that are
//! only known at run time, and one event. Figures are per span, the root counted in. Each contender's sink counts what
//! arrives and looks into the children of the first batch.

mod check;
mod fastrace;
mod instructions;
mod nodes;
mod opentelemetry;
mod payload;
mod to_bytes;
mod tracing_layer;
mod tracing_opentelemetry;
mod users;

use crate::contender;
use crate::figures::Figures;

const NAME: &str = "recording";
/// Contenders take turns so many times.
const ROUNDS: usize = 3;

/// Measures one contender.
type Contender = fn() -> Result<Figures, String>;

/// Contenders by their names, in the order of their figures.
const CONTENDERS: &[(&str, Contender)] = &[
    ("user spans", users::recorded),
    ("node spans", nodes::recorded),
    ("node spans of a long run", nodes::of_long_run),
    ("unsampled", users::unsampled),
    ("disabled", users::disabled),
    ("two threads", users::two_threads),
    ("call to bytes", to_bytes::run),
    ("instructions", instructions::run),
    ("startup", users::startup),
    ("tracing layer", tracing_layer::run),
    ("events of the tracing layer", tracing_layer::events),
    ("tracing layer, unsampled", tracing_layer::unsampled),
    ("tracing alone", tracing_layer::alone),
    ("fastrace", fastrace::run),
    ("opentelemetry", opentelemetry::run),
    ("tracing-opentelemetry", tracing_opentelemetry::run),
];

/// Runs every contender, each in a process of its own.
pub(crate) fn run() -> Result<Figures, String> {
    let mut rounds: Vec<Vec<Figures>> = CONTENDERS.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for ((name, _), figures) in CONTENDERS.iter().zip(&mut rounds) {
            figures.push(contender::run(NAME, name)?);
        }
    }
    let mut all = Figures::default();
    rounds.iter().for_each(|figures| all.extend(Figures::median(figures)));
    Ok(all)
}

/// Runs one contender in this process.
pub(crate) fn contend(name: &str) -> Result<Figures, String> {
    let mut all = CONTENDERS.iter().chain(instructions::COUNTED);
    let (_, run) = all.find(|(known, _)| *known == name).ok_or("no such contender")?;
    run()
}
