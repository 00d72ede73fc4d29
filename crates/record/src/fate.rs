//! What has become of a trace that wasn't chosen when it began; shared by all its scopes in a process.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{Acquire, Release},
};

use crate::Verdict;

/// What has become of a trace that wasn't chosen when it began.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    state: AtomicU8,
    has_error: AtomicBool,
}

/// What was said of a trace when it began, and what has become of it since.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    pub(crate) verdict: Verdict,
    /// Nothing if it was chosen, or never is.
    pub(crate) fate: Option<Arc<Fate>>,
}

const KEPT: u8 = 1;
const LET_GO: u8 = 2;
const CROWDED_OUT: u8 = 3;
const PROMOTED: u8 = 4;

impl Fate {
    /// Nothing was decided yet.
    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Acquire) == 0
    }

    /// What was held of it is let go, and what comes is.
    pub(crate) fn is_let_go(&self) -> bool {
        matches!(self.state.load(Acquire), LET_GO | CROWDED_OUT)
    }

    /// It was let go because there was no room for it, before its end.
    pub(crate) fn is_crowded_out(&self) -> bool {
        self.state.load(Acquire) == CROWDED_OUT
    }

    /// It is recorded from some moment on, and not from its start.
    pub(crate) fn is_promoted(&self) -> bool {
        self.state.load(Acquire) == PROMOTED
    }

    /// An error was told of that is no span's.
    pub(crate) fn has_error(&self) -> bool {
        self.has_error.load(Acquire)
    }

    pub(crate) fn note_error(&self) {
        self.has_error.store(true, Release);
    }

    pub(crate) fn keep(&self) {
        self.state.store(KEPT, Release);
    }

    pub(crate) fn let_go(&self) {
        self.state.store(LET_GO, Release);
    }

    pub(crate) fn crowd_out(&self) {
        self.state.store(CROWDED_OUT, Release);
    }

    pub(crate) fn promote(&self) {
        self.state.store(PROMOTED, Release);
    }
}

impl Course {
    /// Begins with a verdict.
    pub(crate) fn new(verdict: Verdict) -> Self {
        Self { verdict, fate: verdict.new_fate() }
    }

    /// Says whether what belongs to no span of the trace is recorded as things stand.
    pub(crate) fn is_told(&self) -> bool {
        match &self.fate {
            None => self.verdict.records(),
            Some(fate) if self.verdict == Verdict::Hold => !fate.is_open() && !fate.is_let_go(),
            Some(fate) => fate.is_promoted(),
        }
    }
}
