//! The lines of a tree at the beginning of a row.

use flowglass_insight::Guide;

use crate::Options;

/// Columns that one level takes.
pub(crate) const LEVEL_COLUMNS: usize = 3;

/// Returns the lines left of a row, of at most so many levels: `│  ├─ `. Levels that don't fit are left out at the front.
pub(crate) fn branch(guide: &Guide, at_most: usize, options: Options) -> String {
    if guide.depth == 0 {
        return String::new();
    }
    let mut lines = passing(guide, at_most, options);
    lines.push_str(match (guide.is_last, options.unicode) {
        (true, true) => "└─ ",
        (false, true) => "├─ ",
        (true, false) => "`- ",
        (false, false) => "|- ",
    });
    lines
}

/// Returns the lines left of text that stands below a row and belongs to it.
pub(crate) fn below(guide: &Guide, at_most: usize, options: Options) -> String {
    if guide.depth == 0 {
        return String::new();
    }
    passing(guide, at_most, options) + stroke(!guide.is_last, options)
}

/// Returns how many columns the lines of a row take.
pub(crate) fn branch_columns(guide: &Guide, at_most: usize) -> usize {
    guide.depth.min(at_most.max(1)) * LEVEL_COLUMNS
}

fn passing(guide: &Guide, at_most: usize, options: Options) -> String {
    let hidden = guide.depth.saturating_sub(at_most.max(1));
    let shown = (hidden + 1)..guide.depth;
    if hidden == 0 || shown.is_empty() {
        return shown.map(|level| stroke(guide.passes(level), options)).collect();
    }
    let cut = if options.unicode { "⋯  " } else { "~  " };
    std::iter::once(cut).chain(shown.skip(1).map(|level| stroke(guide.passes(level), options))).collect()
}

const fn stroke(passes: bool, options: Options) -> &'static str {
    match (passes, options.unicode) {
        (false, _) => "   ",
        (true, true) => "│  ",
        (true, false) => "|  ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowglass_insight::{guides, text};

    #[test]
    fn lines_join_siblings_and_deep_rows_lose_their_first_levels() {
        let options = Options::plain(80);
        let lines: Vec<String> = guides([0, 1, 2, 3, 4, 1].into_iter()).iter().map(|guide| branch(guide, 3, options)).collect();
        assert_eq!(lines, ["", "├─ ", "│  └─ ", "│     └─ ", "⋯     └─ ", "└─ "]);
    }

    #[test]
    fn the_columns_are_those_of_the_lines() {
        for at_most in 0..5 {
            for guide in guides([0, 1, 2, 3, 4, 5, 2, 1].into_iter()) {
                let lines = branch(&guide, at_most.max(1), Options::plain(80));
                assert_eq!(text::width(&lines), branch_columns(&guide, at_most), "{guide:?} {at_most}");
            }
        }
    }
}
