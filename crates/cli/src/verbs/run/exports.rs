//! Where a run goes besides its store: to OTLP receivers, into files, onto the console.

use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use flowglass::otlp::{ExportOptions, ExportStats, Exporter, FileExporter, Project, Signal, SpoolOptions};
use flowglass::term::console::Console;
use flowglass::{FlushError, RecorderBuilder, telemetry};

use crate::arguments::{ConsoleArgument, RunArguments};
use crate::failure::Failure;
use crate::printer::Printer;

/// How much of each signal may wait on disk for a destination that is away, in bytes.
const SPOOL_BYTES: u64 = 256 << 20;
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
    /// Adds the destinations that were asked for to a recorder: those of the command line, else those of the environment.
    pub(super) fn add(
        arguments: &RunArguments,
        spool: &Path,
        mut recorder: RecorderBuilder,
        printer: &mut Printer,
    ) -> Result<(Self, RecorderBuilder), Failure> {
        let mut receivers = Vec::new();
        for (name, options) in asked(&arguments.otlp, printer)? {
            let sink = format!("otlp {name}");
            match options {
                Asked::File(path) => recorder = recorder.sink(&sink, FileExporter::append(path).map_err(Failure::usage)?),
                Asked::Receiver(options) => {
                    let project = ask_for_project(&name, &options);
                    let exporter = Exporter::new(&patient(*options, spool)).map_err(Failure::usage)?;
                    receivers.push(Receiver { name, stats: exporter.stats(), project });
                    recorder = recorder.sink(&sink, exporter);
                }
            }
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

enum Asked {
    Receiver(Box<ExportOptions>),
    File(String),
}

/// Reads what `--otlp` was given; without it, the standard variables say where to send.
fn asked(given: &[String], printer: &mut Printer) -> Result<Vec<(String, Asked)>, Failure> {
    let mut asked = Vec::new();
    for text in given {
        let destination = match text.strip_prefix("file:") {
            Some(path) => Asked::File(path.to_owned()),
            None => {
                let (builder, warnings) = telemetry::exporter_named(text).map_err(|error| wrong(text, &error))?;
                warn(&warnings, printer);
                Asked::Receiver(Box::new(builder.options().map_err(|error| wrong(text, &error))?))
            }
        };
        asked.push((text.clone(), destination));
    }
    if given.is_empty() {
        let (options, warnings) = telemetry::export_options_from_environment();
        warn(&warnings, printer);
        asked.extend(options.map(|options| (address_of(&options), Asked::Receiver(Box::new(options)))));
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
fn patient(options: ExportOptions, spool: &Path) -> ExportOptions {
    let spool = SpoolOptions { folder: spool.to_owned(), bytes: SPOOL_BYTES };
    ExportOptions { spool: Some(spool), flush_timeout: PATIENCE, ..options }
}

fn address_of(options: &ExportOptions) -> String {
    let all = [&options.traces, &options.metrics, &options.logs];
    all.into_iter().flatten().next().map(|destination| destination.url.clone()).unwrap_or_default()
}

fn wrong(text: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("`--otlp {text}`: {error}"))
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
