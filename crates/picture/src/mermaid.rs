//! A pipeline's graph as a Mermaid flowchart, which Markdown viewers draw.
//!
//! The syntax is <https://mermaid.js.org/syntax/flowchart.html>.

use std::fmt::Write;

use flowglass_model::{Graph, GraphNode, InputSource};

/// Writes the flowchart: inputs as stadiums, nodes as boxes, maps as stacked boxes, nested pipelines as frames.
#[must_use]
pub fn graph(graph: &Graph) -> String {
    let mut text = "flowchart TD\n".to_owned();
    level(&mut text, graph, "p", 1);
    text
}

/// Writes the nodes of one pipeline; ids are paths of numbers, so that equal names don't collide.
fn level(text: &mut String, graph: &Graph, id: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    for (at, input) in graph.inputs.iter().enumerate().filter(|_| depth == 1) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{indent}{id}_i{at}([\"{}\"])", escape(&input.name));
    }
    for (at, node) in graph.nodes.iter().enumerate() {
        let node_id = format!("{id}_{at}");
        match &node.pipeline {
            Some(inner) => {
                let _ = writeln!(text, "{indent}subgraph {node_id}[\"{}\"]", label(node));
                level(text, inner, &node_id, depth + 1);
                let _ = writeln!(text, "{indent}end");
            }
            None if !node.map_over.is_empty() => {
                let _ = writeln!(text, "{indent}{node_id}@{{ shape: procs, label: \"{}\" }}", label(node));
            }
            None => {
                let _ = writeln!(text, "{indent}{node_id}[\"{}\"]", label(node));
            }
        }
        for (_, source) in &node.inputs {
            edge(text, graph, (id, depth), source, &node_id);
        }
    }
}

fn edge(text: &mut String, graph: &Graph, (id, depth): (&str, usize), source: &InputSource, to: &str) {
    let indent = "  ".repeat(depth);
    match source {
        InputSource::Input(name) if depth == 1 => {
            if let Some(at) = graph.inputs.iter().position(|input| input.name == *name) {
                let _ = writeln!(text, "{indent}{id}_i{at} --> {to}");
            }
        }
        // What a nested pipeline is given stands at its frame.
        InputSource::Input(_) => {}
        InputSource::Node { node, output } => {
            if let Some(at) = graph.nodes.iter().position(|other| other.name == *node) {
                let _ = writeln!(text, "{indent}{id}_{at} -->|\"{}\"| {to}", escape(output));
            }
        }
    }
}

fn label(node: &GraphNode) -> String {
    let map = if node.map_over.is_empty() { String::new() } else { format!(" × {}", node.map_over.join(", ")) };
    escape(&format!("{}{map}", node.name))
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
    use flowglass_model::{Fingerprint, GraphInput};

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
        let input = GraphInput { name: "a\"]; click".into(), type_name: "text".into(), default: None };
        let from = InputSource::Node { node: "files".into(), output: "fi<les".into() };
        let nodes = vec![node("files", InputSource::Input("a\"]; click".into()), &[]), node("words", from, &["file"])];
        let drawn = graph(&Graph {
            fingerprint: Fingerprint::default(),
            name: "digest".into(),
            version: String::new(),
            inputs: vec![input],
            nodes,
        });
        assert_eq!(
            drawn,
            "flowchart TD\n  p_i0([\"a#quot;]; click\"])\n  p_0[\"files\"]\n  p_i0 --> p_0\n  \
             p_1@{ shape: procs, label: \"words × file\" }\n  p_0 -->|\"fi#lt;les\"| p_1\n"
        );
    }
}
