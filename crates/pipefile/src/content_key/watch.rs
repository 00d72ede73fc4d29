//! Files that a command reads by itself, found by globs.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::{ContentKey, MOST_ENTRIES};
use crate::error::{Error, ErrorKind};
use crate::template::{Piece, TempFiles, Template, Values};

impl ContentKey<'_> {
    /// Returns the digest of all files that a glob finds now: their paths and contents, sorted.
    pub(super) fn watched(&self, glob: &Template, values: &Values<'_>) -> Result<[u8; 32], Error> {
        let glob = escaped(glob, values)?;
        let (base, pattern) = split_base(&glob);
        let base = self.cwd.join(&base);
        let mut digest = blake3::Hasher::new();
        for path in self.matches(&base, &pattern)? {
            let Ok(found) = path.metadata() else { continue };
            let name = path.as_os_str().as_bytes();
            digest.update(&(name.len() as u64).to_le_bytes()).update(name);
            digest.update(&self.content_of(&path, &found)?);
        }
        Ok(digest.finalize().into())
    }

    fn matches(&self, base: &Path, pattern: &str) -> Result<Vec<PathBuf>, Error> {
        if pattern.is_empty() {
            return Ok(vec![base.to_owned()]);
        }
        let matcher = matcher(pattern)?;
        let depth = depth(pattern);
        let is_match = |path: &PathBuf| path.is_file() && path.strip_prefix(base).is_ok_and(|below| matcher.is_match(below));
        Ok(self.entries(base, depth, MOST_ENTRIES)?.into_iter().filter(is_match).collect())
    }
}

/// Puts values into a glob so that their characters stand for themselves.
fn escaped(glob: &Template, values: &Values<'_>) -> Result<String, Error> {
    let mut text = String::new();
    for piece in glob.pieces() {
        match piece {
            Piece::Literal { text: literal, .. } | Piece::Verbatim { text: literal, .. } => text.push_str(literal),
            Piece::Placeholder(placeholder) => {
                let one =
                    Template::parse(&placeholder.written()).map_err(|_| wrong(&placeholder.written(), "no placeholder"))?;
                let value = one.render_word(values, &mut TempFiles::default())?;
                text.push_str(&globset::escape(&value.to_string_lossy()));
            }
        }
    }
    Ok(text)
}

/// Splits a glob into the folder that it surely is in and the pattern below that.
fn split_base(glob: &str) -> (String, String) {
    let special = glob.find(['*', '?', '[', '{', '\\']).unwrap_or(glob.len());
    if special == glob.len() {
        return (glob.to_owned(), String::new());
    }
    let base_end = glob[..special].rfind('/').map_or(0, |slash| slash + 1);
    (glob[..base_end].to_owned(), glob[base_end..].to_owned())
}

/// Returns how many levels of folders a pattern can reach: only `**` goes as deep as there is something.
fn depth(pattern: &str) -> usize {
    if pattern.contains("**") { usize::MAX } else { pattern.matches('/').count() + 1 }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, Error> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    Ok(glob.map_err(|error| wrong(pattern, &error.kind().to_string()))?.compile_matcher())
}

fn wrong(glob: &str, why: &str) -> Error {
    Error::new(ErrorKind::Template, format!("the glob `{glob}` is wrong: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sure_part_is_split_off() {
        let split = |glob: &str| {
            let (base, pattern) = split_base(glob);
            format!("{base}|{pattern}")
        };
        assert_eq!(split("src/**/*.rs"), "src/|**/*.rs");
        assert_eq!(split("*.rs"), "|*.rs");
        assert_eq!(split("/etc/hosts"), "/etc/hosts|");
        assert_eq!(split("../lib/a?.h"), "../lib/|a?.h");
        assert_eq!(split("src/a{b,c}"), "src/|a{b,c}");
    }

    #[test]
    fn a_pattern_reaches_as_deep_as_it_says() {
        assert_eq!([depth("*.md"), depth("*/a?.h"), depth("{a,b/c}.h")], [1, 2, 2]);
        assert_eq!([depth("**/*.md"), depth("a*/**")], [usize::MAX; 2]);
    }
}
