//! `flowglass run`: runs a pipeline file, shows what it does, keeps what it did.

mod children;
mod committed;
mod exports;
mod losses;
mod outcome;
mod output;
mod place;
mod prepared;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use flowglass::model::Status;
use flowglass_pipefile::file::PipelineFile;
use flowglass_pipefile::pipeline::{Surroundings, build_in};

use self::children::Children;
use self::exports::undelivered;
use self::losses::losses;
use self::outcome::{cache_problem, near, report, say_where};
use self::output::output;
use self::place::Place;
use self::prepared::{Prepared, map_items};
use crate::arguments::RunArguments;
use crate::configuration;
use crate::failure::{CANCELLED, FAILED, Failure};
use crate::printer::Printer;
use crate::run_inputs::RunInputs;
use crate::signals::Signals;

/// How long the end of a run waits for the store.
const FLUSH: Duration = Duration::from_secs(30);

pub(crate) fn run(arguments: RunArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let here =
        std::env::current_dir().map_err(|error| Failure::usage(format!("the current folder can't be found: {error}")))?;
    let file = load(&arguments.file, printer)?;
    let given = arguments.inputs.iter().chain(&arguments.more_inputs);
    let inputs = RunInputs::read(&file, given, &arguments.map, &here)?;
    if let Some(name) = &arguments.output {
        check_output(&file, name)?;
    }
    printer.check(arguments.o.as_deref())?;
    let config = configuration::load()?;
    config.warnings().iter().for_each(|warning| printer.note(&format!("warning: {warning}")));
    let map_items = arguments.map_items.as_deref().map_or(Ok(config.map_items()), map_items)?;
    let place = Place::open(&arguments, &config, printer)?;
    let children = Children::listen(place.takes_others(), place.identity.clone(), &config, printer);
    let variables = children.variables().into();
    let surroundings = Surroundings { ignored: place.ignored(&here), variables, ..Surroundings::default() };
    let pipeline = build_in(&file, &surroundings).map_err(Failure::usage)?;
    let prepared = Prepared::new(&arguments, &config, map_items, &place, printer);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::run(format!("no async runtime: {error}")))?;
    let (outcome, live) = runtime.block_on(async {
        Signals::listen().stop(prepared.cancel.clone(), surroundings.processes.clone());
        if inputs.over.is_empty() { prepared.once(&pipeline, inputs).await } else { prepared.map(&pipeline, inputs).await }
    })?;
    // Commands that were stopped are given their time to end.
    surroundings.processes.wait_for_given_up();
    children.stop();
    let kept = place.recorder.flush(FLUSH);
    // What is left is to write, and a reader that has stopped reading may let that last for ever.
    runtime.block_on(async { Signals::listen().exit() });
    let is_told = !arguments.quiet && report(&outcome, &live, printer);
    if let Some(error) = outcome.error() {
        // What is known of it stands above already.
        let text = config.redaction().text(&error.to_string()).into_owned();
        printer.error(if is_told { text.lines().next().unwrap_or_default() } else { &text });
    }
    if !arguments.quiet {
        let waits_in = place.store.waits_in();
        say_where(&outcome, &config, &place.shown(&here), waits_in.as_deref().map(|folder| near(folder, &here)), printer);
        place.exports.report(printer);
    }
    if let Some(problem) = cache_problem(outcome.cache_stats()) {
        printer.note(&problem);
    }
    losses(&place.recorder.stats()).iter().for_each(|line| printer.note(line));
    if let Err(error) = kept {
        undelivered(&error, &place.shown(Path::new(""))).iter().for_each(|line| printer.note(line));
    }
    place.forget(&config, printer);
    output(&arguments, &file, &outcome, &live, &config.redaction(), printer)?;
    Ok(ExitCode::from(exit_code(outcome.status())))
}

/// Loads a pipeline file, or shows all that is wrong with it.
pub(crate) fn load(path: &Path, printer: &Printer) -> Result<Arc<PipelineFile>, Failure> {
    PipelineFile::load(path).map_err(|problems| Failure::usage(problems.render(printer.stderr_options().color).trim_end()))
}

fn check_output(file: &PipelineFile, name: &str) -> Result<(), Failure> {
    if file.node_of_output(name).is_some() {
        return Ok(());
    }
    let hint = flowglass::model::nearest::nearest(name, file.output_names()).map_or_else(
        || format!("; it has {}", file.output_names().collect::<Vec<_>>().join(", ")),
        |near| format!("; did you mean `{near}`?"),
    );
    Err(Failure::usage(format!("`{}` has no output `{name}`{hint}", file.path().display())))
}

fn exit_code(status: Status) -> u8 {
    match status {
        Status::Ok => 0,
        Status::Cancelled => CANCELLED,
        _ => FAILED,
    }
}
