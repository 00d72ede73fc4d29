//! Reading captured terminal output: lines of characters, each in its colours.

use flowglass_insight::text;

/// A colour that output asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    /// One of the sixteen that a theme chooses.
    Named(u8),
    /// Red, green and blue.
    Rgb(u8, u8, u8),
}

/// How a character is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) front: Option<Color>,
    pub(super) back: Option<Color>,
    pub(super) bold: bool,
    pub(super) dim: bool,
    pub(super) italic: bool,
    pub(super) underlined: bool,
    pub(super) reversed: bool,
}

/// A character and its look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) c: char,
    pub(super) look: Look,
}

/// Reads lines of characters. Colours are kept, other escape sequences left out, and control characters too.
pub(super) fn lines(output: &str) -> Vec<Vec<Cell>> {
    let mut lines = vec![Vec::new()];
    let mut look = Look::default();
    let mut rest = output;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => lines.push(Vec::new()),
            '\t' => tab(&mut lines, look),
            '\x1b' => rest = escape(rest, &mut look),
            c if text::clean(c.encode_utf8(&mut [0; 4])).chars().eq([c]) => {
                lines.last_mut().into_iter().for_each(|line| line.push(Cell { c, look }));
            }
            _ => {}
        }
    }
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

fn tab(lines: &mut [Vec<Cell>], look: Look) {
    if let Some(line) = lines.last_mut() {
        let spaces = 8 - line.len() % 8;
        line.extend(std::iter::repeat_n(Cell { c: ' ', look }, spaces));
    }
}

/// Takes in an escape sequence and returns what follows it.
fn escape<'a>(rest: &'a str, look: &mut Look) -> &'a str {
    if let Some(sequence) = rest.strip_prefix('[') {
        let end = sequence.find(|c: char| ('@'..='~').contains(&c));
        let Some(end) = end else { return "" };
        if sequence[end..].starts_with('m') {
            recolor(look, &sequence[..end]);
        }
        return &sequence[end + 1..];
    }
    if let Some(command) = rest.strip_prefix(']') {
        let bell = command.find('\x07').map(|at| (at, 1));
        let terminator = command.find("\x1b\\").map(|at| (at, 2));
        return bell.into_iter().chain(terminator).min().map_or("", |(at, length)| &command[at + length..]);
    }
    let mut chars = rest.chars();
    chars.next();
    chars.as_str()
}

fn recolor(look: &mut Look, codes: &str) {
    let mut codes = codes.split([';', ':']).map(|code| if code.is_empty() { Some(0) } else { code.parse::<u16>().ok() });
    while let Some(code) = codes.next() {
        match code.unwrap_or(u16::MAX) {
            0 => *look = Look::default(),
            1 => look.bold = true,
            2 => look.dim = true,
            3 => look.italic = true,
            4 => look.underlined = true,
            7 => look.reversed = true,
            22 => (look.bold, look.dim) = (false, false),
            23 => look.italic = false,
            24 => look.underlined = false,
            27 => look.reversed = false,
            code @ 30..=37 => look.front = named(code - 30),
            38 => look.front = extended(&mut codes).or(look.front),
            39 => look.front = None,
            code @ 40..=47 => look.back = named(code - 40),
            48 => look.back = extended(&mut codes).or(look.back),
            49 => look.back = None,
            code @ 90..=97 => look.front = named(code - 90 + 8),
            code @ 100..=107 => look.back = named(code - 100 + 8),
            _ => {}
        }
    }
}

fn named(number: u16) -> Option<Color> {
    u8::try_from(number).ok().map(Color::Named)
}

fn extended(codes: &mut impl Iterator<Item = Option<u16>>) -> Option<Color> {
    let mut byte = || codes.next().flatten().and_then(|code| u8::try_from(code).ok());
    match byte()? {
        5 => Some(indexed(byte()?)),
        2 => Some(Color::Rgb(byte()?, byte()?, byte()?)),
        _ => None,
    }
}

/// Returns a colour of the table of 256: sixteen named ones, a cube of six levels, a ramp of greys.
fn indexed(number: u8) -> Color {
    let level = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
    match number {
        0..16 => Color::Named(number),
        16..232 => {
            let step = number - 16;
            Color::Rgb(level(step / 36), level(step / 6 % 6), level(step % 6))
        }
        _ => {
            let grey = 8 + (number - 232) * 10;
            Color::Rgb(grey, grey, grey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(output: &str) -> String {
        let lines = lines(output);
        lines.iter().map(|line| line.iter().map(|cell| cell.c).collect::<String>()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn only_colours_are_taken_from_escape_sequences() {
        assert_eq!(text("a\x1b[31mb\x1b[0m\x1b[2K\x1b]8;;http://x\x07c\x1b]0;t\x1b\\d\r\ne\x07\x1bM\n\n"), "abcd|e");
        assert_eq!(text("\x1b[31"), "");
        assert_eq!(text("\x1b]never ends"), "");
        assert_eq!(text("\x1b漢字"), "字");
        assert_eq!(text("a\tb"), "a       b");
    }

    #[test]
    fn looks_add_up_and_are_taken_back() {
        let look = |output: &str| lines(output)[0][0].look;
        assert_eq!(look("\x1b[1;91mx").front, Some(Color::Named(9)));
        assert_eq!(look("\x1b[1;31;22;39mx"), Look::default());
        assert_eq!(look("\x1b[38;5;208;48;2;1;2;3mx").front, Some(Color::Rgb(255, 135, 0)));
        assert_eq!(look("\x1b[38;5;255mx").front, Some(Color::Rgb(238, 238, 238)));
        assert_eq!(look("\x1b[38;5mx"), Look::default());
        assert_eq!(look("\x1b[99999;4mx"), Look { underlined: true, ..Look::default() });
        assert_eq!(look("\x1b[31m\x1b[mx"), Look::default());
    }
}
