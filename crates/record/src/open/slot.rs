//! Room for one frame that its one writer changes without locks, and any thread reads meanwhile.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use flowglass_model::{SpanId, flags};

use super::{Frame, OpenFrame};
use crate::Tick;
use crate::raw::USER_TEMPLATE;
use crate::static_text::{AtomicStaticText, StaticText};
use crate::sync::{AtomicU64, fence};

/// Room for one frame, readable while it changes. As long as a cache line, so that a slot is found by a shift.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Slot {
    pub(super) id: AtomicU64,
    pub(super) parent: AtomicU64,
    pub(super) start: AtomicU64,
    index: AtomicU64,
    /// The template below, the flags above.
    pub(super) template: AtomicU64,
    /// A user's span's.
    pub(super) name: AtomicStaticText,
}

impl Slot {
    #[inline]
    pub(super) fn write(&self, frame: &Frame, name: Option<StaticText>) {
        // The id is zero: only slots of the stack have one.
        fence(Release);
        self.parent.store(frame.parent.to_u64(), Relaxed);
        self.start.store(frame.start.to_raw(), Relaxed);
        self.index.store(frame.index, Relaxed);
        self.template.store(u64::from(frame.template) | u64::from(frame.flags) << 32, Relaxed);
        if let Some(name) = name {
            self.name.store(name);
        }
        self.id.store(frame.span.to_u64(), Release);
    }

    #[inline]
    pub(super) fn clear(&self) {
        self.id.store(0, Release);
    }

    #[inline]
    pub(super) fn span(&self) -> SpanId {
        SpanId::from_u64(self.id.load(Relaxed))
    }

    #[inline]
    pub(super) fn is_users(&self) -> bool {
        self.template.load(Relaxed) as u32 == USER_TEMPLATE
    }

    pub(super) fn mark(&self, flag: u32) {
        self.template.store(self.template.load(Relaxed) | u64::from(flag) << 32, Relaxed);
    }

    #[inline]
    pub(super) fn is_sampled(&self) -> bool {
        (self.template.load(Relaxed) >> 32) as u32 & flags::SAMPLED != 0
    }

    pub(super) fn read(&self) -> Option<OpenFrame> {
        let id = self.id.load(Acquire);
        let word = self.template.load(Relaxed);
        let open = OpenFrame {
            frame: Frame {
                span: SpanId::from_u64(id),
                parent: SpanId::from_u64(self.parent.load(Relaxed)),
                template: word as u32,
                index: self.index.load(Relaxed),
                start: Tick::from_raw(self.start.load(Relaxed)),
                flags: (word >> 32) as u32,
            },
            name: if word as u32 == USER_TEMPLATE { self.name.load() } else { StaticText::NONE },
        };
        fence(Acquire);
        (id != 0 && self.id.load(Relaxed) == id).then_some(open)
    }
}
