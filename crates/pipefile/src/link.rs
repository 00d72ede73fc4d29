//! Drafts to a pipeline file: every name is looked up, every node gets its bindings.

mod command;
mod cycle;
mod nested;
mod scope;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use scope::{Scope, Shape};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::file::{Action, Binding, Node, Output, PipelineFile};
use crate::read::{ActionDraft, FileDraft, Located, NodeDraft};
use crate::source::SourceFile;

/// Looks up every name of a file; `nested` has the file that each node nests.
pub(crate) fn link(
    draft: FileDraft,
    nested: &[Option<Arc<PipelineFile>>],
    source: &Arc<SourceFile>,
    folder: PathBuf,
    problems: &mut Diagnostics,
) -> PipelineFile {
    let outputs: Vec<Vec<NamedOutput>> = draft.nodes.iter().map(outputs_of).collect();
    let mut linker = Linker { source, scope: Scope::default(), problems };
    linker.declare(&draft, nested, &outputs);
    let mut nodes = Vec::new();
    let inputs = draft.inputs;
    for ((draft, nested), outputs) in draft.nodes.into_iter().zip(nested).zip(outputs) {
        nodes.extend(linker.node(draft, nested.as_ref(), outputs));
    }
    linker.check_node_names(&nodes);
    cycle::check(&nodes, source, linker.problems);
    PipelineFile { name: draft.name, version: draft.version, inputs, nodes, source: Arc::clone(source), folder }
}

/// An output and where it is named.
struct NamedOutput {
    name: Located,
    inner: Located,
}

/// Returns what a node gives: its `output`, renamed where `outputs` says so, then the rest of `outputs`.
fn outputs_of(draft: &NodeDraft) -> Vec<NamedOutput> {
    let renamed = draft.outputs.iter().map(|(name, inner)| NamedOutput { name: name.clone(), inner: inner.clone() });
    let plain = draft.output.iter().filter(|output| draft.outputs.iter().all(|(name, _)| name.text != output.text));
    let mut outputs: Vec<NamedOutput> =
        plain.map(|output| NamedOutput { name: output.clone(), inner: output.clone() }).chain(renamed).collect();
    // The node is called after its `output`, wherever that is.
    outputs.sort_by_key(|named| draft.output.as_ref().is_none_or(|output| output.text != named.name.text));
    outputs
}

struct Linker<'a> {
    source: &'a Arc<SourceFile>,
    scope: Scope,
    problems: &'a mut Diagnostics,
}

impl Linker<'_> {
    fn problem(&mut self, span: std::ops::Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Diagnostic::at(self.source, span, message).with_help(help));
    }

    /// Puts all inputs and outputs into the scope and reports names that are given twice.
    fn declare(&mut self, draft: &FileDraft, nested: &[Option<Arc<PipelineFile>>], outputs: &[Vec<NamedOutput>]) {
        let mut first: HashMap<&str, (&str, usize)> = HashMap::new();
        for input in &draft.inputs {
            first.insert(&input.name, ("an input", input.span.start));
            self.scope.add_input(&input.name, Shape::of_input(input.kind));
        }
        for ((node, nested), outputs) in draft.nodes.iter().zip(nested).zip(outputs) {
            for output in outputs {
                let name = output.name.text.as_str();
                if let Some((what, at)) = first.get(name) {
                    let line = self.source.position(*at).line;
                    let help = format!("{what} of that name is in line {line}; choose another name");
                    self.problem(output.name.span.clone(), format!("two things give `{name}`"), help);
                    continue;
                }
                first.insert(name, ("an output", output.name.span.start));
                self.scope.add_output(name, shape_of(node, nested.as_deref(), &output.inner.text));
            }
        }
    }

    fn node(&mut self, draft: NodeDraft, nested: Option<&Arc<PipelineFile>>, outputs: Vec<NamedOutput>) -> Option<Node> {
        let (action, bindings) = match &draft.action {
            Some(ActionDraft::Command(command)) => {
                (Action::Command(command::spec(command)), self.command_bindings(&draft, command))
            }
            Some(ActionDraft::Pipeline(_)) => {
                let file = nested?;
                (Action::Pipeline(Arc::clone(file)), self.nested_bindings(&draft, file, &outputs))
            }
            None => return None,
        };
        let first = outputs.first().map(|output| output.name.text.clone())?;
        Some(Node {
            name: draft.name.map_or(first, |name| name.text),
            outputs: outputs.into_iter().map(|output| Output { name: output.name.text, inner: output.inner.text }).collect(),
            action,
            bindings,
            map_mode: draft.map_mode,
            timeout: draft.timeout,
            retry: draft.retry,
            cache: draft.cache,
            span: draft.span,
        })
    }

    /// Looks up what `map_over` names; the element's names are known to the caller.
    fn mapped_bindings(&mut self, draft: &NodeDraft) -> Vec<Binding> {
        let mut bindings = Vec::new();
        for (inner, outer) in &draft.map_over {
            match self.scope.shape(&outer.text) {
                None => self.unknown(outer.span.clone(), &outer.text, &[]),
                Some(Shape::Scalar(kind)) => {
                    let help = "a list is an input of type `list`, or an output with `parse = \"lines\"` or of a mapped node";
                    self.problem(outer.span.clone(), format!("`{}` is {kind}, not a list", outer.text), help);
                }
                Some(Shape::List | Shape::Unknown) => {}
            }
            bindings.push(Binding { inner: inner.text.clone(), outer: outer.text.clone(), mapped: true });
        }
        bindings
    }

    fn unknown(&mut self, span: std::ops::Range<usize>, name: &str, locals: &[&str]) {
        let help = self.scope.help_for(name, locals);
        let problem = Diagnostic::at(self.source, span, format!("unknown name `{name}`"));
        self.problems.push(problem.with_label("neither an input nor an output").with_help(help));
    }

    fn check_node_names(&mut self, nodes: &[Node]) {
        let mut first: HashMap<&str, usize> = HashMap::new();
        for node in nodes {
            match first.get(node.name.as_str()) {
                // Nodes called after the same output are reported as giving it twice.
                Some(&at) if !is_output_of_both(nodes, node) => {
                    let line = self.source.position(at).line;
                    let message = format!("two nodes are called `{}`", node.name);
                    self.problem(
                        node.span.clone(),
                        message,
                        format!("the other one is in line {line}; give one of them a `name`"),
                    );
                }
                _ => {
                    first.insert(&node.name, node.span.start);
                }
            }
        }
    }
}

fn is_output_of_both(nodes: &[Node], node: &Node) -> bool {
    let gives = |other: &&Node| other.name == node.name && other.outputs.iter().any(|output| output.name == node.name);
    nodes.iter().filter(gives).count() > 1
}

fn shape_of(node: &NodeDraft, nested: Option<&PipelineFile>, inner: &str) -> Shape {
    match &node.action {
        _ if !node.map_over.is_empty() => Shape::List,
        Some(ActionDraft::Command(command)) => Shape::of_parse(command.parse),
        _ => nested.and_then(|file| file.node_of_output(inner)).map_or(Shape::Unknown, |node| Shape::of_output(node, inner)),
    }
}
