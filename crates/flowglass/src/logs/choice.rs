//! Which log records are written: by severity, by a share of traces, and so many in a second.

use flowglass_model::{LogRecord, Severity, TraceId};

/// Which records are written.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) least: Severity,
    pub(super) rate: f64,
    pub(super) each_second: Option<u64>,
    /// The second that records are of, how many of it were written, and how many left out.
    second: i64,
    written: u64,
    left_out: u64,
    /// How many records outside of any trace there were.
    loose: u64,
}

/// What becomes of a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) is_written: bool,
    /// How many were left out in the second before, which nobody was told of.
    pub(super) left_out: u64,
}

impl Default for Choice {
    fn default() -> Self {
        let least = Severity::UNSPECIFIED;
        Self { least, rate: 1.0, each_second: None, second: 0, written: 0, left_out: 0, loose: 0 }
    }
}

impl Choice {
    pub(super) fn of(&mut self, record: &LogRecord) -> Chosen {
        let is_wanted = record.severity >= self.least && (record.severity >= Severity::WARN || self.is_sampled(record));
        if !is_wanted {
            return Chosen { is_written: false, left_out: 0 };
        }
        let second = record.unix_ns.div_euclid(1_000_000_000);
        let is_new = second != self.second;
        let left_out = if is_new { std::mem::take(&mut self.left_out) } else { 0 };
        if is_new {
            (self.second, self.written) = (second, 0);
        }
        let is_written = self.each_second.is_none_or(|most| self.written < most);
        self.written += u64::from(is_written);
        self.left_out += u64::from(!is_written);
        Chosen { is_written, left_out }
    }

    /// Records of one trace are all written, or none is.
    fn is_sampled(&mut self, record: &LogRecord) -> bool {
        if self.rate >= 1.0 {
            return true;
        }
        let key = if record.trace_id == TraceId::NONE {
            self.loose += 1;
            self.loose
        } else {
            let [.., b0, b1, b2, b3, b4, b5, b6, b7] = record.trace_id.to_bytes();
            u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7])
        };
        position(key) < self.rate
    }
}

/// Puts a number somewhere in [0, 1), by Fibonacci hashing: neighbours far apart.
#[expect(clippy::cast_precision_loss, reason = "the 53 upper bits are exact")]
fn position(key: u64) -> f64 {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(severity: Severity, second: i64, trace_id: TraceId) -> LogRecord {
        LogRecord { severity, unix_ns: second * 1_000_000_000, trace_id, ..LogRecord::default() }
    }

    #[test]
    fn a_trace_is_written_whole_or_not_at_all_and_warnings_always() {
        let mut choice = Choice { rate: 0.3, ..Choice::default() };
        let mut written = 0;
        for _ in 0..2_000 {
            let trace = TraceId::random();
            let mut is_written = |severity| choice.of(&record(severity, 0, trace)).is_written;
            let first = is_written(Severity::INFO);
            assert!(is_written(Severity::DEBUG) == first && is_written(Severity::WARN));
            written += u32::from(first);
        }
        assert!((450..750).contains(&written), "{written}");
        let loose = (0..1_000).filter(|_| choice.of(&record(Severity::INFO, 0, TraceId::NONE)).is_written).count();
        assert!((200..400).contains(&loose), "{loose}");
    }

    #[test]
    fn what_is_too_much_for_a_second_is_counted_and_told_in_the_next() {
        let mut choice = Choice { each_second: Some(2), least: Severity::INFO, ..Choice::default() };
        let mut of = |second, severity| choice.of(&record(severity, second, TraceId::NONE));
        let told = [(1, 9), (1, 9), (1, 9), (1, 21), (2, 1), (2, 9)].map(|(second, severity)| of(second, Severity(severity)));
        assert_eq!(told.iter().map(|chosen| chosen.is_written).collect::<Vec<_>>(), [true, true, false, false, false, true]);
        assert_eq!(told[5].left_out, 2);
    }
}
