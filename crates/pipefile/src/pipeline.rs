//! From a pipeline file to a pipeline of the engine.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use flowglass_engine as engine;
use flowglass_engine::value::{DEEPEST, List, Type, TypeInfo, Value, ValueError, borrow};
use flowglass_engine::{Adapter, IntoNode, NodeDef, Pipeline, Typed, type_of};

use crate::command_node::CommandNode;
use crate::content_key::FileDigests;
use crate::data::{Data, InputType};
use crate::error::Error;
use crate::file::{Action, MapMode, Node, PipelineFile};
use crate::process::Processes;
use crate::retry::{Backoff, Retry};

/// What the commands of a pipeline share. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Starts commands and ends those that were given up.
    pub processes: Processes,
    /// Digests of files that were read before.
    pub digests: Arc<FileDigests>,
    /// Files and folders whose content never counts in a cache key: the store and the cache themselves.
    pub ignored: Arc<[PathBuf]>,
    /// Variables that commands find around them where they set none of the same name. They count in no cache key.
    pub variables: Arc<[(String, String)]>,
}

/// Makes a pipeline of a file, with surroundings of its own.
///
/// # Errors
/// If the engine can't wire it; a loaded file is checked, so this names a fault of Flowglass's own.
pub fn build(file: &PipelineFile) -> Result<Pipeline, engine::Error> {
    build_in(file, &Surroundings::default())
}

/// Makes a pipeline of a file, nested files included.
///
/// # Errors
/// As [`build`].
pub fn build_in(file: &PipelineFile, surroundings: &Surroundings) -> Result<Pipeline, engine::Error> {
    Builder { surroundings, nested: HashMap::new() }.pipeline(file)
}

/// Pairs a value of a pipeline file with its type, as the engine takes it.
#[must_use]
pub fn typed(value: Data) -> Typed {
    Typed { value: Arc::new(value), ty: data_type() }
}

/// Describes the one type of pipeline files' values. It is its own list.
#[must_use]
pub fn data_type() -> Type {
    data_type_called("data")
}

/// Describes the type of values under the name that a person gave it.
pub(crate) fn data_type_called(name: &'static str) -> Type {
    match type_of!(Data) {
        Type::Leaf(info) => Type::Leaf(TypeInfo {
            name,
            item: Some(data_type),
            items: Some(items),
            from_items: Some(from_items),
            preview: Some(preview),
            collect: Some([from_items; DEEPEST]),
            ..info
        }),
        list @ Type::List(_) => list,
    }
}

fn items(value: &Value) -> Result<Vec<Value>, ValueError> {
    match borrow::<Data>(value)? {
        Data::List(elements) => Ok(elements.iter().map(|element| Arc::new(element.clone()) as Value).collect()),
        other => {
            Err(ValueError::new(format!("it is {}, not a list; `parse = \"lines\"` makes a list of a text", other.kind())))
        }
    }
}

fn from_items(values: &[Value]) -> Result<Value, ValueError> {
    Ok(Arc::new(list(values)?))
}

fn list(values: &[Value]) -> Result<Data, ValueError> {
    let element = |value: &Value| match value.downcast_ref::<List>() {
        Some(nested) => list(&nested.0),
        None => borrow::<Data>(value).cloned(),
    };
    values.iter().map(element).collect::<Result<_, _>>().map(Data::List)
}

/// Shows the beginning of a value as it would be printed.
fn preview(value: &Value, limit: usize) -> String {
    let Ok(data) = borrow::<Data>(value) else { return String::new() };
    let plain = data.to_plain();
    let text = String::from_utf8_lossy(&plain);
    if text.len() <= limit { text.into_owned() } else { format!("{}…", &text[..text.floor_char_boundary(limit)]) }
}

struct Builder<'a> {
    surroundings: &'a Surroundings,
    /// A file that is nested twice is one pipeline.
    nested: HashMap<*const PipelineFile, Pipeline>,
}

impl Builder<'_> {
    fn pipeline(&mut self, file: &PipelineFile) -> Result<Pipeline, engine::Error> {
        let mut builder = Pipeline::builder(&file.name).version(file.version.clone().unwrap_or_default());
        for input in &file.inputs {
            builder = builder.input(&input.name, data_type_called(input.kind.as_str()));
            if let Some(default) = &input.default {
                builder = builder.default_input(&input.name, typed(default.clone()));
            }
        }
        for node in &file.nodes {
            builder = builder.node(self.node(file, node)?);
        }
        builder.build()
    }

    fn node(&mut self, file: &PipelineFile, node: &Node) -> Result<NodeDef, engine::Error> {
        let mut def = match &node.action {
            Action::Command(spec) => {
                CommandNode::new(node, Arc::clone(spec), file.folder.clone(), self.surroundings.clone()).into_node()
            }
            Action::Pipeline(inner) => self.nested(file, node, inner)?,
        };
        def = def.named(&node.name).cache(node.cache).map_mode(map_mode(node.map_mode));
        for binding in &node.bindings {
            def = match (binding.mapped, binding.inner == binding.outer) {
                (true, _) => def.map_over(&binding.inner, &binding.outer),
                (false, false) => def.input(&binding.inner, &binding.outer),
                (false, true) => def,
            };
        }
        if let Some(retry) = &node.retry {
            def = def.retry(engine_retry(retry.clone()));
        }
        Ok(def)
    }

    fn nested(&mut self, file: &PipelineFile, node: &Node, inner: &Arc<PipelineFile>) -> Result<NodeDef, engine::Error> {
        let pipeline = match self.nested.get(&Arc::as_ptr(inner)) {
            Some(pipeline) => pipeline.clone(),
            None => {
                let pipeline = self.pipeline(inner)?;
                self.nested.insert(Arc::as_ptr(inner), pipeline.clone());
                pipeline
            }
        };
        let mut def = pipeline.as_node();
        for output in &node.outputs {
            def = def.output(&output.inner, &output.name);
        }
        for input in &inner.inputs {
            def = if node.bindings.iter().any(|binding| binding.inner == input.name) {
                def.adapt_input(&input.name, accepted(input.kind, file.folder.clone()))
            } else {
                def.keep_default(&input.name)
            };
        }
        match node.timeout {
            Some(timeout) => Ok(def.timeout(timeout)),
            None => Ok(def),
        }
    }
}

/// Makes what a nested file is given the type that its input says; paths are relative to the file that gives them.
fn accepted(kind: InputType, folder: PathBuf) -> Adapter {
    Arc::new(move |value| {
        let accepted = kind.accept(borrow::<Data>(value)?.clone(), &folder);
        accepted.map(|data| Arc::new(data) as Value).map_err(|error| ValueError::new(error.to_string()))
    })
}

fn map_mode(mode: MapMode) -> engine::MapMode {
    match mode {
        MapMode::Zip => engine::MapMode::Zip,
        MapMode::Product => engine::MapMode::Product,
    }
}

fn engine_retry(retry: Retry) -> engine::Retry {
    let mut made = engine::Retry::attempts(retry.attempts.saturating_add(1));
    if let Some(delay) = retry.delay {
        made = made.delay(delay);
    }
    if let Some(jitter) = retry.jitter {
        made = made.jitter(jitter);
    }
    if let Some(backoff) = retry.backoff {
        made = made.backoff(match backoff {
            Backoff::Constant => engine::Backoff::Constant,
            Backoff::Linear => engine::Backoff::Linear,
            Backoff::Exponential => engine::Backoff::Exponential,
        });
    }
    // An error of the engine's own (a timeout of a nested pipeline, say) is tried again only where everything is.
    made.on(move |error| match error.cause::<Error>() {
        Some(error) => retry.applies_to(error),
        None => retry.on.is_empty(),
    })
}
