//! Programs in other languages that send to a receiver.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs a program in Python; returns what it printed.
pub(crate) fn python(program: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new(installed("python/bin/python"));
    command.arg(source(program)).args(arguments);
    printed(command)
}

/// Runs a program in JavaScript, with the packages that are installed; returns what it printed.
pub(crate) fn node(program: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new("node");
    command.arg(source(program)).arg(installed("node")).args(arguments);
    printed(command)
}

fn source(program: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "clients", program].iter().collect()
}

/// Returns the place of something that `cargo xtask test` installs.
pub(crate) fn installed(path: &str) -> PathBuf {
    let path = [env!("CARGO_TARGET_TMPDIR"), "clients", path].iter().collect::<PathBuf>();
    assert!(path.exists(), "{} isn't there: `cargo xtask test` installs it", path.display());
    path
}

fn printed(mut command: Command) -> Value {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {text}{errors}"))
}
