//! Inputs of a run from the command line: values by name, and lists to map over.

use std::collections::BTreeSet;
use std::path::Path;

use flowglass::Inputs;
use flowglass_pipefile::data::{Data, MapColumn};
use flowglass_pipefile::error::Error;
use flowglass_pipefile::file::PipelineFile;
use flowglass_pipefile::pipeline::typed;

use crate::failure::Failure;

/// What a run is given, and over which inputs it maps.
pub(crate) struct RunInputs {
    pub(crate) inputs: Inputs,
    pub(crate) over: Vec<String>,
}

impl RunInputs {
    /// Reads `name=value`, `name=@file` and what `--map` was given. Paths are relative to `here`.
    pub(crate) fn read<'a>(
        file: &PipelineFile,
        given: impl Iterator<Item = &'a String>,
        maps: &[String],
        here: &Path,
    ) -> Result<Self, Failure> {
        let given = given.map(|argument| one(argument, here)).collect::<Result<Vec<_>, _>>()?;
        let mut columns: Vec<MapColumn> = Vec::new();
        for argument in maps {
            columns.extend(file.read_map(argument, here).map_err(Failure::usage)?);
        }
        let mapped: BTreeSet<String> = columns.iter().map(|column| column.name.clone()).collect();
        let twice = given.iter().map(|(name, _)| name).chain(columns.iter().map(|column| &column.name));
        let mut seen = BTreeSet::new();
        if let Some(name) = twice.into_iter().find(|name| !seen.insert(*name)) {
            return Err(Failure::usage(format!("the input `{name}` is given twice")));
        }
        let values = file.bind_inputs(&given, &mapped, here).map_err(|problems| all(&problems))?;
        let mut inputs = values.into_iter().fold(Inputs::new(), |inputs, (name, value)| inputs.with(name, typed(value)));
        let over = columns.iter().map(|column| column.name.clone()).collect();
        for MapColumn { name, values } in columns {
            inputs = inputs.with(name, typed(Data::List(values)));
        }
        Ok(Self { inputs, over })
    }
}

fn all(problems: &[Error]) -> Failure {
    Failure::usage(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nerror: "))
}

/// Takes `name=value` apart; `name=@file` has the value in a file, whose last line break doesn't count.
fn one(argument: &str, here: &Path) -> Result<(String, String), Failure> {
    let Some((name, text)) = argument.split_once('=') else {
        return Err(Failure::usage(format!("`{argument}`: inputs are written `name=value`")));
    };
    let Some(path) = text.strip_prefix('@') else { return Ok((name.to_owned(), text.to_owned())) };
    let read = std::fs::read_to_string(here.join(path));
    let read = read.map_err(|error| Failure::usage(format!("input `{name}`: `{path}` can't be read: {error}")))?;
    Ok((name.to_owned(), read.strip_suffix('\n').unwrap_or(&read).to_owned()))
}
