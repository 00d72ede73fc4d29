//! The step with programs in other languages: installs OpenTelemetry's SDKs below `target/`, and lets them send to the receiver.

use std::path::Path;

use super::session::Session;

/// Where the programs lie, and what they need.
const SOURCES: &str = "crates/server/tests/clients";
/// Where cargo lets tests keep what they need.
const INSTALLED: &str = "target/tmp/clients";

/// Installs what is missing and runs the tests.
///
/// # Errors
/// Where python3 or npm is missing or can't install, or a test fails.
pub(super) fn run(session: &Session) -> Result<(), String> {
    install(session)?;
    session.cargo(&["test", "-p", "flowglass-server", "--features", "clients", "--test", "clients", "--locked"])
}

fn install(session: &Session) -> Result<(), String> {
    let python = format!("{INSTALLED}/python");
    if is_stale(session.root(), &python, "requirements.txt") {
        session.run(&[], "python3", &["-m", "venv", &python])?;
        let requirements = format!("{SOURCES}/requirements.txt");
        let pip = format!("{python}/bin/pip");
        session.run(&[], &pip, &["install", "--quiet", "--disable-pip-version-check", "-r", &requirements])?;
        note(session.root(), &python, "requirements.txt")?;
    }
    let node = format!("{INSTALLED}/node");
    if is_stale(session.root(), &node, "package.json") {
        note(session.root(), &node, "package.json")?;
        session.run(&[], "npm", &["install", "--prefix", &node, "--silent", "--no-audit", "--no-fund"]).inspect_err(|_| {
            // What is there is not what the note says.
            let _ = std::fs::remove_file(session.root().join(&node).join("package.json"));
        })?;
    }
    Ok(())
}

/// Says whether what is installed was made from another list than there is now.
fn is_stale(root: &Path, installed: &str, list: &str) -> bool {
    let wanted = std::fs::read(root.join(SOURCES).join(list)).ok();
    wanted.is_none() || std::fs::read(root.join(installed).join(list)).ok() != wanted
}

/// Notes from which list it was made.
fn note(root: &Path, installed: &str, list: &str) -> Result<(), String> {
    let folder = root.join(installed);
    let copied =
        std::fs::create_dir_all(&folder).and_then(|()| std::fs::copy(root.join(SOURCES).join(list), folder.join(list)));
    copied.map(|_| ()).map_err(|error| format!("{installed}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_from_another_list_is_stale() {
        let root = std::env::temp_dir().join(format!("xtask-clients-{}", std::process::id()));
        let write = |text: &str| {
            std::fs::create_dir_all(root.join(SOURCES)).unwrap();
            std::fs::write(root.join(SOURCES).join("package.json"), text).unwrap();
        };
        write("one");
        assert!(is_stale(&root, "there", "package.json"));
        note(&root, "there", "package.json").unwrap();
        assert!(!is_stale(&root, "there", "package.json"));
        write("two");
        assert!(is_stale(&root, "there", "package.json"));
        std::fs::remove_dir_all(&root).unwrap();
    }
}
