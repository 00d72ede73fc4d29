//! Bars: a stretch of time drawn with characters, an eighth of a column exact where the font can show that.

use anstyle::Style;

use crate::Options;
use crate::ink::Ink;

/// Columns are divided into this many parts.
pub(crate) const PARTS: u64 = 8;

/// How a bar looks apart from its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texture {
    /// Work.
    Solid,
    /// Something that holds work.
    Line,
    /// From the cache.
    Light,
    /// Failed.
    Dense,
    /// Stopped.
    Faint,
}

/// One column of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) glyph: char,
    pub(crate) style: Style,
}

/// Returns the bar's columns from the one at `from / PARTS` on; `from` and `to` are in eighths of a column, `to` behind `from`.
pub(crate) fn cells(from: u64, to: u64, texture: Texture, ink: Ink, options: Options) -> impl Iterator<Item = Cell> {
    let to = to.max(from + 1);
    (from / PARTS..to.div_ceil(PARTS)).map(move |column| {
        let left = from.saturating_sub(column * PARTS).min(PARTS);
        let right = (to - column * PARTS).min(PARTS);
        cell(left, right, texture, ink, options)
    })
}

/// Draws the parts of one column from `left` to `right`.
fn cell(left: u64, right: u64, texture: Texture, ink: Ink, options: Options) -> Cell {
    let style = ink.style();
    let glyph = match texture {
        _ if !options.unicode => ascii(texture),
        Texture::Line => line(left, right),
        Texture::Solid => return block(left, right, ink, options),
        _ if options.color => return block(left, right, ink, options),
        Texture::Light => '▒',
        Texture::Dense => '▓',
        Texture::Faint => '░',
    };
    Cell { glyph, style }
}

const fn ascii(texture: Texture) -> char {
    match texture {
        Texture::Solid => '#',
        Texture::Line => '=',
        Texture::Light => '~',
        Texture::Dense => 'X',
        Texture::Faint => '-',
    }
}

const fn line(left: u64, right: u64) -> char {
    match (left >= PARTS / 2, right <= PARTS / 2) {
        (true, false) => '╺',
        (false, true) => '╸',
        _ => '━',
    }
}

/// Draws a block. Characters grow from the left only: one that begins inside its column is its left part in reverse, or
/// without colours the nearest half.
fn block(left: u64, right: u64, ink: Ink, options: Options) -> Cell {
    if left == 0 {
        return Cell { glyph: left_block(right), style: ink.style() };
    }
    if right < PARTS {
        return Cell { glyph: left_block(right - left), style: ink.style() };
    }
    if options.color {
        return Cell { glyph: left_block(left), style: ink.reversed() };
    }
    let glyph = match right - left {
        0..=2 => '▕',
        3..=5 => '▐',
        _ => '█',
    };
    Cell { glyph, style: ink.style() }
}

/// Returns the block that fills so many eighths from the left.
pub(crate) const fn left_block(parts: u64) -> char {
    match parts {
        0 => ' ',
        1 => '▏',
        2 => '▎',
        3 => '▍',
        4 => '▌',
        5 => '▋',
        6 => '▊',
        7 => '▉',
        _ => '█',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(from: u64, to: u64, texture: Texture, options: Options) -> String {
        cells(from, to, texture, Ink::Ok, options).map(|cell| cell.glyph).collect()
    }

    #[test]
    fn bars_are_exact_to_an_eighth_on_the_right_and_half_on_the_left() {
        let options = Options::plain(80);
        assert_eq!(drawn(0, 19, Texture::Solid, options), "██▍");
        assert_eq!(drawn(4, 16, Texture::Solid, options), "▐█");
        assert_eq!(drawn(7, 9, Texture::Solid, options), "▕▏");
        assert_eq!(drawn(10, 12, Texture::Solid, options), "▎");
        assert_eq!(drawn(3, 3, Texture::Solid, options), "▏");
        assert_eq!(drawn(4, 20, Texture::Line, options), "╺━╸");
        assert_eq!(drawn(0, 20, Texture::Light, options), "▒▒▒");
        assert_eq!(drawn(0, 20, Texture::Dense, Options { unicode: false, ..options }), "XXX");
    }

    #[test]
    fn with_colours_the_left_edge_is_exact_too() {
        let cell = cells(3, 16, Texture::Solid, Ink::Ok, Options::colored(80)).next();
        assert_eq!(cell, Some(Cell { glyph: '▍', style: Ink::Ok.reversed() }));
    }
}
