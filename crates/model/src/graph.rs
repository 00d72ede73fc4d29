//! The shape of a pipeline as plain data: stored once per fingerprint, so that a reader can draw it without the engine.

mod drawing;
mod settings;

pub use drawing::{Emphasis, GraphDrawing, Pen};
pub use settings::{GraphLabel, GraphSettings, LabelOrigin};

use serde::{Deserialize, Serialize};

use crate::Fingerprint;

/// A pipeline's nodes and what flows between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// Equal for equal graphs.
    pub fingerprint: Fingerprint,
    /// The pipeline's name.
    pub name: String,
    /// The version that its author gave, or empty.
    pub version: String,
    /// What the pipeline must be given, or may be given where there is a default.
    pub inputs: Vec<GraphInput>,
    /// The nodes, in the order in which they run when nothing else decides.
    pub nodes: Vec<GraphNode>,
}

/// An external input of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphInput {
    /// Its name.
    pub name: String,
    /// The type that its readers declare.
    pub type_name: String,
    /// The default as text, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether the default is a value that the input is bound to.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bound: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A node of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphNode {
    /// Its name.
    pub name: String,
    /// What it is: `function`, `command`, `shell`, `pipeline`, `closure`.
    pub node_type: String,
    /// What it reads: its parameter and where that comes from.
    pub inputs: Vec<(String, InputSource)>,
    /// What it makes: names and types.
    pub outputs: Vec<(String, String)>,
    /// The parameters that it is mapped over, if it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub map_over: Vec<String>,
    /// Whether its results are cached where there is a cache.
    pub cached: bool,
    /// The pipeline inside, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Box<Graph>>,
}

/// Where a parameter's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputSource {
    /// An external input of the pipeline.
    Input(String),
    /// An output of another node.
    Node {
        /// The node.
        node: String,
        /// Its output.
        output: String,
    },
}
