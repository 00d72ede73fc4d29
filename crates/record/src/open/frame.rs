//! A span that was started, as its scope keeps it.

use flowglass_model::{SpanId, Status, flags};

use crate::Tick;
use crate::raw::USER_TEMPLATE;
use crate::static_text::StaticText;

/// The index of a frame that has none.
pub const NO_INDEX: u64 = u64::MAX;

/// Bits of a frame's flags that are known here alone: those of [`flags`] are lower.
const OWN: u32 = UNCOUNTED | UNWINDING | FAILED | QUICK | LOCAL_ROOT;
/// It isn't counted.
const UNCOUNTED: u32 = 1 << 31;
/// It was opened while its thread was unwinding from a panic.
pub(super) const UNWINDING: u32 = 1 << 30;
/// It was told to fail.
pub(super) const FAILED: u32 = 1 << 29;
/// It was opened the quick way: it has a name, and the time is to be had by [`Tick::read_quickly`].
pub(super) const QUICK: u32 = 1 << 28;
/// Whatever is around it in its trace is somebody else's.
const LOCAL_ROOT: u32 = 1 << 27;

/// A span that was started: what is known of it before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The span's id, from [`Scope::next_span`](crate::Scope::next_span).
    pub span: SpanId,
    /// The span above it, or [`SpanId::NONE`].
    pub parent: SpanId,
    /// Which of the scope's templates it follows.
    pub template: u32,
    /// The index that an indexed template's name ends with, or [`NO_INDEX`].
    pub index: u64,
    /// When it started.
    pub start: Tick,
    /// Bits of [`flags`](flowglass_model::flags).
    pub flags: u32,
}

impl Frame {
    /// Returns the frame of a span whose end feeds no metrics: nothing was done, because the result was there already.
    #[must_use]
    pub const fn uncounted(self) -> Self {
        Self { flags: self.flags | UNCOUNTED, ..self }
    }

    /// Returns the frame of a span around which there is nothing of its trace in this process.
    pub(crate) const fn local_root(self) -> Self {
        Self { flags: self.flags | LOCAL_ROOT, ..self }
    }

    /// Says whether nothing of its trace is around it in this process, as far as is known without looking at its scope.
    pub(crate) const fn is_local_root(&self) -> bool {
        self.parent.is_none() || self.flags & (LOCAL_ROOT | flags::IS_REMOTE) != 0
    }

    pub(crate) const fn is_uncounted(&self) -> bool {
        self.flags & UNCOUNTED != 0
    }

    /// Returns the bits of the frame that others know.
    pub(crate) const fn known_flags(&self) -> u32 {
        self.flags & !OWN
    }

    /// Says whether the span is recorded when it ends well.
    #[inline]
    pub(crate) const fn is_sampled(&self) -> bool {
        self.flags & flags::SAMPLED != 0
    }
}

/// A frame with the name that a user's span has instead of a template's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenFrame {
    pub(crate) frame: Frame,
    pub(crate) name: StaticText,
}

impl OpenFrame {
    /// Makes the frame of a user's span, from its id and its parent's.
    #[inline(always)]
    pub(crate) const fn users((span, parent): (SpanId, SpanId), start: Tick, name: StaticText) -> Self {
        let (template, index, flags) = (USER_TEMPLATE, NO_INDEX, flags::SAMPLED);
        Self { frame: Frame { span, parent, template, index, start, flags }, name }
    }

    /// Says whether user code made the span.
    pub(crate) const fn is_users(&self) -> bool {
        self.frame.template == USER_TEMPLATE
    }
}

/// What is left of a user's span when it leaves the open ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndedFrame {
    pub(crate) parent: SpanId,
    pub(crate) start: Tick,
    pub(crate) name: StaticText,
    pub(crate) flags: u32,
}

impl EndedFrame {
    /// Returns how the span has ended, as far as its maker has said.
    #[inline(always)]
    pub(crate) const fn status(&self) -> Status {
        if self.flags & FAILED == 0 { Status::Ok } else { Status::Error }
    }

    /// Says whether it was opened while its thread was unwinding from a panic, so that this is no failure of its own.
    pub(crate) const fn was_unwinding(&self) -> bool {
        self.flags & UNWINDING != 0
    }
}

impl From<OpenFrame> for EndedFrame {
    fn from(OpenFrame { frame, name }: OpenFrame) -> Self {
        Self { parent: frame.parent, start: frame.start, name, flags: frame.flags }
    }
}
