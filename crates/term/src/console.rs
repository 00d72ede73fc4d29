//! Traces on a terminal as they end: a sink that draws each as a tree, and writes logs as lines between them.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use flowglass_insight::Tree;
use flowglass_insight::waterfall::FoldLimits;
use flowglass_model::{Batch, LogRecord, Severity, Sink, SinkError, SinkErrorKind, Span, TraceId, flags};

use crate::ink::Ink;
use crate::line::Line;
use crate::{Options, tree};

/// Spans that wait for their roots, at most; beyond, the oldest trace is drawn as far as it is known.
const WAITING_SPANS: usize = 20_000;

/// Draws every trace as a tree once its root has ended, long maps folded, and logs as they come.
///
/// What still waits for its root is drawn when the sink is dropped. A reader that has gone away ends the drawing, not the run.
pub struct Console {
    out: Box<dyn Write + Send>,
    options: Options,
    /// Traces whose roots haven't ended.
    waiting: HashMap<TraceId, Vec<Span>>,
    /// Their ids, the oldest first.
    order: Vec<TraceId>,
    spans: usize,
    is_closed: bool,
}

impl Console {
    /// Makes a console that writes there.
    #[must_use]
    pub fn new(out: impl Write + Send + 'static, options: Options) -> Self {
        let out = Box::new(out);
        Self { out, options, waiting: HashMap::new(), order: Vec::new(), spans: 0, is_closed: false }
    }

    /// Adds a span; says whether it is the root of its trace in this process.
    fn add(&mut self, span: Span) -> bool {
        let is_root = span.parent_id.is_none() || span.flags & flags::IS_REMOTE != 0;
        let spans = self.waiting.entry(span.trace_id).or_default();
        if spans.is_empty() {
            self.order.push(span.trace_id);
        }
        spans.push(span);
        self.spans += 1;
        is_root
    }

    fn draw(&mut self, trace: TraceId) -> io::Result<()> {
        let Some(spans) = self.waiting.remove(&trace) else { return Ok(()) };
        self.order.retain(|other| *other != trace);
        self.spans -= spans.len();
        let drawn = tree::render_folded(&Tree::of(&spans), &FoldLimits::default(), &self.options);
        self.out.write_all(format!("trace {trace}\n{drawn}").as_bytes())
    }

    fn draw_all(&mut self) -> io::Result<()> {
        std::mem::take(&mut self.order).into_iter().try_for_each(|trace| self.draw(trace))?;
        self.out.flush()
    }

    fn take(&mut self, batch: &Batch) -> io::Result<()> {
        for log in batch.logs() {
            let line = log_line(&log.to_log(), self.options);
            self.out.write_all(line.as_bytes())?;
        }
        // A batch holds children behind their roots too: all of it is taken before anything is drawn.
        let spans: Vec<Span> = batch.spans().map(|span| span.to_span()).collect();
        let mut ended: Vec<TraceId> = Vec::new();
        for span in spans {
            let trace = span.trace_id;
            if self.add(span) && !ended.contains(&trace) {
                ended.push(trace);
            }
        }
        ended.into_iter().try_for_each(|trace| self.draw(trace))?;
        while self.spans > WAITING_SPANS {
            self.draw(self.order[0])?;
        }
        self.out.flush()
    }

    /// Runs what writes, unless the reader has gone.
    fn while_open(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) -> Result<(), SinkError> {
        if self.is_closed {
            return Ok(());
        }
        match write(self) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            Err(error) => Err(SinkError::new(SinkErrorKind::Permanent, "the console can't be written").with_source(error)),
            Ok(()) => Ok(()),
        }
    }
}

impl Sink for Console {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.while_open(|console| console.take(batch))
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = self.while_open(Self::draw_all);
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("options", &self.options).field("spans", &self.spans).finish_non_exhaustive()
    }
}

/// Returns a log record as a line: its severity, what it says, its attributes as far as there is room.
fn log_line(log: &LogRecord, options: Options) -> String {
    let mut line = Line::new(options);
    let ink = match log.severity {
        severity if severity >= Severity::ERROR => Ink::Failed,
        severity if severity >= Severity::WARN => Ink::Broken,
        _ => Ink::Dim,
    };
    let severity = if log.severity_text.is_empty() { log.severity.as_str() } else { &log.severity_text };
    line.push(ink, &format!("{severity:5} "));
    if !log.event_name.is_empty() {
        line.push(Ink::Strong, &log.event_name).push(Ink::Plain, " ");
    }
    let body = log.body.as_str().map_or_else(|| tree::short(&log.body).into(), flowglass_insight::text::first_line);
    line.push(Ink::Plain, &body);
    for (key, value) in &log.attributes {
        if !line.push_whole(Ink::Dim, &format!("  {key}={}", tree::short(value))) {
            break;
        }
    }
    line.finish() + "\n"
}

#[cfg(test)]
mod tests {
    use flowglass_model::{BatchBuilder, SpanId};
    use parking::Shared;

    use super::*;
    use crate::fixture::rich;

    /// Something to write into that a test can look at meanwhile.
    mod parking {
        use std::io::{self, Write};
        use std::sync::{Arc, Mutex};

        #[derive(Clone, Default)]
        pub(super) struct Shared(Arc<Mutex<Vec<u8>>>);

        impl Shared {
            pub(super) fn text(&self) -> String {
                String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
            }
        }

        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    }

    fn batch(spans: &[Span], logs: &[LogRecord]) -> Arc<Batch> {
        let mut builder = BatchBuilder::default();
        spans.iter().for_each(|span| builder.push(span));
        logs.iter().for_each(|log| builder.push_owned_log(log));
        Arc::new(builder.finish())
    }

    #[test]
    fn a_trace_is_drawn_when_its_root_has_ended() {
        let (out, spans) = (Shared::default(), rich());
        let mut console = Console::new(out.clone(), Options::plain(100));
        console.write(&batch(&spans[1..], &[])).unwrap();
        assert_eq!(out.text(), "");
        console.write(&batch(&spans[..1], &[])).unwrap();
        let drawn = tree::render_folded(&Tree::of(&spans), &FoldLimits::default(), &Options::plain(100));
        assert_eq!(out.text(), format!("trace {}\n{drawn}", spans[0].trace_id));
        drop(console);
        assert_eq!(out.text().matches("trace ").count(), 1);
    }

    #[test]
    fn a_run_inside_of_a_span_is_drawn_with_it() {
        let (out, mut spans) = (Shared::default(), rich());
        let request = Span { name: "request".into(), span_id: SpanId::from_u64(1 << 40), ..spans[0].clone() };
        (spans[0].parent_id, spans[0].flags) = (request.span_id, flags::IS_RUN_ROOT);
        let mut console = Console::new(out.clone(), Options::plain(100));
        console.write(&batch(&spans, &[])).unwrap();
        assert_eq!(out.text(), "", "what is around it hasn't ended");
        console.write(&batch(std::slice::from_ref(&request), &[])).unwrap();
        spans.insert(0, request);
        let drawn = tree::render_folded(&Tree::of(&spans), &FoldLimits::default(), &Options::plain(100));
        assert_eq!(out.text(), format!("trace {}\n{drawn}", spans[0].trace_id));
    }

    #[test]
    fn what_has_no_root_is_drawn_at_the_end() {
        let out = Shared::default();
        let mut console = Console::new(out.clone(), Options::plain(100));
        let orphan =
            Span { name: "left".into(), parent_id: SpanId::from_u64(9), span_id: SpanId::from_u64(1), ..Span::default() };
        console.write(&batch(&[orphan], &[])).unwrap();
        assert_eq!(out.text(), "");
        drop(console);
        assert!(out.text().contains("left"));
    }

    #[test]
    fn logs_are_lines_and_harmless() {
        let out = Shared::default();
        let mut console = Console::new(out.clone(), Options::plain(60));
        let log = LogRecord {
            severity: Severity::WARN,
            body: "slow\u{1b}[2J\nsecond".into(),
            attributes: vec![("rows".into(), 7.into()), ("long".into(), "x".repeat(80).into())],
            ..LogRecord::default()
        };
        console.write(&batch(&[], &[log])).unwrap();
        let text = out.text();
        assert!(text.starts_with("WARN  slow") && text.contains("rows=7") && !text.contains('\u{1b}'), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn memory_is_bounded_when_roots_never_end() {
        let out = Shared::default();
        let mut console = Console::new(out.clone(), Options::plain(100));
        let span = |trace: u8, id: usize| Span {
            trace_id: TraceId::from_bytes([trace; 16]),
            span_id: SpanId::from_u64(id as u64 + 1),
            parent_id: SpanId::from_u64(u64::MAX),
            name: format!("work {id}"),
            ..Span::default()
        };
        for trace in 1..4 {
            let spans: Vec<Span> = (0..WAITING_SPANS / 2).map(|id| span(trace, id)).collect();
            console.write(&batch(&spans, &[])).unwrap();
        }
        assert_eq!((console.spans, console.order.len()), (WAITING_SPANS, 2));
        assert!(out.text().starts_with(&format!("trace {}", TraceId::from_bytes([1; 16]))));
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut console = Console::new(Gone, Options::plain(100));
        assert!(console.write(&batch(&rich(), &[])).is_ok());
        assert!(console.is_closed);
    }
}
