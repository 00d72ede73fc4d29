//! TOML to drafts: what one file says, before names are looked up.

mod command;
mod input;
mod located;
mod node;
mod retry;
mod table;

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use command::{CommandDraft, LocatedTemplate, ProgramDraft};
pub(crate) use located::Located;
pub(crate) use node::{ActionDraft, NodeDraft};
use table::TableReader;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::file::Input;
use crate::source::SourceFile;

/// What one pipeline file says, without what other files say.
#[derive(Debug)]
pub(crate) struct FileDraft {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) nodes: Vec<NodeDraft>,
}

/// Reads one file's text and adds what is wrong with it to the problems.
pub(crate) fn read(source: &Arc<SourceFile>, folder: &Path, problems: &mut Diagnostics) -> Option<FileDraft> {
    let (document, errors) = DeTable::parse_recoverable(source.text());
    if !errors.is_empty() {
        problems.0.extend(errors.iter().map(|error| syntax(source, error)));
        return None;
    }
    Some(read_document(source, document.get_ref(), folder, problems))
}

fn syntax(source: &Arc<SourceFile>, error: &toml::de::Error) -> Diagnostic {
    let end = source.text().len();
    let span = error.span().unwrap_or(0..0);
    Diagnostic::at(source, span.start.min(end)..span.end.min(end), error.message().trim_end())
}

fn read_document(source: &Arc<SourceFile>, document: &DeTable<'_>, folder: &Path, problems: &mut Diagnostics) -> FileDraft {
    let mut table = TableReader::new(source, "a pipeline file", document, problems);
    table.only(&["name", "version", "inputs", "node"]);
    let name = table.text("name").filter(|name| table.not_empty(name, "the pipeline's name"));
    let version = table.text("version");
    let inputs = table.table("inputs").map(|inputs| input::read_inputs(&mut table, inputs, folder)).unwrap_or_default();
    let nodes = node_tables(&mut table).into_iter().map(|node| node::read_node(source, node, table.problems)).collect();
    FileDraft {
        name: name.map_or_else(|| stem(source.path()), |name| name.text),
        version: version.map(|version| version.text),
        inputs,
        nodes,
    }
}

fn node_tables<'a>(table: &mut TableReader<'a, '_>) -> Vec<&'a Spanned<DeValue<'a>>> {
    let Some(value) = table.value("node") else {
        let help = "add a node: `[[node]]` with `output = \"…\"` and `shell = \"…\"` or `command = […]`";
        if !table.has_problem_at_key_like("node") {
            table.problem(0..0, "the pipeline has no nodes", help);
        }
        return Vec::new();
    };
    match value.get_ref() {
        DeValue::Array(nodes) => nodes.iter().collect(),
        DeValue::Table(_) => {
            table.problem(value.span(), "`[node]` is one table, and nodes are a list", "write `[[node]]`");
            Vec::new()
        }
        _ => {
            table.problem(value.span(), "`node` is no list of tables", "write `[[node]]`");
            Vec::new()
        }
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "pipeline".to_owned(), |stem| stem.to_string_lossy().into_owned())
}
