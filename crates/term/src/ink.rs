//! The colours, by meaning.

use anstyle::{AnsiColor, Effects, Style};
use flowglass_model::Status;

/// What a piece of text means, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Dim,
    Strong,
    Ok,
    Cached,
    Failed,
    Running,
    Stopped,
    Broken,
}

impl Ink {
    /// Returns the ink of something with this status that came from the cache or not.
    pub(crate) const fn of(status: Status, is_cached: bool) -> Self {
        match status {
            Status::Error => Self::Failed,
            Status::Interrupted => Self::Broken,
            Status::Running => Self::Running,
            Status::Cancelled | Status::Skipped => Self::Stopped,
            _ if is_cached => Self::Cached,
            _ => Self::Ok,
        }
    }

    /// Returns the ink reversed: what was left free is drawn.
    pub(crate) fn reversed(self) -> Style {
        self.style().effects(Effects::INVERT)
    }

    pub(crate) fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(anstyle::Color::Ansi(color)));
        match self {
            Self::Plain => Style::new(),
            Self::Dim => Style::new().effects(Effects::DIMMED),
            Self::Strong => Style::new().effects(Effects::BOLD),
            Self::Ok => color(AnsiColor::BrightBlue),
            Self::Cached => color(AnsiColor::Green),
            Self::Failed => color(AnsiColor::Red),
            Self::Running => color(AnsiColor::Cyan),
            Self::Stopped => color(AnsiColor::BrightBlack),
            Self::Broken => color(AnsiColor::Yellow),
        }
    }
}
