//! One run of the tests: where it happens, and how its steps start programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::surroundings;

/// The root of the workspace, and the ways to run something in it.
pub(super) struct Session {
    root: PathBuf,
}

impl Session {
    pub(super) fn new(root: &Path) -> Session {
        Session { root: root.to_path_buf() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Prints a cargo command and runs it.
    ///
    /// # Errors
    /// Where it does not start or does not succeed.
    pub(super) fn cargo(&self, arguments: &[&str]) -> Result<(), String> {
        self.cargo_with(&[], arguments)
    }

    /// Prints a cargo command and runs it with variables of its own.
    ///
    /// # Errors
    /// Where it does not start or does not succeed.
    pub(super) fn cargo_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Result<(), String> {
        self.run(variables, "cargo", arguments)
    }

    /// Prints a command and runs it.
    ///
    /// # Errors
    /// Where it does not start or does not succeed.
    pub(super) fn run(&self, variables: &[(&str, &str)], program: &str, arguments: &[&str]) -> Result<(), String> {
        println!("$ {}", shown(variables, program, arguments));
        let status = self.command(program, arguments).envs(variables.iter().copied()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{program} ended with {status}")),
            Err(error) => Err(format!("{program} does not start: {error}")),
        }
    }

    /// Tells whether a command succeeds, and keeps what it prints to itself.
    pub(super) fn succeeds(&self, program: &str, arguments: &[&str]) -> bool {
        let status = self.command(program, arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    /// Runs a command and gives what it prints; its errors go to the terminal.
    ///
    /// # Errors
    /// Where it does not start or does not succeed.
    pub(super) fn output(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, String> {
        println!("$ {}", shown(&[], program, arguments));
        let output = self.command(program, arguments).stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("{program} does not start: {error}"))?;
        if output.status.success() { Ok(output.stdout) } else { Err(format!("{program} ended with {}", output.status)) }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = surroundings::command(&self.root, program);
        // Snapshots are accepted by people, never by a run that is to judge them.
        command.args(arguments).env("INSTA_UPDATE", "no");
        command
    }
}

fn shown(variables: &[(&str, &str)], program: &str, arguments: &[&str]) -> String {
    let variables = variables.iter().map(|(name, value)| format!("{name}={value}"));
    variables
        .chain([program.to_owned()])
        .chain(arguments.iter().map(|&argument| argument.to_owned()))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_one_would_type_them() {
        assert_eq!(shown(&[("A", "b")], "cargo", &["doc", "-q"]), "A=b cargo doc -q");
    }

    #[test]
    fn a_program_that_is_not_there_fails() {
        let session = Session::new(Path::new(env!("CARGO_MANIFEST_DIR")));
        assert!(session.run(&[], "no-such-program-here", &[]).is_err());
        assert!(session.output("no-such-program-here", &[]).is_err());
        assert!(!session.succeeds("no-such-program-here", &[]));
    }
}
