//! One measurement of each interval that was made in a recorded span: the way from a metric to a trace.

use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
};

use flowglass_model::{Number, SpanId, TraceId};
use parking_lot::Mutex;

use crate::{Tick, active};

/// Where one exemplar is kept until it is told. All but the first measurement of an interval pass by at the cost of a load.
#[derive(Debug)]
pub(super) struct ExemplarSlot {
    is_wanted: AtomicBool,
    kept: Mutex<Option<Kept>>,
}

/// A measurement and the span in which it was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    pub(super) at: Tick,
    pub(super) value: Number,
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
}

impl Default for ExemplarSlot {
    fn default() -> Self {
        Self { is_wanted: AtomicBool::new(true), kept: Mutex::default() }
    }
}

impl ExemplarSlot {
    #[inline]
    pub(super) fn offer(&self, value: Number) {
        if self.is_wanted.load(Relaxed) && active::is_any() {
            self.keep(value);
        }
    }

    /// Keeps a measurement that was made in this span, if one is wanted.
    pub(super) fn offer_kept(&self, kept: Option<Kept>, value: Number) {
        if let Some(kept) = kept
            && self.is_wanted.load(Relaxed)
            && self.is_wanted.swap(false, SeqCst)
        {
            *self.kept.lock() = Some(Kept { value, ..kept });
        }
    }

    /// Takes what was kept, and wants another.
    pub(super) fn take(&self) -> Option<Kept> {
        let kept = self.kept.lock().take();
        self.is_wanted.store(true, SeqCst);
        kept
    }

    #[cold]
    fn keep(&self, value: Number) {
        let here =
            active::with_active(|scope| scope.recorded_parent().and_then(SpanId::some).map(|span| (scope.trace_id, span)));
        if let Some((trace_id, span_id)) = here.flatten()
            && self.is_wanted.swap(false, SeqCst)
        {
            *self.kept.lock() = Some(Kept { at: Tick::now(), value, trace_id, span_id });
        }
    }
}
