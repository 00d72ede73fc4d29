//! A command as a node of the engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flowglass_engine::value::{KeyHasher, Value};
use flowglass_engine::{BoxError, Call, Invocation, KeyedBy, Node as EngineNode, NodeError, NodeSpec, Output, Outputs, Param};
use flowglass_model::Propagation;

use crate::content_key::ContentKey;
use crate::data::Data;
use crate::error::{Error, ErrorKind};
use crate::file::{CommandSpec, Node, Program};
use crate::pipeline::{Surroundings, data_type, data_type_called};
use crate::process::Command;
use crate::template::Values;

/// Runs a program with the values that it is given.
pub(crate) struct CommandNode {
    name: String,
    output: String,
    /// The names of the values, in the order in which they are given.
    params: Arc<[String]>,
    spec: Arc<CommandSpec>,
    folder: PathBuf,
    timeout: Option<Duration>,
    surroundings: Surroundings,
}

impl CommandNode {
    pub(crate) fn new(node: &Node, spec: Arc<CommandSpec>, folder: PathBuf, surroundings: Surroundings) -> Self {
        Self {
            name: node.name.clone(),
            output: node.outputs.first().map_or_else(|| node.name.clone(), |output| output.name.clone()),
            params: node.bindings.iter().map(|binding| binding.inner.clone()).collect(),
            spec,
            folder,
            timeout: node.timeout,
            surroundings,
        }
    }

    fn prepare(&self, inputs: &[Value]) -> Result<Command, Error> {
        with_values(&self.params, inputs, |values| self.spec.prepare(values, &self.folder))
    }
}

impl EngineNode for CommandNode {
    fn spec(&self) -> NodeSpec {
        let node_type = match self.spec.program {
            Program::Shell(_) => "shell",
            Program::Argv(_) => "command",
        };
        NodeSpec {
            params: self.params.iter().map(|name| Param::new(name.clone(), data_type())).collect(),
            outputs: vec![Output { name: self.output.clone(), ty: data_type_called(self.spec.parse.kind()) }],
            code: Some(code(&self.spec)),
            keyed_by: KeyedBy::Values,
            asynchronous: true,
            ..NodeSpec::new(self.name.clone(), node_type, data_type())
        }
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let prepared = call.values().map_err(BoxError::from).and_then(|inputs| self.prepare(&inputs).map_err(failure));
        let mut command = match prepared {
            Ok(command) => command,
            Err(error) => return Call::Ready(Err(error)),
        };
        if matches!(self.spec.program, Program::Shell(_)) {
            // The node's name, which stands before every message, says more than the beginning of a script.
            "sh".clone_into(&mut command.label);
        }
        command.timeout = self.timeout;
        for (name, value) in self.surroundings.variables.iter() {
            if !command.env.iter().any(|(own, _)| own == name.as_str()) {
                command.set_env(name, value);
            }
        }
        set_context(&mut command, &call.context().propagation());
        let (processes, parse) = (self.surroundings.processes.clone(), self.spec.parse);
        Call::Pending(Box::pin(async move {
            let printed = processes.run(command, None).await.map_err(failure)?;
            let data = parse.read(printed.stdout).map_err(failure)?;
            Ok(Outputs::from_elem(Arc::new(data) as Value, 1))
        }))
    }

    fn cache_key(&self, inputs: &[Value], key: &mut KeyHasher) -> Result<(), BoxError> {
        let folder = |values: &Values<'_>| self.spec.working_folder(values, &self.folder);
        let cwd = with_values(&self.params, inputs, folder).map_err(failure)?;
        let content = ContentKey { cwd: &cwd, digests: &self.surroundings.digests, ignored: &self.surroundings.ignored };
        let mut part = |label: &str, bytes: &[u8]| key.part(label, bytes);
        with_values(&self.params, inputs, |values| {
            content.command(&self.spec, values, &mut part)?;
            values.iter().try_for_each(|(name, value)| content.value(name, value, &mut part))
        })
        .map_err(failure)
    }
}

/// Tells the command its place in the trace, and what travels with that, as OpenTelemetry's carrier in environment variables has it
/// (<https://opentelemetry.io/docs/specs/otel/context/env-carriers/>).
fn set_context(command: &mut Command, given: &Propagation) {
    if given.parent.is_some() {
        // What this process was given goes with the parent that it was given.
        command.without_env.push("TRACESTATE".into());
    }
    given.to_environment().into_iter().for_each(|(name, value)| command.set_env(name, value));
}

/// Calls with the values by their names.
fn with_values<T>(params: &[String], inputs: &[Value], call: impl FnOnce(&Values<'_>) -> Result<T, Error>) -> Result<T, Error> {
    let mut values: BTreeMap<&str, &Data> = BTreeMap::new();
    for (name, value) in params.iter().zip(inputs) {
        let data = value.downcast_ref::<Data>();
        let data = data.ok_or_else(|| Error::new(ErrorKind::Value, format!("`{name}` is no value of a pipeline file")))?;
        values.insert(name, data);
    }
    call(&values)
}

/// The part of the fingerprint that is the command's own.
fn code(spec: &CommandSpec) -> [u8; 32] {
    let mut hasher = KeyHasher::default();
    hasher.label("command");
    match &spec.program {
        Program::Shell(shell) => hasher.text(shell.template().text()),
        Program::Argv(arguments) => {
            hasher.list(arguments.len());
            arguments.iter().for_each(|argument| hasher.text(argument.text()));
        }
    }
    hasher.text(spec.parse.as_str());
    hasher.finish()
}

fn failure(error: Error) -> BoxError {
    let error_type = match error.kind() {
        ErrorKind::Value => "value",
        ErrorKind::Template => "template",
        ErrorKind::NotFound => "not_found",
        ErrorKind::PermissionDenied => "permission_denied",
        ErrorKind::Exit => "exit",
        ErrorKind::Signal => "signal",
        ErrorKind::Timeout => "timeout",
        ErrorKind::TooLarge => "too_large",
        ErrorKind::Output => "output",
        ErrorKind::Io => "io",
    };
    Box::new(NodeError::typed(error_type, error))
}
