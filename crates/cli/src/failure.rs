//! Why the command can't do what was asked, and the exit code that says so.

use std::fmt::Display;

/// Wrong usage or a wrong file.
pub(crate) const USAGE: u8 = 2;
/// The run failed.
pub(crate) const FAILED: u8 = 1;
/// Somebody stopped the run.
pub(crate) const CANCELLED: u8 = 130;

/// A message for people and an exit code for programs.
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) exit_code: u8,
}

impl Failure {
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), exit_code: USAGE }
    }

    pub(crate) fn run(message: impl Display) -> Self {
        Self { message: message.to_string(), exit_code: FAILED }
    }
}

impl From<flowglass::store::StoreError> for Failure {
    fn from(error: flowglass::store::StoreError) -> Self {
        Self::usage(error)
    }
}
