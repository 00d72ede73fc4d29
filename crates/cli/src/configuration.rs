//! The configuration that holds where the command is.

use flowglass::config::{Config, ConfigError};

use crate::failure::Failure;

/// Reads the files and variables that hold here.
pub(crate) fn load() -> Result<Config, Failure> {
    Ok(Config::load()?)
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error)
    }
}
