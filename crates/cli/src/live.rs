//! What a run has done so far: shown while it is under way, and kept for what is said of it when it has ended.

use std::sync::Arc;

use flowglass::insight::Progress;
use flowglass::model::{CacheStatus, Event, EventKind, GraphSettings, Site};
use flowglass::progress::{self, Style};
use parking_lot::Mutex;

/// What a run has done so far, kept by its events.
#[derive(Clone)]
pub(crate) struct Live {
    shown: Arc<progress::Live>,
    cache: Arc<Mutex<Vec<Option<CacheStatus>>>>,
}

/// What is known of a run at one moment.
pub(crate) struct State<'a> {
    pub(crate) progress: &'a Progress,
    /// What the cache said at each site: a hit only if it was one every time.
    pub(crate) cache: &'a [Option<CacheStatus>],
}

impl Live {
    /// Prepares to follow a run with these sites, which are configured like this.
    pub(crate) fn new(sites: &[Site], settings: &GraphSettings, style: Style) -> Self {
        let cache = Arc::new(Mutex::new(vec![None; sites.len()]));
        Self { shown: Arc::new(progress::Live::new(sites, settings, style)), cache }
    }

    /// Returns what takes the run's events.
    pub(crate) fn observer(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let live = self.clone();
        move |event| {
            note(&mut live.cache.lock(), event);
            live.shown.apply(event);
        }
    }

    /// Ends the display, if the run's end hasn't: it may not have come to one.
    pub(crate) fn stop(&self) {
        self.shown.stop();
    }

    /// Looks at what the run has done.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State<'_>) -> T) -> T {
        self.shown.look(|progress| look(&State { progress, cache: &self.cache.lock() }))
    }
}

impl State<'_> {
    /// Names what was skipped by its path below the run's own name.
    pub(crate) fn skipped(&self) -> Vec<String> {
        let root = self.progress.root().map_or("", |root| &*root.site.path);
        let below = |path: &str| path.strip_prefix(root).and_then(|path| path.strip_prefix(" > ")).unwrap_or(path).to_owned();
        self.progress.skipped().map(|site| below(&site.path)).collect()
    }
}

/// Keeps what the cache said at a site.
fn note(cache: &mut [Option<CacheStatus>], event: &Event<'_>) {
    let said = match event.kind {
        EventKind::Finished { cache, .. } => Some(cache),
        EventKind::Cached { .. } => Some(CacheStatus::Hit),
        _ => None,
    };
    if let (Some(said), Some(known)) = (said, cache.get_mut(event.site.id.0 as usize)) {
        *known = match *known {
            Some(CacheStatus::Hit) | None => Some(said),
            worse if said == CacheStatus::Hit => worse,
            _ => Some(said),
        };
    }
}
