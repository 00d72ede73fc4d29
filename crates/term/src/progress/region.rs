//! A region at the bottom of a terminal that is drawn over again and again.

use std::io::{self, Write};

use flowglass_insight::text;

/// Time between two drawings, at least: 20 a second at most.
const INTERVAL_NS: i64 = 50_000_000;

/// Some lines at the cursor of a terminal that follow each other in place.
///
/// The cursor rests below them. Nothing of the terminal is switched over, so that a process that dies leaves it usable. What
/// is dropped without [`clear`](Self::clear) or [`keep`](Self::keep) is cleared.
#[derive(Debug)]
pub struct LiveRegion<W: Write> {
    out: W,
    lines: Vec<String>,
    drawn_unix_ns: Option<i64>,
    is_open: bool,
}

impl<W: Write> LiveRegion<W> {
    /// Begins with nothing drawn.
    #[must_use]
    pub const fn new(out: W) -> Self {
        Self { out, lines: Vec::new(), drawn_unix_ns: None, is_open: false }
    }

    /// Says whether enough time has passed since the last drawing for another.
    #[must_use]
    pub fn is_due(&self, now_unix_ns: i64) -> bool {
        // A clock that was set back must not stop the display.
        self.drawn_unix_ns.is_none_or(|drawn| !(0..INTERVAL_NS).contains(&now_unix_ns.saturating_sub(drawn)))
    }

    /// Draws these lines in place of those before, on a terminal that has so many columns now.
    ///
    /// # Errors
    /// What writing gave.
    pub fn draw(&mut self, lines: Vec<String>, now_unix_ns: i64, columns: usize) -> io::Result<()> {
        self.drawn_unix_ns = Some(now_unix_ns);
        if self.is_open && lines == self.lines {
            return Ok(());
        }
        let mut output = self.to_first_line(columns);
        output.push_str(&written(&lines));
        self.lines = lines;
        self.is_open = true;
        self.write(&output)
    }

    /// Writes lines above the region for good.
    ///
    /// # Errors
    /// What writing gave.
    pub fn print_above(&mut self, text: &str, columns: usize) -> io::Result<()> {
        let mut output = self.to_first_line(columns);
        output.push_str("\x1b[J");
        for line in text.lines() {
            output.push_str(line);
            output.push_str("\r\n");
        }
        if self.is_open {
            output.push_str(&written(&self.lines));
        }
        self.write(&output)
    }

    /// Takes the region off the screen.
    ///
    /// # Errors
    /// What writing gave.
    pub fn clear(&mut self, columns: usize) -> io::Result<()> {
        let output = self.to_first_line(columns);
        if !self.is_open {
            return Ok(());
        }
        self.lines.clear();
        self.is_open = false;
        self.write(&(output + "\x1b[J"))
    }

    /// Leaves these lines on the screen for good and ends the region.
    ///
    /// # Errors
    /// What writing gave.
    pub fn keep(&mut self, lines: Vec<String>, columns: usize) -> io::Result<()> {
        self.draw(lines, 0, columns)?;
        self.lines.clear();
        self.is_open = false;
        Ok(())
    }

    /// Returns what is written to.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Returns what brings the cursor to the region's first line. Lines that were drawn on a wider terminal may have been
    /// broken since then.
    fn to_first_line(&self, columns: usize) -> String {
        let broken = |line: &String| text::width(&without_colours(line)).div_ceil(columns.max(1)).max(1);
        match self.lines.iter().map(broken).sum::<usize>() {
            0 => "\r".to_owned(),
            rows => format!("\r\x1b[{rows}A"),
        }
    }

    fn write(&mut self, output: &str) -> io::Result<()> {
        self.out.write_all(output.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Drop for LiveRegion<W> {
    fn drop(&mut self) {
        // Nobody is left to tell that the terminal is gone.
        let _ = self.clear(usize::MAX);
    }
}

/// Returns lines as written over older ones: each rubs out the rest of its row, the last all below.
fn written(lines: &[String]) -> String {
    let rows: String = lines.iter().map(|line| format!("{line}\x1b[K\r\n")).collect();
    rows + "\x1b[J"
}

/// Takes out the colours that [`frame`](super::frame()) puts in.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal in memory.
    struct Screen(vt100::Parser);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.process(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn region(rows: u16, columns: u16) -> LiveRegion<Screen> {
        let mut screen = Screen(vt100::Parser::new(rows, columns, 0));
        screen.0.process(b"$ flowglass run\r\n");
        LiveRegion::new(screen)
    }

    fn lines(words: &str) -> Vec<String> {
        words.split(' ').map(str::to_owned).collect()
    }

    fn shown(region: &mut LiveRegion<Screen>) -> String {
        region.get_mut().0.screen().contents().trim_end().replace('\n', "|")
    }

    #[test]
    fn lines_are_drawn_over_each_other_and_rubbed_out() {
        let mut region = region(10, 20);
        region.draw(lines("one two-is-long three"), 0, 20).unwrap();
        region.draw(lines("ONE two"), 1, 20).unwrap();
        assert_eq!(shown(&mut region), "$ flowglass run|ONE|two");
        region.print_above("a log line\nand another", 20).unwrap();
        assert_eq!(shown(&mut region), "$ flowglass run|a log line|and another|ONE|two");
        region.draw(lines("a b c d"), 2, 20).unwrap();
        assert_eq!(shown(&mut region), "$ flowglass run|a log line|and another|a|b|c|d");
        region.clear(20).unwrap();
        assert_eq!(shown(&mut region), "$ flowglass run|a log line|and another");
        assert_eq!(region.get_mut().0.screen().cursor_position(), (3, 0));
    }

    #[test]
    fn at_the_bottom_of_the_screen_it_scrolls_once() {
        let mut region = region(4, 20);
        for now_unix_ns in 0..5 {
            region.draw(lines("a b c"), now_unix_ns, 20).unwrap();
            region.draw(lines("d e f"), now_unix_ns, 20).unwrap();
        }
        assert_eq!(shown(&mut region), "d|e|f");
        region.keep(lines("x y"), 20).unwrap();
        assert_eq!(shown(&mut region), "x|y");
        region.print_above("after", 20).unwrap();
        assert_eq!(shown(&mut region), "x|y|after");
    }

    #[test]
    fn a_terminal_that_became_narrower_is_left_clean() {
        let mut region = region(10, 20);
        region.draw(lines("0123456789abcdef 漢字漢字漢字"), 0, 20).unwrap();
        // What a terminal that breaks lines anew makes of two lines of 16 and 12 columns at 8 columns: four rows.
        region.get_mut().0 = vt100::Parser::new(10, 8, 0);
        region.get_mut().0.process("$ run\r\n01234567\r\n89abcdef\r\n漢字漢字\r\n漢字\r\n".as_bytes());
        region.draw(lines("new"), 1, 8).unwrap();
        assert_eq!(shown(&mut region), "$ run|new");
    }

    #[test]
    fn drawing_is_due_twenty_times_a_second_and_after_a_clock_went_back() {
        let mut region = region(10, 20);
        assert!(region.is_due(0));
        region.draw(lines("a"), 0, 20).unwrap();
        assert!(!region.is_due(INTERVAL_NS - 1));
        assert!(region.is_due(INTERVAL_NS));
        assert!(region.is_due(-1));
    }

    #[test]
    fn what_is_dropped_is_cleared_and_what_is_kept_stays() {
        let mut written = Vec::new();
        LiveRegion::new(&mut written).draw(lines("a"), 0, 20).unwrap();
        let mut screen = vt100::Parser::new(5, 20, 0);
        screen.process(&written);
        assert_eq!(screen.screen().contents(), "");
        let mut kept = Vec::new();
        LiveRegion::new(&mut kept).keep(lines("\x1b[31mred\x1b[0m"), 20).unwrap();
        screen.process(&kept);
        assert_eq!(screen.screen().contents(), "red");
    }
}
