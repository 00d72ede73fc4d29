//! Child processes, and which of the developer's surroundings they may see.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

/// Prepares a command that runs in the workspace's root, reads no input and inherits nothing that changes what Flowglass does.
pub(crate) fn command(root: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root).stdin(Stdio::null());
    for name in variable_names().filter(|name| is_foreign(name)) {
        command.env_remove(name);
    }
    if is_ci() {
        command.env("CARGO_TERM_COLOR", "never").env("CARGO_TERM_PROGRESS_WHEN", "never").env("NO_COLOR", "1");
    }
    command
}

/// Turns the status of a child into this process's own: 1 where a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Finds cargo's home directory: where it keeps registries and databases.
pub(crate) fn cargo_home() -> Option<std::path::PathBuf> {
    variable("CARGO_HOME").map(Into::into).or_else(|| Some(env::home_dir()?.join(".cargo")))
}

fn is_ci() -> bool {
    variable("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Tells whether a variable would change what tests see: telemetry settings and a trace to join from the developer's shell,
/// and what `cargo run` says about xtask itself, which would make build scripts run again.
fn is_foreign(name: &OsStr) -> bool {
    const NAMES: [&str; 6] = ["TRACEPARENT", "TRACESTATE", "BAGGAGE", "LOGFIRE_TOKEN", "INSTA_FORCE_PASS", "TRYBUILD"];
    const PREFIXES: [&str; 5] = ["OTEL_", "FLOWGLASS_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    let name = name.to_string_lossy();
    NAMES.contains(&&*name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[expect(clippy::disallowed_methods, reason = "the developer's shell is what this module is about")]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

#[expect(clippy::disallowed_methods, reason = "the developer's shell is what this module is about")]
fn variable_names() -> impl Iterator<Item = OsString> {
    env::vars_os().map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_of_the_shell_is_foreign() {
        for name in ["TRACEPARENT", "OTEL_EXPORTER_OTLP_ENDPOINT", "FLOWGLASS_STORE", "CARGO_PKG_NAME"] {
            assert!(is_foreign(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn what_a_build_needs_stays() {
        for name in ["PATH", "HOME", "CARGO_HOME", "CARGO_TARGET_DIR", "RUSTFLAGS", "CI", "HOTEL_"] {
            assert!(!is_foreign(OsStr::new(name)), "{name}");
        }
    }
}
