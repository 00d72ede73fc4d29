//! The first step: what the others need and a fresh machine may lack.

use super::session::Session;

/// Parts of the toolchain: the cargo command that each one brings, and its name for rustup.
const COMPONENTS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

/// Installs what is missing of the toolchain and fetches all dependencies as they are locked.
///
/// # Errors
/// Where a component cannot be installed, or the lock file and the manifests disagree.
pub(super) fn run(session: &Session) -> Result<(), String> {
    for (command, component) in COMPONENTS {
        if !session.succeeds("cargo", &[command, "--version"]) {
            session.run(&[], "rustup", &["component", "add", component])?;
        }
    }
    session
        .cargo(&["fetch", "--locked"])
        .map_err(|reason| format!("{reason}; where Cargo.lock is behind, run `cargo metadata` and commit it"))
}
