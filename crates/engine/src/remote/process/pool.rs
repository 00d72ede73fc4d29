//! The workers of one backend: which of them is up, which job is whose.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Instant;

use parking_lot::Mutex;

use super::super::transport::{Fate, Home, JobId, Message, OutgoingJob, WorkerLost};
use super::Settings;
use super::door::Door;
use super::frame::{self, FrameKind};
use super::tend;

/// The workers of one backend.
pub(super) struct Pool {
    pub(super) settings: Settings,
    pub(super) door: Arc<Door>,
    places: Mutex<Vec<Place>>,
    is_closed: AtomicBool,
}

/// Where a worker is, or can be.
#[derive(Default)]
struct Place {
    phase: Phase,
    jobs: HashMap<JobId, Held>,
}

#[derive(Default)]
enum Phase {
    #[default]
    Empty,
    Starting,
    Up {
        frames: Sender<Vec<u8>>,
        stream: TcpStream,
    },
}

/// A job that a worker has, or that waits for its worker to come up.
struct Held {
    home: Arc<dyn Home>,
    unsent: Option<Vec<u8>>,
    cancel_by: Option<Instant>,
}

impl Pool {
    pub(super) fn start(settings: Settings) -> io::Result<Arc<Self>> {
        let places = Mutex::new((0..settings.workers).map(|_| Place::default()).collect());
        Ok(Arc::new(Self { settings, door: Door::open()?, places, is_closed: AtomicBool::new(false) }))
    }

    /// Gives a job to the worker that has the least to do, which is started if need be.
    pub(super) fn submit(self: &Arc<Self>, job: OutgoingJob, home: Arc<dyn Home>) {
        let bytes = frame::encode(FrameKind::Job, job.id, &job.body);
        let mut places = self.places.lock();
        let number = least_busy(&places);
        let place = &mut places[number];
        let mut held = Held { home, unsent: None, cancel_by: None };
        match &place.phase {
            // A worker that has just died takes no frame; whoever tends it reports the job.
            Phase::Up { frames, .. } => drop(frames.send(bytes)),
            Phase::Starting => held.unsent = Some(bytes),
            Phase::Empty => {
                held.unsent = Some(bytes);
                place.phase = Phase::Starting;
                let pool = Arc::clone(self);
                let tend = std::thread::Builder::new().name(format!("flowglass {}", self.name(number)));
                if let Err(error) = tend.spawn(move || tend::tend(&pool, number)) {
                    place.phase = Phase::Empty;
                    drop(places);
                    let reason = format!("no thread for a worker: {error}");
                    let lost = WorkerLost { worker: self.name(number), reason, fate: Fate::Impossible };
                    return held.home.receive(job.id, Message::Lost(lost));
                }
            }
        }
        place.jobs.insert(job.id, held);
    }

    pub(super) fn cancel(&self, job: JobId) {
        let mut places = self.places.lock();
        for place in places.iter_mut() {
            let Some(held) = place.jobs.get_mut(&job) else { continue };
            held.cancel_by.get_or_insert_with(|| Instant::now() + self.settings.cancel_within);
            if let Phase::Up { frames, .. } = &place.phase {
                // As in `submit`.
                drop(frames.send(frame::encode(FrameKind::Cancel, job, &[])));
            }
        }
    }

    /// Lets all workers go: they end when they find their socket closed.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.door.close();
        for place in self.places.lock().iter() {
            if let Phase::Up { stream, .. } = &place.phase {
                // One that is closed already is what is wanted.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(super) fn name(&self, number: usize) -> String {
        format!("processes-{}", number + 1)
    }

    /// A worker is up: it gets the jobs that wait for it.
    pub(super) fn up(&self, number: usize, frames: Sender<Vec<u8>>, stream: TcpStream) {
        let mut places = self.places.lock();
        let place = &mut places[number];
        for (job, held) in &mut place.jobs {
            // As in `submit`.
            held.unsent.take().into_iter().for_each(|bytes| drop(frames.send(bytes)));
            if held.cancel_by.is_some() {
                drop(frames.send(frame::encode(FrameKind::Cancel, *job, &[])));
            }
        }
        place.phase = Phase::Up { frames, stream };
    }

    /// Passes a worker's message on. An answer ends the job.
    pub(super) fn deliver(&self, number: usize, job: JobId, message: Message) {
        let mut places = self.places.lock();
        let jobs = &mut places[number].jobs;
        let home = match message {
            // What several jobs recorded comes with one of them, which may be over by now.
            Message::Update(_) | Message::Output(_) => {
                jobs.get(&job).or_else(|| jobs.values().next()).map(|held| Arc::clone(&held.home))
            }
            Message::Result(_) | Message::Lost(_) => jobs.remove(&job).map(|held| held.home),
        };
        drop(places);
        if let Some(home) = home {
            home.receive(job, message);
        }
    }

    /// Says whether a worker was asked to stop a job and hasn't done so in time.
    pub(super) fn is_stubborn(&self, number: usize) -> bool {
        let now = Instant::now();
        self.places.lock()[number].jobs.values().any(|held| held.cancel_by.is_some_and(|by| by <= now))
    }

    /// A worker is gone: its jobs are reported, and its place is free.
    pub(super) fn down(&self, number: usize, reason: &str, fate: Fate) {
        let mut places = self.places.lock();
        let place = &mut places[number];
        place.phase = Phase::Empty;
        let jobs = std::mem::take(&mut place.jobs);
        drop(places);
        for (job, held) in jobs {
            let fate = if fate == Fate::Evicted && held.cancel_by.is_some() { Fate::Died } else { fate };
            let lost = WorkerLost { worker: self.name(number), reason: reason.to_owned(), fate };
            held.home.receive(job, Message::Lost(lost));
        }
    }
}

/// The place with the fewest jobs; of several, one whose worker is up.
fn least_busy(places: &[Place]) -> usize {
    let weight = |place: &Place| (place.jobs.len(), !matches!(place.phase, Phase::Up { .. }));
    places.iter().enumerate().min_by_key(|(_, place)| weight(place)).map_or(0, |(number, _)| number)
}
