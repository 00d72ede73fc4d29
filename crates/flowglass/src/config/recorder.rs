//! From a configuration to a recorder, and onto a pipeline: all in one call.

use std::path::PathBuf;
use std::time::Duration;

use flowglass_engine::PipelineBuilder;
use flowglass_model::Severity;
use flowglass_otlp::{ExportOptions, Exporter, FileExporter, SpoolOptions};
use flowglass_record::{Recorder, RecorderBuilder};
use flowglass_store::create_or_open;

use super::{Config, ConfigError, Destination, StorePlace};
use crate::logs::{self, LogWriter};
use crate::telemetry;

/// Sets one of a recorder's sizes.
type SetSize = fn(RecorderBuilder, usize) -> RecorderBuilder;

/// Stands for an interval that never comes.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Switches on everything on a pipeline in one call.
pub trait Observed: Sized {
    /// Records runs as files and the environment say ([`Config::load`]): spans, events, metrics and logs, kept in the store, sent to
    /// where they are to be sent.
    ///
    /// ```no_run
    /// use flowglass::prelude::*;
    ///
    /// # #[node(output = "words")]
    /// # fn count(text: &str) -> usize { text.len() }
    /// let pipeline = Pipeline::builder("words").nodes(nodes![count]).observed()?.build()?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// All that is wrong with the configuration, or why the store can't be opened.
    fn observed(self) -> Result<Self, ConfigError> {
        self.observed_as(&Config::load()?)
    }

    /// Records runs as this configuration says.
    ///
    /// # Errors
    /// As [`Config::recorder`].
    fn observed_as(self, config: &Config) -> Result<Self, ConfigError>;
}

impl Observed for PipelineBuilder {
    fn observed_as(self, config: &Config) -> Result<Self, ConfigError> {
        let recorder = config.recorder()?;
        Ok(self.telemetry(recorder).capture(config.capture()).map_items(config.map_items()))
    }
}

impl Config {
    /// Makes the recorder that this configuration asks for: with its store, its destinations and its log lines. What the store is to
    /// forget is forgotten first.
    ///
    /// # Errors
    /// If the store can't be opened or made, a destination isn't one, or a file of logs can't be opened.
    pub fn recorder(&self) -> Result<Recorder, ConfigError> {
        if !self.is_enabled() {
            return Ok(Recorder::off());
        }
        let (destinations, _) = self.destinations()?;
        let is_remote = destinations.iter().any(|to| matches!(to, Destination::Receiver { .. }));
        let (builder, spool) = self.with_store(self.apply(telemetry::recording(), is_remote))?;
        let builder = destinations.into_iter().try_fold(builder, |builder, to| self.sending(builder, to, spool.clone()))?;
        Ok(self.writing_logs(builder)?.build())
    }

    /// Sets on a recorder all that isn't about a destination. `is_remote` says whether it sends over a network.
    pub fn apply(&self, builder: RecorderBuilder, is_remote: bool) -> RecorderBuilder {
        let usual = Duration::from_millis(if is_remote { 1000 } else { 250 });
        let interval = self.time("recording.interval").unwrap_or(usual);
        let builder = builder
            .export_interval(if interval.is_zero() { NEVER } else { interval })
            .limits(self.limits())
            .sampling(self.sampling())
            .redaction(self.redaction())
            .kept(self.kept())
            .resource(self.resource());
        let sizes: [(&str, SetSize); 5] = [
            ("recording.buffer_size", RecorderBuilder::buffer_size),
            ("recording.buffer_bytes", RecorderBuilder::buffer_bytes),
            ("recording.queue_bytes", RecorderBuilder::queue_bytes),
            ("recording.retained_bytes", RecorderBuilder::retained_bytes),
            ("limits.attribute_sets", RecorderBuilder::attribute_sets),
        ];
        let sized = |builder, (name, set): (&str, SetSize)| match self.bytes(name) {
            Some(size) => set(builder, size),
            None => builder,
        };
        let builder = sizes.into_iter().fold(builder, sized);
        self.attributes().into_iter().fold(builder, |builder, (key, value)| builder.attribute(key, value))
    }

    /// Adds the lines of logs that are asked for.
    ///
    /// # Errors
    /// If their file can't be opened.
    pub fn writing_logs(&self, builder: RecorderBuilder) -> Result<RecorderBuilder, ConfigError> {
        let writer = match self.text("logs.format").as_deref() {
            Some("json") => logs::json(),
            Some("human") => logs::human(),
            _ => return Ok(builder),
        };
        let writer = match self.text("logs.file") {
            Some(path) => {
                writer.to_file(&path).map_err(|error| ConfigError::of(path, format!("it can't be opened: {error}")))?
            }
            None => writer,
        };
        Ok(builder.sink("logs", self.choosing(writer)))
    }

    fn choosing(&self, writer: LogWriter) -> LogWriter {
        let level = match self.text("logs.level").as_deref() {
            Some("debug") => Severity::DEBUG,
            Some("info") => Severity::INFO,
            Some("warn") => Severity::WARN,
            Some("error") => Severity::ERROR,
            Some("fatal") => Severity::FATAL,
            _ => Severity::TRACE,
        };
        let sample = self.setting("logs.sample").and_then(|setting| setting.value?.to_string().parse().ok());
        let writer = writer.level(level).sample(sample.unwrap_or(1.0)).redaction(self.redaction());
        match self.count("logs.at_most") {
            Some(each_second) => writer.at_most(each_second),
            None => writer,
        }
    }

    /// Adds the store; returns also the folder beside it for what waits to be sent, where it is a file.
    fn with_store(&self, builder: RecorderBuilder) -> Result<(RecorderBuilder, Option<PathBuf>), ConfigError> {
        let StorePlace::At(address) = self.store_place() else { return Ok((builder, None)) };
        let wrong = |error: flowglass_store::StoreError| ConfigError::of("store.address", error.to_string());
        let store = create_or_open(&address).map_err(wrong)?;
        let mut options = self.sink_options();
        if let Some(policy) = self.retention().filter(|_| store.capabilities().retention) {
            match store.retain(&policy) {
                // The sink does so once the store is there.
                Err(error) if error.is_retryable() => options.retention = Some(policy),
                forgotten => drop(forgotten.map_err(wrong)?),
            }
        }
        let spool = (!address.contains("://")).then(|| PathBuf::from(&address).with_file_name("spool"));
        Ok((builder.sink("store", store.sink(options).map_err(wrong)?), spool))
    }

    fn sending(
        &self,
        builder: RecorderBuilder,
        to: Destination,
        spool: Option<PathBuf>,
    ) -> Result<RecorderBuilder, ConfigError> {
        Ok(match to {
            Destination::Console => builder.sink("console", telemetry::own_console()),
            Destination::File(path) => {
                let name = path.display().to_string();
                let file = FileExporter::append(path).map_err(|error| ConfigError::of(name, error.to_string()))?;
                builder.sink("file", file)
            }
            Destination::Receiver { name, options } => {
                let options = ExportOptions { spool: self.spool(spool), ..*options };
                let exporter =
                    Exporter::new(&options).map_err(|error| ConfigError::of(format!("`{name}`"), error.to_string()))?;
                builder.sink(&format!("otlp {name}"), exporter)
            }
        })
    }

    /// Returns where and how much may wait on disk for a receiver.
    #[must_use]
    pub fn spool(&self, folder: Option<PathBuf>) -> Option<SpoolOptions> {
        let bytes = self.count("export.spool").filter(|bytes| *bytes > 0)?;
        Some(SpoolOptions { folder: folder?, bytes })
    }
}
