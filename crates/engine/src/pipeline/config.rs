//! The aspects of a pipeline that each inherit separately, and what holds at one level of a run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flowglass_record::Recorder;

use super::setting::Setting;
use crate::backend::{Backend, LocalBackend};
use crate::cache::Cache;
use crate::callback::Callbacks;
use crate::capture::Capture;
use crate::remote::RemoteBackend;
use crate::run::MapItems;

/// What a pipeline says of each aspect.
#[derive(Clone, Default)]
pub(crate) struct Config {
    /// Where results are kept.
    pub(crate) cache: Setting<Cache>,
    /// Who is told what happens.
    pub(crate) callbacks: Setting<Callbacks>,
    /// Who records spans.
    pub(crate) telemetry: Setting<Recorder>,
    /// Where nodes and items are executed, and how they are scheduled.
    pub(crate) backend: Setting<Backend>,
    /// How long a run of the pipeline may take.
    pub(crate) timeout: Setting<Duration>,
    /// What counts in every cache key besides code and inputs.
    pub(crate) environment: Setting<Arc<str>>,
    /// What is shown of values.
    pub(crate) capture: Option<Capture>,
    /// Which items of maps get spans, where a run doesn't say it.
    pub(crate) map_items: Option<MapItems>,
}

impl Config {
    /// Returns what a use of a pipeline makes of the pipeline's own configuration: what the use says counts first.
    pub(crate) fn over(&self, own: &Self) -> Self {
        Self {
            cache: self.cache.or(&own.cache),
            callbacks: self.callbacks.or(&own.callbacks),
            telemetry: self.telemetry.or(&own.telemetry),
            backend: self.backend.or(&own.backend),
            timeout: self.timeout.or(&own.timeout),
            environment: self.environment.or(&own.environment),
            capture: self.capture.or(own.capture),
            map_items: self.map_items.or(own.map_items),
        }
    }

    /// Returns the recorder that is said here, if it records anything.
    pub(crate) fn own_recorder(&self) -> Option<&Recorder> {
        if let Setting::Set(recorder) = &self.telemetry { Some(recorder).filter(|recorder| !recorder.is_off()) } else { None }
    }

    /// Says whether telemetry is switched off here.
    fn is_unrecorded(&self) -> bool {
        match &self.telemetry {
            Setting::Inherit => false,
            Setting::Set(recorder) => recorder.is_off(),
            Setting::Off => true,
        }
    }

    pub(crate) fn says_nothing(&self) -> bool {
        self.of_pipelines_only().is_none() && self.timeout.is_inherited() && self.environment.is_inherited()
    }

    /// Names an aspect that is said here and that only a pipeline has: a function runs as its pipeline does.
    pub(crate) fn of_pipelines_only(&self) -> Option<&'static str> {
        let said = [
            ("cache_in", !self.cache.is_inherited()),
            ("callbacks", !self.callbacks.is_inherited()),
            ("telemetry", !self.telemetry.is_inherited()),
            ("backend", !self.backend.is_inherited()),
        ];
        said.into_iter().find_map(|(aspect, said)| said.then_some(aspect))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("backend", &self.backend).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// What holds at one level of a run.
#[derive(Clone, Default)]
pub(crate) struct LevelConfig {
    pub(crate) cache: Option<Cache>,
    pub(crate) callbacks: Option<Callbacks>,
    /// Whether spans are recorded here.
    pub(crate) telemetry: bool,
    /// By which recorder, where the level's pipeline says so itself.
    pub(crate) recorder: Option<Recorder>,
    /// How the level schedules its nodes and items.
    pub(crate) backend: LocalBackend,
    /// Who executes them, if that isn't this process.
    pub(crate) remote: Option<Arc<RemoteBackend>>,
    pub(crate) environment: Option<Arc<str>>,
    /// What is shown of values.
    pub(crate) capture: Capture,
    /// Whether this is a worker: the driver tells callbacks, and hands out what is to be handed out.
    pub(crate) is_guest: bool,
}

impl LevelConfig {
    /// Sets where the level's nodes are executed.
    pub(crate) fn on(self, backend: Option<Backend>) -> Self {
        let (backend, remote) = backend.unwrap_or_default().parts();
        Self { backend, remote: remote.map(Arc::new), ..self }
    }

    /// Returns what holds in a pipeline with this configuration inside of this level.
    pub(crate) fn inside(&self, config: &Config) -> Self {
        let callbacks = if self.is_guest { None } else { config.callbacks.resolve(self.callbacks.clone()) };
        let recorder = config.own_recorder().filter(|_| !self.is_guest);
        let inside = Self {
            cache: config.cache.resolve(self.cache.clone()),
            callbacks,
            telemetry: recorder.is_some() || (self.telemetry && !config.is_unrecorded()),
            recorder: recorder.cloned(),
            backend: self.backend.clone(),
            remote: self.remote.clone(),
            environment: config.environment.resolve(self.environment.clone()),
            capture: config.capture.unwrap_or(self.capture),
            is_guest: self.is_guest,
        };
        match &config.backend {
            Setting::Inherit => inside,
            own if self.is_guest => match own {
                Setting::Set(Backend::Local(local)) => Self { backend: local.clone(), ..inside },
                _ => inside,
            },
            own => inside.on(own.resolve(None)),
        }
    }
}
