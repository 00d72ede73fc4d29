//! A pipeline's graph as a Mermaid flowchart, which Markdown viewers draw.
//!
//! The syntax is <https://mermaid.js.org/syntax/flowchart.html>.

use std::fmt::Write;

use flowglass_model::{Graph, GraphInput, GraphNode, GraphSettings, InputSource};

/// Writes the flowchart: inputs as stadiums (lighter where they are bound), nodes as boxes, maps as stacked boxes, nested
/// pipelines as frames; what is said of their configuration stands below their names.
#[must_use]
pub fn graph(graph: &Graph, settings: &GraphSettings) -> String {
    let mut chart = Chart { text: "flowchart TD\n".to_owned(), settings };
    chart.inputs(graph);
    chart.level(graph, "p", &graph.name, 1);
    chart.text
}

struct Chart<'a> {
    text: String,
    settings: &'a GraphSettings,
}

impl Chart<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        // Writing to a String can't fail.
        let _ = writeln!(self.text, "{}{line}", "  ".repeat(depth));
    }

    fn inputs(&mut self, graph: &Graph) {
        for (at, input) in graph.inputs.iter().enumerate() {
            let class = if input.bound { ":::bound" } else { "" };
            self.line(1, &format!("p_i{at}([\"{}\"]){class}", input_label(input)));
        }
        if graph.inputs.iter().any(|input| input.bound) {
            self.line(1, "classDef bound fill:none,stroke:#aaa,stroke-dasharray:3 3,color:#888");
        }
    }

    /// Writes the nodes of one pipeline; ids are paths of numbers, so that equal names don't collide.
    fn level(&mut self, graph: &Graph, id: &str, path: &str, depth: usize) {
        for (at, node) in graph.nodes.iter().enumerate() {
            let (node_id, path) = (format!("{id}_{at}"), format!("{path} > {}", node.name));
            let label = self.label(node, &path);
            match &node.pipeline {
                Some(inner) => {
                    self.line(depth, &format!("subgraph {node_id}[\"{label}\"]"));
                    self.level(inner, &node_id, &path, depth + 1);
                    self.line(depth, "end");
                }
                None if !node.map_over.is_empty() => {
                    self.line(depth, &format!("{node_id}@{{ shape: procs, label: \"{label}\" }}"));
                }
                None => self.line(depth, &format!("{node_id}[\"{label}\"]")),
            }
            for (_, source) in &node.inputs {
                self.edge(graph, (id, depth), source, &node_id);
            }
        }
    }

    fn edge(&mut self, graph: &Graph, (id, depth): (&str, usize), source: &InputSource, to: &str) {
        match source {
            InputSource::Input(name) if depth == 1 => {
                if let Some(at) = graph.inputs.iter().position(|input| input.name == *name) {
                    self.line(depth, &format!("{id}_i{at} --> {to}"));
                }
            }
            // What a nested pipeline is given stands at its frame.
            InputSource::Input(_) => {}
            InputSource::Node { node, output } => {
                if let Some(at) = graph.nodes.iter().position(|other| other.name == *node) {
                    let made = graph.nodes[at].outputs.iter().find(|(name, _)| name == output);
                    let ty = made.map_or_else(String::new, |(_, ty)| format!(": {ty}"));
                    self.line(depth, &format!("{id}_{at} -->|\"{}\"| {to}", escape(&format!("{output}{ty}"))));
                }
            }
        }
    }

    fn label(&self, node: &GraphNode, path: &str) -> String {
        let map = if node.map_over.is_empty() { String::new() } else { format!(" × {}", node.map_over.join(", ")) };
        let mut label = escape(&format!("{}{map}", node.name));
        for said in self.settings.of(path) {
            let _ = write!(label, "<br/>{}", escape(&said.to_string()));
        }
        label
    }
}

fn input_label(input: &GraphInput) -> String {
    let default = input.default.as_ref().map_or_else(String::new, |default| format!(" = {default}"));
    escape(&format!("{}: {}{default}", input.name, input.type_name))
}

/// Writes what Mermaid would read as syntax as entity codes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("#quot;"),
            '#' => escaped.push_str("#35;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use flowglass_model::{Fingerprint, GraphLabel, LabelOrigin};

    use super::*;

    fn node(name: &str, reads: InputSource, map_over: &[&str]) -> GraphNode {
        GraphNode {
            name: name.into(),
            node_type: "shell".into(),
            inputs: vec![("x".into(), reads)],
            outputs: vec![(name.into(), "Data".into())],
            map_over: map_over.iter().map(|&name| name.into()).collect(),
            cached: true,
            pipeline: None,
        }
    }

    #[test]
    fn names_are_never_syntax() {
        let input = GraphInput { name: "a\"]; click".into(), type_name: "text".into(), default: None, bound: true };
        let from = InputSource::Node { node: "files".into(), output: "fi<les".into() };
        let nodes = vec![node("files", InputSource::Input("a\"]; click".into()), &[]), node("words", from, &["file"])];
        let shape = Graph {
            fingerprint: Fingerprint::default(),
            name: "digest".into(),
            version: String::new(),
            inputs: vec![input],
            nodes,
        };
        let mut settings = GraphSettings::default();
        let label = GraphLabel { aspect: "retry".into(), text: "3 attempts".into(), origin: LabelOrigin::Here };
        settings.0.insert("digest > words".into(), vec![label]);
        let drawn = graph(&shape, &settings);
        assert_eq!(
            drawn,
            "flowchart TD\n  p_i0([\"a#quot;]; click: text\"]):::bound\n  \
             classDef bound fill:none,stroke:#aaa,stroke-dasharray:3 3,color:#888\n  \
             p_0[\"files\"]\n  p_i0 --> p_0\n  \
             p_1@{ shape: procs, label: \"words × file<br/>[3 attempts]*\" }\n  p_0 -->|\"fi#lt;les\"| p_1\n"
        );
    }
}
