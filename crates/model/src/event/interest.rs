//! Which events a reader wants, as a mask.

use super::{EventVerb, Subject};

/// Which events a reader wants; an event that nobody wants is never built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interest(u64);

/// As many as there is room for.
const VERBS: u32 = 12;
/// The bits of one subject.
const SUBJECT: u64 = (1 << VERBS) - 1;

impl Interest {
    /// No event.
    pub const NONE: Self = Self(0);
    /// Every event.
    pub const ALL: Self = Self(u64::MAX);

    /// Every event of these subjects.
    #[must_use]
    pub fn in_subjects(subjects: impl IntoIterator<Item = Subject>) -> Self {
        let bits = subjects.into_iter().map(|subject| SUBJECT << (subject as u32 * VERBS));
        Self(bits.fold(0, |all, bits| all | bits))
    }

    /// Every event with these verbs, whatever it is about.
    #[must_use]
    pub fn in_verbs(verbs: impl IntoIterator<Item = EventVerb>) -> Self {
        const ONE_OF_EACH: u64 = 0x001_001_001_001_001;
        Self(verbs.into_iter().fold(0, |all, verb| all | (ONE_OF_EACH << verb as u32)))
    }

    /// Adds the events of one kind.
    #[must_use]
    pub const fn with(self, subject: Subject, verb: EventVerb) -> Self {
        Self(self.0 | Self::bit(subject, verb))
    }

    /// Adds what another reader wants.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Keeps only what another reader wants too.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Says whether events of this kind are wanted.
    #[must_use]
    pub const fn wants(self, subject: Subject, verb: EventVerb) -> bool {
        self.0 & Self::bit(subject, verb) != 0
    }

    /// Returns the mask, to be kept in an atomic number.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns the interest with this mask.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    const fn bit(subject: Subject, verb: EventVerb) -> u64 {
        1 << (subject as u32 * VERBS + verb as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interest_names_exactly_what_was_asked_for() {
        let interest = Interest::NONE.with(Subject::Item, EventVerb::Skipped).with(Subject::Pipeline, EventVerb::Started);
        assert!(interest.wants(Subject::Item, EventVerb::Skipped));
        assert!(interest.wants(Subject::Pipeline, EventVerb::Started));
        assert!(!interest.wants(Subject::Map, EventVerb::Started));
        assert!(Interest::ALL.wants(Subject::Node, EventVerb::Failed));
    }

    #[test]
    fn rows_and_columns_of_the_mask_meet_in_one_kind() {
        let nodes = Interest::in_subjects([Subject::Node]);
        let ends = Interest::in_verbs([EventVerb::Finished, EventVerb::Failed]);
        let both = nodes.intersection(ends);
        assert_eq!(both, Interest::NONE.with(Subject::Node, EventVerb::Finished).with(Subject::Node, EventVerb::Failed));
        assert!(ends.wants(Subject::Item, EventVerb::Failed) && !ends.wants(Subject::Item, EventVerb::Started));
        assert!(!nodes.wants(Subject::Pipeline, EventVerb::Other) && !nodes.wants(Subject::Map, EventVerb::Started));
    }
}
