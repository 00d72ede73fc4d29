//! Progress while a run is under way: bars redrawn by a thread of their own, or a line for each thing that ends.

use std::io::{self, Stderr, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowglass::insight::Progress;
use flowglass::model::{CacheStatus, Event, EventKind, GraphSettings, Site};
use flowglass::term::progress::{LiveRegion, PlainProgress, View, frame};
use parking_lot::Mutex;

/// How often bars are redrawn.
const REDRAW: Duration = Duration::from_millis(80);

/// How progress is shown.
#[derive(Clone, Copy)]
pub(crate) enum Style {
    Bars(View),
    Lines(flowglass::term::Options),
    Off,
}

/// What a run has done so far, kept by its events.
pub(crate) struct Live {
    state: Arc<Mutex<State>>,
    style: Style,
    painter: Option<(Sender<()>, JoinHandle<()>)>,
}

pub(crate) struct State {
    pub(crate) progress: Progress,
    /// What the cache said at each site: a hit only if it was one every time.
    pub(crate) cache: Vec<Option<CacheStatus>>,
    lines: Option<PlainProgress>,
}

impl Live {
    /// Begins to follow a run with these sites, which are configured like this.
    pub(crate) fn start(sites: &[Site], settings: &GraphSettings, style: Style) -> Self {
        let lines = match style {
            Style::Lines(options) => Some(PlainProgress::new(options)),
            _ => None,
        };
        let state = State { progress: Progress::new(sites).with_settings(settings), cache: vec![None; sites.len()], lines };
        let state = Arc::new(Mutex::new(state));
        let painter = match style {
            Style::Bars(view) => Some(paint(Arc::clone(&state), view)),
            _ => None,
        };
        Self { state, style, painter }
    }

    /// Returns what takes the run's events.
    pub(crate) fn observer(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let state = Arc::clone(&self.state);
        move |event| state.lock().apply(event)
    }

    /// Ends the display: bars stay as they are at the end.
    pub(crate) fn stop(&mut self) {
        let Some((stop, thread)) = self.painter.take() else { return };
        drop(stop);
        // A painter that panicked has left the screen as it was.
        let _ = thread.join();
        if let Style::Bars(view) = self.style {
            let lines = frame(&self.state.lock().progress, unix_now_ns(), &view);
            let _ = LiveRegion::new(io::stderr()).keep(lines, view.options.width);
        }
    }

    /// Looks at what the run has done.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    /// Names what was skipped by its path below the run's own name.
    pub(crate) fn skipped(&self) -> Vec<String> {
        let root = self.progress.root().map_or("", |root| &*root.site.path);
        let below = |path: &str| path.strip_prefix(root).and_then(|path| path.strip_prefix(" > ")).unwrap_or(path).to_owned();
        self.progress.skipped().map(|site| below(&site.path)).collect()
    }

    fn apply(&mut self, event: &Event<'_>) {
        self.progress.apply(event);
        let said = match event.kind {
            EventKind::Finished { cache, .. } => Some(cache),
            EventKind::Cached { .. } => Some(CacheStatus::Hit),
            _ => None,
        };
        if let (Some(said), Some(known)) = (said, self.cache.get_mut(event.site.id.0 as usize)) {
            *known = match *known {
                Some(CacheStatus::Hit) | None => Some(said),
                worse if said == CacheStatus::Hit => worse,
                _ => Some(said),
            };
        }
        if let Some(line) = self.lines.as_mut().and_then(|lines| lines.line(&self.progress, event)) {
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }
}

/// Redraws the bars until the sender is dropped.
fn paint(state: Arc<Mutex<State>>, view: View) -> (Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut region: LiveRegion<Stderr> = LiveRegion::new(io::stderr());
        while stopped.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
            let now = unix_now_ns();
            let lines = frame(&state.lock().progress, now, &view);
            let _ = region.draw(lines, now, view.options.width);
        }
        let _ = region.clear(view.options.width);
    });
    (stop, thread)
}

fn unix_now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
