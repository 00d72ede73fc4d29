//! What a run made, written for programs and pipes.

use std::collections::BTreeMap;

use flowglass::model::Redaction;
use flowglass::{Error, MapRun, Run};
use flowglass_pipefile::data::Data;
use flowglass_pipefile::file::PipelineFile;
use serde_json::{Map, Value, json};

use super::outcome::Outcome;
use crate::arguments::RunArguments;
use crate::failure::Failure;
use crate::json;
use crate::live::Live;
use crate::printer::Printer;

/// Writes what the run made.
pub(super) fn output(
    arguments: &RunArguments,
    file: &PipelineFile,
    outcome: &Outcome,
    live: &Live,
    redaction: &Redaction,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let to = arguments.o.as_deref();
    if arguments.json {
        let object = live.look(|state| whole(outcome, redaction, json::nodes(state)));
        return printer.data(to, format!("{object:#}\n").as_bytes());
    }
    match outcome {
        Outcome::Once(run) if run.error().is_none() => {
            let bytes = match &arguments.output {
                Some(name) => value(run, name)?.to_stream(),
                None => unconsumed(run)?,
            };
            printer.data(to, &bytes)
        }
        Outcome::Map(map) => {
            let names: Vec<String> = match &arguments.output {
                Some(name) => vec![name.clone()],
                None => unconsumed_names(file).map(str::to_owned).collect(),
            };
            printer.data(to, &items(map, &names)?)
        }
        Outcome::Once(_) => Ok(()),
    }
}

fn value(run: &Run, name: &str) -> Result<Data, Failure> {
    run.get::<Data>(name).map_err(Failure::run)
}

/// Outputs that no node reads: the value alone where there is one, else each below its name.
fn unconsumed(run: &Run) -> Result<Vec<u8>, Failure> {
    let names: Vec<&str> = run.outputs().filter(|(_, consumed)| !consumed).map(|(name, _)| name).collect();
    let mut bytes = Vec::new();
    for name in &names {
        if names.len() > 1 {
            bytes.extend(format!("{name}:\n").into_bytes());
        }
        line_ended(&mut bytes, value(run, name)?.to_stream());
    }
    Ok(bytes)
}

fn unconsumed_names(file: &PipelineFile) -> impl Iterator<Item = &str> {
    let is_read = |name: &str| file.nodes.iter().any(|node| node.bindings.iter().any(|binding| binding.outer == name));
    file.output_names().filter(move |name| !is_read(name))
}

/// The good items' outputs: a line an item where there is one output, else each item below its index.
fn items(map: &MapRun, names: &[String]) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    for item in map.items().filter(|item| item.error().is_none()) {
        for name in names {
            if names.len() > 1 {
                bytes.extend(format!("{name}[{}]:\n", item.index()).into_bytes());
            }
            let value = map.item::<Data>(item.index(), name).map_err(Failure::run)?;
            line_ended(&mut bytes, value.to_stream());
        }
    }
    Ok(bytes)
}

fn line_ended(bytes: &mut Vec<u8>, value: Vec<u8>) {
    bytes.extend(value);
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
}

/// The whole outcome as one object.
fn whole(outcome: &Outcome, redaction: &Redaction, nodes: Value) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("run_id", json!(outcome.id().to_string()));
    put("status", json!(outcome.status().as_str()));
    match outcome {
        Outcome::Once(run) => {
            let outputs: Map<String, Value> =
                run.outputs().filter_map(|(name, _)| Some((name.to_owned(), run.get::<Data>(name).ok()?.to_json()))).collect();
            put("outputs", Value::Object(outputs));
        }
        Outcome::Map(map) => {
            put("outputs", columns(map));
            let (total, failed, cached) = (map.items().len(), map.failed(), map.cached());
            put("map", json!({ "total": total, "failed": failed, "cached": cached }));
            put("items", Value::Array(map.items().map(|item| item_object(map, &item, redaction)).collect()));
        }
    }
    put("nodes", nodes);
    if let Some(error) = outcome.error() {
        put("error", error_object(error, redaction));
    }
    Value::Object(object)
}

/// Each output of all items as one list; an item that failed has `null` there.
fn columns(map: &MapRun) -> Value {
    let column = |name: &str| {
        let value = |index: u64| map.item::<Data>(index, name).map_or(Value::Null, |value| value.to_json());
        Value::Array(map.items().map(|item| value(item.index())).collect())
    };
    Value::Object(map.outputs().map(|name| (name.to_owned(), column(name))).collect::<Map<_, _>>())
}

fn item_object(map: &MapRun, item: &flowglass::ItemRun, redaction: &Redaction) -> Value {
    match item.error() {
        Some(error) => json!({ "index": item.index(), "status": "error", "error": error_object(error, redaction) }),
        None => {
            let outputs: BTreeMap<&str, Value> =
                map.outputs().filter_map(|name| Some((name, item.get::<Data>(name).ok()?.to_json()))).collect();
            json!({ "index": item.index(), "status": "ok", "outputs": outputs })
        }
    }
}

fn error_object(error: &Error, redaction: &Redaction) -> Value {
    let report = error.report();
    let causes: Vec<_> = report.causes.iter().map(|cause| redaction.text(cause)).collect();
    json!({
        "type": error.error_type(),
        "path": error.path(),
        "message": redaction.text(error.message()),
        "attempts": error.attempts(),
        "item": report.item,
        "causes": causes,
        "inputs": report.inputs.into_iter().collect::<BTreeMap<_, _>>(),
        "around": report.around,
        "span_id": report.span,
    })
}
