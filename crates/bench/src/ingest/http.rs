//! Load over HTTP/1.1: as little as it takes, so that the sender costs the receiver's machine little.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::Outcome;
use super::load::{Load, SPANS, Sent};

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
    let began = Instant::now();
    let sent: Vec<Result<u64, String>> = thread::scope(|scope| {
        let senders: Vec<_> = (0..connections).map(|_| scope.spawn(move || send_until(to, began + time))).collect();
        senders.into_iter().map(|sender| sender.join().unwrap_or_else(|_| Err("a sender has failed".into()))).collect()
    });
    let spans = sent.into_iter().sum::<Result<u64, String>>()?;
    Ok(Sent { spans, time: began.elapsed() })
}

fn send_until(to: SocketAddr, end: Instant) -> Result<u64, String> {
    let run = || -> Outcome<u64> {
        let (mut connection, mut load, mut spans) = (Connection::open(to)?, Load::new(), 0);
        while Instant::now() < end {
            connection.send(load.next())?;
            spans += SPANS as u64;
        }
        Ok(spans)
    };
    run().map_err(|error| error.to_string())
}

/// Sends so many requests.
pub(super) fn send_requests(to: SocketAddr, requests: u64) -> Outcome<()> {
    let (mut connection, mut load) = (Connection::open(to)?, Load::new());
    (0..requests).try_for_each(|_| connection.send(load.next()))
}
