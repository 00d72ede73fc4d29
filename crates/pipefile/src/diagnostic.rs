//! What is wrong with a pipeline file, where, and how to put it right.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

use crate::source::{Position, SourceFile};

/// The widest part of a source line that is shown, in columns.
const WIDEST_LINE: usize = 160;
const TAB_WIDTH: usize = 4;

/// One problem of a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line, from 1; 0 if the problem is the file itself.
    pub line: usize,
    /// The column in characters, from 1; 0 if the problem is the file itself.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What stands beside the marked text.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// The byte range of the marked text in the source.
    pub span: Range<usize>,
    source: Option<Arc<SourceFile>>,
}

impl Diagnostic {
    /// Creates a problem that marks a part of a source.
    #[must_use]
    pub fn at(source: &Arc<SourceFile>, span: Range<usize>, message: impl Into<String>) -> Self {
        let Position { line, column } = source.position(span.start);
        let file = source.path().to_owned();
        Self { file, line, column, message: harmless(message), label: None, help: None, span, source: Some(Arc::clone(source)) }
    }

    /// Creates a problem of a file as a whole.
    #[must_use]
    pub fn of_file(file: &Path, message: impl Into<String>) -> Self {
        let file = file.to_owned();
        Self { file, line: 0, column: 0, message: harmless(message), label: None, help: None, span: 0..0, source: None }
    }

    /// Adds advice.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        self.with_help_if(Some(help.into()))
    }

    /// Adds advice if there is some.
    #[must_use]
    pub fn with_help_if(mut self, help: Option<String>) -> Self {
        self.help = help.map(harmless).or(self.help);
        self
    }

    /// Adds a word beside the marked text.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn at_position(mut self, position: Position) -> Self {
        (self.line, self.column) = (position.line, position.column);
        self
    }

    /// Renders the problem with its source line and a mark beneath, ending with a newline.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let paint = Paint { color };
        let mut out = format!("{}{}\n", paint.red("error"), paint.bold(&format!(": {}", self.message)));
        let margin = " ".repeat(self.line.to_string().len());
        out += &format!("{margin}{} {}\n", paint.blue("-->"), self.location());
        if let Some(source) = &self.source {
            self.render_source(source, &margin, paint, &mut out);
        }
        if let Some(help) = &self.help {
            out += &format!("{margin} {} {help}\n", paint.blue("= help:"));
        }
        out
    }

    fn location(&self) -> String {
        if self.line == 0 {
            return self.file.display().to_string();
        }
        format!("{}:{}:{}", self.file.display(), self.line, self.column)
    }

    fn render_source(&self, source: &SourceFile, margin: &str, paint: Paint, out: &mut String) {
        let line = source.line_range(self.span.start);
        let shown = ShownLine::new(source.text(), line, &self.span);
        let bar = paint.blue("|");
        let number = paint.blue(&self.line.to_string());
        let mark = paint.red(&format!("{}{}", "^".repeat(shown.mark_width), self.beside()));
        out.push_str(&format!("{margin} {bar}\n{number} {bar} {}\n", shown.text));
        out.push_str(&format!("{margin} {bar} {}{mark}\n", " ".repeat(shown.mark_column)));
    }

    fn beside(&self) -> String {
        self.label.as_ref().map(|label| format!(" {label}")).unwrap_or_default()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location(), self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// All problems of a pipeline file and of the files it nests; never empty where it is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Renders every problem, an empty line between them, and how many there are.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let mut out: String = self.0.iter().map(|diagnostic| diagnostic.render(color) + "\n").collect();
        let count = match self.0.len() {
            1 => "1 problem".to_owned(),
            count => format!("{count} problems"),
        };
        out += &format!("{}: {count}\n", Paint { color }.red("error"));
        out
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Puts the problems in the order of their places, file by file.
    pub(crate) fn sort(&mut self) {
        let mut files: Vec<PathBuf> = Vec::new();
        for diagnostic in &self.0 {
            if !files.contains(&diagnostic.file) {
                files.push(diagnostic.file.clone());
            }
        }
        let rank = |file: &PathBuf| files.iter().position(|known| known == file);
        self.0.sort_by_key(|diagnostic| (rank(&diagnostic.file), diagnostic.line, diagnostic.column));
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

/// A source line as a terminal can show it, and where the mark goes, in columns.
struct ShownLine {
    text: String,
    mark_column: usize,
    mark_width: usize,
}

impl ShownLine {
    fn new(source: &str, line: Range<usize>, span: &Range<usize>) -> Self {
        let start = source.floor_char_boundary(span.start.clamp(line.start, line.end));
        let end = source.ceil_char_boundary(span.end.clamp(start, line.end));
        let before = cells(&source[line.start..start]);
        let marked = cells(&source[start..end]);
        let after = cells(&source[end..line.end]);
        // A long line is shown from a little before the mark on.
        let (lead, kept) = tail_within(before, WIDEST_LINE / 2);
        let mark_column = lead.len() + width(&kept);
        let (marked, cut) = head_within(marked, WIDEST_LINE - WIDEST_LINE / 4);
        let room = WIDEST_LINE.saturating_sub(mark_column + marked.len());
        let (after, _) = if cut { (Vec::new(), true) } else { head_within(after, room) };
        let text = lead.chars().chain(kept).chain(marked.iter().copied()).chain(after).collect();
        Self { text, mark_column, mark_width: width(&marked).max(1) }
    }
}

/// Takes the control characters out of a message, which may quote a hostile file.
fn harmless(text: impl Into<String>) -> String {
    let text = text.into();
    if !text.contains(char::is_control) {
        return text;
    }
    text.chars().map(|c| if c.is_control() { if c == '\n' { ' ' } else { '\u{fffd}' } } else { c }).collect()
}

/// The characters that stand for a text: tabs become spaces, control characters a visible sign.
fn cells(text: &str) -> Vec<char> {
    text.chars()
        .flat_map(|c| match c {
            '\t' => [' '; TAB_WIDTH].to_vec(),
            c if c.is_control() => vec!['\u{fffd}'],
            c => vec![c],
        })
        .collect()
}

fn width(cells: &[char]) -> usize {
    cells.iter().map(|c| c.width().unwrap_or(0)).sum()
}

fn tail_within(cells: Vec<char>, most: usize) -> (&'static str, Vec<char>) {
    match cells.len().checked_sub(most) {
        None | Some(0) => ("", cells),
        Some(cut) => ("...", cells[cut..].to_vec()),
    }
}

fn head_within(mut cells: Vec<char>, most: usize) -> (Vec<char>, bool) {
    let cut = cells.len() > most;
    if cut {
        cells.truncate(most);
        cells.extend("...".chars());
    }
    (cells, cut)
}

#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    fn blue(self, text: &str) -> String {
        self.wrap("1;34", text)
    }

    fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(text: &str, marked: &str) -> Diagnostic {
        let source = Arc::new(SourceFile::new("a.toml", text));
        let start = source.text().find(marked).unwrap();
        Diagnostic::at(&source, start..start + marked.len(), "unknown name `fiels`")
    }

    #[test]
    fn renders_the_line_and_a_mark() {
        let shown =
            diagnostic("x = 1\r\nshell = \"wc {fiels}\"\r\n", "{fiels}").with_label("here").with_help("did you mean `files`?");
        assert_eq!(
            shown.render(false),
            "error: unknown name `fiels`\n --> a.toml:2:13\n  |\n2 | shell = \"wc {fiels}\"\n  |             ^^^^^^^ here\n  = help: did you mean `files`?\n"
        );
    }

    #[test]
    fn marks_stand_below_wide_and_tabbed_text() {
        let shown = diagnostic("\tk = '日本{x}'", "{x}").render(false);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[3], "1 |     k = '日本{x}'");
        assert_eq!(lines[4], "  |              ^^^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let text = format!("k = '{}{{x}}{}'", "a".repeat(10_000), "b".repeat(10_000));
        let shown = diagnostic(&text, "{x}").render(false);
        assert!(shown.lines().all(|line| line.len() < 2 * WIDEST_LINE), "{shown}");
        assert!(shown.contains("a{x}b"));
        let (line, mark) = (shown.lines().nth(3).unwrap(), shown.lines().nth(4).unwrap());
        assert_eq!(line.find("{x}"), mark.find("^^^"));
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let shown = diagnostic("k = '\u{1b}[31m{x}'", "{x}").render(false);
        assert!(!shown.contains('\u{1b}'));
    }

    #[test]
    fn a_span_over_lines_or_at_the_end_is_shown() {
        let source = Arc::new(SourceFile::new("a.toml", "a = '''\nb'''\n"));
        assert!(Diagnostic::at(&source, 4..12, "m").render(false).contains("    ^^^\n"));
        assert!(Diagnostic::at(&source, 13..13, "m").render(true).contains("a.toml:3:1"));
        assert!(Diagnostic::of_file(Path::new("x"), "m").render(false).contains("--> x\n"));
    }
}
