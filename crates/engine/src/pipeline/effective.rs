//! What holds for a pipeline at its place inside another, aspect by aspect, and where that comes from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flowglass_model::{GraphLabel, GraphSettings, LabelOrigin};
use flowglass_record::Recorder;

use super::definition::NodeKind;
use super::setting::Setting;
use super::wiring::PlanNode;
use super::{Config, Pipeline};
use crate::backend::{Backend, Execution, LocalBackend};
use crate::cache::Cache;
use crate::callback::Callbacks;
use crate::error::{Error, ErrorKind};
use crate::nearest::nearest;

/// One aspect of a configuration: what holds, and where that comes from.
#[derive(Clone)]
pub struct Aspect<T> {
    /// What holds; nothing, where it is off or nobody set it.
    pub value: Option<T>,
    /// Where that comes from.
    pub origin: LabelOrigin,
}

/// What holds for a pipeline at its place inside another: what [`Pipeline::effective`] gives. It prints as one line an aspect.
#[derive(Clone)]
pub struct Effective {
    /// Where it stands: `outer > inner`.
    pub path: String,
    /// Where nodes and items are executed, and how they are scheduled.
    pub backend: Aspect<Backend>,
    /// Where results are kept.
    pub cache: Aspect<Cache>,
    /// Who is told what happens.
    pub callbacks: Aspect<Callbacks>,
    /// Who records spans; by default each run keeps its own in memory.
    pub telemetry: Aspect<Recorder>,
    /// How long a run of it may take.
    pub timeout: Aspect<Duration>,
    /// What counts in every cache key besides code and inputs.
    pub environment: Aspect<Arc<str>>,
}

impl Pipeline {
    /// Says what holds for the pipeline at this path inside this one (`"inner > deeper"`, with or without this pipeline's own
    /// name before it; `""` is this pipeline itself). What a run is given besides counts before all of it at the root.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if there is no such pipeline; the message names the nearest one.
    pub fn effective(&self, path: &str) -> Result<Effective, Error> {
        let mut names = path.split(" > ").filter(|name| !name.is_empty()).peekable();
        names.next_if(|&name| name == self.name());
        let (mut at, mut holds) = (self, Effective::of_root(self, &self.0.config));
        for name in names {
            let (node, inner) = at.inner(name)?;
            holds = holds.inside(node, &inner.0.config);
            at = inner;
        }
        Ok(holds)
    }

    /// Returns what is said of the configuration of every part, as `flowglass graph` shows it.
    #[must_use]
    pub fn settings(&self) -> GraphSettings {
        self.settings_with(&self.0.config)
    }

    /// Returns the same where this holds for the pipeline itself.
    pub(crate) fn settings_with(&self, config: &Config) -> GraphSettings {
        let mut settings = GraphSettings::default();
        gather(self, &Effective::of_root(self, config), &mut settings);
        settings
    }

    fn inner(&self, name: &str) -> Result<(&PlanNode, &Self), Error> {
        let inner = |node: &'_ PlanNode| matches!(node.kind, NodeKind::Pipeline(_));
        let pipelines = || self.0.nodes.iter().filter(|node| inner(node));
        if let Some(node) = pipelines().find(|node| *node.name == *name)
            && let NodeKind::Pipeline(inner) = &node.kind
        {
            return Ok((node, inner));
        }
        let hint = match nearest(name, pipelines().map(|node| &*node.name)) {
            Some(name) => format!("; did you mean `{name}`?"),
            None if self.0.nodes.iter().any(|node| *node.name == *name) => {
                "; it is a function, for which holds what holds for the pipeline around it".to_owned()
            }
            None => String::new(),
        };
        Err(Error::new(ErrorKind::Input, format!("pipeline `{}` has no pipeline `{name}` inside{hint}", self.name())))
    }
}

fn gather(pipeline: &Pipeline, holds: &Effective, settings: &mut GraphSettings) {
    let said = holds.labels().into_iter().filter(|label| label.origin != LabelOrigin::Default).collect();
    say(settings, &holds.path, said);
    for node in &pipeline.0.nodes {
        match &node.kind {
            NodeKind::Call { .. } => say(settings, &format!("{} > {}", holds.path, node.name), policies(node, true)),
            NodeKind::Pipeline(inner) => {
                let inside = holds.inside(node, &inner.0.config);
                gather(inner, &inside, settings);
                say(settings, &inside.path, policies(node, false));
            }
        }
    }
}

fn say(settings: &mut GraphSettings, path: &str, labels: Vec<GraphLabel>) {
    if !labels.is_empty() {
        settings.0.entry(path.to_owned()).or_default().extend(labels);
    }
}

/// What is said of one node: its retries, and its time limit where that isn't the limit of a pipeline.
fn policies(node: &PlanNode, is_call: bool) -> Vec<GraphLabel> {
    let timeout = node.timeout.filter(|_| is_call).map(|timeout| ("timeout", format!("timeout {timeout:?}")));
    let retry = node.retry.as_ref().map(|retry| ("retry", format!("{} attempts", retry.most_attempts())));
    let label = |(aspect, text): (&str, String)| GraphLabel { aspect: aspect.to_owned(), text, origin: LabelOrigin::Here };
    timeout.into_iter().chain(retry).map(label).collect()
}

impl<T: Clone> Aspect<T> {
    fn of_root(setting: &Setting<T>, default: Option<T>) -> Self {
        Self { value: default, origin: LabelOrigin::Default }.inside("", setting)
    }

    fn inside(&self, around: &str, setting: &Setting<T>) -> Self {
        match (setting, &self.origin) {
            (Setting::Set(value), _) => Self { value: Some(value.clone()), origin: LabelOrigin::Here },
            (Setting::Off, _) => Self { value: None, origin: LabelOrigin::Here },
            (Setting::Inherit, LabelOrigin::Here) => {
                Self { value: self.value.clone(), origin: LabelOrigin::Inherited(around.to_owned()) }
            }
            (Setting::Inherit, _) => self.clone(),
        }
    }
}

impl Effective {
    fn of_root(pipeline: &Pipeline, config: &Config) -> Self {
        Self {
            path: pipeline.name().to_owned(),
            backend: Aspect::of_root(&config.backend, Some(Backend::default())),
            cache: Aspect::of_root(&config.cache, None),
            callbacks: Aspect::of_root(&config.callbacks, None),
            telemetry: Aspect::of_root(&config.telemetry, None),
            timeout: Aspect::of_root(&config.timeout, None),
            environment: Aspect::of_root(&config.environment, None),
        }
    }

    fn inside(&self, node: &PlanNode, config: &Config) -> Self {
        let around = self.path.as_str();
        Self {
            path: format!("{around} > {}", node.name),
            backend: self.backend.inside(around, &config.backend),
            cache: self.cache.inside(around, &config.cache),
            callbacks: self.callbacks.inside(around, &config.callbacks),
            telemetry: self.telemetry.inside(around, &config.telemetry),
            timeout: self.timeout.inside(around, &config.timeout),
            environment: self.environment.inside(around, &config.environment),
        }
    }

    /// Returns each aspect as people see it.
    #[must_use]
    pub fn labels(&self) -> Vec<GraphLabel> {
        let label = |aspect: &str, text: String, origin: &LabelOrigin| GraphLabel {
            aspect: aspect.to_owned(),
            text,
            origin: origin.clone(),
        };
        let cache = self.cache.value.as_ref().map_or_else(|| "no cache".to_owned(), |cache| cache.describe());
        let backend = self.backend.value.clone().unwrap_or_default();
        let timeout = self.timeout.value.map_or_else(|| "no timeout".to_owned(), |timeout| format!("timeout {timeout:?}"));
        let environment =
            self.environment.value.as_ref().map_or_else(|| "no environment".to_owned(), |text| format!("environment {text}"));
        vec![
            label("backend", named(&backend), &self.backend.origin),
            label("cache", cache, &self.cache.origin),
            label("callbacks", told(self.callbacks.value.is_some()), &self.callbacks.origin),
            label("telemetry", recorded(&self.telemetry), &self.telemetry.origin),
            label("timeout", timeout, &self.timeout.origin),
            label("environment", environment, &self.environment.origin),
        ]
    }
}

fn told(anybody: bool) -> String {
    if anybody { "callbacks" } else { "no callbacks" }.to_owned()
}

fn recorded(telemetry: &Aspect<Recorder>) -> String {
    let is_off = telemetry.value.as_ref().map_or(telemetry.origin != LabelOrigin::Default, Recorder::is_off);
    if is_off { "no telemetry" } else { "telemetry" }.to_owned()
}

/// Names a backend in a word or two: `threads ×4`, `processes gpu=a100`.
fn named(backend: &Backend) -> String {
    match backend {
        Backend::Local(local) => schedule(local),
        Backend::Remote(remote) => {
            let resources = remote.resources.iter().map(|(name, value)| format!(" {name}={value}"));
            remote.name().to_owned() + &resources.collect::<String>()
        }
    }
}

fn schedule(backend: &LocalBackend) -> String {
    let named = |execution: Execution| match execution {
        Execution::Threads => format!("threads ×{}", backend.workers()),
        Execution::Async if backend.max_workers.is_some() => format!("async ×{}", backend.workers()),
        other => other.as_str().to_owned(),
    };
    if backend.node_execution == backend.map_execution {
        return named(backend.node_execution);
    }
    format!("nodes {}, maps {}", named(backend.node_execution), named(backend.map_execution))
}

impl fmt::Display for Effective {
    /// Writes the path and, below it, each aspect with where it comes from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        for label in self.labels() {
            let from = match &label.origin {
                LabelOrigin::Here => "set here".to_owned(),
                LabelOrigin::Inherited(path) => format!("inherited from {path}"),
                LabelOrigin::Default => "default".to_owned(),
            };
            write!(f, "\n  {:<12} {} ({from})", label.aspect, label.text)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
