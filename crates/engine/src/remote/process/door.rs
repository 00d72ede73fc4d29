//! Where workers knock: a loopback socket that lets in exactly those that were started and know their secret.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;

use super::handshake::{self, Secret};

/// How many may be asked at once who they are; who comes then is sent away.
const CROWD: usize = 64;

/// Lets workers in.
pub(super) struct Door {
    address: SocketAddr,
    expected: Mutex<HashMap<u32, (Secret, Sender<TcpStream>)>>,
    asked: AtomicUsize,
    is_closed: AtomicBool,
}

impl Door {
    /// Opens the door on a free port of the loopback interface.
    pub(super) fn open() -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let door = Arc::new(Self {
            address: listener.local_addr()?,
            expected: Mutex::default(),
            asked: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
        });
        let porter = Arc::clone(&door);
        std::thread::Builder::new().name("flowglass door".into()).spawn(move || porter.listen(&listener))?;
        Ok(door)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Expects a worker, which comes out of the receiver once it has proved that it knows the secret.
    pub(super) fn expect(&self, worker: u32, secret: Secret) -> Receiver<TcpStream> {
        let (sender, receiver) = channel();
        self.expected.lock().insert(worker, (secret, sender));
        receiver
    }

    /// Expects a worker no longer.
    pub(super) fn forget(&self, worker: u32) {
        self.expected.lock().remove(&worker);
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        // A knock of our own wakes the listener. If it fails, the next one does.
        drop(TcpStream::connect(self.address));
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.is_closed.load(Ordering::Acquire) {
                return;
            }
            let Ok(stream) = stream else { continue };
            if self.asked.fetch_add(1, Ordering::AcqRel) >= CROWD {
                self.asked.fetch_sub(1, Ordering::AcqRel);
                continue;
            }
            let door = Arc::clone(self);
            let ask = move || {
                // Whoever isn't expected is told nothing.
                let _ = door.admit(stream);
                door.asked.fetch_sub(1, Ordering::AcqRel);
            };
            if std::thread::Builder::new().name("flowglass door".into()).spawn(ask).is_err() {
                self.asked.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    fn admit(&self, mut stream: TcpStream) -> io::Result<()> {
        let caller = handshake::ask(&mut stream)?;
        let mut expected = self.expected.lock();
        // A stranger who guesses a number must not make the door forget whom it expects.
        if !expected.get(&caller.worker).is_some_and(|(secret, _)| caller.knows(*secret)) {
            return Err(io::Error::other("nobody expects this worker"));
        }
        let admitted = expected.remove(&caller.worker);
        drop(expected);
        let Some((secret, sender)) = admitted else { return Ok(()) };
        caller.welcome(&mut stream, secret)?;
        stream.set_nodelay(true)?;
        sender.send(stream).map_err(|_| io::Error::other("too late"))
    }
}
