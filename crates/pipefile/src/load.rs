//! Pipeline files from disk, with the files that they nest.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::file::PipelineFile;
use crate::link;
use crate::paths;
use crate::read::{self, ActionDraft, FileDraft, Located};
use crate::source::SourceFile;

/// How deep files may nest.
const DEEPEST: usize = 64;

impl PipelineFile {
    /// Loads a file and all files that it nests, and checks every name in them.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn load(path: &Path) -> Result<Arc<Self>, Diagnostics> {
        let mut loader = Loader::default();
        let file = loader.load(path, None);
        loader.problems.sort();
        match file {
            Some(file) if loader.problems.0.is_empty() => Ok(file),
            _ => Err(loader.problems),
        }
    }
}

#[derive(Default)]
struct Loader {
    /// What was loaded before, by its real path; none where it has problems.
    loaded: HashMap<PathBuf, Option<Arc<PipelineFile>>>,
    /// The files that are being loaded, outermost first: real path and the path as it was named.
    open: Vec<(PathBuf, PathBuf)>,
    problems: Diagnostics,
}

/// Where a file is named in another.
struct NamedAt<'a> {
    source: &'a Arc<SourceFile>,
    span: Range<usize>,
}

impl NamedAt<'_> {
    fn problem(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(self.source, self.span.clone(), message)
    }
}

impl Loader {
    fn load(&mut self, path: &Path, named_at: Option<&NamedAt<'_>>) -> Option<Arc<PipelineFile>> {
        // A file that isn't there has no real path: reading it then says why.
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Some(known) = self.loaded.get(&real) {
            return known.clone();
        }
        if let Some(problem) = named_at.and_then(|at| self.cycle(&real, path, at)) {
            self.problems.push(problem);
            return None;
        }
        self.open.push((real.clone(), path.to_owned()));
        let file = self.load_new(path, named_at);
        self.open.pop();
        self.loaded.insert(real, file.clone());
        file
    }

    fn load_new(&mut self, path: &Path, named_at: Option<&NamedAt<'_>>) -> Option<Arc<PipelineFile>> {
        let source = match SourceFile::read(path) {
            Ok(source) => Arc::new(source),
            Err(problem) => {
                self.problems.push(at_name(*problem, named_at));
                return None;
            }
        };
        let folder = folder_of(path);
        let problems_before = self.problems.0.len();
        let draft = read::read(&source, &folder, &mut self.problems)?;
        let nested = self.load_nested(&draft, &source, path);
        // The problems of a nested file may have been told when another file named it.
        let is_whole = is_whole(&draft, &nested);
        let file = link::link(draft, &nested, &source, folder, &mut self.problems);
        (is_whole && self.problems.0.len() == problems_before).then(|| Arc::new(file))
    }

    /// Loads what each node nests; none for commands and for files with problems.
    fn load_nested(&mut self, draft: &FileDraft, source: &Arc<SourceFile>, path: &Path) -> Vec<Option<Arc<PipelineFile>>> {
        let beside = path.parent().unwrap_or(Path::new(""));
        let mut load = |file: &Located| {
            let named_at = NamedAt { source, span: file.span.clone() };
            self.load(&beside.join(&file.text), Some(&named_at))
        };
        draft
            .nodes
            .iter()
            .map(|node| match &node.action {
                Some(ActionDraft::Pipeline(file)) => load(file),
                _ => None,
            })
            .collect()
    }

    fn cycle(&self, real: &Path, path: &Path, at: &NamedAt<'_>) -> Option<Diagnostic> {
        let Some(first) = self.open.iter().position(|(open, _)| open == real) else {
            let too_deep = self.open.len() >= DEEPEST;
            return too_deep.then(|| at.problem(format!("pipeline files nest deeper than {DEEPEST} levels")));
        };
        let chain = self.open[first..].iter().map(|(_, named)| named.as_path()).chain([path]);
        let chain: Vec<String> = chain.map(|path| path.display().to_string()).collect();
        let message = format!("cycle: {}", chain.join(" → "));
        Some(
            at.problem(message)
                .with_label("includes itself")
                .with_help("a pipeline can't contain itself, not through others either"),
        )
    }
}

fn is_whole(draft: &FileDraft, nested: &[Option<Arc<PipelineFile>>]) -> bool {
    let mut nodes = draft.nodes.iter().zip(nested);
    nodes.all(|(node, nested)| nested.is_some() || !matches!(node.action, Some(ActionDraft::Pipeline(_))))
}

/// Moves the problem of a file that can't be read to where another file names it.
fn at_name(problem: Diagnostic, named_at: Option<&NamedAt<'_>>) -> Diagnostic {
    match named_at {
        Some(at) if problem.line == 0 => {
            at.problem(format!("`{}`: {}", problem.file.display(), problem.message)).with_help_if(problem.help)
        }
        _ => problem,
    }
}

fn folder_of(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    paths::shortened(&absolute).parent().unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests;
