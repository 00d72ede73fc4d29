//! A sink that hangs: the recorder's memory stays at its bound, whatever is recorded meanwhile, and what is lost is counted exactly.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use flowglass_model::{Batch, Sink, SinkError};
use flowglass_record::{Recorder, span};

const PATIENCE: Duration = Duration::from_secs(60);
const MEGABYTE: usize = 1024 * 1024;
const BUFFERS: usize = MEGABYTE;
const QUEUE: usize = MEGABYTE;

/// How much memory the whole process has, and the most that it has had.
#[derive(Debug)]
struct Live {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Live {
    fn add(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes, Relaxed) + bytes;
        self.most.fetch_max(now, Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.now.fetch_sub(bytes, Relaxed);
    }
}

static LIVE: Live = Live { now: AtomicUsize::new(0), most: AtomicUsize::new(0) };

struct Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe to implement; this one passes everything on")]
// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.add(layout.size());
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.remove(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Hangs in its first write until the gate is gone.
struct Hanging {
    begun: Sender<()>,
    gate: Receiver<()>,
}

impl Sink for Hanging {
    fn write(&mut self, _: &Arc<Batch>) -> Result<(), SinkError> {
        let _ = self.begun.send(());
        let _ = self.gate.recv();
        Ok(())
    }
}

/// Records spans in traces of their own, each with an event and a text that no other one has.
fn record(recorder: &Recorder, spans: usize) {
    for number in 0..spans {
        let _root = recorder.root_span("root");
        let text = number.to_string();
        span("child").attr("number", &text).event("said", &[]);
    }
}

#[test]
fn memory_stays_at_its_bound_and_losses_are_counted() {
    const ROUNDS: usize = 20;
    const SPANS: usize = 5_000;
    let (begun, has_begun) = crossbeam_channel::unbounded();
    let (open, gate) = crossbeam_channel::bounded(0);
    let recorder =
        Recorder::builder().buffer_bytes(BUFFERS).queue_bytes(QUEUE).sink("hanging", Hanging { begun, gate }).build();
    let before = LIVE.now.load(Relaxed);
    for _ in 0..ROUNDS {
        std::thread::scope(|threads| {
            (0..2).for_each(|_| _ = threads.spawn(|| record(&recorder, SPANS)));
        });
        // The sink hangs, and what was recorded goes as far as it can.
        assert!(recorder.flush(Duration::ZERO).is_err());
        let stats = recorder.stats();
        assert!(stats.buffers_bytes as usize <= BUFFERS, "{stats:?}");
        assert!(stats.sinks[0].queued_bytes as usize <= QUEUE, "{stats:?}");
    }
    has_begun.recv_timeout(PATIENCE).unwrap();
    let most = LIVE.most.load(Relaxed) - before;
    // What buffers hold becomes a batch while they are filled again; and there are 1,024 traces that wait for the collector.
    assert!(most <= QUEUE + 8 * BUFFERS, "{most} bytes");

    let stats = recorder.stats();
    // Which limit it was that held is a matter of how fast the collector is.
    assert!(stats.dropped(&stats.sinks[0]).spans > 0 && stats.sinks[0].delivered.spans == 0, "{stats:?}");
    drop(open);
    recorder.shutdown(PATIENCE).unwrap();
    let stats = recorder.stats();
    let (sink, made) = (&stats.sinks[0], (2 * ROUNDS * SPANS) as u64);
    assert_eq!((stats.recorded.spans, stats.recorded.events), (2 * made, made));
    assert_eq!(stats.recorded, sink.delivered + stats.dropped(sink), "{stats:?}");
    assert_eq!(sink.queued_bytes, 0);
}
