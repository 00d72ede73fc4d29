//! The beginning and the end of an error output of any length, and its lines as they come.

use std::collections::VecDeque;

const HEAD_BYTES: usize = 16 * 1024;
const TAIL_BYTES: usize = 48 * 1024;
const LAST_LINES: usize = 20;
const LAST_LINES_BYTES: usize = 4 * 1024;
/// A line that is longer goes to the callback in pieces.
const LONGEST_LINE_BYTES: usize = 16 * 1024;

/// Keeps the first and the last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct HeadTail {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out_bytes: u64,
}

impl HeadTail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(HEAD_BYTES - self.head.len()));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..over);
        self.left_out_bytes += over as u64;
    }

    /// Returns all that is kept, with a note where something is left out.
    pub(super) fn text(&self) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if self.left_out_bytes == 0 {
            return String::from_utf8_lossy(&[&self.head[..], &tail].concat()).into_owned();
        }
        let note = format!("\n… {} bytes left out …\n", self.left_out_bytes);
        String::from_utf8_lossy(&self.head).into_owned() + &note + &String::from_utf8_lossy(&tail)
    }

    /// Returns the last lines, fit for a message.
    pub(super) fn last_lines(&self) -> String {
        let text = self.text();
        let text = text.trim_end();
        let text = &text[text.ceil_char_boundary(text.len().saturating_sub(LAST_LINES_BYTES))..];
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        last.join("\n").chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
    }
}

/// Cuts a stream into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8], on_line: &dyn Fn(&str)) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() >= LONGEST_LINE_BYTES {
                self.finish(on_line);
            }
        }
    }

    /// Gives out the last line if it has no end.
    pub(super) fn finish(&mut self, on_line: &dyn Fn(&str)) {
        if self.partial.is_empty() {
            return;
        }
        let line = String::from_utf8_lossy(&self.partial);
        on_line(line.trim_end_matches(['\n', '\r']));
        self.partial.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn keeps_both_ends() {
        let mut kept = HeadTail::default();
        kept.push(b"first\n");
        for _ in 0..10_000 {
            kept.push(b"0123456789abcdef0123456789abcdef");
        }
        kept.push(b"\nlast \xff\n");
        let text = kept.text();
        assert!(text.starts_with("first\n") && text.ends_with("\nlast \u{fffd}\n") && text.contains("bytes left out"));
        assert!(text.len() < HEAD_BYTES + TAIL_BYTES + 100);
    }

    #[test]
    fn a_short_stream_is_kept_whole() {
        let mut kept = HeadTail::default();
        kept.push("é".as_bytes());
        assert_eq!(kept.text(), "é");
        assert_eq!(HeadTail::default().last_lines(), "");
    }

    #[test]
    fn last_lines_are_few_and_harmless() {
        let mut kept = HeadTail::default();
        (0..100).for_each(|at| kept.push(format!("\x1b[31mline {at}\r\n").as_bytes()));
        let last = kept.last_lines();
        assert_eq!(last.lines().count(), LAST_LINES);
        assert!(last.ends_with("line 99") && !last.contains('\x1b') && !last.contains('\r'));
    }

    #[test]
    fn lines_come_whole() {
        let seen = RefCell::new(Vec::new());
        let on_line = |line: &str| seen.borrow_mut().push(line.to_owned());
        let mut lines = Lines::default();
        lines.push(b"a\r\nb", &on_line);
        lines.push(b"c\n\nd", &on_line);
        lines.finish(&on_line);
        lines.finish(&on_line);
        assert_eq!(*seen.borrow(), ["a", "bc", "", "d"]);
        lines.push(&[b'x'; LONGEST_LINE_BYTES + 1], &on_line);
        assert_eq!(seen.borrow().len(), 5);
    }
}
