//! Contenders run in processes of their own: some set up things that a process can have only once.

use std::process::Command;

use crate::figures::Figures;

/// The hidden argument behind which the benchmark and the contender are named.
pub(crate) const ARGUMENT: &str = "--contender";

/// Runs one contender of a benchmark in a process of its own.
pub(crate) fn run(benchmark: &str, name: &str) -> Result<Figures, String> {
    let told = |error: std::io::Error| format!("{name} could not be run: {error}");
    let program = std::env::current_exe().map_err(told)?;
    let output = Command::new(program).args([ARGUMENT, benchmark, name]).output().map_err(told)?;
    if !output.status.success() {
        return Err(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Figures::from_json(String::from_utf8_lossy(&output.stdout).trim()).map_err(|error| format!("{name} said nonsense: {error}"))
}
