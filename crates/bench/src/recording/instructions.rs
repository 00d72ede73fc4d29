//! How many instructions a span takes on the thread that records it, as callgrind counts them in a process of its own.

use std::hint::black_box;
use std::process::Command;

use super::{Contender, NAME, nodes, users};
use crate::contender;
use crate::figures::Figures;

/// What runs under callgrind: it says how many spans were made while instructions were counted.
pub(super) const COUNTED: &[(&str, Contender)] =
    &[("counted user spans", users::counted), ("counted node spans", nodes::counted)];

/// Only what happens inside of this function is counted.
const TOGGLE: &str = "--toggle-collect=*count_instructions*";
/// What [`COUNTED`] says.
const SPANS: &str = "spans";

/// Counts for both kinds of spans; where callgrind can't be run, that is said instead.
pub(super) fn run() -> Result<Figures, String> {
    let mut figures = Figures::default();
    let names = ["user_span_instructions", "node_span_instructions"];
    for (figure, (contender, _)) in names.into_iter().zip(COUNTED) {
        figures.add_if_any(figure, of(contender));
    }
    Ok(figures)
}

/// Does some work while its instructions are counted, and says how many spans that were.
#[inline(never)]
pub(super) fn count_instructions(spans: u32, work: &mut dyn FnMut()) -> Figures {
    work();
    let mut figures = Figures::default();
    figures.add(SPANS, black_box(f64::from(spans)));
    figures
}

fn of(contender: &str) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", TOGGLE]).arg(program);
    let output = valgrind.args([contender::ARGUMENT, NAME, contender]).output();
    let output = output.map_err(|error| format!("valgrind can't be run: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("callgrind failed: {}", told.lines().last().unwrap_or_default()));
    }
    let spans =
        Figures::from_json(String::from_utf8_lossy(&output.stdout).trim())?.get(SPANS).ok_or("no spans were counted")?;
    collected(&told)
        .filter(|count| *count > 0.0)
        .map(|count| count / spans)
        .ok_or_else(|| "callgrind counted nothing".to_owned())
}

/// Finds the total in what callgrind tells: `==4711== Collected : 123456`.
fn collected(told: &str) -> Option<f64> {
    told.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_in_what_callgrind_tells() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 4242\n==1==\n"), Some(4242.0));
        assert_eq!(collected("==1== Command: bench"), None);
    }
}
