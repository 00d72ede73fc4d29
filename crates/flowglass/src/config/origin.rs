//! Where a value of the configuration comes from, and which of several counts.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from. A later one of this list counts more than an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody says anything.
    Default,
    /// The preset that is chosen.
    Preset(String),
    /// The user's own file, for all projects.
    UserFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The project's file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of OpenTelemetry.
    Standard(String),
    /// A variable of Flowglass.
    Variable(String),
    /// The program itself, or an argument of the command.
    Program,
}

impl Origin {
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::Preset(_) => 1,
            Self::UserFile { .. } => 2,
            Self::File { .. } => 3,
            Self::Standard(_) => 4,
            Self::Variable(_) => 5,
            Self::Program => 6,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::UserFile { path, line } | Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Standard(name) | Self::Variable(name) => f.write_str(name),
            Self::Program => f.write_str("program"),
        }
    }
}
