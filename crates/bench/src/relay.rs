//! A way to a server on this machine that can be closed: what is sent is then swallowed, as when the server hangs.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// Passes bytes on, unless it is closed.
pub(crate) struct Relay {
    /// The address of the store, this way.
    pub(crate) address: String,
    is_closed: Arc<(Mutex<bool>, Condvar)>,
}

impl Relay {
    /// Starts a way to the server of a store: `postgres://user@127.0.0.1:5432/database`.
    pub(crate) fn to(address: &str) -> Result<Self, String> {
        let server = address.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next()?.rsplit('@').next());
        let server = server.filter(|server| server.contains(':')).ok_or("the address must name a host and a port")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let own = listener.local_addr().map_err(|error| error.to_string())?;
        let is_closed: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let (address, closed) = (address.replacen(&server, &own.to_string(), 1), Arc::clone(&is_closed));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect(&server) {
                    let _ = join(&client, &server, &closed);
                }
            }
        });
        Ok(Self { address, is_closed })
    }

    /// Swallows what is sent, or passes it on again.
    pub(crate) fn close(&self, is_closed: bool) {
        let (state, changed) = &*self.is_closed;
        *state.lock().unwrap_or_else(PoisonError::into_inner) = is_closed;
        changed.notify_all();
    }
}

fn join(client: &TcpStream, server: &TcpStream, is_closed: &Arc<(Mutex<bool>, Condvar)>) -> std::io::Result<()> {
    for (from, to) in [(client, server), (server, client)] {
        let (from, to, is_closed) = (from.try_clone()?, to.try_clone()?, Arc::clone(is_closed));
        thread::spawn(move || pass(from, to, &is_closed));
    }
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, (state, changed): &(Mutex<bool>, Condvar)) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let open = state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_while(open, |is_closed| *is_closed));
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
