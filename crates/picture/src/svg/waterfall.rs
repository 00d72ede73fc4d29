//! A run's waterfall as a card: a header, a time axis, a row a span.

mod card;
mod icon;
mod layout;
mod rows;

use flowglass_insight::Waterfall;

use super::Theme;
use card::Card;

/// How a waterfall is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How wide the picture is, in pixels; at least 480.
    pub width: u32,
    /// What stands in the header; the run's name where it is none.
    pub title: Option<String>,
    /// Which colours it has.
    pub theme: Theme,
}

impl Default for Options {
    /// Draws 960 pixels wide, under the run's name, in light or dark as whoever looks prefers.
    fn default() -> Self {
        Self { width: 960, title: None, theme: Theme::Auto }
    }
}

/// Draws a waterfall as an SVG document. Fold long runs before: every row becomes a row of the picture.
///
/// ```
/// use flowglass_insight::Waterfall;
/// use flowglass_picture::svg;
///
/// let picture = svg::waterfall(&Waterfall::of(&[]), &svg::Options::default());
/// assert!(picture.starts_with("<svg"));
/// ```
#[must_use]
pub fn waterfall(waterfall: &Waterfall, options: &Options) -> String {
    Card::new(waterfall, options).draw()
}

#[cfg(test)]
mod tests;
