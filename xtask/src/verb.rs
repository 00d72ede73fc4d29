//! What a verb is: its name, its help, and what it runs.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// A developer command.
pub(crate) struct Verb {
    /// The word on the command line.
    pub(crate) name: &'static str,
    /// One line for the list of verbs.
    pub(crate) about: &'static str,
    /// The whole help, with a line break at its end.
    pub(crate) help: &'static str,
    /// Takes the workspace's root and the arguments after the verb; an error is one of usage or of the machine, and exits with 2.
    pub(crate) run: fn(&Path, &[OsString]) -> Result<ExitCode, String>,
}

/// Tells whether an argument asks for help.
pub(crate) fn asks_for_help(argument: &OsStr) -> bool {
    argument == "-h" || argument == "--help" || argument == "help"
}

/// Reads arguments that may only be flags, and says for each known flag whether it was given.
pub(crate) fn flags<const N: usize>(known: [&str; N], arguments: &[OsString]) -> Result<[bool; N], String> {
    if let Some(unknown) = arguments.iter().find(|argument| !known.iter().any(|flag| argument == flag)) {
        return Err(format!("there is no argument `{}` here; --help lists them", unknown.to_string_lossy()));
    }
    Ok(known.map(|flag| arguments.iter().any(|argument| argument == flag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_told_apart() {
        let given = [OsString::from("--b")];
        assert_eq!(flags(["--a", "--b"], &given), Ok([false, true]));
        assert_eq!(flags(["--a"], &[]), Ok([false]));
    }

    #[test]
    fn an_unknown_flag_is_named() {
        let message = flags(["--quick"], &[OsString::from("--quik")]).unwrap_err();
        assert!(message.contains("`--quik`"), "{message}");
        assert!(flags([], &[OsString::from("x")]).is_err());
    }
}
