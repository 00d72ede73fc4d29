//! The keys of a node that runs a command.

use globset::Glob;

use super::Located;
use super::node::ActionDraft;
use super::table::{TableReader, entries, key_text};
use crate::diagnostic::Diagnostic;
use crate::parse_output::Parse;
use crate::template::{ShellTemplate, Template, TemplateError};

/// A command with the places of its templates.
#[derive(Debug)]
pub(crate) struct CommandDraft {
    pub(crate) program: ProgramDraft,
    pub(crate) parse: Parse,
    pub(crate) cwd: Option<LocatedTemplate>,
    pub(crate) env: Vec<(String, LocatedTemplate)>,
    pub(crate) stdin: Option<LocatedTemplate>,
    pub(crate) watch: Vec<LocatedTemplate>,
}

#[derive(Debug)]
pub(crate) enum ProgramDraft {
    Shell(ShellTemplate, Located),
    Argv(Vec<LocatedTemplate>),
    /// A shell text with a problem: its names are looked up, and the file is not handed out.
    Broken(Option<LocatedTemplate>),
}

/// A template and the text that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct LocatedTemplate {
    pub(crate) template: Template,
    pub(crate) located: Located,
}

pub(super) fn read_command(table: &mut TableReader<'_, '_>, key: &str) -> ActionDraft {
    let program = if key == "shell" { read_shell(table) } else { read_argv(table) };
    let command = CommandDraft {
        program: program.unwrap_or(ProgramDraft::Broken(None)),
        parse: table.word("parse", &Parse::WORDS).unwrap_or_default(),
        cwd: read_template(table, "cwd"),
        env: read_env(table),
        stdin: read_template(table, "stdin"),
        watch: read_watch(table),
    };
    ActionDraft::Command(Box::new(command))
}

fn read_shell(table: &mut TableReader<'_, '_>) -> Option<ProgramDraft> {
    let value = table.value("shell")?;
    if value.get_ref().is_array() {
        table.problem(value.span(), "`shell` must be text, not a list", "write `command = […]` for a program with arguments");
        return None;
    }
    let located = table.text("shell")?;
    if located.text.trim().is_empty() {
        table.problem(located.span, "the shell text is empty", "write a command");
        return None;
    }
    let LocatedTemplate { template, located } = template_of(table, located)?;
    match ShellTemplate::compile(&template) {
        Ok(shell) => Some(ProgramDraft::Shell(shell, located)),
        Err(errors) => {
            report(table, &located, errors);
            Some(ProgramDraft::Broken(Some(LocatedTemplate { template, located })))
        }
    }
}

fn read_argv(table: &mut TableReader<'_, '_>) -> Option<ProgramDraft> {
    let value = table.value("command")?;
    if value.get_ref().is_str() {
        let help = "write `command = [\"program\", \"argument\"]`, or `shell = \"…\"` for a text that a shell reads";
        table.problem(value.span(), "`command` must be a list, not text", help);
        return None;
    }
    let elements = table.array("command")?;
    if elements.is_empty() {
        table.problem(value.span(), "the command is empty", "the first element is the program");
        return None;
    }
    let read = |element| table.as_scalar("command", element).and_then(|located| template_of(table, located));
    Some(ProgramDraft::Argv(elements.iter().filter_map(read).collect()))
}

fn read_env(table: &mut TableReader<'_, '_>) -> Vec<(String, LocatedTemplate)> {
    let Some(variables) = table.table("env") else { return Vec::new() };
    let mut env = Vec::new();
    for (key, value) in entries(variables) {
        let name = key_text(key);
        if name.text.is_empty() || name.text.contains(['=', '\0']) {
            table.problem(name.span, format!("`{}` can't be the name of a variable", name.text), "use letters, digits and `_`");
            continue;
        }
        let template = table.as_scalar(&name.text, value).and_then(|located| template_of(table, located));
        env.extend(template.map(|template| (name.text, template)));
    }
    env
}

fn read_watch(table: &mut TableReader<'_, '_>) -> Vec<LocatedTemplate> {
    let Some(globs) = table.array("watch") else { return Vec::new() };
    let mut watch = Vec::new();
    for glob in globs {
        let template = table.as_text("watch", glob).and_then(|located| template_of(table, located));
        watch.extend(template.filter(|template| check_glob(table, template)));
    }
    watch
}

fn check_glob(table: &mut TableReader<'_, '_>, glob: &LocatedTemplate) -> bool {
    let has_values = glob.template.placeholders().next().is_some();
    match Glob::new(&glob.located.text) {
        Err(error) if !has_values => {
            table.problem(
                glob.located.span.clone(),
                format!("the glob is wrong: {}", error.kind()),
                "`*`, `**`, `?` and `[a-z]` are known",
            );
            false
        }
        _ => true,
    }
}

fn read_template(table: &mut TableReader<'_, '_>, key: &str) -> Option<LocatedTemplate> {
    let located = table.text(key)?;
    template_of(table, located)
}

fn template_of(table: &mut TableReader<'_, '_>, located: Located) -> Option<LocatedTemplate> {
    match Template::parse(&located.text) {
        Ok(template) => Some(LocatedTemplate { template, located }),
        Err(errors) => {
            report(table, &located, errors);
            None
        }
    }
}

fn report(table: &mut TableReader<'_, '_>, located: &Located, errors: Vec<TemplateError>) {
    for error in errors {
        let span = located.inner_span(table.source.text(), &error.span);
        table.problems.push(Diagnostic::at(table.source, span, error.message).with_help_if(error.help));
    }
}
