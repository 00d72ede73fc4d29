//! What went wrong in the exporters that this one comes after can't happen here.

use flowglass_model::Sink;
use flowglass_otlp::Signal;

use crate::batches::{exporter, of_all_signals, spans};
use crate::http_receiver::{HttpReceiver, Reply};

/// Theirs never drained its buffer again when one span couldn't be sent: all that came later was stuck behind it.
#[test]
fn what_is_refused_holds_nothing_else_up() {
    let receiver = HttpReceiver::start(vec![Reply::status(400)]);
    let mut exporter = exporter(&receiver.address()).build().unwrap();
    exporter.write(&spans(&["bad"])).unwrap();
    exporter.flush().unwrap_err();
    for name in ["good", "better", "best"] {
        exporter.write(&spans(&[name])).unwrap();
    }
    exporter.flush().unwrap();
    let counts = exporter.stats().of(Signal::Traces);
    assert_eq!((counts.exported, counts.dropped), (3, 1));
}

/// Theirs connected anew for each request, and had no metrics.
#[test]
fn a_connection_is_kept_for_all_requests_of_a_signal() {
    let receiver = HttpReceiver::start(Vec::new());
    let mut exporter = exporter(&receiver.address()).build().unwrap();
    for _ in 0..20 {
        exporter.write(&of_all_signals()).unwrap();
        exporter.flush().unwrap();
    }
    assert_eq!(receiver.received().len(), 60, "three signals each time");
    assert_eq!(receiver.connections(), 3, "one for each signal");
}
