//! Load over HTTP/1.1: as little as it takes, so that the sender costs the receiver's machine little.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Outcome;
use super::load::{Load, Sent, send_by};

/// A connection that is kept.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(super) fn open(to: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request and waits for its answer.
    pub(super) fn send(&mut self, body: &[u8]) -> Outcome<()> {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.stream.get_mut().write_all(head.as_bytes())?;
        self.stream.get_mut().write_all(body)?;
        self.answer()
    }

    fn answer(&mut self) -> Outcome<()> {
        let (mut line, mut length, mut is_first) = (String::new(), 0, true);
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err("the receiver has closed the connection".into());
            }
            if is_first && !line.starts_with("HTTP/1.1 200") {
                return Err(format!("the receiver answers {}", line.trim()).into());
            }
            is_first = false;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        Ok(self.stream.read_exact(&mut body)?)
    }
}

/// Asks who listens.
pub(super) fn ask(to: SocketAddr) -> Outcome<()> {
    let mut connection = Connection::open(to)?;
    connection.stream.get_mut().write_all(b"GET /v1/info HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
    connection.answer()
}

/// Sends for so long over so many connections.
pub(super) fn send(to: SocketAddr, connections: usize, time: Duration) -> Outcome<Sent> {
    send_by(connections, time, || {
        let mut connection = Connection::open(to)?;
        Ok(move |message: &[u8]| connection.send(message))
    })
}

/// Sends so many requests.
pub(super) fn send_requests(to: SocketAddr, requests: u64) -> Outcome<()> {
    let (mut connection, mut load) = (Connection::open(to)?, Load::new());
    (0..requests).try_for_each(|_| connection.send(load.next()))
}
