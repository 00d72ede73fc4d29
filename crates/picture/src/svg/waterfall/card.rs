//! The card around the rows: its frame, its header, its axis.

use flowglass_insight::{Waterfall, axis, quantity, text};

use super::Options;
use super::icon::{class, icon};
use super::layout::{AXIS, FONT, HEADER, Layout, MESSAGE, PADDING, ROW, SMALL};
use crate::svg::markup::{Escaped, MONO, Px, columns_in, text_px};
use crate::svg::palette::{Rule, style};

const RULES: &[Rule] = &[
    ("card", "fill:#fff;stroke:#d1d9e0", "fill:#0d1117;stroke:#30363d"),
    ("text", "fill:#1f2328", "fill:#e6edf3"),
    ("dim", "fill:#656d76", "fill:#8b949e"),
    ("rule", "stroke:#d1d9e0", "stroke:#30363d"),
    ("grid", "stroke:#eaeef2", "stroke:#1c2128"),
    ("tree", "stroke:#d1d9e0;fill:none", "stroke:#3d444d;fill:none"),
    ("ok", "fill:#3b82f6", "fill:#4c8ff8"),
    ("cached", "fill:#1a9e5f", "fill:#2ec27e"),
    ("failed", "fill:#dc3545", "fill:#f85149"),
    ("running", "fill:#d97706", "fill:#f0a838"),
    ("stopped", "fill:#98a2b0", "fill:#6e7681"),
    ("broken", "fill:#b45309", "fill:#db8b2b"),
    ("ok-line", "stroke:#3b82f6", "stroke:#4c8ff8"),
    ("failed-line", "stroke:#dc3545", "stroke:#f85149"),
    ("running-line", "stroke:#d97706", "stroke:#f0a838"),
    ("stopped-line", "stroke:#98a2b0", "stroke:#6e7681"),
    ("stripe", "stroke:#fff", "stroke:#0d1117"),
];

/// A waterfall on its way into a picture.
pub(super) struct Card<'a> {
    pub(super) waterfall: &'a Waterfall,
    pub(super) layout: Layout,
    /// Whether a row's failure is told by a row below it.
    pub(super) told_below: Vec<bool>,
    options: &'a Options,
}

impl<'a> Card<'a> {
    pub(super) fn new(waterfall: &'a Waterfall, options: &'a Options) -> Self {
        Self { waterfall, layout: Layout::new(waterfall, options.width), told_below: waterfall.told_below(), options }
    }

    pub(super) fn draw(&self) -> String {
        let tops = self.tops();
        let bottom = tops.last().copied().unwrap_or(HEADER + AXIS);
        let (width, height) = (Px(self.layout.width), Px(bottom + PADDING * 0.75));
        let title = self.title();
        let mut svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"><title>{}</title>"#,
            Escaped(&title)
        );
        svg += &self.head();
        svg += &format!(
            r#"<rect class="card" x=".5" y=".5" width="{}" height="{}" rx="12"/>"#,
            Px(self.layout.width - 1.0),
            Px(bottom + PADDING * 0.75 - 1.0)
        );
        svg += &self.header(&title);
        svg += &self.axis(bottom);
        svg += &self.connectors(&tops);
        (0..self.waterfall.rows().len()).for_each(|at| svg += &self.row(at, tops[at]));
        svg + "</svg>\n"
    }

    /// Returns where each row begins, and where the last ends.
    fn tops(&self) -> Vec<f64> {
        let mut top = HEADER + AXIS;
        let mut tops = vec![top];
        for at in 0..self.waterfall.rows().len() {
            top += ROW + if self.message(at).is_some() { MESSAGE } else { 0.0 };
            tops.push(top);
        }
        tops
    }

    fn title(&self) -> String {
        let name = || self.waterfall.root().map_or_else(|| "no spans".to_owned(), |root| root.label.clone());
        self.options.title.clone().unwrap_or_else(name)
    }

    fn head(&self) -> String {
        let rules = style(RULES, self.options.theme);
        format!(
            "<style>text{{font-family:{MONO};font-size:{FONT}px;white-space:pre}}.small{{font-size:{SMALL}px}}\
             .title{{font-size:17px;font-weight:600}}.strong{{font-weight:600}}.end{{text-anchor:end}}\
             .line{{fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}}{rules}</style>\
             <defs><pattern id=\"stripes\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><path class=\"stripe\" d=\"M2 0V8\" stroke-width=\"3\" \
             stroke-opacity=\".4\"/></pattern></defs>"
        )
    }

    fn header(&self, title: &str) -> String {
        let Some(root) = self.waterfall.root() else {
            return format!(r#"<text class="text title" x="{PADDING}" y="36">{}</text>"#, Escaped(title));
        };
        let duration = quantity::duration(self.waterfall.duration_ns);
        let facts = self.facts();
        let right = self.layout.width - PADDING;
        let room = right - text_px(&duration, 17.0) - PADDING - 60.0;
        let title = text::clean(title);
        format!(
            r#"<circle class="{}" cx="{}" cy="29" r="11" fill-opacity=".15"/>{}<text class="text title" x="{}" y="35">{}</text><text class="text title end" x="{right}" y="35">{duration}</text><text class="dim small" x="{}" y="54">{}</text>"#,
            class(root.status, root.is_cached()),
            PADDING + 11.0,
            icon(root.status, root.is_cached(), PADDING + 11.0, 29.0),
            PADDING + 32.0,
            Escaped(&text::cut(&title, columns_in(room, 17.0), "…")),
            PADDING + 32.0,
            Escaped(&facts),
        )
    }

    fn facts(&self) -> String {
        let rows = self.waterfall.rows();
        let cached = rows.iter().filter(|row| row.is_cached()).count() as u64;
        let saved_ms: f64 = rows.iter().map(|row| row.saved_ms).sum();
        let status = rows.first().map(|root| root.status.to_string());
        let saved = if saved_ms >= 1.0 { format!(", {} saved", quantity::duration_ms(saved_ms)) } else { String::new() };
        let facts = [
            status,
            Some(quantity::counted(self.waterfall.spans, "span")),
            (cached > 0).then(|| format!("{} cached{saved}", quantity::count(cached))),
        ];
        facts.into_iter().flatten().collect::<Vec<_>>().join("  ·  ")
    }

    fn axis(&self, bottom: f64) -> String {
        let ticks = axis::ticks(self.waterfall.duration_ns, self.layout.ticks());
        let mark = |tick: axis::Tick| {
            let x = self.layout.x(tick.offset_ns);
            let fits = x + text_px(&tick.label, SMALL) <= self.layout.bars_to;
            let label = if fits { tick.label } else { String::new() };
            let (top, middle) = (Px(HEADER + 8.0), Px(HEADER + 18.0));
            let (x, beside) = (Px(x), Px(x + 4.0));
            format!(
                r#"<path class="grid" d="M{x} {top}V{}"/><text class="dim small" x="{beside}" y="{middle}">{label}</text>"#,
                Px(bottom)
            )
        };
        let marks: String = ticks.into_iter().map(mark).collect();
        format!(r#"<path class="rule" d="M.5 {HEADER}H{}"/>{marks}"#, Px(self.layout.width - 0.5))
    }
}
