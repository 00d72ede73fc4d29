//! The aspects of a pipeline that each inherit separately, and what holds at one level of a run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flowglass_record::Recorder;

use super::setting::Setting;
use crate::backend::LocalBackend;
use crate::cache::Cache;
use crate::callback::Callbacks;

/// What a pipeline says of each aspect.
#[derive(Clone, Default)]
pub(crate) struct Config {
    /// Where results are kept.
    pub(crate) cache: Setting<Arc<dyn Cache>>,
    /// Who is told what happens.
    pub(crate) callbacks: Setting<Callbacks>,
    /// Who records spans.
    pub(crate) telemetry: Setting<Recorder>,
    /// How nodes and items are scheduled.
    pub(crate) backend: Setting<LocalBackend>,
    /// How long a run of the pipeline may take.
    pub(crate) timeout: Setting<Duration>,
    /// What counts in every cache key besides code and inputs.
    pub(crate) environment: Setting<Arc<str>>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("backend", &self.backend).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// What holds at one level of a run.
#[derive(Clone, Default)]
pub(crate) struct Effective {
    pub(crate) cache: Option<Arc<dyn Cache>>,
    pub(crate) callbacks: Option<Callbacks>,
    pub(crate) telemetry: bool,
    pub(crate) backend: LocalBackend,
    pub(crate) environment: Option<Arc<str>>,
}

impl Effective {
    /// Returns what holds in a pipeline with this configuration inside of this level.
    pub(crate) fn inside(&self, config: &Config) -> Self {
        Self {
            cache: config.cache.resolve(self.cache.clone()),
            callbacks: config.callbacks.resolve(self.callbacks.clone()),
            telemetry: self.telemetry && !matches!(config.telemetry, Setting::Off),
            backend: config.backend.resolve(Some(self.backend.clone())).unwrap_or_default(),
            environment: config.environment.resolve(self.environment.clone()),
        }
    }
}
