//! Writing SVG: escaped text, short numbers, elements.

use std::fmt;

use flowglass_insight::text;

/// Fonts with columns of one width, what most systems have first.
pub(super) const MONO: &str =
    "ui-monospace,SFMono-Regular,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";
/// Width of a column as a share of the font's size: what the fonts of [`MONO`] have, within 1 %.
pub(super) const COLUMN_EM: f64 = 0.602;

/// Text as it may stand in an element or an attribute.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::clean(self.0).chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => fmt::Write::write_char(f, c),
        })
    }
}

/// A length in pixels, with one decimal where it has any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Px(pub(super) f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Adding zero makes a negative zero positive.
        let rounded = (self.0 * 10.0).round() / 10.0 + 0.0;
        write!(f, "{rounded}")
    }
}

/// Returns how many columns of a monospaced font of this size fit into a width in pixels.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of columns on a picture")]
pub(super) fn columns_in(width_px: f64, font_px: f64) -> usize {
    (width_px.max(0.0) / (font_px * COLUMN_EM)) as usize
}

/// Returns how wide a text is in a monospaced font of this size, in pixels.
#[expect(clippy::cast_precision_loss, reason = "a count of columns on a picture")]
pub(super) fn text_px(text: &str, font_px: f64) -> f64 {
    text::width(text) as f64 * font_px * COLUMN_EM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        let hostile = "</text><script>alert('1')</script>\"&\x1b[0m\u{fffe}\u{202e}";
        assert_eq!(Escaped(hostile).to_string(), "&lt;/text&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;␛[0m");
    }

    #[test]
    fn lengths_are_short() {
        assert_eq!([1.0, 1.26, -0.01, 12.96].map(|px| Px(px).to_string()), ["1", "1.3", "0", "13"]);
    }
}
