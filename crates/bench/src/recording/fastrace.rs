//! fastrace: local spans under a root, with a reporter that counts.

use fastrace::collector::{Config, Reporter, SpanRecord};
use fastrace::prelude::{Event, LocalSpan, Span, SpanContext};

use super::check::Check;
use super::payload::{ATTEMPT, CACHED, MODEL, ROWS, SCORE, SPANS, TRACES, keys};
use crate::figures::Figures;
use crate::sampling;

impl Reporter for Check {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        if self.count(spans.len()) {
            for child in spans.iter().filter(|span| span.name == "child") {
                let has_key = child.properties.iter().any(|(key, value)| key == "key" && value.len() == 16);
                self.child(has_key && child.properties.len() == 6 && child.events.len() == 1);
            }
        }
    }
}

/// Measures recorded spans.
pub(super) fn run() -> Result<Figures, String> {
    let check = Check::default();
    fastrace::set_reporter(check.clone(), Config::default());
    let keys = keys();
    let batch = || {
        for _ in 0..TRACES {
            let root = Span::root("root", SpanContext::random());
            let _parent = root.set_local_parent();
            keys.iter().for_each(|key| child(key));
        }
    };
    let cost = sampling::measure(SPANS, batch, fastrace::flush);
    check.result(sampling::batches() * SPANS)?;
    let mut figures = Figures::default();
    figures.add("fastrace_ns", cost.wall_ns);
    Ok(figures)
}

#[inline(always)]
fn child(key: &str) {
    let _child = LocalSpan::enter_with_local_parent("child").with_properties(|| {
        [
            ("model", MODEL.into()),
            ("key", key.to_owned().into()),
            ("rows", ROWS.to_string().into()),
            ("attempt", ATTEMPT.to_string().into()),
            ("cached", std::borrow::Cow::from(if CACHED { "true" } else { "false" })),
            ("score", SCORE.to_string().into()),
        ]
    });
    LocalSpan::add_event(Event::new("loaded"));
}
