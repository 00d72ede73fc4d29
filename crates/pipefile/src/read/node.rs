//! One `[[node]]` table.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::Located;
use super::command::{CommandDraft, read_command};
use super::retry::{read_retry, read_timeout};
use super::table::{TableReader, kind_of, quoted_list};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::file::MapMode;
use crate::retry::Retry;
use crate::source::SourceFile;
use crate::template::is_identifier;

/// What a node's table says, before names are looked up.
#[derive(Debug)]
pub(crate) struct NodeDraft {
    pub(crate) name: Option<Located>,
    pub(crate) output: Option<Located>,
    /// The left and right names of `outputs`.
    pub(crate) outputs: Vec<(Located, Located)>,
    /// The left and right names of `inputs`.
    pub(crate) inputs: Vec<(Located, Located)>,
    /// The left and right names of `map_over`.
    pub(crate) map_over: Vec<(Located, Located)>,
    pub(crate) map_mode: MapMode,
    pub(crate) action: Option<ActionDraft>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<Retry>,
    pub(crate) cache: bool,
    pub(crate) span: Range<usize>,
}

/// What a node does, before nested files are loaded.
#[derive(Debug)]
pub(crate) enum ActionDraft {
    Command(Box<CommandDraft>),
    Pipeline(Located),
}

const SHARED_KEYS: [&str; 8] = ["output", "name", "map_over", "map_mode", "timeout", "retry", "cache", "parse"];
const COMMAND_KEYS: [&str; 6] = ["shell", "command", "cwd", "env", "stdin", "watch"];
const PIPELINE_KEYS: [&str; 3] = ["pipeline", "inputs", "outputs"];
const ACTIONS: [&str; 3] = ["shell", "command", "pipeline"];

/// Reads a node; what has a problem is left out, so that the rest can still be looked at.
pub(super) fn read_node(source: &Arc<SourceFile>, value: &Spanned<DeValue<'_>>, problems: &mut Diagnostics) -> NodeDraft {
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!("a node must be a table, not {}", kind_of(value.get_ref()));
        problems.push(Diagnostic::at(source, value.span(), message).with_help("write `[[node]]`"));
        return NodeDraft::empty(value.span());
    };
    let mut table = TableReader::new(source, "a node", table, problems);
    table.only(&[&SHARED_KEYS[..], &COMMAND_KEYS, &PIPELINE_KEYS].concat());
    let action = read_action(&mut table, value.span());
    let output = table.text("output").filter(|output| check_identifier(&mut table, output, "an output's name"));
    let name = table.text("name").filter(|name| check_node_name(&mut table, name));
    let span = output.as_ref().map_or_else(|| value.span(), |output| output.span.clone());
    let draft = NodeDraft {
        name,
        output,
        outputs: read_names(&mut table, "outputs", "an output's name"),
        inputs: read_names(&mut table, "inputs", "an input's name"),
        map_over: read_names(&mut table, "map_over", "a name for the element"),
        map_mode: table.word("map_mode", &[("zip", MapMode::Zip), ("product", MapMode::Product)]).unwrap_or_default(),
        action,
        timeout: read_timeout(&mut table),
        retry: read_retry(&mut table),
        cache: table.flag("cache").unwrap_or(true),
        span,
    };
    check_shape(&mut table, &draft, value.span());
    draft
}

impl NodeDraft {
    fn empty(span: Range<usize>) -> Self {
        Self {
            name: None,
            output: None,
            outputs: Vec::new(),
            inputs: Vec::new(),
            map_over: Vec::new(),
            map_mode: MapMode::Zip,
            action: None,
            timeout: None,
            retry: None,
            cache: true,
            span,
        }
    }
}

/// Reports a text that can't be the name of a value.
pub(super) fn check_identifier(table: &mut TableReader<'_, '_>, name: &Located, what: &str) -> bool {
    const MOST_BYTES: usize = 128;
    let fits = is_identifier(&name.text) && name.text.len() <= MOST_BYTES;
    if !fits {
        let message = format!("`{}` can't be {what}", crate::data::excerpt(&name.text));
        table.problem(
            name.span.clone(),
            message,
            format!("use letters, digits and `_`, a letter first, at most {MOST_BYTES} bytes"),
        );
    }
    fits
}

fn check_node_name(table: &mut TableReader<'_, '_>, name: &Located) -> bool {
    if name.text.chars().any(char::is_control) {
        table.problem(name.span.clone(), "a node's name has a control character in it", "use letters, digits and spaces");
        return false;
    }
    table.not_empty(name, "the node's name")
}

fn read_names(table: &mut TableReader<'_, '_>, key: &str, what: &str) -> Vec<(Located, Located)> {
    if let Some(value) = table.value(key).filter(|value| !value.get_ref().is_table()) {
        let message = format!("`{key}` must be a table of names, not {}", kind_of(value.get_ref()));
        table.problem(
            value.span(),
            message,
            format!("write `{key} = {{ here = \"there\" }}`: the left name is defined here, the right one exists"),
        );
        return Vec::new();
    }
    let names = table.text_entries(key);
    names.into_iter().filter(|(left, _)| check_identifier(table, left, what)).collect()
}

/// Reports what can't stand together in one node.
fn check_shape(table: &mut TableReader<'_, '_>, draft: &NodeDraft, span: Range<usize>) {
    let is_pipeline = table.value("pipeline").is_some();
    let (foreign, why): (&[&str], _) = match (is_pipeline, &draft.action) {
        (true, _) => (&["cwd", "env", "stdin", "watch", "parse"], "is for commands, and this node nests a pipeline"),
        (false, Some(_)) => (&["inputs", "outputs"], "is for nested pipelines, and this node runs a command"),
        (false, None) => (&[], ""),
    };
    for key in foreign {
        if let Some(span) = table.key_span(key) {
            table.problem(span, format!("`{key}` {why}"), "leave it out");
        }
    }
    if table.value("output").is_none() && (!is_pipeline || draft.outputs.is_empty()) && !table.has_problem_at_key_like("output")
    {
        table.problem(
            first_line(table.source, &span),
            "the node has no `output`",
            "name the value that it gives: `output = \"…\"`",
        );
    }
    if let (Some(span), true) = (table.key_span("map_mode"), table.value("map_over").is_none()) {
        table.problem(span, "`map_mode` without `map_over` does nothing", "add `map_over = { element = \"list\" }`");
    }
}

fn first_line(source: &SourceFile, span: &Range<usize>) -> Range<usize> {
    span.start..span.end.min(source.line_range(span.start).end).max(span.start)
}

fn read_action(table: &mut TableReader<'_, '_>, span: Range<usize>) -> Option<ActionDraft> {
    let given: Vec<&str> = ACTIONS.into_iter().filter(|key| table.value(key).is_some()).collect();
    match given.as_slice() {
        ["pipeline"] => {
            table.text("pipeline").filter(|file| table.not_empty(file, "the file's name")).map(ActionDraft::Pipeline)
        }
        [key] => Some(read_command(table, key)),
        [] => {
            if !ACTIONS.iter().any(|key| table.has_problem_at_key_like(key)) {
                let span = first_line(table.source, &span);
                table.problem(span, "the node does nothing", format!("give it one of {}", quoted_list(&ACTIONS)));
            }
            None
        }
        [_, second, ..] => {
            let span = table.key_span(second).unwrap_or(span);
            table.problem(span, format!("a node has only one of {}", quoted_list(&given)), "make two nodes of it");
            None
        }
    }
}
