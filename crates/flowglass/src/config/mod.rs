//! Configuration as a value: from files, from the environment and from the program, each value with its origin.
//!
//! See the [guide](crate::guide::configuration) for all keys. Nothing here is kept by the process: two configurations live beside
//! each other, and what reads the environment says so ([`Config::load`]).

mod cleaning;
mod environment;
mod exports;
mod file;
mod key;
mod origin;
mod preset;
mod problem;
mod recorder;
mod redaction;
mod settings;
mod size;
mod sources;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flowglass_model::nearest::did_you_mean;

pub use self::cleaning::CleaningSink;
pub use self::environment::Variables;
pub use self::exports::Destination;
pub use self::key::{KEYS, Key, Kind, PRESETS, key};
pub use self::origin::Origin;
pub use self::preset::preset;
pub use self::problem::{ConfigError, Problem};
pub use self::recorder::Observed;
pub use self::settings::StorePlace;
pub use self::size::size;
pub use self::sources::{FILE_NAME, SourceFile, Sources, nearest_folder};
pub use self::value::Value;

/// How telemetry is recorded, kept and sent, and what the command does where its arguments say nothing.
///
/// ```
/// use flowglass::config::Config;
///
/// let config = Config::new().memory().preset("production")?.set("sampling.rate", "0.5")?;
/// assert_eq!(config.setting("sampling.rate").unwrap().value.unwrap().to_string(), "0.5");
/// assert_eq!(config.setting("recording.events").unwrap().origin.to_string(), "preset production");
/// let recorder = config.recorder()?;
/// # Ok::<_, flowglass::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Config {
    folder: PathBuf,
    variables: Variables,
    given: BTreeMap<&'static str, (Value, Origin)>,
    files: Vec<PathBuf>,
    warnings: Vec<String>,
}

/// A key with what holds for it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// The key.
    pub key: &'static Key,
    /// Its value; none where nobody says anything and there is no default.
    pub value: Option<Value>,
    /// Where that comes from.
    pub origin: Origin,
}

impl Config {
    /// Makes a configuration of defaults: neither files nor the environment count.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the files that hold for the current folder, and the environment; see [`Sources::of_process`] for where that is, and
    /// [`Origin`] for what counts more.
    ///
    /// # Errors
    /// All that is wrong in files and in variables `FLOWGLASS_*`, each with its place.
    pub fn load() -> Result<Self, ConfigError> {
        let here = std::env::current_dir();
        let here = here.map_err(|error| ConfigError::of("the current folder", format!("it can't be found: {error}")))?;
        Self::from_sources(&Sources::of_process(&here)?)
    }

    /// Reads these files and variables, and no others.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let mut config = Self { folder: sources.folder.clone(), variables: sources.variables.clone(), ..Self::default() };
        let mut problems = Vec::new();
        if let Some(file) = &sources.user_file {
            config.take_file(file, &mut problems, |path, line| Origin::UserFile { path, line });
        }
        if let Some(file) = &sources.file {
            config.take_file(file, &mut problems, |path, line| Origin::File { path, line });
        }
        let said = environment::read(&sources.variables, &mut problems, &mut config.warnings);
        for (key, value, origin) in said {
            let folder = config.folder.clone();
            config.take(key, value, origin, &folder);
        }
        config.check(&mut problems);
        ConfigError::check(problems)?;
        Ok(config)
    }

    /// Sets a value as the program's own, which counts most; see [`KEYS`] for names.
    ///
    /// # Errors
    /// If there is no such key, or the value isn't one of its kind.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        let Some(key) = key(name) else {
            let hint = did_you_mean(name, KEYS.iter().map(|key| key.name)).map_or_else(String::new, |hint| format!("; {hint}"));
            return Err(ConfigError::of(name, format!("there is no such key{hint}")));
        };
        let value =
            Value::from_text(key.kind, value).map_err(|wanted| ConfigError::of(name, format!("it must be {wanted}")))?;
        self.given.insert(key.name, (value, Origin::Program));
        let mut problems = Vec::new();
        self.check(&mut problems);
        ConfigError::check(problems).map(|()| self)
    }

    /// Chooses a preset, one of [`PRESETS`].
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn preset(self, name: &str) -> Result<Self, ConfigError> {
        if preset(name).is_none() {
            return Err(ConfigError::of("preset", preset::unknown(name)));
        }
        self.set("preset", name)
    }

    /// Keeps runs in memory only.
    #[must_use]
    pub fn memory(self) -> Self {
        self.put("store.address", Value::Text("memory:".to_owned()))
    }

    /// Keeps runs in this file, made on first use.
    #[must_use]
    pub fn sqlite(self, path: impl AsRef<Path>) -> Self {
        self.put("store.address", Value::Text(path.as_ref().display().to_string()))
    }

    /// Keeps runs on this PostgreSQL server: `postgres://user@host/database`.
    #[must_use]
    pub fn postgres(self, url: &str) -> Self {
        self.store(url)
    }

    /// Keeps runs in the store at this address.
    #[must_use]
    pub fn store(self, address: &str) -> Self {
        self.put("store.address", Value::Text(address.to_owned()))
    }

    /// Sends telemetry to this OTLP receiver, too: an address, or the name of a service.
    #[must_use]
    pub fn otlp(self, address: &str) -> Self {
        let mut to = self.texts("export.to");
        to.retain(|other| other != "none");
        to.push(address.to_owned());
        self.put("export.to", Value::Texts(to))
    }

    /// Sends nothing anywhere, whatever the environment says.
    #[must_use]
    pub fn no_export(self) -> Self {
        self.put("export.to", Value::Texts(vec!["none".to_owned()]))
    }

    /// Records nothing.
    #[must_use]
    pub fn off(self) -> Self {
        self.put("enabled", Value::Flag(false))
    }

    /// Returns what holds for a key.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<Setting> {
        key(name).map(|key| self.of(key))
    }

    /// Returns what holds for every key, in their order.
    pub fn settings(&self) -> impl Iterator<Item = Setting> + '_ {
        KEYS.iter().map(|key| self.of(key))
    }

    /// Returns the files that were read.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns what is strange and was left out: variables that mean nothing.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn of(&self, key: &'static Key) -> Setting {
        if let Some((value, origin)) = self.given.get(key.name) {
            return Setting { key, value: Some(value.clone()), origin: origin.clone() };
        }
        let preset_name = self.given.get("preset").map(|(value, _)| value.to_string());
        let of_preset = preset_name.as_deref().and_then(preset).into_iter().flatten().find(|(name, _)| *name == key.name);
        let (text, origin) = match (of_preset, preset_name) {
            (Some((_, text)), Some(name)) => (*text, Origin::Preset(name)),
            _ => (key.default, Origin::Default),
        };
        let value = Some(text).filter(|text| !text.is_empty()).and_then(|text| Value::from_text(key.kind, text).ok());
        Setting { key, value, origin }
    }

    fn put(mut self, name: &'static str, value: Value) -> Self {
        self.given.insert(name, (value, Origin::Program));
        self
    }

    fn take_file(&mut self, file: &SourceFile, problems: &mut Vec<Problem>, origin: impl Fn(PathBuf, usize) -> Origin) {
        let folder = file.path.parent().unwrap_or(Path::new("")).to_owned();
        for said in file::read(&file.path, &file.text, problems) {
            self.take(said.key, said.value, origin(file.path.clone(), said.line), &folder);
        }
        self.files.push(file.path.clone());
    }

    /// Takes a value unless one that counts more is there. A relative path is one from where it is said.
    fn take(&mut self, key: &'static Key, value: Value, origin: Origin, folder: &Path) {
        let is_weaker = self.given.get(key.name).is_some_and(|(_, known)| known.rank() > origin.rank());
        if is_weaker {
            return;
        }
        let value = match value {
            Value::Text(path) if key.kind == Kind::Path => Value::Text(settings::from_folder(&path, folder)),
            value => value,
        };
        self.given.insert(key.name, (value, origin));
    }

    /// Adds what is wrong with values that only their use can tell.
    fn check(&self, problems: &mut Vec<Problem>) {
        let mut problem = |name: &str, message: String| {
            let origin = self.setting(name).map_or_else(String::new, |setting| setting.origin.to_string());
            let place = if origin == Origin::Program.to_string() { name.to_owned() } else { origin };
            problems.push(Problem::new(place, format!("`{name}`: {message}")));
        };
        for message in redaction::wrong_expressions(&self.texts("capture.redact_values")) {
            problem("capture.redact_values", message);
        }
        if let Some(text) = self.text("sampling.map_items").filter(|text| settings::map_items(text).is_none()) {
            problem("sampling.map_items", format!("`{text}` is neither `auto`, `each` nor `off`, nor a rate from 0 to 1"));
        }
    }
}

#[cfg(test)]
mod tests;
