//! Names in the templates of a command.

use std::collections::HashSet;
use std::sync::Arc;

use super::Linker;
use super::scope::Shape;
use crate::file::{Binding, CommandSpec, Program};
use crate::read::{CommandDraft, Located, LocatedTemplate, NodeDraft, ProgramDraft};
use crate::template::{Form, Placeholder};

/// Returns the command without the places that only messages need.
pub(super) fn spec(draft: &CommandDraft) -> Arc<CommandSpec> {
    let bare = |template: &LocatedTemplate| template.template.clone();
    Arc::new(CommandSpec {
        program: match &draft.program {
            ProgramDraft::Shell(shell, _) => Program::Shell(shell.clone()),
            ProgramDraft::Argv(arguments) => Program::Argv(arguments.iter().map(bare).collect()),
            ProgramDraft::Broken(_) => Program::Argv(Vec::new()),
        },
        parse: draft.parse,
        cwd: draft.cwd.as_ref().map(bare),
        env: draft.env.iter().map(|(name, value)| (name.clone(), bare(value))).collect(),
        stdin: draft.stdin.as_ref().map(bare),
        watch: draft.watch.iter().map(bare).collect(),
    })
}

/// A placeholder, the text in which it stands, and whether a list can go there.
struct Use<'a> {
    placeholder: &'a Placeholder,
    located: &'a Located,
    takes_list: bool,
}

impl Linker<'_> {
    pub(super) fn command_bindings(&mut self, node: &NodeDraft, command: &CommandDraft) -> Vec<Binding> {
        let mut bindings = self.mapped_bindings(node);
        let locals: Vec<&str> = node.map_over.iter().map(|(inner, _)| inner.text.as_str()).collect();
        let mut bound: HashSet<&str> = locals.iter().copied().collect();
        for found in uses(command) {
            let name = found.placeholder.name.as_str();
            if locals.contains(&name) {
                continue;
            }
            let span = || found.located.inner_span(self.source.text(), &found.placeholder.span);
            match self.scope.shape(name) {
                None => self.unknown(span(), name, &locals),
                Some(Shape::List) if !found.takes_list => {
                    let span = span();
                    self.list_inside(span, found.placeholder);
                }
                Some(_) if bound.insert(name) => {
                    bindings.push(Binding { inner: name.to_owned(), outer: name.to_owned(), mapped: false })
                }
                Some(_) => {}
            }
        }
        self.check_expansions(command, &locals);
        bindings
    }

    /// Reports known names inside `${…}` of a shell text: their braces would be taken as they are, without a word.
    fn check_expansions(&mut self, command: &CommandDraft, locals: &[&str]) {
        let ProgramDraft::Shell(shell, located) = &command.program else { return };
        for found in shell.template().lookalikes() {
            let name = found.name.as_str();
            if !locals.contains(&name) && self.scope.shape(name).is_none() {
                continue;
            }
            let written = found.written();
            let span = located.inner_span(self.source.text(), &found.span);
            let help = format!("put the value into a variable first: `{name}={written}`, then `${{…${name}}}`");
            self.problem(span, format!("`{written}` inside `${{…}}` is the shell's: no value goes there"), help);
        }
    }

    fn list_inside(&mut self, span: std::ops::Range<usize>, placeholder: &Placeholder) {
        let (written, name) = (placeholder.written(), &placeholder.name);
        let help = format!("let `{written}` stand alone for a word an element, or give it by `stdin` or `{{{name}:file}}`");
        self.problem(span, format!("`{written}` is a list inside a larger word"), help);
    }
}

fn uses(command: &CommandDraft) -> Vec<Use<'_>> {
    let mut uses = match &command.program {
        ProgramDraft::Shell(shell, located) => {
            let inner: Vec<_> = shell.inner_placeholders().map(|placeholder| placeholder.span.start).collect();
            let takes_list =
                |placeholder: &Placeholder| placeholder.form == Form::File || !inner.contains(&placeholder.span.start);
            let uses = shell.template().placeholders();
            uses.map(|placeholder| Use { placeholder, located, takes_list: takes_list(placeholder) }).collect()
        }
        ProgramDraft::Argv(arguments) => arguments.iter().flat_map(|argument| uses_of(argument, true)).collect::<Vec<_>>(),
        ProgramDraft::Broken(text) => {
            text.iter().flat_map(|text| uses_of(text, true)).map(|found| Use { takes_list: true, ..found }).collect()
        }
    };
    let variables = command.env.iter().map(|(_, value)| value);
    let words = command.cwd.iter().chain(variables).chain(&command.watch);
    uses.extend(words.flat_map(|word| uses_of(word, false)));
    uses.extend(command.stdin.iter().flat_map(|stdin| uses_of(stdin, true)).map(|found| Use { takes_list: true, ..found }));
    uses
}

fn uses_of(template: &LocatedTemplate, list_alone: bool) -> impl Iterator<Item = Use<'_>> {
    let alone = list_alone && template.template.sole_placeholder().is_some();
    let takes_list = move |placeholder: &Placeholder| alone || placeholder.form == Form::File;
    let located = &template.located;
    template.template.placeholders().map(move |placeholder| Use { placeholder, located, takes_list: takes_list(placeholder) })
}
