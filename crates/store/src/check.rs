//! What a check of a store found.

use serde::{Deserialize, Serialize};

/// What a check of a store looked at, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreCheck {
    /// How many segments were looked at.
    pub segments: u64,
    /// How many blocks were opened.
    pub blocks: u64,
    /// How many spans are in them.
    pub spans: u64,
    /// How many runs were looked at.
    pub runs: u64,
    /// What is wrong; nothing in a store that is whole.
    pub problems: Vec<StoreProblem>,
}

/// One thing that is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreProblem {
    /// Where: a page, a segment, a block, a run or a roll-up.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl StoreCheck {
    /// Says whether nothing is wrong.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }
}

impl std::fmt::Display for StoreProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}
