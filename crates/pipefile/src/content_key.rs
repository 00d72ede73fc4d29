//! What the cache key of a command holds: its text, its program, its surroundings, and its values by content.

mod canonical;
mod digests;
mod folder;
mod watch;

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub use digests::{DigestEntry, FileDigests};
pub use folder::MOST_ENTRIES;

use crate::data::Data;
use crate::error::{Error, ErrorKind};
use crate::file::{CommandSpec, Program};
use crate::process::{inherited_search_path, resolve_program};
use crate::template::{Template, Values};

/// Variables that say where and under whom a command runs, not what it does: they are never in a key.
pub const UNKEYED_VARIABLES: [&str; 9] =
    ["TRACEPARENT", "TRACESTATE", "BAGGAGE", "TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"];

/// A receiver of the labelled parts of a key: a hasher, and what explains later why a key changed.
pub type PartSink<'a> = dyn FnMut(&str, &[u8]) + 'a;

/// What content is looked at, and where.
#[derive(Debug, Clone, Copy)]
pub struct ContentKey<'a> {
    /// Relative paths are relative to this: the folder in which the command runs.
    pub cwd: &'a Path,
    /// What is known of files that were read before.
    pub digests: &'a FileDigests,
    /// Absolute paths that never count, with all that begins like them (a store has files beside it).
    pub ignored: &'a [PathBuf],
}

impl ContentKey<'_> {
    /// Gives the parts of a command without the values that it takes. Reads files; may block.
    ///
    /// # Errors
    /// `Value` if watched folders hold too much to be listed, `Template` for globs with values that can't be in them.
    pub fn command(&self, spec: &CommandSpec, values: &Values<'_>, part: &mut PartSink<'_>) -> Result<(), Error> {
        match &spec.program {
            Program::Shell(shell) => part("shell", shell.template().text().as_bytes()),
            Program::Argv(arguments) => {
                arguments.iter().enumerate().for_each(|(at, argument)| part(&format!("argv.{at}"), argument.text().as_bytes()));
            }
        }
        part("program", &self.program(spec, values));
        part("cwd", self.cwd.as_os_str().as_bytes());
        part("parse", spec.parse.as_str().as_bytes());
        if let Some(stdin) = &spec.stdin {
            part("stdin", stdin.text().as_bytes());
        }
        for (name, value) in spec.env.iter().filter(|(name, _)| !UNKEYED_VARIABLES.contains(&name.as_str())) {
            part(&format!("env.{name}"), value.text().as_bytes());
        }
        for glob in &spec.watch {
            part(&format!("watch.{}", glob.text()), &self.watched(glob, values)?);
        }
        Ok(())
    }

    /// Gives the parts of one value: the value itself and, where it is an existing path, the content of that. Reads files;
    /// may block.
    ///
    /// # Errors
    /// `Value` if a folder holds too much to be listed.
    pub fn value(&self, name: &str, value: &Data, part: &mut PartSink<'_>) -> Result<(), Error> {
        part(&format!("input.{name}"), &canonical::bytes(value));
        let mut content = blake3::Hasher::new();
        if self.add_content(value, &mut content)? {
            part(&format!("input.{name}.content"), content.finalize().as_bytes());
        }
        Ok(())
    }

    /// Adds the content of every path in a value; says whether there was one.
    fn add_content(&self, value: &Data, content: &mut blake3::Hasher) -> Result<bool, Error> {
        match value {
            Data::Text(text) | Data::Path(text) => self.add_path_content(text, content),
            Data::List(elements) => {
                let mut found = false;
                for (at, element) in elements.iter().enumerate() {
                    // The place tells the contents of two elements from each other.
                    content.update(&(at as u64).to_le_bytes());
                    found |= self.add_content(element, content)?;
                }
                Ok(found)
            }
            _ => Ok(false),
        }
    }

    fn add_path_content(&self, text: &str, content: &mut blake3::Hasher) -> Result<bool, Error> {
        const LONGEST_PATH_BYTES: usize = 4_096;
        // The root is a separator in a text far more often than a folder to be read.
        if text.is_empty() || text.len() > LONGEST_PATH_BYTES || text.contains('\0') || text == "/" {
            return Ok(false);
        }
        let path = self.cwd.join(text);
        let Ok(found) = path.metadata() else { return Ok(false) };
        if self.is_ignored(&path) {
            return Ok(false);
        }
        content.update(&self.content_of(&path, &found)?);
        Ok(true)
    }

    /// Returns the content of what is at a path: the bytes of a file, the listing of a folder.
    fn content_of(&self, path: &Path, found: &Metadata) -> Result<[u8; 33], Error> {
        if found.is_dir() {
            return Ok(tagged(b'd', self.listing(path)?));
        }
        if !found.is_file() {
            // Reading a pipe or a device would take something out of it, or never end.
            return Ok(tagged(b'o', [0; 32]));
        }
        match self.digests.digest(path, found) {
            Ok(digest) => Ok(tagged(b'f', digest)),
            Err(_) => Ok(tagged(b'u', stamp(found))),
        }
    }

    fn is_ignored(&self, path: &Path) -> bool {
        let path = path.as_os_str().as_bytes();
        self.ignored.iter().any(|ignored| path.starts_with(ignored.as_os_str().as_bytes()))
    }

    /// Returns where the command's program is and what it looks like from outside.
    fn program(&self, spec: &CommandSpec, values: &Values<'_>) -> Vec<u8> {
        let path = spec.env.iter().rev().find(|(name, _)| name == "PATH").and_then(|(_, path)| plain(path, values));
        let search_path = path.or_else(inherited_search_path);
        let name = match &spec.program {
            Program::Shell(_) => Some("sh".into()),
            Program::Argv(arguments) => arguments.first().and_then(|program| first_word(program, values)),
        };
        let found = name.and_then(|name| resolve_program(&name, self.cwd, search_path.as_deref()));
        let Some((path, metadata)) = found.and_then(|path| path.metadata().ok().map(|metadata| (path, metadata))) else {
            return b"missing".to_vec();
        };
        let size_and_time = format!("\0{}\0{}", metadata.size(), mtime_ns(&metadata));
        [path.as_os_str().as_bytes(), size_and_time.as_bytes()].concat()
    }
}

fn plain(template: &Template, values: &Values<'_>) -> Option<std::ffi::OsString> {
    template.render_word(values, &mut crate::template::TempFiles::default()).ok()
}

fn first_word(template: &Template, values: &Values<'_>) -> Option<std::ffi::OsString> {
    let words = template.render_arguments(values, &mut crate::template::TempFiles::default()).ok()?;
    words.into_iter().next().filter(|word| word != OsStr::new(""))
}

fn tagged(tag: u8, digest: [u8; 32]) -> [u8; 33] {
    let mut bytes = [tag; 33];
    bytes[1..].copy_from_slice(&digest);
    bytes
}

/// Returns what stands for the content of a file that can't be read.
fn stamp(found: &Metadata) -> [u8; 32] {
    blake3::hash(format!("{}\0{}", found.size(), mtime_ns(found)).as_bytes()).into()
}

fn mtime_ns(found: &Metadata) -> i64 {
    found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec())
}

fn too_many(path: &Path) -> Error {
    let message = format!(
        "`{}` holds more than {MOST_ENTRIES} files, too many to see whether one changed: name a smaller folder, or set `cache = false`",
        path.display()
    );
    Error::new(ErrorKind::Value, message)
}

#[cfg(test)]
mod tests;
