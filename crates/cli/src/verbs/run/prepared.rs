//! What is decided before a run starts, and the run itself.

use flowglass::config::Config;
use flowglass::model::Propagation;
use flowglass::progress::{Style, View};
use flowglass::{CancelToken, Capture, Context, LocalBackend, MapItems, MapMode, Pipeline};

use super::outcome::Outcome;
use super::place::Place;
use crate::arguments::{CaptureArgument, ConsoleArgument, MapModeArgument, ProgressArgument, RunArguments};
use crate::failure::Failure;
use crate::live::Live;
use crate::printer::Printer;
use crate::run_inputs::RunInputs;

/// Sets on a run or on a map what was decided; the two builders have the same options and no common type.
macro_rules! configured {
    ($prepared:expr, $builder:expr) => {{
        let prepared = $prepared;
        let mut builder = $builder
            .telemetry(prepared.place.recorder.clone())
            .map_items(prepared.map_items)
            .capture(prepared.capture)
            .cancel_with(prepared.cancel.clone());
        if let Some(backend) = &prepared.backend {
            builder = builder.backend(backend.clone());
        }
        if let Some(cache) = &prepared.place.cache {
            builder = builder.cache(cache.clone());
        }
        if let Some(resumed) = prepared.place.resumed {
            builder = builder.resumes(resumed);
        }
        builder
    }};
}

/// Everything that is decided before the run starts.
pub(super) struct Prepared<'a> {
    place: &'a Place,
    /// Where somebody said how many workers there are.
    backend: Option<LocalBackend>,
    map_mode: MapMode,
    map_items: MapItems,
    capture: Capture,
    style: Style,
    /// What whoever called the command has told it: a trace to join, its state, baggage.
    called_from: Context,
    pub(super) cancel: CancelToken,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(
        arguments: &RunArguments,
        config: &Config,
        map_items: MapItems,
        place: &'a Place,
        printer: &Printer,
    ) -> Self {
        let workers = arguments.max_workers.map(u64::from).or_else(|| config.count("run.max_workers"));
        let workers = workers.and_then(|workers| usize::try_from(workers).ok());
        let backend = workers.map(|workers| LocalBackend::default().max_workers(workers));
        #[expect(clippy::disallowed_methods, reason = "the environment is this command's to read")]
        let received = Propagation::from_environment(|name| std::env::var(name).ok());
        Self {
            place,
            style: style(arguments, config, backend.as_ref(), printer),
            backend,
            map_mode: match arguments.map_mode {
                MapModeArgument::Zip => MapMode::Zip,
                MapModeArgument::Product => MapMode::Product,
            },
            map_items,
            capture: match arguments.capture {
                None => config.capture(),
                Some(CaptureArgument::Full) => Capture::Full,
                Some(CaptureArgument::Previews) => Capture::Previews,
                Some(CaptureArgument::Types) => Capture::Types,
                Some(CaptureArgument::Off) => Capture::Off,
            },
            called_from: received.into(),
            cancel: CancelToken::new(),
        }
    }

    pub(super) async fn once(&self, pipeline: &Pipeline, inputs: RunInputs) -> Result<(Outcome, Live), Failure> {
        let run = configured!(self, pipeline.run(inputs.inputs));
        let live = Live::new(&run.sites(), &run.settings(), self.style);
        let run = run.observe(live.observer());
        let run = self.called_from.wrap(|| run.settle())().await;
        live.stop();
        Ok((Outcome::Once(run.map_err(Failure::usage)?), live))
    }

    pub(super) async fn map(&self, pipeline: &Pipeline, inputs: RunInputs) -> Result<(Outcome, Live), Failure> {
        let map = configured!(self, pipeline.map(inputs.inputs, inputs.over).mode(self.map_mode));
        let live = Live::new(&map.sites(), &map.settings(), self.style);
        let map = map.observe(live.observer());
        let map = self.called_from.wrap(|| map.into_future())().await;
        live.stop();
        Ok((Outcome::Map(map.map_err(Failure::usage)?), live))
    }
}

fn style(arguments: &RunArguments, config: &Config, backend: Option<&LocalBackend>, printer: &Printer) -> Style {
    let (_, height) = printer.stderr_size();
    let workers = backend.map_or_else(|| LocalBackend::default().workers(), LocalBackend::workers);
    let options = printer.stderr_options();
    let bars = Style::Bars(View { options, height, workers: u64::try_from(workers).ok() });
    let configured = || match config.text("run.progress").as_deref() {
        Some("bars") => ProgressArgument::Bars,
        Some("lines") => ProgressArgument::Lines,
        Some("off") => ProgressArgument::Off,
        _ => ProgressArgument::Auto,
    };
    match arguments.progress.unwrap_or_else(configured) {
        _ if arguments.quiet => Style::Off,
        ProgressArgument::Off => Style::Off,
        ProgressArgument::Bars => bars,
        ProgressArgument::Lines => Style::Lines(options),
        // What the console shows would break the bars, and lines of JSON are for programs.
        ProgressArgument::Auto if arguments.console == Some(ConsoleArgument::Json) => Style::Off,
        ProgressArgument::Auto if arguments.console.is_some() => Style::Lines(options),
        ProgressArgument::Auto if printer.stderr_is_terminal() => bars,
        ProgressArgument::Auto => Style::Lines(options),
    }
}

pub(super) fn map_items(word: &str) -> Result<MapItems, Failure> {
    match word {
        "auto" => Ok(MapItems::Auto),
        "each" => Ok(MapItems::Each),
        "off" => Ok(MapItems::Off),
        rate => rate.parse::<f64>().ok().filter(|rate| (0.0..=1.0).contains(rate)).map(MapItems::Sampled).ok_or_else(|| {
            Failure::usage(format!("`--map-items {rate}`: expected `auto`, `each`, `off` or a rate from 0 to 1"))
        }),
    }
}
