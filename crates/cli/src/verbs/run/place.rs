//! Where a run is kept and sent: the store, its recorder, the cache, the destinations besides.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowglass::config::{Config, StorePlace};
use flowglass::model::RunId;
use flowglass::store::Store;
use flowglass::{DiskCache, Recorder, telemetry};

use super::children;
use super::committed::{Ledger, PassedOn};
use super::exports::{Exports, STORE};
use super::outcome::{MEMORY, near};
use crate::arguments::RunArguments;
use crate::failure::Failure;
use crate::location::Location;
use crate::printer::Printer;

/// The store, its recorder and the cache of a run.
pub(super) struct Place {
    pub(super) store: Arc<dyn Store>,
    location: Location,
    pub(super) recorder: Recorder,
    pub(super) cache: Option<DiskCache>,
    pub(super) resumed: Option<RunId>,
    pub(super) exports: Exports,
    /// What tells the store from others, for the commands of the run: nothing for one that only this process has.
    pub(super) identity: Option<String>,
    ledger: Ledger,
}

impl Place {
    pub(super) fn open(arguments: &RunArguments, config: &Config, printer: &mut Printer) -> Result<Self, Failure> {
        let attributes = attributes(&arguments.attributes)?;
        let location = location(arguments, config)?;
        let store = location.any_or_new()?;
        let resumed = arguments.resume.as_deref().map(|id| store.find_run(id)).transpose()?.map(|run| run.id);
        let ledger = Ledger::default();
        let sink = ledger.over(store.sink(config.sink_options())?);
        let recorder = config.apply(telemetry::to_sink(STORE, sink), false);
        let mut recorder = config.writing_logs(recorder)?;
        for (key, value) in attributes {
            recorder = recorder.attribute(key, value);
        }
        let identity = identity(&location, &*store);
        let around = children::receiver_of(identity.as_deref());
        let (exports, recorder) = Exports::add(arguments, config, (&location.spool()?, around), recorder, printer)?;
        let configured = config.text("run.cache");
        let cache = match (&arguments.cache, arguments.no_cache, configured.as_deref()) {
            (_, true, _) | (None, _, Some("off")) => None,
            (Some(path), ..) => Some(DiskCache::open(path)),
            (None, _, Some(path)) => Some(DiskCache::open(path)),
            (None, _, None) => Some(DiskCache::open(location.cache()?)),
        };
        let cache = cache.transpose().map_err(Failure::usage)?;
        Ok(Self { store, location, recorder: recorder.build(), cache, resumed, exports, identity, ledger })
    }

    /// What takes what the run's commands record themselves.
    pub(super) fn takes_others(&self) -> PassedOn {
        self.ledger.passing_on(self.recorder.clone())
    }

    /// Lets the store forget what it is to forget by itself.
    pub(super) fn forget(&self, config: &Config, printer: &Printer) {
        let policy = config.retention().filter(|_| self.store.capabilities().retention);
        if let Some(Err(error)) = policy.map(|policy| self.store.retain(&policy)) {
            printer.note(&format!("warning: old runs aren't forgotten: {error}"));
        }
    }

    /// What changes with every run and so must not count in any cache key.
    pub(super) fn ignored(&self, here: &Path) -> Arc<[PathBuf]> {
        let file = match &self.location {
            Location::File(path) => Some(here.join(path)),
            Location::Address(_) => None,
        };
        let spool = self.location.spool().ok().map(|spool| here.join(spool));
        let cache = self.cache.as_ref().map(|cache| here.join(cache.folder()));
        file.into_iter().chain(spool).chain(cache).collect()
    }

    /// Where the store is, for people; a file in this folder is called as it is from here.
    pub(super) fn shown(&self, here: &Path) -> String {
        match &self.location {
            Location::File(path) => near(path, here).display().to_string(),
            Location::Address(_) => self.store.location(),
        }
    }
}

/// Returns what tells a store from others, without secrets.
fn identity(location: &Location, store: &dyn Store) -> Option<String> {
    match location {
        Location::File(path) => path.canonicalize().ok()?.into_os_string().into_string().ok(),
        Location::Address(address) => (address != MEMORY).then(|| store.location()),
    }
}

/// Says where a run is kept: where nothing is, in this process's memory.
fn location(arguments: &RunArguments, config: &Config) -> Result<Location, Failure> {
    let is_off = !arguments.store.is_named() && config.store_place() == StorePlace::Off;
    if is_off || !config.is_enabled() { Ok(Location::memory()) } else { arguments.store.location() }
}

/// Reads what `--attr` was given. Of a key that comes twice it can't be told which value is meant.
fn attributes(texts: &[String]) -> Result<BTreeMap<&str, &str>, Failure> {
    let mut attributes = BTreeMap::new();
    for text in texts {
        let (key, value) = attribute(text)?;
        if attributes.insert(key, value).is_some() {
            return Err(Failure::usage(format!("`--attr {text}`: the attribute `{key}` is given twice")));
        }
    }
    Ok(attributes)
}

fn attribute(text: &str) -> Result<(&str, &str), Failure> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.ok_or_else(|| Failure::usage(format!("`--attr {text}`: attributes are written `key=value`")))
}
