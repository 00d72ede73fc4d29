//! A process that forks: the child has the recorder's memory, and neither its threads nor its sinks.
#![cfg(unix)]
#![expect(unsafe_code, reason = "forking is")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowglass_model::{Batch, Severity, Sink, SinkError, SpanId, Status};
use flowglass_record::{Recorder, span};

struct Names(Arc<Mutex<Vec<String>>>);

impl Sink for Names {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.0.lock().unwrap().extend(batch.spans().map(|span| span.name().to_owned()));
        Ok(())
    }
}

/// Uses everything that a recorder has, and comes back.
fn use_all(recorder: &Recorder) {
    for _ in 0..5000 {
        let root = recorder.root_span("of the child");
        root.attr("n", 1).event("e", &[]);
        drop(span("inner"));
    }
    recorder.log(Severity::INFO, "said", &[]);
    recorder.counter("n").add(1, &[]);
    let trace = recorder.start_trace("by id");
    recorder.end_span(recorder.start_span(trace, SpanId::NONE, "x"), Status::Ok, "");
    recorder.flush(Duration::from_secs(60)).unwrap();
    recorder.shutdown(Duration::from_secs(60)).unwrap();
}

/// Runs in a child; says whether that ended well.
fn in_child(work: impl FnOnce()) -> bool {
    // SAFETY: the child calls nothing but the recorder, which takes no lock that another thread may hold, and ends
    // without running what the parent would run at its own end.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let is_well = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_ok();
        // SAFETY: it only ends the process.
        unsafe { libc::_exit(i32::from(!is_well)) };
    }
    let mut status = 0;
    // SAFETY: `status` is where the call may write.
    unsafe { libc::waitpid(child, &raw mut status, 0) == child && status == 0 }
}

#[test]
fn a_child_records_nothing_and_hangs_nowhere() {
    let names = Arc::new(Mutex::new(Vec::new()));
    for has_begun in [false, true] {
        let builder = Recorder::builder().export_interval(Duration::from_secs(3600));
        let recorder = builder.sink("names", Names(Arc::clone(&names))).build();
        if has_begun {
            drop(recorder.root_span("of the parent"));
            recorder.flush(Duration::from_secs(60)).unwrap();
        }
        assert!(in_child(|| use_all(&recorder)));
        drop(recorder.root_span("of the parent, later"));
        recorder.flush(Duration::from_secs(60)).unwrap();
    }
    assert_eq!(*names.lock().unwrap(), ["of the parent, later", "of the parent", "of the parent, later"]);
}
