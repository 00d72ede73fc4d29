//! How people name a run: by its id, or by as much of it as tells it from others.

use flowglass_model::RunId;

use crate::RunRecord;

/// What somebody wrote to name a run: the beginning of its trace's id and, behind a `-`, of the span that it joined the trace with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'a> {
    pub(crate) whole: &'a str,
    pub(crate) trace: &'a str,
    pub(crate) span: Option<&'a str>,
}

impl<'a> Name<'a> {
    /// Takes a name in lower case, without spaces around it.
    pub(crate) fn of(whole: &'a str) -> Self {
        let (trace, span) = whole.split_once('-').map_or((whole, None), |(trace, span)| (trace, Some(span)));
        Self { whole, trace, span }
    }

    /// Says whether a run may be meant.
    pub(crate) fn fits(&self, run: RunId) -> bool {
        let joined = |span: &str| run.joined_at.some().is_some_and(|joined| joined.to_string().starts_with(span));
        run.trace.to_string().starts_with(self.trace) && self.span.is_none_or(joined)
    }

    /// Returns the run that is meant, if it is one: the id itself, the only one that fits, or of runs in one trace the one that
    /// began it.
    ///
    /// # Errors
    /// There are several, or none: they come back.
    pub(crate) fn choose(&self, mut fitting: Vec<RunRecord>) -> Result<RunRecord, Vec<RunRecord>> {
        let exact = fitting.iter().position(|run| run.id.to_string() == self.whole);
        let one_trace = fitting.windows(2).all(|runs| runs[0].id.trace == runs[1].id.trace);
        let outermost = || fitting.iter().position(|run| self.span.is_none() && run.id.joined_at.is_none());
        match exact.or_else(|| outermost().filter(|_| one_trace)) {
            Some(place) => Ok(fitting.swap_remove(place)),
            None if fitting.len() == 1 => Ok(fitting.swap_remove(0)),
            None => Err(fitting),
        }
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::{Span, SpanId, TraceId};

    use super::*;

    fn run(trace: u8, joined_at: u64) -> RunRecord {
        let id = RunId { trace: TraceId::from_bytes([trace; 16]), joined_at: SpanId::from_u64(joined_at) };
        RunRecord { id, ..RunRecord::of_root(&Span::default(), 0, 0) }
    }

    fn chosen(name: &str, runs: &[(u8, u64)]) -> Result<RunId, usize> {
        let name = Name::of(name);
        let fitting = runs.iter().map(|&(trace, joined_at)| run(trace, joined_at)).filter(|run| name.fits(run.id));
        name.choose(fitting.collect()).map(|run| run.id).map_err(|several| several.len())
    }

    #[test]
    fn of_runs_in_one_trace_the_one_that_began_it_is_meant() {
        let runs = [(0xab, 0x2600 << 48), (0xab, 0), (0xab, 0x2700 << 48), (0xcd, 0x11 << 56)];
        assert_eq!(chosen("abab", &runs), Ok(run(0xab, 0).id));
        assert_eq!(chosen("abab-26", &runs), Ok(run(0xab, 0x2600 << 48).id));
        assert_eq!(chosen(&run(0xab, 0).id.to_string(), &runs), Ok(run(0xab, 0).id));
        assert_eq!((chosen("abab-2", &runs), chosen("abab-", &runs), chosen("abab-3", &runs)), (Err(2), Err(2), Err(0)));
        assert_eq!(chosen("cd", &runs), Ok(run(0xcd, 0x11 << 56).id), "the only one");
        assert_eq!(
            (chosen("", &runs), chosen("ab", &runs[2..]), chosen("ab", &[])),
            (Err(4), Ok(run(0xab, 0x2700 << 48).id), Err(0))
        );
    }
}
