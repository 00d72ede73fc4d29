//! `flowglass-bench BENCHMARK [--json]`: measures, and prints named figures as a table or as one JSON object.

mod allocations;
mod contender;
mod engine;
mod figures;
mod map;
mod recording;
mod sampling;
mod thread_time;

use std::process::ExitCode;

use figures::Figures;

/// A benchmark: its name, what runs it, and what runs one of its contenders in a process of its own.
struct Benchmark {
    name: &'static str,
    run: fn() -> Result<Figures, String>,
    contend: fn(&str) -> Result<Figures, String>,
}

const BENCHMARKS: &[Benchmark] = &[
    Benchmark { name: "engine", run: engine::run, contend: engine::contend },
    Benchmark { name: "recording", run: recording::run, contend: recording::contend },
    Benchmark { name: "map", run: map::run, contend: map::contend },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let printed = match arguments.as_slice() {
        [benchmark] => find(benchmark).and_then(|found| (found.run)()).map(|figures| figures.to_table()),
        [benchmark, "--json"] => find(benchmark).and_then(|found| (found.run)()).map(|figures| figures.to_json()),
        [contender::ARGUMENT, benchmark, name] => {
            find(benchmark).and_then(|found| (found.contend)(name)).map(|figures| figures.to_json())
        }
        _ => Err(usage()),
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

fn find(name: &str) -> Result<&'static Benchmark, String> {
    BENCHMARKS.iter().find(|benchmark| benchmark.name == name).ok_or_else(usage)
}

fn usage() -> String {
    let names: Vec<&str> = BENCHMARKS.iter().map(|benchmark| benchmark.name).collect();
    format!("usage: flowglass-bench BENCHMARK [--json]\nbenchmarks: {}", names.join(", "))
}
