//! Characters that are shapes: drawn as such, because fonts leave gaps between them.

/// A part of a character's cell, in shares of its width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) opacity: f64,
}

/// Where blocks begin and end in a cell, so that bars of two rows don't touch.
const TOP: f64 = 0.12;
/// Half the thickness of a thin line, as a share of the cell's width.
const THIN: f64 = 0.07;
/// Half the thickness of a thick line, as a share of the cell's height.
const THICK: f64 = 0.08;

/// Returns the parts of a character that is a shape.
pub(super) fn parts(c: char) -> Option<Vec<Part>> {
    let block = |x: f64, width: f64, opacity: f64| vec![Part { x, y: TOP, width, height: 1.0 - 2.0 * TOP, opacity }];
    let across = |x: f64, width: f64, half: f64| Part { x, y: 0.5 - half, width, height: 2.0 * half, opacity: 1.0 };
    let down = |to: f64| Part { x: 0.5 - THIN, y: 0.0, width: 2.0 * THIN, height: to, opacity: 1.0 };
    // Cells are about twice as high as wide: a thin line across is half as thick in shares of the height.
    let branch = across(0.5, 0.5, THIN / 2.0);
    Some(match c {
        '█' => block(0.0, 1.0, 1.0),
        '▉'..='▏' => block(0.0, f64::from(0x2590 - u32::from(c)) / 8.0, 1.0),
        '▐' => block(0.5, 0.5, 1.0),
        '▕' => block(0.875, 0.125, 1.0),
        '░' => block(0.0, 1.0, 0.3),
        '▒' => block(0.0, 1.0, 0.5),
        '▓' => block(0.0, 1.0, 0.75),
        '━' => vec![across(0.0, 1.0, THICK)],
        '╸' => vec![across(0.0, 0.5, THICK)],
        '╺' => vec![across(0.5, 0.5, THICK)],
        '─' => vec![across(0.0, 1.0, THIN / 2.0)],
        '│' => vec![down(1.0)],
        '├' => vec![down(1.0), branch],
        '└' => vec![down(0.5), branch],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighths_are_as_wide_as_they_say() {
        let width = |c| parts(c).map(|parts| parts[0].width);
        assert_eq!(['█', '▉', '▌', '▏'].map(width), [Some(1.0), Some(0.875), Some(0.5), Some(0.125)]);
        assert_eq!(parts('a'), None);
    }
}
