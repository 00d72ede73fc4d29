//! Progress on standard error while a run is under way: bars that a thread of their own redraws, or a line for each thing that
//! ends.
//!
//! ```
//! use flowglass::prelude::*;
//!
//! #[node(output = "doubled")]
//! fn double(number: u64) -> u64 {
//!     number * 2
//! }
//!
//! # fn main() -> Result<(), flowglass::Error> {
//! let pipeline = Pipeline::builder("doubling").node(double {}).build()?;
//! let run = pipeline.run(inputs! { number: 21u64 }).progress().wait()?;
//! assert_eq!(run.get::<u64>("doubled")?, 42);
//! # Ok(())
//! # }
//! ```
//!
//! What is drawn, and where, is all that is chosen here: [`Progress`] knows the run, and [`term`](crate::term) draws.

use std::io::{self, Stderr, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowglass_engine::{MapBuilder, RunBuilder, StreamBuilder};
use flowglass_insight::Progress;
use flowglass_model::{Event, EventKind, GraphSettings, Site};
use flowglass_term::progress::{LiveRegion, PlainProgress, frame};
use flowglass_term::{Options, Terminal};
use parking_lot::Mutex;

pub use flowglass_term::progress::View;

/// How often bars are redrawn.
const REDRAW: Duration = Duration::from_millis(80);

/// Shows what a run does while it is under way.
pub trait ProgressExt: Sized {
    /// Shows it on standard error: as bars in a terminal, elsewhere as a line for each thing that ends.
    #[must_use]
    fn progress(self) -> Self {
        self.progress_as(Style::of_stderr())
    }

    /// Shows it on standard error in this style.
    #[must_use]
    fn progress_as(self, style: Style) -> Self;
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A bar for each part of the pipeline, redrawn in place.
    Bars(View),
    /// A line for each thing that ends, and now and then one about a map.
    Lines(Options),
    /// Not at all.
    Off,
}

impl Style {
    /// What suits standard error: bars in a terminal, else lines.
    #[must_use]
    pub fn of_stderr() -> Self {
        let terminal = Terminal::stderr();
        let options = terminal.options();
        if terminal.is_terminal {
            Self::Bars(View { options, height: terminal.height, workers: None })
        } else {
            Self::Lines(options)
        }
    }
}

macro_rules! shows_progress {
    ($($builder:ident),*) => { $(
        impl ProgressExt for $builder {
            fn progress_as(self, style: Style) -> Self {
                let live = Live::new(&self.sites(), &self.settings(), style);
                self.observe(move |event| live.apply(event))
            }
        }
    )* };
}

shows_progress!(RunBuilder, MapBuilder, StreamBuilder);

/// What one run has done so far, kept by its events, and shown from its start to its end.
#[derive(Debug)]
pub struct Live {
    state: Arc<Mutex<State>>,
    style: Style,
    painter: Mutex<Option<Painter>>,
}

#[derive(Debug)]
struct State {
    progress: Progress,
    lines: Option<PlainProgress>,
}

/// A thread that draws until the sender is dropped.
#[derive(Debug)]
struct Painter {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Live {
    /// Prepares to follow a run with these sites, which are configured like this.
    #[must_use]
    pub fn new(sites: &[Site], settings: &GraphSettings, style: Style) -> Self {
        let lines = match style {
            Style::Lines(options) => Some(PlainProgress::new(options)),
            Style::Bars(_) | Style::Off => None,
        };
        let state = State { progress: Progress::new(sites).with_settings(settings), lines };
        Self { state: Arc::new(Mutex::new(state)), style, painter: Mutex::default() }
    }

    /// Takes an event of the run: shows what it changes, begins to draw when the run starts, and stops when it ends.
    pub fn apply(&self, event: &Event<'_>) {
        let line = self.state.lock().apply(event);
        if let Some(line) = line {
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
        if event.site.parent.is_none() && event.index.is_none() {
            match event.kind {
                EventKind::Started { .. } => self.start(),
                kind if kind.is_end() => self.stop(),
                _ => {}
            }
        }
    }

    /// Looks at what the run has done.
    pub fn look<T>(&self, look: impl FnOnce(&Progress) -> T) -> T {
        look(&self.state.lock().progress)
    }

    /// Draws no more; what is to be seen at the end stays. Does nothing where that has happened.
    pub fn stop(&self) {
        let (Some(Painter { stop, thread }), Style::Bars(view)) = (self.painter.lock().take(), self.style) else { return };
        drop(stop);
        // A painter that panicked has left the screen as it was.
        let _ = thread.join();
        let lines = frame(&self.state.lock().progress, unix_now_ns(), &view);
        let _ = LiveRegion::new(io::stderr()).keep(lines, view.options.width);
    }

    fn start(&self) {
        if let Style::Bars(view) = self.style {
            self.painter.lock().get_or_insert_with(|| paint(Arc::clone(&self.state), view));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    /// Takes an event in; returns the line that it is worth.
    fn apply(&mut self, event: &Event<'_>) -> Option<String> {
        self.progress.apply(event);
        self.lines.as_mut()?.line(&self.progress, event)
    }
}

fn paint(state: Arc<Mutex<State>>, view: View) -> Painter {
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
    Painter { stop, thread }
}

fn unix_now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
