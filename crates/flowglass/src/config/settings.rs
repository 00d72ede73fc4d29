//! What a configuration says, as the options of those whom it concerns.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flowglass_engine::{Capture, MapItems};
use flowglass_model::{Attributes, Kept, Redaction, Resource};
use flowglass_otlp::resource_attributes_from;
use flowglass_record::{Sampling, SpanLimits};
use flowglass_store::{Durability, RetentionPolicy, SinkOptions};

use super::{Config, Origin, Value, environment, nearest_folder, redaction};
use crate::telemetry;

/// Where runs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorePlace {
    /// Nowhere.
    Off,
    /// In this process's memory.
    Memory,
    /// In the store at this address, which may be a path.
    At(String),
}

impl Config {
    /// Says whether anything is recorded.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.flag("enabled").unwrap_or(true)
    }

    /// Returns where runs are kept. Without a word about it, that is the nearest `.flowglass/` upwards, else one here.
    #[must_use]
    pub fn store_place(&self) -> StorePlace {
        let Some(setting) = self.setting("store.address") else { return StorePlace::Off };
        match setting.value.as_ref().map(Value::to_string).as_deref() {
            None | Some("off") => StorePlace::Off,
            Some("memory:" | "memory") => StorePlace::Memory,
            Some(_) if setting.origin == Origin::Default => {
                StorePlace::At(nearest_folder(&self.folder).join("flowglass.db").display().to_string())
            }
            Some(address) => StorePlace::At(address.to_owned()),
        }
    }

    /// Returns how a store writes.
    #[must_use]
    pub fn sink_options(&self) -> SinkOptions {
        let durability =
            if self.text("store.durability").as_deref() == Some("process") { Durability::Process } else { Durability::Full };
        SinkOptions { durability, ..SinkOptions::default() }
    }

    /// Returns what the store forgets, if it is to forget anything by itself.
    #[must_use]
    pub fn retention(&self) -> Option<RetentionPolicy> {
        let policy = RetentionPolicy {
            max_age: self.time("store.max_age"),
            max_size_bytes: self.count("store.max_size"),
            keep_last: self.count("store.keep_last"),
            ..RetentionPolicy::default()
        };
        (policy != RetentionPolicy::default()).then_some(policy)
    }

    /// Returns which traces are recorded.
    #[must_use]
    pub fn sampling(&self) -> Sampling {
        let sampling = Sampling::rate(self.rate("sampling.rate").unwrap_or(1.0));
        let rules = self.rates("sampling.pipelines");
        let sampling = rules.into_iter().fold(sampling, |sampling, (name, rate)| sampling.pipeline(name, rate));
        let sampling = sampling.promote_errors(self.flag("sampling.promote_errors").unwrap_or(true));
        let sampling = if self.flag("sampling.keep_errors").unwrap_or(false) { sampling.keep_errors() } else { sampling };
        let sampling = match self.time("sampling.keep_slow") {
            Some(at_least) => sampling.keep_slow(at_least),
            None => sampling,
        };
        self.bytes("sampling.held_bytes").map_or(sampling.clone(), |bytes| sampling.held_bytes(bytes))
    }

    /// Returns which items of maps get spans.
    #[must_use]
    pub fn map_items(&self) -> MapItems {
        self.text("sampling.map_items").as_deref().and_then(map_items).unwrap_or_default()
    }

    /// Returns how much one span may have.
    #[must_use]
    pub fn limits(&self) -> SpanLimits {
        let default = SpanLimits::default();
        SpanLimits {
            events: self.bytes("limits.events").unwrap_or(default.events),
            attributes: self.bytes("limits.attributes").unwrap_or(default.attributes),
            links: self.bytes("limits.links").unwrap_or(default.links),
            value_bytes: self.bytes("limits.value_bytes").unwrap_or(default.value_bytes),
        }
    }

    /// Returns what is shown of the values that nodes work on.
    #[must_use]
    pub fn capture(&self) -> Capture {
        match self.text("capture.values").as_deref() {
            Some("full") => Capture::Full,
            Some("types") => Capture::Types,
            Some("off") => Capture::Off,
            _ => Capture::Previews,
        }
    }

    /// Returns what is hidden.
    #[must_use]
    pub fn redaction(&self) -> Redaction {
        if self.flag("capture.redact") == Some(false) {
            return Redaction::off();
        }
        let redaction =
            self.texts("capture.redact_keys").iter().fold(Redaction::secrets(), |redaction, key| redaction.key(key));
        let redaction = self.texts("capture.show_keys").iter().fold(redaction, |redaction, key| redaction.show_key(key));
        let redaction = if self.flag("capture.credit_cards") == Some(true) { redaction.credit_cards() } else { redaction };
        redaction::hiding(redaction, &self.texts("capture.redact_values"))
    }

    /// Returns which kinds of records are recorded.
    #[must_use]
    pub fn kept(&self) -> Kept {
        let is_on = |name| self.flag(name).unwrap_or(true);
        Kept {
            traces: is_on("recording.traces"),
            events: is_on("recording.events"),
            metrics: is_on("recording.metrics"),
            logs: is_on("recording.logs"),
            error_messages: is_on("capture.errors"),
        }
    }

    /// Returns who records: this program, with what the configuration says of it.
    #[must_use]
    pub fn resource(&self) -> Resource {
        let mut resource = telemetry::own_resource();
        let attributes = resource_attributes_from(|name| self.standard_variable(name));
        for (key, value) in attributes {
            resource.attributes.retain(|(known, _)| *known != key);
            resource.attributes.push((key, value));
        }
        resource
    }

    /// Returns attributes of every span.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        self.pairs("recording.attributes").into_iter().map(|(key, value)| (key, value.into())).collect()
    }

    /// Returns a variable of OpenTelemetry as this configuration has it: the environment's, unless something says it that counts
    /// more; without one in the environment, what files say.
    #[must_use]
    pub fn standard_variable(&self, name: &str) -> Option<String> {
        let key = super::KEYS.iter().find(|key| key.standard.contains(&name));
        match key.and_then(|key| self.given.get(key.name)) {
            Some((value, origin)) if !matches!(origin, Origin::Standard(_)) => Some(environment::as_standard(value)),
            _ => self.variables.get(name).cloned(),
        }
    }

    /// Returns text, a path or a choice.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Returns a flag.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        if let Value::Flag(flag) = self.value(name)? { Some(flag) } else { None }
    }

    /// Returns a count or a size.
    #[must_use]
    pub fn count(&self, name: &str) -> Option<u64> {
        if let Value::Count(count) = self.value(name)? { Some(count) } else { None }
    }

    /// Returns a time.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Duration> {
        if let Value::Time(time) = self.value(name)? { Some(time) } else { None }
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        if let Some(Value::Texts(texts)) = self.value(name) { texts } else { Vec::new() }
    }

    pub(super) fn bytes(&self, name: &str) -> Option<usize> {
        self.count(name).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Returns the folder that relative places start from.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn rate(&self, name: &str) -> Option<f64> {
        if let Value::Rate(rate) = self.value(name)? { Some(rate) } else { None }
    }

    fn pairs(&self, name: &str) -> Vec<(String, String)> {
        if let Some(Value::Pairs(pairs)) = self.value(name) { pairs } else { Vec::new() }
    }

    fn rates(&self, name: &str) -> Vec<(String, f64)> {
        if let Some(Value::Rates(rates)) = self.value(name) { rates } else { Vec::new() }
    }

    fn value(&self, name: &str) -> Option<Value> {
        self.setting(name).and_then(|setting| setting.value)
    }
}

/// Reads which items of maps get spans.
pub(super) fn map_items(text: &str) -> Option<MapItems> {
    match text {
        "auto" => Some(MapItems::Auto),
        "each" => Some(MapItems::Each),
        "off" => Some(MapItems::Off),
        rate => rate.parse().ok().filter(|rate| (0.0..=1.0).contains(rate)).map(MapItems::Sampled),
    }
}

/// Returns a path as one from a folder; an address stays as it is.
pub(super) fn from_folder(path: &str, folder: &Path) -> String {
    let (scheme, rest) = match path.strip_prefix("sqlite://").or_else(|| path.strip_prefix("sqlite:")) {
        Some(rest) => ("sqlite:", rest),
        None => ("", path),
    };
    if rest.is_empty() || rest == "off" || rest == "memory" || rest.contains(':') {
        return path.to_owned();
    }
    format!("{scheme}{}", folder.join(PathBuf::from(rest)).display())
}
