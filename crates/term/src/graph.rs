//! A pipeline's graph as text: what goes in, what each node reads and makes, what comes out.

use flowglass_model::{Graph, GraphNode, InputSource};

use crate::Options;
use crate::ink::Ink;
use crate::line::Line;

/// Draws a graph, nested pipelines below their nodes. Each line ends with a line break.
#[must_use]
pub fn render(graph: &Graph, options: &Options) -> String {
    let mut drawing = Drawing { options: *options, text: String::new() };
    drawing.line("", |line| {
        line.push(Ink::Strong, &format!("pipeline {}", graph.name));
        if !graph.version.is_empty() {
            line.push(Ink::Dim, &format!("  version {}", graph.version));
        }
        line.push(Ink::Dim, &format!("  {}", graph.fingerprint));
    });
    drawing.level(graph, "");
    drawing.text
}

struct Drawing {
    options: Options,
    text: String,
}

impl Drawing {
    fn line(&mut self, indent: &str, write: impl FnOnce(&mut Line)) {
        let mut line = Line::new(self.options);
        line.push(Ink::Dim, indent);
        write(&mut line);
        self.text.push_str(&line.finish());
        self.text.push('\n');
    }

    fn level(&mut self, graph: &Graph, indent: &str) {
        for input in &graph.inputs {
            self.line(indent, |line| {
                line.push(Ink::Dim, "  input ").push(Ink::Plain, &input.name).push(Ink::Dim, &format!("  {}", input.type_name));
                if let Some(default) = &input.default {
                    line.push(Ink::Dim, &format!(" = {default}"));
                }
            });
        }
        for (at, node) in graph.nodes.iter().enumerate() {
            let last = at + 1 == graph.nodes.len();
            let (branch, below) = match (self.options.unicode, last) {
                (true, false) => ("  ├─ ", "  │  "),
                (true, true) => ("  └─ ", "     "),
                (false, false) => ("  |- ", "  |  "),
                (false, true) => ("  `- ", "     "),
            };
            self.node(node, &format!("{indent}{branch}"), &format!("{indent}{below}"));
        }
    }

    fn node(&mut self, node: &GraphNode, first: &str, below: &str) {
        let arrow = if self.options.unicode { "→" } else { "->" };
        self.line(first, |line| {
            line.push(Ink::Strong, &node.name).push(Ink::Dim, &format!("  {}", node.node_type));
            if !node.map_over.is_empty() {
                line.push(Ink::Dim, &format!(", once for each {}", node.map_over.join(" and ")));
            }
            if !node.cached {
                line.push(Ink::Dim, ", never cached");
            }
        });
        for (parameter, source) in &node.inputs {
            self.line(below, |line| {
                let (from, name) = match source {
                    InputSource::Input(name) => ("input".to_owned(), name),
                    InputSource::Node { node, output } => (format!("from {node}"), output),
                };
                line.push(Ink::Dim, "reads ").push(Ink::Plain, name).push(Ink::Dim, &format!(" ({from})"));
                if parameter != name {
                    line.push(Ink::Dim, &format!(" as {parameter}"));
                }
            });
        }
        for (output, type_name) in &node.outputs {
            self.line(below, |line| {
                line.push(Ink::Dim, &format!("{arrow} ")).push(Ink::Plain, output).push(Ink::Dim, &format!("  {type_name}"));
            });
        }
        if let Some(inner) = &node.pipeline {
            self.level(inner, below);
        }
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::{Fingerprint, GraphInput};

    use super::*;

    fn graph(nodes: Vec<GraphNode>) -> Graph {
        let input = GraphInput { name: "folder".into(), type_name: "path".into(), default: Some("docs".into()) };
        let fingerprint = Fingerprint::default();
        Graph { fingerprint, name: "digest".into(), version: "1".into(), inputs: vec![input], nodes }
    }

    fn node(name: &str, reads: InputSource, pipeline: Option<Graph>) -> GraphNode {
        GraphNode {
            name: name.into(),
            node_type: "shell".into(),
            inputs: vec![("folder".into(), reads)],
            outputs: vec![(name.into(), "Data".into())],
            map_over: vec![],
            cached: true,
            pipeline: pipeline.map(Box::new),
        }
    }

    #[test]
    fn nodes_say_what_they_read_and_make() {
        let inner = graph(vec![node("inner", InputSource::Input("folder".into()), None)]);
        let from = InputSource::Node { node: "files".into(), output: "files".into() };
        let graph = graph(vec![node("files", InputSource::Input("folder".into()), None), node("outer", from, Some(inner))]);
        insta::assert_snapshot!(render(&graph, &Options::plain(60)), @r"
        pipeline digest  version 1  00000000000000000000000000000000
          input folder  path = docs
          ├─ files  shell
          │  reads folder (input)
          │  → files  Data
          └─ outer  shell
             reads files (from files) as folder
             → outer  Data
               input folder  path = docs
               └─ inner  shell
                  reads folder (input)
                  → inner  Data
        ");
    }
}
