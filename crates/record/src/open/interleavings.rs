//! A thread that opens and ends spans and the collector that looks for open ones, in every order: no frame is seen torn, none that
//! is open is missed, and none is seen after its end was read.

use std::sync::atomic::Ordering::{Acquire, Release};

use flowglass_model::flags;
use loom::thread;

use super::*;
use crate::Tick;
use crate::raw::USER_TEMPLATE;
use crate::static_text::StaticText;
use crate::sync::{Arc, AtomicBool};

/// All words of a frame tell its number.
fn frame(number: u64) -> Frame {
    let (span, parent) = (SpanId::from_u64(number), SpanId::from_u64(number));
    Frame { span, parent, template: number as u32, index: number, start: Tick::from_raw(number), flags: flags::SAMPLED }
}

fn seen(frames: &OpenFrames) -> Vec<OpenFrame> {
    let mut seen = Vec::new();
    frames.scan(|open| seen.push(open));
    seen
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Opens and ends spans as `record` does, while another thread looks once; returns what that saw.
///
/// It is the collector that is spawned: the checker goes back to where what a thread loads was stored, so that it must meet the
/// stores first.
fn record_and_look(record: impl FnOnce(&OpenFrames)) -> Vec<OpenFrame> {
    let frames = Arc::new(OpenFrames::default());
    frames.push_engines(&frame(1));
    let its = Arc::clone(&frames);
    let collector = thread::spawn(move || seen(&its));
    record(&frames);
    collector.join().unwrap()
}

#[test]
fn no_frame_is_seen_torn() {
    check(|| {
        let seen = record_and_look(|frames| {
            frames.pop();
            frames.push_engines(&frame(2));
        });
        for open in seen {
            assert!([1, 2].map(frame).contains(&open.frame), "{open:?}");
        }
    });
}

#[test]
fn a_users_span_is_seen_with_its_name() {
    let name = StaticText::pack("name");
    check(move || {
        let seen = record_and_look(|frames| {
            frames.pop();
            if let Some(place) = frames.free_place(SpanId::NONE) {
                place.push_users(SpanId::from_u64(2), Tick::from_raw(2), name);
            }
        });
        for open in seen {
            let is_users = open.frame.template == USER_TEMPLATE;
            assert_eq!((is_users, !open.name.is_none()), (open.frame.span.to_u64() == 2, is_users), "{open:?}");
        }
    });
}

#[test]
fn a_span_is_never_seen_open_after_its_end_was_read() {
    check(|| {
        let (frames, is_recorded) = (Arc::new(OpenFrames::default()), Arc::new(AtomicBool::new(false)));
        frames.push_engines(&frame(1));
        let (its, its_record) = (Arc::clone(&frames), Arc::clone(&is_recorded));
        let collector = thread::spawn(move || (its_record.load(Acquire), seen(&its)));
        frames.pop();
        is_recorded.store(true, Release);
        let (was_read, seen) = collector.join().unwrap();
        assert!(!was_read || seen.is_empty(), "{seen:?}");
    });
}

#[test]
fn a_span_that_is_being_parked_is_not_missed() {
    check(|| {
        let seen = record_and_look(OpenFrames::park);
        assert!(seen.iter().all(|open| open.frame == frame(1)) && !seen.is_empty(), "on the stack, in the table, or in both");
    });
}
