//! The order of an answer.

use std::cmp::Ordering;

use super::expr::Number;
use super::{Field, Held, Record};

/// By what things are sorted. Equals are sorted by trace and span, so that an order is always the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// The field.
    pub field: Field,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { field: Field::Started, descending: true }
    }
}

impl Sort {
    /// The fields that can be sorted by.
    pub const NAMES: &'static [&'static str] = &["started", "duration", "name"];

    /// Returns the order with this name: `duration`, or `-duration` for the longest first.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (field, descending) = name.strip_prefix('-').map_or((name, false), |field| (field, true));
        let field = Field::named(field);
        Self::NAMES.contains(&field.name()).then_some(Self { field, descending })
    }

    /// Returns what a thing is sorted by.
    #[must_use]
    pub fn key(&self, record: &dyn Record) -> SortKey {
        match record.field(&self.field) {
            Some(Held::Time(unix_ns)) => SortKey::Int(unix_ns),
            Some(Held::Duration(duration_ns)) => SortKey::Int(i64::try_from(duration_ns).unwrap_or(i64::MAX)),
            Some(Held::Text(text)) => SortKey::Text(text.to_owned()),
            Some(Held::Number(Number::Int(number))) => SortKey::Int(number),
            _ => SortKey::Missing,
        }
    }

    /// Compares two keys in this order.
    #[must_use]
    pub fn compare(&self, left: &SortKey, right: &SortKey) -> Ordering {
        if self.descending { right.cmp(left) } else { left.cmp(right) }
    }
}

/// What a thing is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SortKey {
    /// It doesn't have the field.
    Missing,
    /// A moment, a duration or another whole number.
    Int(i64),
    /// Text.
    Text(String),
}
