//! Temporary files that hold values while a command runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::data::Data;
use crate::error::Error;

/// A folder of temporary files, one a value; it is made at the first file and removed when this is dropped.
#[derive(Debug, Default)]
pub struct TempFiles {
    folder: Option<TempDir>,
    paths: BTreeMap<String, PathBuf>,
}

impl TempFiles {
    /// Returns the path of the file that holds a value, after writing it if it isn't there yet.
    ///
    /// # Errors
    /// `Io` if the file can't be written.
    pub fn path_of(&mut self, name: &str, value: &Data) -> Result<&Path, Error> {
        if !self.paths.contains_key(name) {
            let path = self
                .write(name, value)
                .map_err(|error| Error::io(format_args!("writing the temporary file of `{name}`"), error))?;
            self.paths.insert(name.to_owned(), path);
        }
        Ok(&self.paths[name])
    }

    fn write(&mut self, name: &str, value: &Data) -> std::io::Result<PathBuf> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => tempfile::Builder::new().prefix("flowglass-").tempdir()?,
        };
        let path = folder.path().join(name);
        self.folder = Some(folder);
        std::fs::write(&path, value.to_stream())?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_once_and_removed_at_the_end() {
        let mut files = TempFiles::default();
        let list: Data = ["a", "b"].into_iter().collect();
        let path = files.path_of("xs", &list).unwrap().to_owned();
        assert_eq!(std::fs::read(&path).unwrap(), b"a\nb\n");
        assert_eq!(files.path_of("xs", &Data::Int(1)).unwrap(), path);
        drop(files);
        assert!(!path.exists());
    }
}
