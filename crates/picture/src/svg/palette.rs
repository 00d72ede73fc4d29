//! Colours, in light and in dark.

use std::fmt::Write;

/// Which colours a picture has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Light, and dark where whoever looks prefers that.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// A class of elements and its declarations in light and in dark.
pub(super) type Rule = (&'static str, &'static str, &'static str);

/// Returns a style sheet of these rules for a theme.
pub(super) fn style(rules: &[Rule], theme: Theme) -> String {
    let sheet = |dark: bool| {
        rules.iter().fold(String::new(), |mut sheet, (class, light, night)| {
            // Writing into a string never fails.
            let _ = write!(sheet, ".{class}{{{}}}", if dark { night } else { light });
            sheet
        })
    };
    match theme {
        Theme::Light => sheet(false),
        Theme::Dark => sheet(true),
        Theme::Auto => format!("{}@media(prefers-color-scheme:dark){{{}}}", sheet(false), sheet(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_automatic_theme_asks_who_looks() {
        let rules = [("card", "fill:#fff", "fill:#000")];
        assert_eq!(style(&rules, Theme::Dark), ".card{fill:#000}");
        assert_eq!(style(&rules, Theme::Auto), ".card{fill:#fff}@media(prefers-color-scheme:dark){.card{fill:#000}}");
    }
}
