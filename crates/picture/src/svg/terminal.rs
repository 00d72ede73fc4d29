//! Captured terminal output as a window.

use std::fmt::Write;

use flowglass_insight::text;

use super::Theme;
use super::ansi::{Cell, Color, Look, lines};
use super::block::parts;
use super::markup::{COLUMN_EM, Escaped, MONO, Px, columns_in};
use super::palette::{Rule, style};

const FONT: f64 = 14.0;
const LINE: f64 = 20.0;
const COLUMN: f64 = FONT * COLUMN_EM;
const PADDING: f64 = 18.0;
const BAR: f64 = 38.0;
/// Columns and lines beyond these are left out.
const MOST_COLUMNS: usize = 400;
const MOST_LINES: usize = 2_000;

const RULES: &[Rule] = &[
    ("window", "fill:#fbfcfd;stroke:#d1d9e0", "fill:#0d1117;stroke:#30363d"),
    ("bar", "fill:#eef1f4", "fill:#161b22"),
    ("back", "fill:#fbfcfd", "fill:#0d1117"),
    ("text", "fill:#1f2328", "fill:#e6edf3"),
    ("dim", "fill:#656d76", "fill:#8b949e"),
    ("c0", "fill:#24292f", "fill:#484f58"),
    ("c1", "fill:#cf222e", "fill:#ff7b72"),
    ("c2", "fill:#1a7f37", "fill:#3fb950"),
    ("c3", "fill:#9a6700", "fill:#d29922"),
    ("c4", "fill:#0550ae", "fill:#58a6ff"),
    ("c5", "fill:#8250df", "fill:#bc8cff"),
    ("c6", "fill:#0e7490", "fill:#39c5cf"),
    ("c7", "fill:#6e7781", "fill:#b1bac4"),
    ("c8", "fill:#8c959f", "fill:#6e7681"),
    ("c9", "fill:#a40e26", "fill:#ffa198"),
    ("c10", "fill:#2da44e", "fill:#56d364"),
    ("c11", "fill:#bf8700", "fill:#e3b341"),
    ("c12", "fill:#2f81f7", "fill:#79c0ff"),
    ("c13", "fill:#a475f9", "fill:#d2a8ff"),
    ("c14", "fill:#1b9eb3", "fill:#56d4dd"),
    ("c15", "fill:#57606a", "fill:#f0f6fc"),
];

/// How terminal output is drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TerminalOptions {
    /// What stands in the window's bar, if anything.
    pub title: Option<String>,
    /// How many columns the window has; as many as the longest line where it is none.
    pub columns: Option<usize>,
    /// Which colours it has.
    pub theme: Theme,
}

/// Draws captured terminal output as an SVG document: colours are kept, other escape sequences left out.
#[must_use]
pub fn terminal(output: &str, options: &TerminalOptions) -> String {
    let lines: Vec<Vec<Cell>> = lines(output).into_iter().take(MOST_LINES).collect();
    let longest = lines.iter().map(|line| line.iter().map(|cell| columns(cell.c)).sum()).max().unwrap_or(0);
    let columns = options.columns.unwrap_or(longest).clamp(20, MOST_COLUMNS);
    let (width, height) = size(columns, lines.len());
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">"#
    );
    svg += &format!(
        "<style>text{{font-family:{MONO};font-size:{FONT}px;white-space:pre}}.mid{{text-anchor:middle;font-size:12px}}.cells rect{{shape-rendering:crispEdges}}{}</style>",
        style(RULES, options.theme)
    );
    svg += &frame(width, height, options.title.as_deref());
    svg += r#"<g class="cells">"#;
    for (at, line) in lines.iter().enumerate() {
        draw_line(&mut svg, line, columns, top(at));
    }
    svg + "</g></svg>\n"
}

#[expect(clippy::cast_precision_loss, reason = "columns and lines are limited")]
fn size(columns: usize, lines: usize) -> (Px, Px) {
    (Px((columns as f64 * COLUMN + 2.0 * PADDING).ceil()), Px(BAR + lines as f64 * LINE + 1.5 * PADDING))
}

#[expect(clippy::cast_precision_loss, reason = "lines are limited")]
fn top(line: usize) -> f64 {
    BAR + PADDING / 2.0 + line as f64 * LINE
}

fn frame(width: Px, height: Px, title: Option<&str>) -> String {
    let (inner, below) = (Px(width.0 - 1.0), Px(height.0 - 1.0));
    let mut frame = format!(r#"<rect class="window" x=".5" y=".5" width="{inner}" height="{below}" rx="10"/>"#);
    frame += &format!(
        r#"<path class="bar" d="M1 {b}V11A10 10 0 0 1 11 1H{x}a10 10 0 0 1 10 10V{b}Z"/>"#,
        b = BAR - 6.0,
        x = Px(width.0 - 11.0)
    );
    for (x, color) in [(20, "#ff5f57"), (38, "#febc2e"), (56, "#28c840")] {
        frame += &format!(r#"<circle cx="{x}" cy="16.5" r="5.5" fill="{color}"/>"#);
    }
    if let Some(title) = title {
        let title = text::clean(title);
        let title = text::cut(&title, columns_in(width.0 - 150.0, 12.0), "…");
        frame += &format!(r#"<text class="dim mid" x="{}" y="21">{}</text>"#, Px(width.0 / 2.0), Escaped(&title));
    }
    frame
}

/// Draws one line: shapes as rectangles, and text in pieces of one look, each at its own column, so that a font whose
/// columns are a little wider or narrower moves nothing.
fn draw_line(svg: &mut String, line: &[Cell], columns_at_most: usize, top: f64) {
    let mut column = 0;
    let mut rest = line;
    while let Some(first) = rest.first().filter(|first| column + columns(first.c) <= columns_at_most) {
        let length = rest.iter().take(columns_at_most - column).take_while(|cell| joins(first, cell)).count().max(1);
        let (piece, behind) = rest.split_at(length);
        let width = piece.iter().map(|cell| columns(cell.c)).sum::<usize>();
        draw_piece(svg, piece, (column, width), top);
        column += width;
        rest = behind;
    }
}

/// Says whether a character is drawn together with the first of its piece: plain text, or one shape again and again.
fn joins(first: &Cell, cell: &Cell) -> bool {
    let is_shape = |c: char| parts(c).is_some();
    let is_whole = |c: char| parts(c).is_some_and(|parts| parts.iter().all(|part| part.x == 0.0 && part.width == 1.0));
    let alike = if is_shape(first.c) { cell.c == first.c && is_whole(cell.c) } else { first.c.is_ascii() && cell.c.is_ascii() };
    cell.look == first.look && alike
}

#[expect(clippy::cast_precision_loss, reason = "columns are limited")]
fn draw_piece(svg: &mut String, piece: &[Cell], (column, width): (usize, usize), top: f64) {
    let Some(Cell { c, look }) = piece.first().copied() else { return };
    let (x, width) = (PADDING + column as f64 * COLUMN, width as f64 * COLUMN);
    if let Some(back) = background(look) {
        // A reversed shape must fill its cell exactly as high as the shapes beside it.
        let (y, height) = if parts(c).is_some() { (top + LINE * 0.12, LINE * 0.76) } else { (top, LINE) };
        let _ = write!(svg, r#"<rect {back} x="{}" y="{}" width="{}" height="{}"/>"#, Px2(x), Px(y), Px2(width), Px(height));
    }
    let fill = foreground(look);
    if let Some(shape) = parts(c) {
        for part in shape {
            // A hair of overlap, so that no line shows where two shapes meet.
            let seam = if part.x + part.width >= 1.0 { 0.25 } else { 0.0 };
            let faint = if part.opacity < 1.0 { format!(r#" fill-opacity="{}""#, part.opacity) } else { String::new() };
            let _ = write!(
                svg,
                r#"<rect {fill} x="{}" y="{}" width="{}" height="{}"{faint}/>"#,
                Px2(x + part.x * width),
                Px(top + part.y * LINE),
                Px2(part.width * width + seam),
                Px(part.height * LINE)
            );
        }
        return;
    }
    // Not every viewer keeps spaces: those at the beginning become room, and those inside don't break.
    let indent = piece.iter().take_while(|cell| cell.c == ' ').count();
    let text: String = piece[indent..].iter().map(|cell| if cell.c == ' ' { '\u{a0}' } else { cell.c }).collect();
    let text = text.trim_end_matches('\u{a0}');
    let x = x + indent as f64 * COLUMN;
    if !text.is_empty() {
        let _ =
            write!(svg, r#"<text {fill}{} x="{}" y="{}">{}</text>"#, weight(look), Px2(x), Px(top + LINE * 0.7), Escaped(text));
    }
}

/// A place across, exact enough that a hundred columns don't drift apart.
struct Px2(f64);

impl std::fmt::Display for Px2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", (self.0 * 100.0).round() / 100.0)
    }
}

fn foreground(look: Look) -> String {
    match (look.reversed, look.dim && look.front.is_none()) {
        (true, _) => look.back.map_or_else(|| r#"class="back""#.to_owned(), fill),
        (false, true) => r#"class="dim""#.to_owned(),
        (false, false) => look.front.map_or_else(|| r#"class="text""#.to_owned(), fill),
    }
}

fn background(look: Look) -> Option<String> {
    if look.reversed { Some(look.front.map_or_else(|| r#"class="text""#.to_owned(), fill)) } else { look.back.map(fill) }
}

fn fill(color: Color) -> String {
    match color {
        Color::Named(number) => format!(r#"class="c{number}""#),
        Color::Rgb(red, green, blue) => format!(r##"fill="#{red:02x}{green:02x}{blue:02x}""##),
    }
}

fn weight(look: Look) -> String {
    let mut weight = String::new();
    weight += if look.bold { r#" font-weight="600""# } else { "" };
    weight += if look.italic { r#" font-style="italic""# } else { "" };
    weight += if look.underlined { r#" text-decoration="underline""# } else { "" };
    weight
}

fn columns(c: char) -> usize {
    text::width(c.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::super::drawn;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_window_holds_what_was_shown() {
        let options = TerminalOptions { title: Some("flowglass <run>".to_owned()), columns: None, theme: Theme::Light };
        let svg = terminal("$ run \x1b[1;31mfailed\x1b[0m <b>\n├─ \x1b[7;94m▍\x1b[0m\x1b[94m█\x1b[0m ⚡", &options);
        let drawn = svg.split_once("</style>").map(|(_, drawn)| drawn.replace("><", ">\n<")).unwrap_or_default();
        insta::assert_snapshot!(drawn, @r##"
        <rect class="window" x=".5" y=".5" width="204" height="104" rx="10"/>
        <path class="bar" d="M1 32V11A10 10 0 0 1 11 1H194a10 10 0 0 1 10 10V32Z"/>
        <circle cx="20" cy="16.5" r="5.5" fill="#ff5f57"/>
        <circle cx="38" cy="16.5" r="5.5" fill="#febc2e"/>
        <circle cx="56" cy="16.5" r="5.5" fill="#28c840"/>
        <text class="dim mid" x="102.5" y="21">flowgl…</text>
        <g class="cells">
        <text class="text" x="18" y="61">$ run</text>
        <text class="c1" font-weight="600" x="68.57" y="61">failed</text>
        <text class="text" x="127.56" y="61">&lt;b&gt;</text>
        <rect class="text" x="21.62" y="67" width="1.18" height="20"/>
        <rect class="text" x="22.21" y="76.3" width="4.46" height="1.4"/>
        <rect class="text" x="26.43" y="76.3" width="8.68" height="1.4"/>
        <rect class="c12" x="43.28" y="69.4" width="8.43" height="15.2"/>
        <rect class="back" x="43.28" y="69.4" width="3.16" height="15.2"/>
        <rect class="c12" x="51.71" y="69.4" width="8.68" height="15.2"/>
        <text class="text" x="68.57" y="81">⚡</text>
        </g>
        </svg>
        "##);
    }

    #[test]
    fn lines_and_columns_beyond_the_limits_are_left_out() {
        let svg = terminal(&"x".repeat(10_000), &TerminalOptions::default());
        assert!(svg.contains(&format!(">{}</text>", "x".repeat(MOST_COLUMNS))));
        assert!(terminal(&"\n".repeat(1_000_000), &TerminalOptions::default()).len() < 10_000);
        assert!(terminal("", &TerminalOptions::default()).ends_with("</svg>\n"));
    }

    proptest! {
        #[test]
        fn any_output_is_drawn_and_stays_text(output: String, codes in "(\x1b\\[[0-9;:]{0,12}m|[a-z<>&\"█┄⚡漢]|\x1b\\]|\n){0,60}") {
            for output in [output, codes] {
                let svg = terminal(&output, &TerminalOptions::default());
                prop_assert_eq!(drawn::check(&svg), Ok(()));
            }
        }
    }
}
