//! Where a configuration is looked for: files upward from a folder and in the user's own, and the environment.

use std::path::{Path, PathBuf};

use super::environment::{Variables, set};
use super::problem::ConfigError;

/// The name of the file, in a project's folder and in the user's.
pub const FILE_NAME: &str = "flowglass.toml";
/// Names a file in place of those that are looked for; `off` for none.
const FILE_VARIABLE: &str = "FLOWGLASS_CONFIG";

/// What a configuration is made of, as plain text: nothing is read behind its back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    /// The folder that relative places of variables and defaults start from.
    pub folder: PathBuf,
    /// The user's own file, which counts least.
    pub user_file: Option<SourceFile>,
    /// The project's file.
    pub file: Option<SourceFile>,
    /// Variables.
    pub variables: Variables,
}

/// A file with its text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

impl Sources {
    /// Reads the files that hold for a folder, and this process's environment: `flowglass.toml` in the folder or the nearest one
    /// around it, and the one in `$XDG_CONFIG_HOME/flowglass` (or `~/.config/flowglass`). `FLOWGLASS_CONFIG` names a file in place
    /// of both, or is `off`.
    ///
    /// # Errors
    /// If a file is there and can't be read, or the one that is named isn't there.
    pub fn of_process(folder: &Path) -> Result<Self, ConfigError> {
        Self::of_folder(folder, environment())
    }

    /// As [`of_process`](Self::of_process), with other variables.
    ///
    /// # Errors
    /// As `of_process`.
    pub fn of_folder(folder: &Path, variables: Variables) -> Result<Self, ConfigError> {
        let (user_file, file) = match set(&variables, FILE_VARIABLE) {
            Some("off") => (None, None),
            Some(named) => (None, Some(SourceFile::read(&folder.join(named))?)),
            None => {
                let user = users_folder(&variables).map(|folder| folder.join("flowglass").join(FILE_NAME));
                let found = folder.ancestors().map(|folder| folder.join(FILE_NAME)).find(|path| path.is_file());
                let user = user.filter(|path| path.is_file() && found.as_ref() != Some(path));
                (user.as_deref().map(SourceFile::read).transpose()?, found.as_deref().map(SourceFile::read).transpose()?)
            }
        };
        Ok(Self { folder: folder.to_owned(), user_file, file, variables })
    }
}

impl SourceFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| ConfigError::of(path.display().to_string(), format!("it can't be read: {error}")))?;
        Ok(Self { path: path.to_owned(), text })
    }
}

/// Returns the folder with `.flowglass/` in or around this one, else the one that would be made in it.
#[must_use]
pub fn nearest_folder(from: &Path) -> PathBuf {
    const FOLDER: &str = ".flowglass";
    let found = from.ancestors().map(|folder| folder.join(FOLDER)).find(|folder| folder.is_dir());
    found.unwrap_or_else(|| from.join(FOLDER))
}

fn users_folder(variables: &Variables) -> Option<PathBuf> {
    let own = set(variables, "XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    own.or_else(|| Some(Path::new(set(variables, "HOME")?).join(".config")))
}

#[expect(clippy::disallowed_methods, reason = "the configuration is where the environment is read")]
fn environment() -> Variables {
    let text =
        |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_nearest_file_upwards_and_the_users_own_are_found() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("project/a/b");
        let user = root.path().join("home/.config/flowglass");
        [&inner, &user].into_iter().for_each(|folder| std::fs::create_dir_all(folder).unwrap());
        std::fs::write(root.path().join("project/flowglass.toml"), "[sampling]\n").unwrap();
        std::fs::write(user.join("flowglass.toml"), "").unwrap();
        let home = root.path().join("home").display().to_string();
        let sources = Sources::of_folder(&inner, variables(&[("HOME", &home)])).unwrap();
        assert_eq!(sources.file.unwrap().path, root.path().join("project/flowglass.toml"));
        assert_eq!(sources.user_file.unwrap().path, user.join("flowglass.toml"));
        let off = Sources::of_folder(&inner, variables(&[("HOME", &home), ("FLOWGLASS_CONFIG", "off")])).unwrap();
        assert!(off.file.is_none() && off.user_file.is_none());
        let missing = Sources::of_folder(&inner, variables(&[("FLOWGLASS_CONFIG", "other.toml")])).unwrap_err();
        assert!(missing.to_string().contains("other.toml"), "{missing}");
    }
}
