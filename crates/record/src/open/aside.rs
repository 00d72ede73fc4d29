//! What is seldom: spans that are parked, that end out of their order, that fail, or whose names are long.

use std::sync::atomic::Ordering::Relaxed;

use flowglass_model::SpanId;

use super::frame::{FAILED, UNWINDING};
use super::{EndedFrame, OpenFrame, OpenFrames};

impl OpenFrames {
    /// Keeps the name of a user's span that is no [`StaticText`].
    #[cold]
    pub(crate) fn keep_long_name(&self, span: SpanId, name: &'static str) {
        self.long_names.lock().push((span, name));
    }

    /// Takes the name that [`keep_long_name`](Self::keep_long_name) has kept, if any.
    #[cold]
    pub(crate) fn take_long_name(&self, span: SpanId) -> Option<&'static str> {
        let mut names = self.long_names.lock();
        let at = names.iter().rposition(|(known, _)| *known == span)?;
        Some(names.swap_remove(at).1)
    }

    /// Takes the engine's topmost frame off the stack into the table.
    pub(crate) fn park(&self) {
        self.park_users_above();
        self.park_top();
    }

    /// Opens a span that is never on the stack: whoever drives the scope knows that it is above all others.
    pub(crate) fn open_parked(&self, open: OpenFrame) {
        self.parked.lock().insert(open.frame.span, open);
    }

    /// Puts a parked frame on the stack; it stays in the table.
    pub(crate) fn resume(&self, span: SpanId) {
        let parked = self.parked.lock().get(&span).copied();
        if let Some(open) = parked {
            self.push(&open);
        }
    }

    /// Takes a frame out of the table.
    #[cold]
    pub(crate) fn close(&self, span: SpanId) -> Option<EndedFrame> {
        self.parked.lock().remove(&span).map(EndedFrame::from)
    }

    /// Takes a user's span off the stack, or out of the table.
    #[cold]
    pub(crate) fn end(&self, span: SpanId) -> Option<EndedFrame> {
        let ended = self.take_off(span);
        let parked = self.close(span);
        ended.map(EndedFrame::from).or(parked)
    }

    /// Takes a user's span off the stack, on which it was [resumed](Self::resume); it stays in the table.
    #[inline]
    pub(crate) fn leave(&self, span: SpanId) {
        match self.top_users(span) {
            Some(top) => top.leave(),
            None => drop(self.take_off(span)),
        }
    }

    /// Takes a user's span off the stack, though others that should have ended before may be above: those move down.
    #[cold]
    fn take_off(&self, span: SpanId) -> Option<OpenFrame> {
        let mut above = Vec::new();
        let mut found = None;
        while let Some(open) = self.top().filter(OpenFrame::is_users) {
            self.pop_top();
            if open.frame.span == span {
                found = Some(open);
                break;
            }
            above.push(open);
        }
        above.iter().rev().for_each(|open| self.push(open));
        found
    }

    /// Takes note that a user's span fails, wherever it is.
    #[cold]
    pub(crate) fn fail(&self, span: SpanId) {
        self.mark(span, FAILED);
    }

    /// Takes note that a user's span was opened while its thread was unwinding from a panic.
    #[cold]
    pub(crate) fn note_unwinding(&self, span: SpanId) {
        self.mark(span, UNWINDING);
    }

    /// Moves users' spans on top of the stack into the table: the thread that made them leaves the scope.
    pub(crate) fn park_users_above(&self) {
        while self.top_is_users() {
            self.park_top();
        }
    }

    /// As [`pop`](Self::pop), where that takes more.
    #[cold]
    pub(crate) fn pop_elsewhere(&self) {
        self.park_users_above();
        self.pop_top();
    }

    fn park_top(&self) {
        if let Some(open) = self.top() {
            self.parked.lock().insert(open.frame.span, open);
        }
        self.pop_top();
    }

    fn mark(&self, span: SpanId, flag: u32) {
        self.slots.iter().take(self.depth.load(Relaxed)).filter(|slot| slot.span() == span).for_each(|slot| slot.mark(flag));
        self.deep.lock().iter_mut().filter(|open| open.frame.span == span).for_each(|open| open.frame.flags |= flag);
        if let Some(open) = self.parked.lock().get_mut(&span) {
            open.frame.flags |= flag;
        }
    }
}
