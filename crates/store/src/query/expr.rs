//! The tree of a query: tests and how they are joined.

use super::{Field, Moment, Pattern};

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Everything matches.
    All,
    /// All of them hold.
    And(Vec<Expr>),
    /// One of them holds.
    Or(Vec<Expr>),
    /// It doesn't hold.
    Not(Box<Expr>),
    /// A field or an attribute passes a test.
    Test(Test),
    /// Some text of the thing has these words: its name, its message, a value of an attribute.
    Text(Pattern),
    /// Some span of the run (for other things: of their trace) matches.
    Has(Box<Expr>),
}

/// A test of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// What is tested.
    pub field: Field,
    /// What must hold for it.
    pub condition: Condition,
}

/// What must hold for a field. A thing that doesn't have the field fails every test.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The field is there.
    Exists,
    /// One of the patterns occurs.
    Like(Vec<Pattern>),
    /// The value is exactly this.
    Equals(Literal),
    /// The value is on this side of that.
    Compare(Comparison, Literal),
    /// The value lies between these, both included.
    Between(Option<Literal>, Option<Literal>),
}

/// On which side of a literal a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Returns its sign.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Says whether a value that compares like this is on the right side.
    #[must_use]
    pub const fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// A value that fields are compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Unquoted: equal to a text of these letters, to the number or to the truth value that they spell.
    Word(String),
    /// Quoted: equal to a text only.
    Text(String),
    /// A duration in nanoseconds. Beside an attribute, its unit is read from the attribute's name (`…_ms`).
    Duration(u64),
    /// A moment.
    Time(Moment),
}

impl Literal {
    /// Returns the number that a word spells. Infinities and not-a-number are none.
    #[must_use]
    pub fn number(&self) -> Option<Number> {
        let Self::Word(word) = self else { return None };
        let starts_like_one = word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
        let float = || word.parse::<f64>().ok().filter(|number| number.is_finite()).map(Number::Float);
        if starts_like_one { word.parse().ok().map(Number::Int).or_else(float) } else { None }
    }

    /// Returns the truth value that a word spells.
    #[must_use]
    pub fn truth(&self) -> Option<bool> {
        match self {
            Self::Word(word) => word.parse().ok(),
            _ => None,
        }
    }

    /// Returns the letters, where these are some.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A number in a query: whole numbers keep all their digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// Any other.
    Float(f64),
}

impl Number {
    /// Compares two numbers by their values; none if one isn't a number.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (left, right) => left.to_f64().partial_cmp(&right.to_f64()),
        }
    }

    /// Returns the number as a float.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "only whole numbers are compared exactly, and only with each other")]
    pub const fn to_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

impl Expr {
    /// Joins expressions so that all must hold. Nested joins become one.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let flatten = |part| match part {
            Self::And(parts) => parts,
            Self::All => Vec::new(),
            part => vec![part],
        };
        let mut parts: Vec<Self> = parts.into_iter().flat_map(flatten).collect();
        match parts.len() {
            0 => Self::All,
            1 => parts.remove(0),
            _ => Self::And(parts),
        }
    }

    /// Joins expressions so that one must hold. Nested joins become one; none at all never holds.
    #[must_use]
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let flatten = |part| match part {
            Self::Or(parts) => parts,
            part => vec![part],
        };
        let mut parts: Vec<Self> = parts.into_iter().flat_map(flatten).collect();
        match parts.len() {
            0 => Self::All.negated(),
            1 => parts.remove(0),
            _ => Self::Or(parts),
        }
    }

    /// Returns the opposite. The opposite of an opposite is the thing itself.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Says whether an expression looks at the events of spans.
    #[must_use]
    pub fn needs_events(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::needs_events),
            Self::Not(inner) => inner.needs_events(),
            Self::Test(test) => test.field == Field::Event,
            Self::Text(_) => true,
            Self::All | Self::Has(_) => false,
        }
    }

    /// Returns the expressions of which every one must hold.
    pub fn conjuncts(&self) -> impl Iterator<Item = &Self> {
        match self {
            Self::All => [].iter(),
            Self::And(parts) => parts.iter(),
            other => std::slice::from_ref(other).iter(),
        }
    }
}
