//! The names that a file's nodes can use, and what is known of their values before a run.

use std::collections::HashMap;

use crate::data::InputType;
use crate::file::{Action, Node};
use crate::parse_output::Parse;
use flowglass_model::nearest::nearest;

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One value, with the word for its kind.
    Scalar(&'static str),
    /// Several values.
    List,
    /// Only the run will show.
    Unknown,
}

impl Shape {
    pub(super) const fn of_input(kind: InputType) -> Self {
        match kind {
            InputType::List => Self::List,
            InputType::Json => Self::Unknown,
            scalar => Self::Scalar(scalar.as_str()),
        }
    }

    pub(super) const fn of_parse(parse: Parse) -> Self {
        match parse {
            Parse::Text => Self::Scalar("text"),
            Parse::Bytes => Self::Scalar("bytes"),
            Parse::Lines | Parse::Jsonl => Self::List,
            Parse::Json => Self::Unknown,
        }
    }

    pub(super) fn of_output(node: &Node, output: &str) -> Self {
        match &node.action {
            _ if node.is_mapped() => Self::List,
            Action::Command(command) => Self::of_parse(command.parse),
            Action::Pipeline(file) => {
                let inner = node.outputs.iter().find(|known| known.name == output).map(|known| known.inner.as_str());
                let found = inner.and_then(|inner| Some((file.node_of_output(inner)?, inner)));
                found.map_or(Self::Unknown, |(node, inner)| Self::of_output(node, inner))
            }
        }
    }

    /// Says whether a value of this shape can be given to an input; where only the run can tell, it can.
    pub(super) fn fits(self, kind: InputType) -> bool {
        match (self, kind) {
            (Self::Unknown, _) | (_, InputType::Json) | (Self::List, InputType::List) => true,
            (Self::List, _) => false,
            (Self::Scalar("text"), InputType::Path) | (Self::Scalar("int"), InputType::Float) => true,
            (Self::Scalar(from), to) => from == to.as_str(),
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar(kind) => kind,
            Self::List => "a list",
            Self::Unknown => "json",
        }
    }
}

/// The inputs and outputs of one file.
#[derive(Debug, Default)]
pub(super) struct Scope {
    shapes: HashMap<String, Shape>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Scope {
    pub(super) fn add_input(&mut self, name: &str, shape: Shape) {
        self.shapes.insert(name.to_owned(), shape);
        self.inputs.push(name.to_owned());
    }

    pub(super) fn add_output(&mut self, name: &str, shape: Shape) {
        self.shapes.insert(name.to_owned(), shape);
        self.outputs.push(name.to_owned());
    }

    pub(super) fn shape(&self, name: &str) -> Option<Shape> {
        self.shapes.get(name).copied()
    }

    /// Returns advice for a name that isn't there; `locals` are names that only one node knows.
    pub(super) fn help_for(&self, wrong: &str, locals: &[&str]) -> String {
        let known = self.inputs.iter().chain(&self.outputs).map(String::as_str);
        if let Some(name) = nearest(wrong, locals.iter().copied().chain(known)) {
            return format!("did you mean `{name}`?");
        }
        format!("inputs: {}; outputs: {}; literal braces are doubled", listed(&self.inputs), listed(&self.outputs))
    }
}

fn listed(names: &[String]) -> String {
    const MOST: usize = 8;
    let mut list: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
    if names.len() > MOST {
        list.push("…");
    }
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}
