//! What the recorders of runs tell of a backend elsewhere: how many jobs are under way, and how much waits.

use std::collections::HashSet;
use std::sync::Weak;

use flowglass_model::{WriterId, conventions};
use flowglass_record::Value;

use super::dispatch::{Dispatcher, Errand};

/// The recorders that ask a dispatcher for its load.
#[derive(Default)]
pub(super) struct Observed(HashSet<WriterId>);

/// Of so many recorders it is remembered that they ask.
const REMEMBERED: usize = 1_024;

impl Observed {
    /// Has the recorder of an errand ask, once.
    pub(super) fn by(&mut self, errand: &Errand, dispatcher: &Weak<Dispatcher>) {
        let recorder = errand.scope.recorder();
        if recorder.is_off() || self.0.contains(&recorder.writer()) {
            return;
        }
        if self.0.len() == REMEMBERED {
            self.0.clear();
        }
        self.0.insert(recorder.writer());
        ask(errand, (conventions::WORKER_ACTIVE, "{job}", "Jobs that workers have in hand"), dispatcher, Dispatcher::under_way);
        ask(errand, (conventions::QUEUE_DEPTH, "{item}", "Work that waits for a worker"), dispatcher, Dispatcher::waiting);
    }
}

fn ask(errand: &Errand, (name, unit, description): (&str, &str, &str), of: &Weak<Dispatcher>, load: fn(&Dispatcher) -> usize) {
    let name_of_backend = errand.header.attributes.iter().filter(|(key, _)| key == conventions::BACKEND_NAME);
    let attributes: Vec<_> = name_of_backend.map(|(key, value)| (key.as_str(), Value::Json(value))).collect();
    let of = Weak::clone(of);
    let load = move || i64::try_from(load(&*of.upgrade()?)).ok();
    errand.scope.recorder().gauge(name).unit(unit).description(description).observe(&attributes, load);
}
