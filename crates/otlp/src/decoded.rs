//! What came out of a request: batches, and what was wrong with the rest.

use flowglass_model::Batch;

use crate::Flaw;

/// How many rejected items keep their names.
const NAMED: usize = 16;

/// What a request held.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The records: one batch for each resource. Writers and sequences are the receiver's to fill in.
    pub batches: Vec<Batch>,
    /// What was left out, for the answer's `partial_success`.
    pub rejected: Rejected,
    /// Fields that this version doesn't know, which were left out.
    pub unknown_fields: u64,
}

/// What was left out of a request, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    count: u64,
    items: u64,
    named: Vec<(String, Flaw)>,
}

impl Rejected {
    /// Returns how many spans, data points or log records were left out.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Iterates over the first few items that were left out: what they are called, and what is wrong.
    pub fn named(&self) -> impl ExactSizeIterator<Item = (&str, Flaw)> {
        self.named.iter().map(|(name, flaw)| (name.as_str(), *flaw))
    }

    /// Returns the answer's `error_message`, empty where nothing was left out.
    #[must_use]
    pub fn message(&self) -> String {
        let mut parts: Vec<String> = self.named().map(|(name, flaw)| format!("{name}: {flaw}")).collect();
        let unnamed = self.items - self.named.len() as u64;
        if unnamed > 0 {
            parts.push(format!("and {unnamed} more"));
        }
        parts.join("; ")
    }

    /// Adds what was left out elsewhere on the way.
    pub(crate) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.items += other.items;
        self.named.extend(other.named);
        self.named.truncate(NAMED);
    }

    /// Counts an item that stands for `weight` of what the answer counts.
    pub(crate) fn push(&mut self, what: &str, name: &str, weight: u64, flaw: Flaw) {
        self.count += weight;
        self.items += 1;
        if self.named.len() < NAMED {
            let short: String = name.chars().take(80).collect();
            self.named
                .push((if short.is_empty() { format!("a {what} without a name") } else { format!("{what} {short:?}") }, flaw));
        }
    }
}
