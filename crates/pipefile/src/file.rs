//! A pipeline file as it is understood: inputs, nodes and what flows between them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::data::{Data, InputType};
use crate::parse_output::Parse;
use crate::retry::Retry;
use crate::source::SourceFile;
use crate::template::{ShellTemplate, Template};

/// A pipeline file without a problem: every name in it exists, every nested file is loaded.
#[derive(Debug, Clone)]
pub struct PipelineFile {
    /// The pipeline's name; the file's name without its ending unless it is given.
    pub name: String,
    /// The pipeline's version, if it is given.
    pub version: Option<String>,
    /// What the pipeline needs, in the order of the file.
    pub inputs: Vec<Input>,
    /// What the pipeline does, in the order of the file.
    pub nodes: Vec<Node>,
    /// The text that all spans are of.
    pub source: Arc<SourceFile>,
    /// The absolute path of the file's folder: where commands run unless they say otherwise.
    pub folder: PathBuf,
}

impl PipelineFile {
    /// Returns the path of the file, as it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// Returns the input with this name.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// Iterates over the names of all outputs, in the order of the file.
    pub fn output_names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().flat_map(|node| &node.outputs).map(|output| output.name.as_str())
    }

    /// Returns the node that gives an output.
    #[must_use]
    pub fn node_of_output(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.outputs.iter().any(|output| output.name == name))
    }
}

/// A value that the pipeline needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: InputType,
    /// Its value if none is given; without one the input is required. Paths are absolute.
    pub default: Option<Data>,
    /// Where it is named in the source.
    pub span: Range<usize>,
}

/// One node of a pipeline.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name, unique in the file.
    pub name: String,
    /// The values that it gives; a command gives one.
    pub outputs: Vec<Output>,
    /// What it does.
    pub action: Action,
    /// The values that it takes. Mapped ones come first, in the order of `map_over`.
    pub bindings: Vec<Binding>,
    /// How several mapped values combine.
    pub map_mode: MapMode,
    /// The longest time that one attempt may take.
    pub timeout: Option<Duration>,
    /// What happens after a failure; none: the failure stands.
    pub retry: Option<Retry>,
    /// Says whether results may be cached.
    pub cache: bool,
    /// Where the node is in the source: its output or its table.
    pub span: Range<usize>,
}

impl Node {
    /// Says whether the node runs once per element of its mapped values.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        self.bindings.iter().any(|binding| binding.mapped)
    }
}

/// A value that a node gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name in this file.
    pub name: String,
    /// Its name in the nested pipeline; the same for a command.
    pub inner: String,
}

/// A value that a node takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its name in the command's placeholders or in the nested pipeline.
    pub inner: String,
    /// The input or output of this file that it is.
    pub outer: String,
    /// The value is a list and the node takes its elements one by one.
    pub mapped: bool,
}

/// How several mapped values combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapMode {
    /// The first with the first, the second with the second; lengths must be equal.
    #[default]
    Zip,
    /// Every one with every other; the last varies fastest.
    Product,
}

/// What a node does.
#[derive(Debug, Clone)]
pub enum Action {
    /// It runs a program.
    Command(Arc<CommandSpec>),
    /// It runs another pipeline file.
    Pipeline(Arc<PipelineFile>),
}

/// A program with its arguments and surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// What runs.
    pub program: Program,
    /// What becomes of its output.
    pub parse: Parse,
    /// Where it runs, relative to the file's folder.
    pub cwd: Option<Template>,
    /// Environment variables besides those of this process.
    pub env: Vec<(String, Template)>,
    /// What it reads from its input; none: nothing.
    pub stdin: Option<Template>,
    /// Files that it reads by itself, as globs relative to where it runs.
    pub watch: Vec<Template>,
}

/// What a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A text for `sh -c`.
    Shell(ShellTemplate),
    /// A program and its arguments.
    Argv(Vec<Template>),
}
