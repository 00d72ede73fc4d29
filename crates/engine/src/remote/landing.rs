//! What workers say of jobs under way, and what becomes of a job that is over.

use flowglass_model::{Batch, Severity, conventions};
use flowglass_record::Value;

use super::dispatch::{Dispatcher, Told};
use super::envelope::{self, Kind};
use super::event::RemoteEvent;
use super::job::{ItemResult, JobResult, Update, WorkerId};
use super::transport::{JobId, Output};
use crate::error::{Error, ErrorKind};

impl Dispatcher {
    pub(super) fn update(&self, job: JobId, body: &[u8]) {
        let limit = self.transport.limits().message_bytes;
        // What can't be read is telemetry at worst; the answer to the job says whether all is well.
        let Ok(update) = envelope::open::<Update>(Kind::Update, body, limit) else { return };
        match update {
            Update::Started => self.started(job),
            Update::Events(events) => self.tell_events(job, events),
            Update::Ended { worker, items } => self.ended(job, &worker, items),
            Update::Telemetry { worker, trace, batch } => {
                let errand = self.state.lock().errand_of(job, |run| run.trace == trace);
                let Some((scope, Some(codec))) = errand.map(|errand| (errand.scope, errand.codec)) else { return };
                let unread = |_| vec![Batch { dropped: 1, ..Batch::default() }];
                for mut batch in codec.decode(&batch.0).unwrap_or_else(unread) {
                    self.open.note(&worker, &mut batch);
                    if !batch.spans.is_empty() && !scope.is_sampled() {
                        // Of such a trace a worker records what is behind an error.
                        scope.note_error();
                    }
                    scope.recorder().relay(batch);
                }
            }
        }
    }

    /// A worker has printed something: a log record of whatever printed it.
    pub(super) fn output(&self, job: JobId, output: &Output) {
        let errand = self.state.lock().errand_of(job, |run| run.trace == output.trace);
        let Some(errand) = errand.filter(|errand| errand.header.telemetry) else { return };
        let from = [
            (conventions::WORKER_ID, Value::Str(&output.worker)),
            (conventions::LOG_IOSTREAM, Value::Str(output.stream.as_str())),
        ];
        errand.scope.log(output.span, "worker.output", (Severity::INFO, &output.line), &from);
    }

    fn started(&self, job: JobId) {
        let mut state = self.state.lock();
        if let Some(flight) = state.flights.get_mut(&job) {
            flight.has_begun = true;
            flight.items.iter().flatten().for_each(|item| item.tell(Told::Started));
        }
    }

    fn tell_events(&self, job: JobId, events: Vec<RemoteEvent>) {
        let state = self.state.lock();
        let Some(flight) = state.flights.get(&job) else { return };
        for event in events {
            if let Some(Some(item)) = flight.items.get(event.item as usize) {
                item.tell(Told::Event(event));
            }
        }
    }

    /// Some items of a job have ended before the others.
    fn ended(&self, job: JobId, worker: &WorkerId, items: Vec<(u32, ItemResult)>) {
        if let Some(flight) = self.state.lock().flights.get_mut(&job) {
            flight.end(worker, items);
        }
    }

    pub(super) fn result(&self, job: JobId, body: &[u8]) {
        let limit = self.transport.limits().message_bytes;
        let Some((mut flight, errand)) = self.state.lock().land(job) else { return };
        let count = flight.items.len();
        let result = envelope::open::<JobResult>(Kind::Result, body, limit)
            .map_err(|error| format!("a worker's answer can't be read: {error}"))
            .and_then(|result| {
                errand.scope.recorder().relay(Batch { dropped: result.dropped, ..Batch::default() });
                Ok((result.items?, result.worker, result.elapsed_ns))
            });
        let missing = match result {
            Ok((items, worker, elapsed_ns)) => {
                self.state.lock().learn(&flight.lane, elapsed_ns, count);
                flight.end(&worker, items);
                "a worker's answer is short".to_owned()
            }
            Err(reason) => reason,
        };
        let error = Error::new(ErrorKind::Worker, missing);
        flight.items.into_iter().flatten().for_each(|item| item.end(Err(error.clone())));
        self.state.lock().release(&flight.lane);
    }
}
