//! What few rows of a table have: kept for runs of rows that have the same, so that a table whose rows have nothing pays nothing.

use super::arena::Sym;

/// What few rows have besides their columns. The default is what all others have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Extra {
    /// What recorded it: a place in [`Batch::scopes`](super::Batch::scopes), from 1; 0 where it isn't known.
    pub scope: u32,
    /// The W3C trace state.
    pub trace_state: Sym,
    /// How many attributes were left out.
    pub dropped_attributes: u32,
    /// How many events were left out.
    pub dropped_events: u32,
    /// How many links were left out.
    pub dropped_links: u32,
}

/// The [`Extra`]s of the rows of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras(Vec<ExtraRun>);

/// Rows behind each other that have the same [`Extra`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtraRun {
    /// The first row.
    pub start: u32,
    /// One more than the last row.
    pub end: u32,
    /// What they have.
    pub extra: Extra,
}

impl Extras {
    /// Sets what a row has. Rows come in ascending order: for one before the last that was set, nothing changes.
    pub fn set(&mut self, row: usize, extra: Extra) {
        let Ok(start) = u32::try_from(row) else { return };
        match self.0.last_mut() {
            _ if extra == Extra::default() => {}
            Some(last) if start < last.end => {}
            Some(last) if start == last.end && last.extra == extra => last.end += 1,
            _ => self.0.push(ExtraRun { start, end: start.saturating_add(1), extra }),
        }
    }

    /// Returns what a row has.
    #[must_use]
    pub fn get(&self, row: usize) -> Extra {
        let at = self.0.partition_point(|run| (run.end as usize) <= row);
        self.0.get(at).filter(|run| run.start as usize <= row).map_or_else(Extra::default, |run| run.extra)
    }

    /// Returns the rows that have something, in order.
    #[must_use]
    pub fn runs(&self) -> &[ExtraRun] {
        &self.0
    }

    /// Says whether no row has anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_have_the_same_are_one_run() {
        let scope = |scope| Extra { scope, ..Extra::default() };
        let mut extras = Extras::default();
        [(0, 0), (1, 7), (2, 7), (3, 8), (5, 8), (4, 9)].into_iter().for_each(|(row, of)| extras.set(row, scope(of)));
        let found: Vec<u32> = (0..7).map(|row| extras.get(row).scope).collect();
        assert_eq!(found, [0, 7, 7, 8, 0, 8, 0], "a row that comes late changes nothing");
        assert_eq!(extras.runs().len(), 3);
        assert!(Extras::default().is_empty() && Extras::default().get(9) == Extra::default());
    }
}
