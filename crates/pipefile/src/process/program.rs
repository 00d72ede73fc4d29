//! Finding programs, and saying why one can't be started.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::{Command, below};
use crate::error::{Error, ErrorKind};
use flowglass_model::nearest::nearest;

/// Returns the file that a program's name stands for: relative to the folder if it has a `/`, else the first on the path.
#[must_use]
pub fn resolve_program(name: &OsStr, cwd: &Path, search_path: Option<&OsStr>) -> Option<PathBuf> {
    candidates(name, cwd, search_path).into_iter().find(|path| is_executable(path))
}

/// Returns the `PATH` that children of this process inherit.
#[expect(clippy::disallowed_methods, reason = "a child inherits the environment, so its program must be looked for there too")]
pub(crate) fn inherited_search_path() -> Option<OsString> {
    std::env::var_os("PATH")
}

pub(super) fn find(command: &Command) -> Result<PathBuf, Error> {
    if !command.cwd.is_dir() {
        let message = format!("`{}` can't run in `{}`: no such folder", command.label, command.cwd.display());
        return Err(Error::new(ErrorKind::NotFound, message));
    }
    let search_path = command.search_path();
    let candidates = candidates(&command.program, &command.cwd, search_path.as_deref());
    if let Some(path) = candidates.iter().find(|path| is_executable(path)) {
        return Ok(path.clone());
    }
    match candidates.iter().find(|path| path.exists()) {
        Some(path) => Err(not_executable(command, path)),
        None => Err(not_found(command, search_path.as_deref())),
    }
}

/// Says why the operating system refused to start a program that is there.
pub(super) fn start_error(command: &Command, error: io::Error) -> Error {
    let program = command.program.to_string_lossy();
    let (kind, why) = match error.kind() {
        io::ErrorKind::NotFound => {
            (ErrorKind::NotFound, "is there, but the interpreter that its first line names is not".to_owned())
        }
        io::ErrorKind::PermissionDenied => (ErrorKind::PermissionDenied, "may not be run: permission denied".to_owned()),
        io::ErrorKind::ArgumentListTooLong => (
            ErrorKind::Template,
            "gets too many or too long arguments: give long values by `stdin`, or as a file with `:file` after the name in the braces".to_owned(),
        ),
        io::ErrorKind::InvalidInput => (ErrorKind::Template, "gets a zero byte in an argument".to_owned()),
        _ if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            (ErrorKind::PermissionDenied, "is no program: a script needs a first line such as `#!/bin/sh`".to_owned())
        }
        _ => (ErrorKind::Io, format!("could not be started: {error}")),
    };
    Error::new(kind, format!("`{program}` {why}")).with_source(error)
}

fn candidates(name: &OsStr, cwd: &Path, search_path: Option<&OsStr>) -> Vec<PathBuf> {
    if name.is_empty() {
        return Vec::new();
    }
    if name.as_encoded_bytes().contains(&b'/') {
        return vec![below(cwd, name)];
    }
    folders(cwd, search_path).map(|folder| folder.join(name)).collect()
}

fn folders(cwd: &Path, search_path: Option<&OsStr>) -> impl Iterator<Item = PathBuf> {
    // What execvp takes where there is no PATH.
    let search_path = search_path.unwrap_or(OsStr::new("/bin:/usr/bin"));
    std::env::split_paths(search_path).map(|folder| below(cwd, folder.as_os_str())).collect::<Vec<_>>().into_iter()
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn not_executable(command: &Command, path: &Path) -> Error {
    let why =
        if path.is_dir() { "it is a folder".to_owned() } else { format!("make it executable: `chmod +x {}`", path.display()) };
    Error::new(ErrorKind::PermissionDenied, format!("`{}` may not be run: {why}", command.program.to_string_lossy()))
}

fn not_found(command: &Command, search_path: Option<&OsStr>) -> Error {
    let program = command.program.to_string_lossy();
    let is_path = program.contains('/');
    let names =
        if is_path { names_beside(&below(&command.cwd, &command.program)) } else { names_on(&command.cwd, search_path) };
    let wrong = Path::new(&*program).file_name().map(OsStr::to_string_lossy).unwrap_or_default();
    let near = nearest(&wrong, names.iter().map(String::as_str));
    let hint = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let place = if is_path { "no such file".to_owned() } else { "no such program on PATH".to_owned() };
    let message = format!("`{program}` was not found: {place} (in `{}`){hint}", command.cwd.display());
    Error::new(ErrorKind::NotFound, message)
}

fn names_on(cwd: &Path, search_path: Option<&OsStr>) -> Vec<String> {
    let mut names: Vec<String> = folders(cwd, search_path).flat_map(|folder| names_in(&folder)).collect();
    names.sort();
    names.dedup();
    names
}

fn names_beside(path: &Path) -> Vec<String> {
    path.parent().map(names_in).unwrap_or_default()
}

fn names_in(folder: &Path) -> Vec<String> {
    const MOST: usize = 10_000;
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().take(MOST).map(|entry| entry.file_name()).filter_map(|name: OsString| name.into_string().ok()).collect()
}
