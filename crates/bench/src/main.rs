//! `flowglass-bench BENCHMARK [--json] [ARGUMENTS]`: measures, and prints named figures as a table or as one JSON object.

mod allocations;
mod arguments;
mod contender;
mod engine;
mod figures;
mod ingest;
mod map;
mod otlp;
mod process_memory;
mod recording;
mod relay;
mod sampling;
mod store;
mod thread_time;

use std::process::ExitCode;

use arguments::Arguments;
use figures::Figures;

/// A benchmark: its name, what runs it with its arguments, and what runs one of its contenders in a process of its own.
struct Benchmark {
    name: &'static str,
    run: fn(Arguments<'_>) -> Result<Figures, String>,
    contend: fn(&str) -> Result<Figures, String>,
}

const BENCHMARKS: &[Benchmark] = &[
    Benchmark { name: "engine", run: |rest| rest.finish().and_then(|()| engine::run()), contend: engine::contend },
    Benchmark { name: "recording", run: |rest| rest.finish().and_then(|()| recording::run()), contend: recording::contend },
    Benchmark { name: "map", run: |rest| rest.finish().and_then(|()| map::run()), contend: map::contend },
    Benchmark {
        name: "otlp",
        run: |rest| rest.finish().and_then(|()| otlp::run()),
        contend: |name| Err(format!("there is no contender `{name}`")),
    },
    Benchmark { name: "ingest", run: ingest::run, contend: |name| Err(format!("there is no contender `{name}`")) },
    Benchmark { name: "outage", run: engine::outage::run, contend: |name| Err(format!("there is no contender `{name}`")) },
    Benchmark { name: "store", run: store::run, contend: |name| Err(format!("there is no contender `{name}`")) },
];

fn main() -> ExitCode {
    // Copies of this program that a benchmark starts.
    flowglass::worker([engine::workers::numbers]);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let printed = match arguments.as_slice() {
        [contender::ARGUMENT, benchmark, name] => {
            find(benchmark).and_then(|found| (found.contend)(name)).map(|figures| figures.to_json())
        }
        [benchmark, rest @ ..] => run(benchmark, rest),
        [] => Err(usage()),
    };
    match printed {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(benchmark: &str, rest: &[&str]) -> Result<String, String> {
    let mut arguments = Arguments::new(rest);
    let json = arguments.flag("--json");
    let figures = (find(benchmark)?.run)(arguments)?;
    Ok(if json { figures.to_json() } else { figures.to_table() })
}

fn find(name: &str) -> Result<&'static Benchmark, String> {
    BENCHMARKS.iter().find(|benchmark| benchmark.name == name).ok_or_else(usage)
}

fn usage() -> String {
    let names: Vec<&str> = BENCHMARKS.iter().map(|benchmark| benchmark.name).collect();
    format!("usage: flowglass-bench BENCHMARK [--json] [ARGUMENTS]\nbenchmarks: {}", names.join(", "))
}
