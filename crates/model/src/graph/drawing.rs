//! A graph as lines of text: what goes in, what each node reads and makes, what is inside. Who prints it decides on colours
//! and widths, through a [`Pen`].

use std::fmt;

use super::{Graph, GraphInput, GraphNode, GraphSettings, InputSource};

/// What a piece of a line is, which decides how it stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emphasis {
    /// Names of pipelines and nodes.
    Strong,
    /// Names of values.
    Plain,
    /// Everything around them.
    Dim,
}

/// Writes the lines of a drawing.
pub trait Pen {
    /// Writes a piece of the current line.
    fn write(&mut self, emphasis: Emphasis, text: &str);

    /// Ends the current line.
    fn end_line(&mut self);
}

/// A graph about to be drawn.
#[derive(Debug, Clone, Copy)]
pub struct GraphDrawing<'a> {
    /// The shape.
    pub graph: &'a Graph,
    /// What is said of its configuration.
    pub settings: &'a GraphSettings,
    /// Whether arrows and branches may be other than ASCII.
    pub unicode: bool,
}

impl GraphDrawing<'_> {
    /// Draws the graph, nested pipelines below their nodes.
    pub fn draw(&self, pen: &mut dyn Pen) {
        let graph = self.graph;
        pen.write(Emphasis::Strong, &format!("pipeline {}", graph.name));
        if !graph.version.is_empty() {
            pen.write(Emphasis::Dim, &format!("  version {}", graph.version));
        }
        pen.write(Emphasis::Dim, &format!("  {}", graph.fingerprint));
        self.labels(&graph.name, pen);
        pen.end_line();
        self.level(graph, "", &graph.name, pen);
    }

    fn labels(&self, path: &str, pen: &mut dyn Pen) {
        let labels: Vec<String> = self.settings.of(path).iter().map(ToString::to_string).collect();
        if !labels.is_empty() {
            pen.write(Emphasis::Dim, &format!("  {}", labels.join(" ")));
        }
    }

    fn level(&self, graph: &Graph, indent: &str, path: &str, pen: &mut dyn Pen) {
        for input in &graph.inputs {
            self.input(input, indent, pen);
        }
        for (at, node) in graph.nodes.iter().enumerate() {
            let last = at + 1 == graph.nodes.len();
            let (branch, below) = match (self.unicode, last) {
                (true, false) => ("  ├─ ", "  │  "),
                (true, true) => ("  └─ ", "     "),
                (false, false) => ("  |- ", "  |  "),
                (false, true) => ("  `- ", "     "),
            };
            let path = format!("{path} > {}", node.name);
            self.node(node, (&format!("{indent}{branch}"), &format!("{indent}{below}")), &path, pen);
        }
    }

    fn input(&self, input: &GraphInput, indent: &str, pen: &mut dyn Pen) {
        pen.write(Emphasis::Dim, &format!("{indent}  input "));
        let name = if input.bound { Emphasis::Dim } else { Emphasis::Plain };
        pen.write(name, &input.name);
        pen.write(Emphasis::Dim, &format!("  {}", input.type_name));
        if let Some(default) = &input.default {
            pen.write(Emphasis::Dim, &format!(" = {default}"));
        }
        if input.bound {
            pen.write(Emphasis::Dim, " (bound)");
        }
        pen.end_line();
    }

    fn node(&self, node: &GraphNode, (first, below): (&str, &str), path: &str, pen: &mut dyn Pen) {
        pen.write(Emphasis::Dim, first);
        pen.write(Emphasis::Strong, &node.name);
        pen.write(Emphasis::Dim, &format!("  {}{}", node.node_type, notes(node)));
        self.labels(path, pen);
        pen.end_line();
        for (parameter, source) in &node.inputs {
            read(parameter, source, below, pen);
        }
        let arrow = if self.unicode { "→" } else { "->" };
        for (output, type_name) in &node.outputs {
            pen.write(Emphasis::Dim, &format!("{below}{arrow} "));
            pen.write(Emphasis::Plain, output);
            pen.write(Emphasis::Dim, &format!("  {type_name}"));
            pen.end_line();
        }
        if let Some(inner) = &node.pipeline {
            self.level(inner, below, path, pen);
        }
    }
}

fn notes(node: &GraphNode) -> String {
    let mut notes = String::new();
    if !node.map_over.is_empty() {
        notes = format!(", once for each {}", node.map_over.join(" and "));
    }
    if !node.cached {
        notes.push_str(", never cached");
    }
    notes
}

fn read(parameter: &str, source: &InputSource, below: &str, pen: &mut dyn Pen) {
    let (from, name) = match source {
        InputSource::Input(name) => ("input".to_owned(), name),
        InputSource::Node { node, output } => (format!("from {node}"), output),
    };
    pen.write(Emphasis::Dim, &format!("{below}reads "));
    pen.write(Emphasis::Plain, name);
    let renamed = if parameter == name { String::new() } else { format!(" as {parameter}") };
    pen.write(Emphasis::Dim, &format!(" ({from}){renamed}"));
    pen.end_line();
}

/// Writes text without emphasis.
struct Plain<'a, 'b>(&'a mut fmt::Formatter<'b>, fmt::Result);

impl Pen for Plain<'_, '_> {
    fn write(&mut self, _: Emphasis, text: &str) {
        self.1 = self.1.and_then(|()| self.0.write_str(text));
    }

    fn end_line(&mut self) {
        self.write(Emphasis::Plain, "\n");
    }
}

impl fmt::Display for GraphDrawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pen = Plain(f, Ok(()));
        self.draw(&mut pen);
        pen.1
    }
}

impl fmt::Display for Graph {
    /// Draws the graph as text, without what is said of its configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        GraphDrawing { graph: self, settings: &GraphSettings::default(), unicode: true }.fmt(f)
    }
}
