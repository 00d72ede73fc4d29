//! A pipeline's graph as text: what goes in, what each node reads and makes, what comes out.

use flowglass_model::{Emphasis, Graph, GraphDrawing, GraphSettings, Pen};

use crate::Options;
use crate::ink::Ink;
use crate::line::Line;

/// Draws a graph, nested pipelines below their nodes. Each line ends with a line break.
#[must_use]
pub fn render(graph: &Graph, settings: &GraphSettings, options: &Options) -> String {
    let mut page = Page { options: *options, line: Line::new(*options), text: String::new() };
    GraphDrawing { graph, settings, unicode: options.unicode }.draw(&mut page);
    page.text
}

struct Page {
    options: Options,
    line: Line,
    text: String,
}

impl Pen for Page {
    fn write(&mut self, emphasis: Emphasis, text: &str) {
        let ink = match emphasis {
            Emphasis::Strong => Ink::Strong,
            Emphasis::Plain => Ink::Plain,
            Emphasis::Dim => Ink::Dim,
        };
        self.line.push(ink, text);
    }

    fn end_line(&mut self) {
        let line = std::mem::replace(&mut self.line, Line::new(self.options));
        self.text.push_str(&line.finish());
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::{Fingerprint, GraphInput, GraphLabel, GraphNode, InputSource, LabelOrigin};

    use super::*;

    fn graph(nodes: Vec<GraphNode>) -> Graph {
        let input = GraphInput { name: "folder".into(), type_name: "path".into(), default: Some("docs".into()), bound: false };
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
        insta::assert_snapshot!(render(&graph, &GraphSettings::default(), &Options::plain(60)), @r"
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

    #[test]
    fn what_is_bound_and_how_it_is_configured_is_said() {
        let mut graph = graph(vec![node("files", InputSource::Input("folder".into()), None)]);
        graph.inputs[0].bound = true;
        let label = |text: &str, origin| GraphLabel { aspect: "cache".into(), text: text.into(), origin };
        let mut settings = GraphSettings::default();
        settings
            .0
            .insert("digest".into(), vec![label("threads ×4", LabelOrigin::Here), label("no cache", LabelOrigin::Default)]);
        settings.0.insert("digest > files".into(), vec![label("threads ×4", LabelOrigin::Inherited("digest".into()))]);
        insta::assert_snapshot!(render(&graph, &settings, &Options::plain(90)), @r"
        pipeline digest  version 1  00000000000000000000000000000000  [threads ×4]* [no cache]
          input folder  path = docs (bound)
          └─ files  shell  ↓[threads ×4]
             reads folder (input)
             → files  Data
        ");
    }
}
