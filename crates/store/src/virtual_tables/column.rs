//! What a table is made of: its columns, what each tells, and which of its conditions a scan understands.

use std::borrow::Cow;

use flowglass_model::conventions;

use super::cell::Cell;
use crate::sqlite::Depth;

/// One column of a table whose rows are in chunks of this type.
pub(super) struct Column<C> {
    pub(super) name: Cow<'static, str>,
    /// The type that the table is declared with. It says how values compare, and what `json` means.
    pub(super) kind: Kind,
    /// What it tells, for people.
    pub(super) meaning: &'static str,
    /// How much of a block must be open for it.
    pub(super) depth: Depth,
    /// Which condition on it a scan understands.
    pub(super) push: Option<Push>,
    pub(super) read: Read<C>,
    /// Whether it is another name of a column that is there.
    pub(super) is_alias: bool,
}

/// How the cells of a column are found.
pub(super) enum Read<C> {
    /// From a chunk and a row.
    Of(for<'a> fn(&'a C, usize) -> Cell<'a>),
    /// The value of the attribute with this name.
    Attribute(&'static str),
}

/// The types of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A text that compares as a moment.
    Moment,
    /// An object in JSON.
    Json,
    Int,
    Real,
    /// Whatever the value is.
    Any,
}

impl Kind {
    /// Returns the type as it is declared.
    pub(super) const fn declared(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Moment => "TEXT COLLATE MOMENT",
            Self::Json => "JSON TEXT",
            Self::Int => "INTEGER",
            Self::Real => "REAL",
            Self::Any => "",
        }
    }

    /// Returns the type as people are told.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Moment => "time",
            Self::Json => "json",
            Self::Int => "integer",
            Self::Real => "real",
            Self::Any => "any",
        }
    }
}

/// A condition that a scan understands. What it lets through is looked at once more by SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Push {
    Trace,
    Span,
    Parent,
    Name,
    Status,
    /// A time as text.
    Moment,
    /// A time in nanoseconds.
    UnixNs,
    DurationNs,
    DurationMs,
    /// The attribute with this name.
    Attribute(&'static str),
    /// The name of an attribute, in the table of attributes.
    Key,
    /// The value of an attribute, in the table of attributes.
    Value,
    /// The length of the periods of roll-ups.
    Period,
}

impl<C> Column<C> {
    /// Makes a column that takes a whole block and that no scan understands conditions on.
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        meaning: &'static str,
        read: for<'a> fn(&'a C, usize) -> Cell<'a>,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind,
            meaning,
            depth: Depth::Whole,
            push: None,
            read: Read::Of(read),
            is_alias: false,
        }
    }

    /// Says how much of a block it takes.
    pub(super) const fn at(mut self, depth: Depth) -> Self {
        self.depth = depth;
        self
    }

    /// Says which conditions on it a scan understands.
    pub(super) const fn pushed(mut self, push: Push) -> Self {
        self.push = Some(push);
        self
    }

    /// Says whether `*` leaves it out.
    pub(super) const fn is_hidden(&self) -> bool {
        self.is_alias || self.is_attribute()
    }

    /// Says whether it is a well-known attribute.
    pub(super) const fn is_attribute(&self) -> bool {
        matches!(self.read, Read::Attribute(_))
    }

    /// Says that it is another name of a column, which `*` leaves out.
    pub(super) const fn alias(mut self) -> Self {
        self.is_alias = true;
        self
    }
}

/// Adds a column for each well-known attribute whose name, with `_` for each dot, no column has yet.
pub(super) fn with_attributes<C>(mut columns: Vec<Column<C>>) -> Vec<Column<C>> {
    for &attribute in conventions::ALL {
        let name = attribute.replace('.', "_");
        if columns.iter().any(|column| column.name == name) {
            continue;
        }
        columns.push(Column {
            name: Cow::Owned(name),
            kind: Kind::Any,
            meaning: "",
            depth: Depth::Whole,
            push: Some(Push::Attribute(attribute)),
            read: Read::Attribute(attribute),
            is_alias: false,
        });
    }
    columns
}
