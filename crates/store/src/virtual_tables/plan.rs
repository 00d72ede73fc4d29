//! From the conditions of a statement to what a scan looks for: chosen when the statement is prepared, filled in when it runs.

use flowglass_model::{AttributeValue, SpanId, Status};
use rusqlite::types::ValueRef;

use super::column::{Column, Push};
use super::moment::{self, GRAIN_NS};
use super::ordered::Order;
use crate::SpanFilter;
use crate::sqlite::Depth;

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Equal,
    AtLeast,
    AtMost,
}

impl Side {
    const fn sign(self) -> char {
        match self {
            Self::Equal => '=',
            Self::AtLeast => '>',
            Self::AtMost => '<',
        }
    }

    fn of_sign(sign: char) -> Option<Self> {
        [Self::Equal, Self::AtLeast, Self::AtMost].into_iter().find(|side| side.sign() == sign)
    }
}

impl Push {
    /// Says whether a scan can make use of this comparison.
    pub(super) const fn takes(self, side: Side) -> bool {
        matches!(self, Self::Moment | Self::UnixNs | Self::DurationNs | Self::DurationMs) || matches!(side, Side::Equal)
    }

    /// Returns about which part of all rows is left by it.
    pub(super) const fn share(self, side: Side) -> f64 {
        match (self, side) {
            (Self::Span, _) => 1e-7,
            (Self::Trace | Self::Parent, _) => 1e-5,
            (Self::Attribute(_) | Self::Key | Self::Value | Self::Name | Self::Status | Self::Period, _) => 0.05,
            (_, Side::Equal) => 1e-6,
            _ => 0.4,
        }
    }
}

/// What was chosen when the statement was prepared, as the text that SQLite keeps for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// How much of each block the statement needs.
    pub(super) depth: Depth,
    /// In which order of their times the rows are wanted, if that matters.
    pub(super) order: Option<Order>,
    /// Columns with the sides on which they are compared, in the order of the values.
    pub(super) terms: Vec<(usize, Side)>,
}

impl Plan {
    /// Writes the plan.
    pub(super) fn encode(&self) -> String {
        let depth = char::from(b'0' + self.depth as u8);
        let order = match self.order {
            None => "",
            Some(Order::Newest) => "v",
            Some(Order::Oldest) => "^",
        };
        let terms = self.terms.iter().map(|(column, side)| format!(" {}{column}", side.sign()));
        std::iter::once(format!("{depth}{order}")).chain(terms).collect()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let depths = [Depth::Nothing, Depth::Head, Depth::Ids, Depth::Whole];
        let first = words.next()?;
        let (depth, order) = match first.split_at_checked(1)? {
            (depth, "") => (depth, None),
            (depth, "v") => (depth, Some(Order::Newest)),
            (depth, "^") => (depth, Some(Order::Oldest)),
            _ => return None,
        };
        let depth = *depths.get(depth.parse::<usize>().ok()?)?;
        let term = |word: &str| {
            let mut chars = word.chars();
            let side = Side::of_sign(chars.next()?)?;
            Some((chars.as_str().parse().ok()?, side))
        };
        Some(Self { depth, order, terms: words.map(term).collect::<Option<_>>()? })
    }
}

/// Returns how much of a block a statement needs that uses these columns: a bit for each, the last for all beyond.
pub(super) fn depth<C>(columns: &[Column<C>], used: u64) -> Depth {
    let is_used = |at: usize| used & (1 << at.min(63)) != 0;
    let used = columns.iter().enumerate().filter(|(at, _)| is_used(*at)).map(|(_, column)| column.depth);
    used.max().unwrap_or(Depth::Nothing)
}

/// What a scan looks for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) depth: Depth,
    /// In which order of their times the rows are wanted, if that matters.
    pub(super) order: Option<Order>,
    /// Conditions on the rows. For what isn't a span, those that it has.
    pub(super) filter: SpanFilter,
    /// The name of an attribute.
    pub(super) key: Option<String>,
    /// The length of the periods of roll-ups, in seconds.
    pub(super) period_s: Option<i64>,
    /// Whether some condition can't hold.
    pub(super) nothing: bool,
}

impl Wanted {
    /// Fills in the values of a plan's terms. A value that isn't understood narrows nothing: SQLite looks at each row itself.
    pub(super) fn new<'a, C>(plan: &Plan, columns: &[Column<C>], values: impl Iterator<Item = ValueRef<'a>>) -> Self {
        let filter = SpanFilter { limit: usize::MAX, ..SpanFilter::default() };
        let mut wanted = Self { depth: plan.depth, order: plan.order, filter, key: None, period_s: None, nothing: false };
        let mut text_value = None;
        for ((column, side), value) in plan.terms.iter().zip(values) {
            let Some(push) = columns.get(*column).and_then(|column| column.push) else { continue };
            match (push, value) {
                (Push::Value, ValueRef::Text(text)) => text_value = plain(text),
                (push, ValueRef::Text(text)) => wanted.narrow_by_text(push, *side, &String::from_utf8_lossy(text)),
                (push, ValueRef::Integer(number)) => wanted.narrow_by_number(push, *side, number),
                (push, ValueRef::Real(number)) => wanted.narrow_by_real(push, *side, number),
                _ => {}
            }
        }
        if let (Some(key), Some(value)) = (&wanted.key, text_value) {
            wanted.filter.attributes.push((key.clone(), AttributeValue::Str(value)));
        }
        wanted
    }

    fn narrow_by_text(&mut self, push: Push, side: Side, text: &str) {
        let filter = &mut self.filter;
        match push {
            Push::Trace => match text.parse() {
                Ok(trace) => filter.trace_id = Some(trace),
                Err(_) => self.nothing = true,
            },
            Push::Span | Push::Parent => match text.parse::<SpanId>() {
                Ok(span) if push == Push::Span => filter.span_id = Some(span),
                Ok(span) => filter.parent_id = Some(span),
                Err(_) => self.nothing = true,
            },
            Push::Name => filter.name = Some(text.to_owned()),
            Push::Status => match Status::from_word(text) {
                Some(status) => filter.status = Some(status),
                None => self.nothing = true,
            },
            Push::Moment => {
                if let Some(unix_ns) = moment::parse(text) {
                    self.narrow_time(side, unix_ns.saturating_sub(GRAIN_NS), unix_ns.saturating_add(GRAIN_NS));
                }
            }
            Push::Attribute(name) => {
                if let Some(value) = plain(text.as_bytes()) {
                    filter.attributes.push((name.to_owned(), AttributeValue::Str(value)));
                }
            }
            Push::Key => self.key = Some(text.to_owned()),
            Push::UnixNs | Push::DurationNs | Push::DurationMs | Push::Value | Push::Period => {}
        }
    }

    fn narrow_by_number(&mut self, push: Push, side: Side, number: i64) {
        match push {
            Push::UnixNs => self.narrow_time(side, number, number),
            Push::DurationNs => self.narrow_duration(side, unsigned(number), unsigned(number)),
            #[expect(clippy::cast_precision_loss, reason = "both bounds leave room")]
            Push::DurationMs => self.narrow_by_real(push, side, number as f64),
            Push::Period => self.period_s = Some(number),
            _ => {}
        }
    }

    /// A floating-point bound leaves room on both sides for what rounding took.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is out of range is as far as can be")]
    fn narrow_by_real(&mut self, push: Push, side: Side, number: f64) {
        let factor = if push == Push::DurationMs { 1e6 } else { 1.0 };
        let (low, high) = ((number * factor * (1.0 - 1e-12)).floor(), (number * factor * (1.0 + 1e-12)).ceil());
        match push {
            Push::UnixNs => self.narrow_time(side, (low - 1e4) as i64, (high + 1e4) as i64),
            Push::DurationNs | Push::DurationMs => self.narrow_duration(side, low as u64, high as u64),
            _ => {}
        }
    }

    fn narrow_time(&mut self, side: Side, low: i64, high: i64) {
        let filter = &mut self.filter;
        if side != Side::AtMost {
            filter.min_start_unix_ns = filter.min_start_unix_ns.max(low);
        }
        if side != Side::AtLeast {
            filter.end_start_unix_ns = filter.end_start_unix_ns.min(high.saturating_add(1));
        }
    }

    fn narrow_duration(&mut self, side: Side, low: u64, high: u64) {
        let filter = &mut self.filter;
        if side != Side::AtMost {
            filter.min_duration_ns = filter.min_duration_ns.max(low);
        }
        if side != Side::AtLeast {
            filter.max_duration_ns = filter.max_duration_ns.min(high);
        }
    }
}

/// Durations are stored as large as can be, where they don't fit.
const fn unsigned(number: i64) -> u64 {
    if number == i64::MAX {
        u64::MAX
    } else if number < 0 {
        0
    } else {
        number.unsigned_abs()
    }
}

/// Returns a text that only a text is equal to: what looks like a list or a map may be one, shown as JSON.
fn plain(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    (!text.starts_with(['[', '{'])).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_come_back_equal() {
        for terms in [vec![], vec![(0, Side::Equal), (12, Side::AtLeast), (70, Side::AtMost)]] {
            for order in [None, Some(Order::Newest), Some(Order::Oldest)] {
                let plan = Plan { depth: Depth::Ids, order, terms: terms.clone() };
                assert_eq!(Plan::decode(&plan.encode()), Some(plan));
            }
        }
        assert_eq!((Plan::decode(""), Plan::decode("9"), Plan::decode("1 ?3")), (None, None, None));
    }
}
