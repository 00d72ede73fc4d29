//! Which spans of a scope are open: a stack that its one writer changes without locks, and a table of parked ones.
//!
//! The collector reads both while they change. A slot's id is zero while its other words change and is read twice, so
//! that a frame that was torn is seen and left for the next look.

mod aside;
mod frame;
#[cfg(all(test, loom))]
mod interleavings;
mod quick;
mod slot;
mod stack;

use std::collections::HashMap;

use flowglass_model::SpanId;

pub(crate) use frame::{EndedFrame, OpenFrame};
pub use frame::{Frame, NO_INDEX};
pub(crate) use quick::{FreePlace, Top};
pub(crate) use stack::OpenFrames;

/// Open spans by their ids, as one look found them.
pub(crate) type Found<T> = HashMap<SpanId, T, crate::id_hash::BuildIdHasher>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tick;
    use crate::raw::USER_TEMPLATE;
    use crate::static_text::StaticText;

    fn open(id: u64, template: u32) -> OpenFrame {
        let frame = Frame {
            span: SpanId::from_u64(id),
            parent: SpanId::from_u64(id - 1),
            template,
            index: NO_INDEX,
            start: Tick::ZERO,
            flags: 1,
        };
        OpenFrame { frame, name: if template == USER_TEMPLATE { StaticText::pack("name") } else { StaticText::NONE } }
    }

    fn seen(frames: &OpenFrames) -> Vec<u64> {
        let mut ids = Vec::new();
        frames.scan(|open| ids.push(open.frame.span.to_u64()));
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    #[test]
    fn the_top_of_the_stack_is_current() {
        let frames = OpenFrames::default();
        assert_eq!(frames.current(), None);
        frames.push(&open(1, 0));
        frames.push(&open(2, 0));
        assert_eq!(frames.current(), Some(SpanId::from_u64(2)));
        frames.pop();
        assert_eq!((frames.current(), seen(&frames)), (Some(SpanId::from_u64(1)), vec![1]));
        frames.pop();
        frames.pop();
        assert!(seen(&frames).is_empty(), "popping an empty stack does nothing");
    }

    #[test]
    fn a_frame_comes_back_as_it_was() {
        let frames = OpenFrames::default();
        frames.push(&open(7, 3));
        frames.scan(|found| assert_eq!(found, open(7, 3)));
    }

    #[test]
    fn a_stack_deeper_than_its_slots_is_still_seen() {
        let frames = OpenFrames::default();
        let all: Vec<u64> = (1..=40).collect();
        all.iter().for_each(|&id| frames.push(&open(id, 0)));
        assert_eq!(seen(&frames), all);
        assert_eq!(frames.current(), Some(SpanId::from_u64(40)));
        (0..39).for_each(|_| frames.pop());
        assert_eq!(seen(&frames), [1]);
    }

    #[test]
    fn a_parked_frame_stays_open_until_closed() {
        let frames = OpenFrames::default();
        frames.push(&open(1, 0));
        frames.push(&open(2, 0));
        frames.park();
        assert_eq!((frames.current(), seen(&frames)), (Some(SpanId::from_u64(1)), vec![1, 2]));
        frames.resume(SpanId::from_u64(2));
        assert_eq!(frames.current(), Some(SpanId::from_u64(2)));
        frames.pop();
        frames.close(SpanId::from_u64(2));
        assert_eq!(seen(&frames), [1]);
        frames.resume(SpanId::from_u64(2));
        assert_eq!(frames.current(), Some(SpanId::from_u64(1)), "what isn't parked can't be resumed");
    }

    #[test]
    fn users_spans_may_end_in_any_order() {
        let frames = OpenFrames::default();
        frames.push(&open(1, 0));
        (2..=4).for_each(|id| frames.push(&open(id, USER_TEMPLATE)));
        frames.end(SpanId::from_u64(2));
        assert_eq!((frames.current(), seen(&frames)), (Some(SpanId::from_u64(4)), vec![1, 3, 4]));
        frames.end(SpanId::from_u64(99));
        assert_eq!(seen(&frames), [1, 3, 4], "an unknown span changes nothing");
    }

    #[test]
    fn a_users_span_that_outlives_its_node_is_parked() {
        let frames = OpenFrames::default();
        frames.push(&open(1, 0));
        frames.push(&open(2, USER_TEMPLATE));
        frames.pop();
        assert_eq!((frames.current(), seen(&frames)), (None, vec![2]));
        frames.end(SpanId::from_u64(2));
        assert!(seen(&frames).is_empty());
    }
}
