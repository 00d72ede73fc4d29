//! What becomes of a job whose worker is gone: it is said on the spans of its items, which go to another worker or fail.

use flowglass_model::{Severity, SpanId, conventions};
use flowglass_record::Value;

use super::dispatch::{Dispatcher, Errand, Told};
use super::transport::{Fate, JobId, WorkerLost};
use crate::error::{Error, ErrorKind};

/// An item is given to so many further workers at most if its workers die without having begun with it.
const MOST_ACCIDENTS: u32 = 16;

impl Dispatcher {
    pub(super) fn lost(&self, job: JobId, lost: &WorkerLost) {
        let Some((flight, errand)) = self.state.lock().land(job) else { return };
        let interrupted = self.open.interrupt(&lost.worker, flight.lane.run.trace, &errand.scope.recorder());
        if lost.fate == Fate::Impossible {
            let waiting = self.state.lock().give_up(flight.lane.run, &lost.reason);
            let error = Error::new(ErrorKind::Environment, &*lost.reason);
            self.state.lock().release(&flight.lane);
            return flight.items.into_iter().flatten().chain(waiting).for_each(|item| item.end(Err(error.clone())));
        }
        let is_blamed = lost.fate == Fate::Died && flight.has_begun;
        for mut item in flight.items.into_iter().flatten().rev() {
            errand.tell_lost(item.item.span, lost, interrupted);
            item.losses += u32::from(is_blamed);
            item.accidents += u32::from(!is_blamed);
            item.tell(Told::Lost);
            if item.losses > errand.losses || item.accidents > MOST_ACCIDENTS {
                let error = lost_for_good(lost, item.losses);
                item.end(Err(error));
                continue;
            }
            // Alone, so that of several only the one that is at fault can fail.
            item.alone = true;
            self.state.lock().put_back(&flight.lane, &errand, item);
        }
        self.state.lock().release(&flight.lane);
    }
}

impl Errand {
    /// Says on an item's span that its worker was lost, whether or not anybody still waits for the item: that a worker had to be
    /// ended, because it didn't stop when it was asked to, is never a secret.
    fn tell_lost(&self, span: SpanId, lost: &WorkerLost, interrupted: u64) {
        let about = [
            (conventions::WORKER_ID, Value::Str(&lost.worker)),
            (conventions::WORKER_REASON, Value::Str(&lost.reason)),
            (conventions::WORKER_INTERRUPTED, Value::Int(interrupted.cast_signed())),
        ];
        self.scope.event(span, "worker.lost", &about);
        let body = format!("worker `{}` was lost: {}", lost.worker, lost.reason);
        self.scope.log(span, "worker.lost", (Severity::WARN, &body), &about);
    }
}

fn lost_for_good(lost: &WorkerLost, losses: u32) -> Error {
    let tries = if losses > 1 { format!("; {losses} workers were lost with it") } else { String::new() };
    Error::new(ErrorKind::Worker, format!("worker `{}` was lost: {}{tries}", lost.worker, lost.reason))
}
