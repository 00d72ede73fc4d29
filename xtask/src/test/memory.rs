//! The step about memory that threads share: every interleaving of the recorder's threads, and its tests under a sanitizer and on a
//! simulated processor.

use super::session::Session;

const PACKAGE: &str = "flowglass-record";
/// Where the tools below know all that the recorder does.
const IS_KNOWN: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// What runs the tests' program.
const ON_SIMULATION: &str = "valgrind --quiet --error-exitcode=9 --exit-on-first-error=yes";

/// Runs the models always, and the two tools where they are installed; where one isn't, it says so.
///
/// # Errors
/// Where a model or a tool finds something.
pub(super) fn run(session: &Session) -> Result<(), String> {
    let found = [interleavings(session), sanitizer(session), simulation(session)];
    found.into_iter().collect()
}

/// Runs the models of the lanes, the hand-over and the open spans through every order of their threads' steps.
fn interleavings(session: &Session) -> Result<(), String> {
    let variables = [("RUSTFLAGS", "--cfg loom"), ("CARGO_PROFILE_DEV_OPT_LEVEL", "1")];
    session.cargo_with(&variables, &test("target/interleavings", &["--lib", "interleavings"]))
}

/// Runs the recorder's tests under AddressSanitizer, which only a nightly compiler has. Some texts are leaked on purpose.
fn sanitizer(session: &Session) -> Result<(), String> {
    if !is_there(session, "rustup", &["run", "nightly", "cargo", "--version"]) {
        return Ok(());
    }
    let variables = [("RUSTFLAGS", "-Zsanitizer=address"), ("ASAN_OPTIONS", "detect_leaks=0")];
    let test = test("target/sanitizer", &["--tests", "--target", TARGET]);
    session.run(&variables, "rustup", &[&["run", "nightly", "cargo"], &*test].concat())
}

/// Runs the recorder's unit tests on valgrind's processor.
fn simulation(session: &Session) -> Result<(), String> {
    if !is_there(session, "valgrind", &["--version"]) {
        return Ok(());
    }
    let variables = [("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", ON_SIMULATION)];
    session.cargo_with(&variables, &test("target/simulation", &["--lib", "--target", TARGET]))
}

/// Says whether a tool can be used here; where it can't, tells.
fn is_there(session: &Session, program: &str, arguments: &[&str]) -> bool {
    let is_there = IS_KNOWN && session.succeeds(program, arguments);
    if !is_there {
        let command = [&[program], arguments].concat().join(" ");
        println!("not run: `{command}` doesn't work here, or this isn't {TARGET}");
    }
    is_there
}

/// Each has build directories of its own, so that the flags of one don't make the others build anew.
fn test<'a>(folder: &'a str, what: &[&'a str]) -> Vec<&'a str> {
    [&["test", "--package", PACKAGE, "--locked", "--target-dir", folder], what].concat()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_tool_that_is_not_there_is_left_out() {
        let session = Session::new(Path::new(env!("CARGO_MANIFEST_DIR")));
        assert!(!is_there(&session, "no-such-program-here", &["--version"]));
    }

    #[test]
    fn builds_are_apart() {
        let built = test("target/here", &["--lib"]);
        assert_eq!(built.join(" "), "test --package flowglass-record --locked --target-dir target/here --lib");
    }
}
