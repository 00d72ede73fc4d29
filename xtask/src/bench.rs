//! `cargo xtask bench`: builds and runs the benchmarks, optimised.

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};

use crate::surroundings;
use crate::verb::Verb;

pub(crate) const VERB: Verb = Verb { name: "bench", about: "run a benchmark, optimised", help: HELP, run };

const HELP: &str = "\
Usage: cargo xtask bench NAME [--json] [ARGUMENTS]

Runs the benchmark NAME of crates/bench in a release build. All that follows NAME goes to the benchmark as it is
(--json asks it for a document instead of text), and its exit code is the exit code here.
";

fn run(root: &Path, arguments: &[OsString]) -> Result<ExitCode, String> {
    if arguments.is_empty() {
        return Err("which benchmark? `cargo xtask bench NAME`".to_owned());
    }
    // All its programs: a benchmark may start another one of them.
    let built = cargo(root, &["build", "--release", "-q", "-p", "flowglass-bench"], &[])?;
    if !built.success() {
        return Ok(surroundings::exit_code(built));
    }
    let run = cargo(root, &["run", "--release", "-q", "-p", "flowglass-bench", "--"], arguments)?;
    Ok(surroundings::exit_code(run))
}

fn cargo(root: &Path, verb: &[&str], arguments: &[OsString]) -> Result<ExitStatus, String> {
    let run = surroundings::command(root, "cargo").args(verb).args(arguments).status();
    run.map_err(|error| format!("cargo does not start: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_benchmark_must_be_named() {
        assert!(run(Path::new("."), &[]).is_err());
    }
}
