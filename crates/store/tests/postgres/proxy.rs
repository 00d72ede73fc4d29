//! A way to a server that can be cut, or that swallows what is sent: a server that hangs looks the same from afar.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Passes bytes on to a server on this machine, and back.
pub(crate) struct Proxy {
    /// The address of the store, this way.
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Nothing is passed on in either direction, and nobody is told.
    hangs: bool,
    /// After so many more bytes for the server, every connection breaks.
    left: Option<usize>,
    /// How many bytes the server was sent.
    passed: usize,
    /// Both ends of each connection.
    streams: Vec<TcpStream>,
}

impl Proxy {
    /// Starts to pass on what comes to a port of its own to the server of a store on this machine.
    pub(crate) fn to(address: &str) -> Self {
        let port = address.split_once("@127.0.0.1:").unwrap().1.split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let address = address.replace(&format!(":{port}/"), &format!(":{own_port}/"));
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let (for_listener, server) = (Arc::clone(&shared), format!("127.0.0.1:{port}"));
        thread::spawn(move || {
            // Whoever is let in while the server hangs waits like the others.
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect(&server) {
                    for_listener.join(&client, &server);
                }
            }
        });
        Self { address, shared }
    }

    /// The address of the store, this way, with more words. What is said twice is as the last one says.
    pub(crate) fn address(&self, words: &str) -> String {
        format!("{}&{words}", self.address)
    }

    /// Swallows everything from now on, until [`resume`](Self::resume).
    pub(crate) fn hang(&self) {
        self.shared.lock().hangs = true;
    }

    /// Passes on what was swallowed, and what comes.
    pub(crate) fn resume(&self) {
        self.shared.lock().hangs = false;
        self.shared.changed.notify_all();
    }

    /// Breaks every connection.
    pub(crate) fn cut(&self) {
        self.shared.lock().cut();
    }

    /// Breaks every connection once so many more bytes were sent to the server.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.shared.lock().left = Some(bytes);
    }

    /// Says whether what [`cut_after`](Self::cut_after) waits for hasn't happened yet.
    pub(crate) fn will_cut(&self) -> bool {
        self.shared.lock().left.is_some()
    }

    /// Returns how many bytes the server was sent so far.
    pub(crate) fn passed(&self) -> usize {
        self.shared.lock().passed
    }
}

impl State {
    fn cut(&mut self) {
        // One that is gone already can't be cut once more.
        self.streams.drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }

    /// Returns how many of these bytes for the server go on.
    fn take(&mut self, bytes: usize) -> usize {
        let goes_on = self.left.map_or(bytes, |left| left.min(bytes));
        self.passed += goes_on;
        self.left = self.left.map(|left| left - goes_on);
        goes_on
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, client: &TcpStream, server: &TcpStream) {
        let ends = || (client.try_clone().unwrap(), server.try_clone().unwrap());
        self.lock().streams.extend([ends().0, ends().1]);
        let (there, back) = (Arc::clone(self), Arc::clone(self));
        let ((from_client, to_server), (to_client, from_server)) = (ends(), ends());
        thread::spawn(move || there.pass(from_client, to_server, true));
        thread::spawn(move || back.pass(from_server, to_client, false));
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, is_for_server: bool) {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let mut state = self.changed.wait_while(self.lock(), |state| state.hangs).unwrap_or_else(PoisonError::into_inner);
            let goes_on = if is_for_server { state.take(read) } else { read };
            let is_last = is_for_server && state.left == Some(0);
            drop(state);
            if to.write_all(&buffer[..goes_on]).is_err() {
                break;
            }
            if is_last {
                let mut state = self.lock();
                state.left = None;
                state.cut();
            }
        }
        // The other direction ends with this one.
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.resume();
        self.cut();
    }
}
