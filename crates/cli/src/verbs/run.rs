//! `flowglass run`: runs a pipeline file, shows what it does, keeps what it did.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use flowglass::insight::waterfall::FoldLimits;
use flowglass::insight::{Summary, Waterfall};
use flowglass::model::{RunId, Span, Status, TraceParent};
use flowglass::store::{SinkOptions, SqliteStore};
use flowglass::term::progress::View;
use flowglass::{
    CancelToken, DiskCache, Error, LocalBackend, MapItems, MapMode, MapRun, Pipeline, Recorder, Run, telemetry, term,
};
use flowglass_pipefile::data::Data;
use flowglass_pipefile::file::PipelineFile;
use flowglass_pipefile::pipeline::{Surroundings, build_in};
use serde_json::{Map, Value, json};

use crate::arguments::{MapModeArgument, ProgressArgument, RunArguments};
use crate::failure::{CANCELLED, FAILED, Failure};
use crate::json;
use crate::live::{self, Live, Style};
use crate::location::cache_beside;
use crate::printer::Printer;
use crate::run_inputs::RunInputs;
use crate::signals::Signals;
use crate::verbs::list::SHORT_ID;

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
    let map_items = map_items(&arguments.map_items)?;
    let place = Place::open(&arguments)?;
    let surroundings = Surroundings { ignored: place.ignored(&here), ..Surroundings::default() };
    let pipeline = build_in(&file, &surroundings).map_err(Failure::usage)?;
    let prepared = Prepared::new(&arguments, map_items, &place, printer);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::run(format!("no async runtime: {error}")))?;
    let (outcome, live) = runtime.block_on(async {
        Signals::listen().stop(prepared.cancel.clone(), surroundings.processes.clone());
        if inputs.over.is_empty() { prepared.once(&pipeline, inputs).await } else { prepared.map(&pipeline, inputs).await }
    })?;
    // Commands that were stopped are given their time to end.
    surroundings.processes.wait_for_given_up();
    let kept = place.recorder.flush(FLUSH);
    // What is left is to write, and a reader that has stopped reading may let that last for ever.
    runtime.block_on(async { Signals::listen().exit() });
    if !arguments.quiet {
        report(&outcome, &live, printer);
    }
    if let Some(error) = outcome.error() {
        printer.error(&error.to_string());
    }
    if !arguments.quiet {
        say_where(&outcome, near(place.store.path(), &here), printer);
    }
    if let Err(error) = kept {
        printer.note(&format!("warning: the run isn't kept whole in `{}`: {error}", place.store.path().display()));
    }
    output(&arguments, &file, &outcome, &live, printer)?;
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
    let hint = flowglass_pipefile::nearest::nearest(name, file.output_names()).map_or_else(
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

/// The store, its recorder and the cache of a run.
struct Place {
    store: SqliteStore,
    recorder: Recorder,
    cache: Option<DiskCache>,
    resumed: Option<RunId>,
}

impl Place {
    fn open(arguments: &RunArguments) -> Result<Self, Failure> {
        let attributes = attributes(&arguments.attributes)?;
        let path = arguments.store.path()?;
        let store = SqliteStore::create_or_open(&path)?;
        let resumed = arguments.resume.as_deref().map(|id| store.find_run(id)).transpose()?.map(|run| run.id);
        let mut recorder = telemetry::to_store(&store, SinkOptions::default())?;
        for (key, value) in attributes {
            recorder = recorder.attribute(key, value);
        }
        let cache = match (&arguments.cache, arguments.no_cache) {
            (_, true) => None,
            (Some(path), _) => Some(DiskCache::open(path)),
            (None, _) => Some(DiskCache::open(cache_beside(&path))),
        };
        let cache = cache.transpose().map_err(Failure::usage)?;
        Ok(Self { store, recorder: recorder.build(), cache, resumed })
    }

    /// What changes with every run and so must not count in any cache key.
    fn ignored(&self, here: &Path) -> Arc<[PathBuf]> {
        let store = here.join(self.store.path());
        let cache = self.cache.as_ref().map(|cache| here.join(cache.folder()));
        std::iter::once(store).chain(cache).collect()
    }
}

/// Reads what `--attr` was given. Of a key that comes twice it can't be told which value is meant.
fn attributes(texts: &[String]) -> Result<BTreeMap<&str, &str>, Failure> {
    let mut attributes = BTreeMap::new();
    for text in texts {
        let (key, value) = attribute(text)?;
        if attributes.insert(key, value).is_some() {
            return Err(Failure::usage(format!("`--attr {text}`: the attribute `{key}` is given twice")));
        }
    }
    Ok(attributes)
}

fn attribute(text: &str) -> Result<(&str, &str), Failure> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.ok_or_else(|| Failure::usage(format!("`--attr {text}`: attributes are written `key=value`")))
}

/// Everything that is decided before the run starts.
struct Prepared<'a> {
    place: &'a Place,
    backend: LocalBackend,
    map_mode: MapMode,
    map_items: MapItems,
    style: Style,
    parent: Option<TraceParent>,
    cancel: CancelToken,
}

impl<'a> Prepared<'a> {
    fn new(arguments: &RunArguments, map_items: MapItems, place: &'a Place, printer: &Printer) -> Self {
        let mut backend = LocalBackend::default();
        if let Some(workers) = arguments.max_workers {
            backend = backend.max_workers(usize::from(workers));
        }
        #[expect(clippy::disallowed_methods, reason = "the environment is this command's to read")]
        let parent = std::env::var("TRACEPARENT").ok().and_then(|parent| parent.parse().ok());
        Self {
            place,
            style: style(arguments, &backend, printer),
            backend,
            map_mode: match arguments.map_mode {
                MapModeArgument::Zip => MapMode::Zip,
                MapModeArgument::Product => MapMode::Product,
            },
            map_items,
            parent,
            cancel: CancelToken::new(),
        }
    }

    async fn once(&self, pipeline: &Pipeline, inputs: RunInputs) -> Result<(Outcome, Live), Failure> {
        let mut run = pipeline
            .run(inputs.inputs)
            .telemetry(self.place.recorder.clone())
            .backend(self.backend.clone())
            .map_items(self.map_items)
            .cancel_with(self.cancel.clone());
        if let Some(cache) = &self.place.cache {
            run = run.cache(cache.clone());
        }
        if let Some(parent) = self.parent {
            run = run.parent(parent);
        }
        if let Some(resumed) = self.place.resumed {
            run = run.resumes(resumed);
        }
        let mut live = Live::start(&run.sites(), self.style);
        let run = run.observe(live.observer()).settle().await;
        live.stop();
        Ok((Outcome::Once(run.map_err(Failure::usage)?), live))
    }

    async fn map(&self, pipeline: &Pipeline, inputs: RunInputs) -> Result<(Outcome, Live), Failure> {
        let mut map = pipeline
            .map(inputs.inputs, inputs.over)
            .mode(self.map_mode)
            .telemetry(self.place.recorder.clone())
            .backend(self.backend.clone())
            .map_items(self.map_items)
            .cancel_with(self.cancel.clone());
        if let Some(cache) = &self.place.cache {
            map = map.cache(cache.clone());
        }
        if let Some(parent) = self.parent {
            map = map.parent(parent);
        }
        if let Some(resumed) = self.place.resumed {
            map = map.resumes(resumed);
        }
        let mut live = Live::start(&map.sites(), self.style);
        let map = map.observe(live.observer()).await;
        live.stop();
        Ok((Outcome::Map(map.map_err(Failure::usage)?), live))
    }
}

fn style(arguments: &RunArguments, backend: &LocalBackend, printer: &Printer) -> Style {
    let (_, height) = printer.stderr_size();
    let options = printer.stderr_options();
    let bars = Style::Bars(View { options, height, workers: u64::try_from(backend.max_workers).ok() });
    match arguments.progress {
        _ if arguments.quiet => Style::Off,
        ProgressArgument::Off => Style::Off,
        ProgressArgument::Bars => bars,
        ProgressArgument::Lines => Style::Lines(options),
        ProgressArgument::Auto if printer.stderr_is_terminal() => bars,
        ProgressArgument::Auto => Style::Lines(options),
    }
}

fn map_items(word: &str) -> Result<MapItems, Failure> {
    match word {
        "auto" => Ok(MapItems::Auto),
        "each" => Ok(MapItems::Each),
        "off" => Ok(MapItems::Off),
        rate => rate.parse::<f64>().ok().filter(|rate| (0.0..=1.0).contains(rate)).map(MapItems::Sampled).ok_or_else(|| {
            Failure::usage(format!("`--map-items {rate}`: expected `auto`, `each`, `off` or a rate from 0 to 1"))
        }),
    }
}

/// What came of it.
enum Outcome {
    Once(Run),
    Map(MapRun),
}

impl Outcome {
    fn id(&self) -> RunId {
        match self {
            Self::Once(run) => run.id(),
            Self::Map(map) => map.id(),
        }
    }

    fn status(&self) -> Status {
        match self {
            Self::Once(run) => run.status(),
            Self::Map(map) => map.status(),
        }
    }

    fn error(&self) -> Option<&Error> {
        match self {
            Self::Once(run) => run.error(),
            Self::Map(map) => map.error(),
        }
    }

    fn trace(&self) -> Vec<Span> {
        match self {
            Self::Once(run) => run.trace(),
            Self::Map(map) => map.trace(),
        }
    }
}

/// Shows the waterfall and where the time went.
fn report(outcome: &Outcome, live: &Live, printer: &mut Printer) {
    let options = printer.stderr_options();
    let spans = outcome.trace();
    let waterfall = Waterfall::of(&spans).fold(&FoldLimits::default());
    printer.note(&format!("\n{}", term::waterfall::render(&waterfall, &options)));
    let summary = Summary { skipped: live.look(live::State::skipped), ..Summary::of(&spans) };
    printer.note(&format!("\n{}", term::summary::render(&summary, &options)));
    if outcome.error().is_some() {
        printer.note("");
    }
}

/// Shortens a path below the folder that somebody is in.
fn near<'a>(path: &'a Path, here: &Path) -> &'a Path {
    path.strip_prefix(here).unwrap_or(path)
}

/// Says under which id the run is kept, and where.
fn say_where(outcome: &Outcome, store: &Path, printer: &mut Printer) {
    let id = outcome.id().to_string();
    let short: String = id.chars().take(SHORT_ID).collect();
    printer.note(&format!("\nrun {id}\nkept in {} (flowglass show {short})", store.display()));
}

/// Writes what the run made.
fn output(
    arguments: &RunArguments,
    file: &PipelineFile,
    outcome: &Outcome,
    live: &Live,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let to = arguments.o.as_deref();
    if arguments.json {
        let object = live.look(|state| whole(outcome, json::nodes(state)));
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
    for item in map.items().iter().filter(|item| item.error().is_none()) {
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
fn whole(outcome: &Outcome, nodes: Value) -> Value {
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
            put("items", Value::Array(map.items().iter().map(|item| item_object(map, item)).collect()));
        }
    }
    put("nodes", nodes);
    if let Some(error) = outcome.error() {
        put("error", error_object(error));
    }
    Value::Object(object)
}

/// Each output of all items as one list; an item that failed has `null` there.
fn columns(map: &MapRun) -> Value {
    let column = |name: &str| {
        let value = |index: u64| map.item::<Data>(index, name).map_or(Value::Null, |value| value.to_json());
        Value::Array(map.items().iter().map(|item| value(item.index())).collect())
    };
    Value::Object(map.outputs().map(|name| (name.to_owned(), column(name))).collect::<Map<_, _>>())
}

fn item_object(map: &MapRun, item: &flowglass::ItemRun) -> Value {
    match item.error() {
        Some(error) => json!({ "index": item.index(), "status": "error", "error": error_object(error) }),
        None => {
            let outputs: BTreeMap<&str, Value> =
                map.outputs().filter_map(|name| Some((name, map.item::<Data>(item.index(), name).ok()?.to_json()))).collect();
            json!({ "index": item.index(), "status": "ok", "outputs": outputs })
        }
    }
}

fn error_object(error: &Error) -> Value {
    json!({
        "type": error.error_type(),
        "path": error.path(),
        "message": error.message(),
        "attempts": error.attempts(),
    })
}
