//! What a graph says besides its shape: how each level and node of it is configured.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How the parts of a graph are configured, by their paths (`outer > inner > node`). It is kept apart from the shape, because
/// the same graph can be run in many ways.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GraphSettings(pub BTreeMap<String, Vec<GraphLabel>>);

impl GraphSettings {
    /// Returns what is to be said of the part with this path.
    #[must_use]
    pub fn of(&self, path: &str) -> &[GraphLabel] {
        self.0.get(path).map_or(&[], Vec::as_slice)
    }

    /// Returns the same for a map over the pipeline with this name, whose parts stand one level deeper: `name > name > node`.
    #[must_use]
    pub fn in_map_of(self, name: &str) -> Self {
        let deeper = |path: String| {
            if path.strip_prefix(name).is_some_and(|below| below.starts_with(" > ")) {
                format!("{name} > {path}")
            } else {
                path
            }
        };
        Self(self.0.into_iter().map(|(path, labels)| (deeper(path), labels)).collect())
    }
}

/// One aspect of a configuration as people see it: `[threads ×4]*`, `↓[no cache]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphLabel {
    /// What it is about: `backend`, `cache`, `callbacks`, `telemetry`, `timeout`, `environment`, `retry`.
    pub aspect: String,
    /// What holds: `threads ×4`, `no cache`.
    pub text: String,
    /// Where that comes from.
    pub origin: LabelOrigin,
}

/// Where what holds comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelOrigin {
    /// It is set (or switched off) here.
    Here,
    /// It is set at this path, which is around.
    Inherited(String),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for GraphLabel {
    /// Writes `[text]`, with `*` behind it where it is set here and `↓` before it where it is inherited.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            LabelOrigin::Here => write!(f, "[{}]*", self.text),
            LabelOrigin::Inherited(_) => write!(f, "↓[{}]", self.text),
            LabelOrigin::Default => write!(f, "[{}]", self.text),
        }
    }
}
