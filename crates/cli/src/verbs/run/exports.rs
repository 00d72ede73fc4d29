//! Where a run goes besides its store: to OTLP receivers, into files, onto the console.

use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use flowglass::config::{Config, ConfigError, Destination};
use flowglass::otlp::{ExportOptions, ExportStats, Exporter, FileExporter, Project, Signal};
use flowglass::term::console::Console;
use flowglass::{FlushError, RecorderBuilder};

use crate::arguments::{ConsoleArgument, RunArguments};
use crate::failure::Failure;
use crate::printer::Printer;

/// How long the end of a run waits for a destination. What isn't sent by then lies on disk.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a run that is over waits for what Logfire says of its project.
const LAST_WORD: Duration = Duration::from_millis(500);
/// The service that tells where people look, and what its addresses have in them.
const LOGFIRE: &str = "logfire";
/// The name of the store's sink.
pub(super) const STORE: &str = "store";

/// The destinations of a run besides its store.
pub(super) struct Exports {
    receivers: Vec<Receiver>,
}

struct Receiver {
    /// As it was written.
    name: String,
    stats: ExportStats,
    /// Where people look at what is sent, as soon as the service has told it.
    project: Option<mpsc::Receiver<Project>>,
}

impl Exports {
    /// Adds the destinations that were asked for to a recorder: those of the command line, else those of the configuration, but for
    /// the run `around` this one where that brings everything into the same store.
    pub(super) fn add(
        arguments: &RunArguments,
        config: &Config,
        (spool, around): (&Path, Option<String>),
        mut recorder: RecorderBuilder,
        printer: &mut Printer,
    ) -> Result<(Self, RecorderBuilder), Failure> {
        let mut receivers = Vec::new();
        let mut destinations = asked(&arguments.otlp, config, printer)?;
        destinations.retain(|destination| !around.as_deref().is_some_and(|around| leads_to(destination, around)));
        for destination in destinations {
            recorder = match destination {
                Destination::File(path) => {
                    let name = format!("otlp file:{}", path.display());
                    recorder.sink(&name, FileExporter::append(path).map_err(Failure::usage)?)
                }
                Destination::Receiver { name, options } => {
                    let project = ask_for_project(&name, &options);
                    let exporter = Exporter::new(&patient(*options, config, spool)).map_err(Failure::usage)?;
                    let sink = format!("otlp {name}");
                    receivers.push(Receiver { name, stats: exporter.stats(), project });
                    recorder.sink(&sink, exporter)
                }
                _ => recorder.sink("console", Console::new(io::stderr(), printer.stderr_options())),
            };
        }
        recorder = match arguments.console {
            None => recorder,
            Some(ConsoleArgument::Tree) => recorder.sink("console", Console::new(io::stderr(), printer.stderr_options())),
            Some(ConsoleArgument::Json) => recorder.sink("console", FileExporter::to("standard error", io::stderr())),
        };
        Ok((Self { receivers }, recorder))
    }

    /// Says where the run was sent, and what didn't arrive.
    pub(super) fn report(&self, printer: &mut Printer) {
        for receiver in &self.receivers {
            let exported: u64 = Signal::ALL.map(|signal| receiver.stats.of(signal).exported).iter().sum();
            if exported > 0 {
                printer.note(&format!("sent to {}", receiver.name));
            }
            let project = receiver.project.as_ref().and_then(|project| project.recv_timeout(LAST_WORD).ok());
            if let Some(project) = project {
                printer.note(&format!("Logfire project: {}", project.url));
            }
        }
    }
}

/// Reads what `--otlp` was given; without it, the configuration says where to send.
fn asked(given: &[String], config: &Config, printer: &mut Printer) -> Result<Vec<Destination>, Failure> {
    if given.is_empty() {
        let (destinations, warnings) = config.destinations()?;
        warn(&warnings, printer);
        return Ok(destinations);
    }
    let mut asked = Vec::new();
    for text in given {
        let wrong = |error: ConfigError| {
            let why: Vec<&str> = error.problems().iter().map(|problem| problem.message.as_str()).collect();
            Failure::usage(format!("`--otlp {text}`: {}", why.join("; ")))
        };
        let (destinations, warnings) = config.destinations_named(std::slice::from_ref(text)).map_err(wrong)?;
        warn(&warnings, printer);
        asked.extend(destinations);
    }
    Ok(asked)
}

/// Asks Logfire beside the run which project it goes to.
fn ask_for_project(name: &str, options: &ExportOptions) -> Option<mpsc::Receiver<Project>> {
    if !(name == LOGFIRE || address_of(options).contains(LOGFIRE)) {
        return None;
    }
    let (told, project) = mpsc::channel();
    let options = options.clone();
    let ask = move || {
        if let Some(project) = Project::ask(&options, PATIENCE) {
            // The run may be over by now.
            let _ = told.send(project);
        }
    };
    thread::Builder::new().name("project".into()).spawn(ask).ok().map(|_| project)
}

/// What can't be sent soon waits on disk, so that the end of the run doesn't wait.
fn patient(options: ExportOptions, config: &Config, spool: &Path) -> ExportOptions {
    ExportOptions { spool: config.spool(Some(spool.to_owned())), flush_timeout: PATIENCE, ..options }
}

fn leads_to(destination: &Destination, address: &str) -> bool {
    matches!(destination, Destination::Receiver { options, .. } if address_of(options).starts_with(address))
}

fn address_of(options: &ExportOptions) -> String {
    let all = [&options.traces, &options.metrics, &options.logs];
    all.into_iter().flatten().next().map(|destination| destination.url.clone()).unwrap_or_default()
}

fn warn(warnings: &[String], printer: &mut Printer) {
    warnings.iter().for_each(|warning| printer.note(&format!("warning: {warning}")));
}

/// Returns what a flush that failed means: a line for each destination that hasn't got everything.
pub(super) fn undelivered(error: &FlushError, store: &str) -> Vec<String> {
    let line = |failure: &flowglass::SinkFailure| match failure.sink.as_str() {
        STORE => format!("warning: the run isn't kept whole in `{store}`: {failure}"),
        _ if failure.message.is_empty() => format!("warning: {failure}"),
        _ => format!("warning: {}", failure.message),
    };
    error.failures().iter().map(line).collect()
}
