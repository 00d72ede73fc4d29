//! The worker's side of the socket: takes jobs, sends answers, says that it lives, ends with its driver.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::super::transport::JobId;
use super::super::worker::{Upstream, Worker};
use super::frame::{self, FrameKind, FrameReader};
use super::handshake;
use super::invitation::Invitation;
use super::mark::marking;
use crate::cancel::CancelToken;

/// Does the driver's jobs, until the driver goes.
///
/// The jobs run on one thread, a job's async nodes beside each other; sockets and heartbeats have threads of their own, so
/// a busy worker is not a silent one.
///
/// # Errors
/// If the driver can't be reached or doesn't prove to be the one that sent the invitation.
pub fn serve(invitation: &Invitation, worker: Worker) -> io::Result<()> {
    let mut stream = TcpStream::connect(invitation.driver)?;
    handshake::answer(&mut stream, invitation.number, invitation.secret)?;
    stream.set_nodelay(true)?;
    let driver = Arc::new(Driver { stream: Mutex::new(stream.try_clone()?), cancels: Mutex::default() });
    let (jobs, arriving) = unbounded_channel();
    let limit_bytes = invitation.message_bytes;
    let worker = worker.message_bytes(limit_bytes).announced_by(marking(invitation.opening()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let upstream = Arc::clone(&driver);
    std::thread::Builder::new()
        .name("flowglass jobs".into())
        .spawn(move || runtime.block_on(work(Arc::new(worker), upstream, arriving)))?;
    let (pulse, heartbeat) = (Arc::clone(&driver), invitation.heartbeat);
    std::thread::Builder::new().name("flowglass pulse".into()).spawn(move || pulse.beat(heartbeat))?;
    driver.listen(&mut stream, &jobs, limit_bytes)
}

type Arriving = (JobId, Vec<u8>, CancelToken);

/// Begins each job as it comes.
async fn work(worker: Arc<Worker>, driver: Arc<Driver>, mut arriving: UnboundedReceiver<Arriving>) {
    while let Some((job, body, cancel)) = arriving.recv().await {
        let (worker, driver) = (Arc::clone(&worker), Arc::clone(&driver));
        tokio::spawn(async move {
            let upstream: Arc<dyn Upstream> = Arc::clone(&driver) as _;
            let answer = worker.work(job, &body, &upstream, &cancel).await;
            driver.cancels.lock().remove(&job);
            driver.send(FrameKind::Result, job, &answer);
        });
    }
}

/// The driver, as its worker sees it.
struct Driver {
    stream: Mutex<TcpStream>,
    cancels: Mutex<HashMap<JobId, CancelToken>>,
}

impl Driver {
    /// Reads until the driver is gone.
    fn listen(&self, stream: &mut TcpStream, jobs: &UnboundedSender<Arriving>, limit_bytes: usize) -> io::Result<()> {
        let mut reader = FrameReader::new(limit_bytes);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            };
            reader.feed(&buffer[..length]);
            while let Some(frame) = reader.next().map_err(io::Error::other)? {
                match frame.kind {
                    FrameKind::Job => {
                        let cancel = CancelToken::new();
                        self.cancels.lock().insert(frame.job, cancel.clone());
                        // The thread that takes jobs ends only with the process.
                        let _ = jobs.send((frame.job, frame.body, cancel));
                    }
                    // Told here, so that a node that never yields can see it.
                    FrameKind::Cancel => self.cancels.lock().get(&frame.job).into_iter().for_each(CancelToken::cancel),
                    _ => return Err(io::Error::other("the driver sent what only a worker sends")),
                }
            }
        }
    }

    fn send(&self, kind: FrameKind, job: JobId, body: &[u8]) {
        // A driver that is gone is noticed by whoever listens.
        let _ = self.stream.lock().write_all(&frame::encode(kind, job, body));
    }

    fn beat(&self, heartbeat: Duration) {
        loop {
            std::thread::sleep(heartbeat);
            self.send(FrameKind::Heartbeat, JobId(0), &[]);
        }
    }
}

impl Upstream for Driver {
    fn update(&self, job: JobId, body: &[u8]) {
        self.send(FrameKind::Update, job, body);
    }
}
