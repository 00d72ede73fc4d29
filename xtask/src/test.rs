//! `cargo xtask test`: the one test command, from formatting to documentation.

mod clients;
mod licences;
mod memory;
mod prepare;
mod report;
mod session;
mod spdx;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::tidy;
use crate::verb::{self, Verb};
use report::{Outcome, Verdict};
use session::Session;

pub(crate) const VERB: Verb = Verb { name: "test", about: "run every check and every test", help: HELP, run };

const HELP: &str = "\
Usage: cargo xtask test [--quick] [--fail-fast]

Runs, in this order, all that continuous integration runs:
  prepare   the parts of the toolchain that are missing, and all dependencies
  format    cargo fmt --check
  tidy      cargo xtask tidy
  licences  every dependency's licence against the list in deny.toml
  lint      clippy, warnings are errors
  test      unit, integration and documentation tests
  memory    the recorder's threads in every order of their steps (loom); its tests under AddressSanitizer (needs a nightly
            toolchain) and valgrind: where one isn't installed, it says so
  clients   OpenTelemetry's SDKs for Python and JavaScript, and a collector of others; needs python3, npm and a network
  docs      rustdoc, warnings are errors

A step that fails does not stop the others. The last line counts the steps.

  --quick      leave out licences, memory, clients and docs
  --fail-fast  stop at the first step that fails
";

/// Something to pass; an error says in one line what failed.
struct Step {
    name: &'static str,
    is_quick: bool,
    run: fn(&Session) -> Result<(), String>,
}

const STEPS: [Step; 9] = [
    Step { name: "prepare", is_quick: true, run: prepare::run },
    Step { name: "format", is_quick: true, run: format },
    Step { name: "tidy", is_quick: true, run: tidy },
    Step { name: "licences", is_quick: false, run: licences::run },
    Step { name: "lint", is_quick: true, run: lint },
    Step { name: "test", is_quick: true, run: test },
    Step { name: "memory", is_quick: false, run: memory::run },
    Step { name: "clients", is_quick: false, run: clients::run },
    Step { name: "docs", is_quick: false, run: docs },
];

fn run(root: &Path, arguments: &[OsString]) -> Result<ExitCode, String> {
    let [is_quick, fails_fast] = verb::flags(["--quick", "--fail-fast"], arguments)?;
    let session = Session::new(root);
    let outcomes = run_steps(STEPS.iter().filter(|step| step.is_quick || !is_quick), &session, fails_fast);
    print!("\n{}", report::render(&outcomes));
    Ok(if outcomes.iter().any(|outcome| outcome.verdict == Verdict::Failed) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run_steps<'a>(steps: impl Iterator<Item = &'a Step>, session: &Session, fails_fast: bool) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in steps {
        let is_over = fails_fast && outcomes.iter().any(|outcome| outcome.verdict != Verdict::Passed);
        outcomes.push(if is_over { Outcome::left_out(step.name) } else { run_step(step, session) });
    }
    outcomes
}

fn run_step(step: &Step, session: &Session) -> Outcome {
    println!("\n== {}", step.name);
    let start = Instant::now();
    let result = (step.run)(session);
    if let Err(reason) = &result {
        println!("{} failed: {reason}", step.name);
    }
    Outcome::new(step.name, start.elapsed(), result.is_ok())
}

fn format(session: &Session) -> Result<(), String> {
    session.cargo(&["fmt", "--all", "--", "--check"])
}

fn tidy(session: &Session) -> Result<(), String> {
    if tidy::is_tidy(session.root())? { Ok(()) } else { Err("the findings are above".to_owned()) }
}

fn lint(session: &Session) -> Result<(), String> {
    session.cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
}

fn test(session: &Session) -> Result<(), String> {
    session.cargo(&["test", "--workspace", "--exclude", "flowglass-bench", "--locked", "--no-fail-fast"])
}

fn docs(session: &Session) -> Result<(), String> {
    let doc = |crates: &[&str]| {
        let arguments = [&["doc", "--no-deps", "--locked"], crates].concat();
        session.cargo_with(&[("RUSTDOCFLAGS", "-Dwarnings")], &arguments)
    };
    // The command and the library are both called `flowglass` and share a place in the output: apart, the library's pages stay.
    doc(&["--package", "flowglass-cli"])?;
    doc(&["--workspace", "--exclude", "flowglass-cli"])
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Step = Step { name: "good", is_quick: true, run: |_| Ok(()) };
    const BAD: Step = Step { name: "bad", is_quick: true, run: |_| Err("on purpose".to_owned()) };

    fn verdicts(steps: &[Step], fails_fast: bool) -> Vec<Verdict> {
        let session = Session::new(Path::new("."));
        run_steps(steps.iter(), &session, fails_fast).into_iter().map(|outcome| outcome.verdict).collect()
    }

    #[test]
    fn a_failed_step_does_not_stop_the_others() {
        assert_eq!(verdicts(&[GOOD, BAD, GOOD], false), [Verdict::Passed, Verdict::Failed, Verdict::Passed]);
    }

    #[test]
    fn fail_fast_leaves_the_rest_out() {
        assert_eq!(
            verdicts(&[GOOD, BAD, GOOD, BAD], true),
            [Verdict::Passed, Verdict::Failed, Verdict::LeftOut, Verdict::LeftOut]
        );
    }

    #[test]
    fn help_lists_the_steps_in_their_order() {
        let places: Vec<_> = STEPS.iter().map(|step| HELP.find(&format!("\n  {}", step.name))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    }
}
