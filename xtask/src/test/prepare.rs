//! The first step: what the others need and a fresh machine may lack.

use super::session::Session;

/// Parts of the toolchain: the cargo command that each one brings, and its name for rustup.
const COMPONENTS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

/// Installs what is missing of the toolchain, the database server that tests start, and fetches all dependencies as they are locked.
///
/// # Errors
/// Where a component cannot be installed, or the lock file and the manifests disagree.
pub(super) fn run(session: &Session) -> Result<(), String> {
    for (command, component) in COMPONENTS {
        if !session.succeeds("cargo", &[command, "--version"]) {
            session.run(&[], "rustup", &["component", "add", component])?;
        }
    }
    install_server(session);
    session
        .cargo(&["fetch", "--locked"])
        .map_err(|reason| format!("{reason}; where Cargo.lock is behind, run `cargo metadata` and commit it"))
}

/// Installs a PostgreSQL server where that takes no more than a word: as root, with apt. Elsewhere the tests that need one say so, and
/// fail in continuous integration.
fn install_server(session: &Session) {
    let is_there = std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut versions| versions.next().is_some());
    let can_install = || session.succeeds("apt-get", &["--version"]) && session.succeeds("test", &["-w", "/usr/lib"]);
    if is_there || !can_install() {
        return;
    }
    let quietly = [("DEBIAN_FRONTEND", "noninteractive")];
    let install = ["install", "-y", "--no-install-recommends", "postgresql"];
    let installed = session.run(&quietly, "apt-get", &["update"]).and_then(|()| session.run(&quietly, "apt-get", &install));
    if let Err(reason) = installed {
        println!("{reason}; the tests of the store on a server can't run without one");
    }
}
