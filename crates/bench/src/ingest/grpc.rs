//! Load over gRPC: as over HTTP, as little as it takes. HTTP/2 of a sender that has one call at a time is a few frames.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use flowglass::otlp::Signal;

use super::Outcome;
use super::load::{Sent, send_by};

/// What every connection begins with: the preface, and settings that say nothing.
const BEGIN: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The most data of a frame that nobody had to agree to.
const FRAME_BYTES: usize = 16_384;
/// How much may be under way before the receiver has said more.
const FIRST_WINDOW: i64 = 65_535;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// The flag of the last frame of a stream; of settings and pings, that they were seen.
const END: u8 = 1;
const END_HEADERS: u8 = 4;

/// Sends for so long over so many connections.
pub(super) fn send(to: SocketAddr, connections: usize, time: Duration) -> Outcome<Sent> {
    send_by(connections, time, || {
        let mut connection = Connection::open(to)?;
        Ok(move |message: &[u8]| connection.call(message))
    })
}

/// A connection that is kept.
struct Connection {
    stream: BufReader<TcpStream>,
    head: Vec<u8>,
    next: u32,
    /// How much may still be sent over the connection.
    window: i64,
    /// How much may be sent in a stream at first.
    first_window: i64,
    /// How much may still be sent in the stream.
    stream_window: i64,
    out: Vec<u8>,
}

/// A frame's kind, flags, stream and content.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    content: Vec<u8>,
}

impl Connection {
    fn open(to: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        stream.get_mut().write_all(BEGIN)?;
        let (window, first_window, stream_window) = (FIRST_WINDOW, FIRST_WINDOW, FIRST_WINDOW);
        Ok(Self { stream, head: head(Signal::Traces), next: 1, window, first_window, stream_window, out: Vec::new() })
    }

    /// Sends a message and waits for the end of its answer.
    fn call(&mut self, message: &[u8]) -> Outcome<()> {
        let stream = self.next;
        self.next += 2;
        self.stream_window = self.first_window;
        self.out.clear();
        frame(&mut self.out, HEADERS, END_HEADERS, stream, &self.head);
        let mut prefix = vec![0];
        prefix.extend(u32::try_from(message.len())?.to_be_bytes());
        let whole = prefix.len() + message.len();
        let mut sent = 0;
        while sent < whole {
            let room = usize::try_from(self.window.min(self.stream_window)).unwrap_or(0);
            let length = room.min(FRAME_BYTES).min(whole - sent);
            // A message begins with its prefix, whole.
            if length == 0 || (sent == 0 && length < prefix.len()) {
                self.write()?;
                let frame = self.read()?;
                self.note(&frame)?;
                continue;
            }
            let part = if sent == 0 { length.saturating_sub(prefix.len()) } else { length };
            let from = sent.saturating_sub(prefix.len());
            let flags = if sent + length == whole { END } else { 0 };
            frame_head(&mut self.out, length, DATA, flags, stream);
            if sent == 0 {
                self.out.extend(&prefix);
            }
            self.out.extend(&message[from..from + part]);
            let length = i64::try_from(length)?;
            (self.window, self.stream_window) = (self.window - length, self.stream_window - length);
            sent += usize::try_from(length)?;
        }
        self.write()?;
        self.answer(stream)
    }

    fn answer(&mut self, stream: u32) -> Outcome<()> {
        loop {
            let frame = self.read()?;
            self.note(&frame)?;
            let is_last = frame.flags & END != 0 && matches!(frame.kind, DATA | HEADERS);
            if frame.stream == stream && is_last {
                return Ok(());
            }
        }
    }

    /// Does what a frame that isn't an answer asks for.
    fn note(&mut self, frame: &Frame) -> Outcome<()> {
        let number = |at: usize| frame.content[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        match frame.kind {
            SETTINGS if frame.flags & END == 0 => {
                for setting in frame.content.as_chunks::<6>().0 {
                    // How much may be under way in a stream at first.
                    if setting[..2] == [0, 4] {
                        let first = i64::from(u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]));
                        self.stream_window += first - self.first_window;
                        self.first_window = first;
                    }
                }
                self.reply(SETTINGS, &[])
            }
            PING if frame.flags & END == 0 => self.reply(PING, &frame.content),
            WINDOW_UPDATE if frame.stream == 0 => {
                self.window += i64::from(number(0));
                Ok(())
            }
            WINDOW_UPDATE => {
                self.stream_window += i64::from(number(0));
                Ok(())
            }
            RESET | GO_AWAY => Err(format!(
                "the receiver ends the connection with code {}",
                number(frame.content.len().saturating_sub(4).min(4))
            )
            .into()),
            _ => Ok(()),
        }
    }

    fn reply(&mut self, kind: u8, content: &[u8]) -> Outcome<()> {
        let mut out = Vec::new();
        frame(&mut out, kind, END, 0, content);
        Ok(self.stream.get_mut().write_all(&out)?)
    }

    fn write(&mut self) -> Outcome<()> {
        self.stream.get_mut().write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    fn read(&mut self) -> Outcome<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = head;
        let mut content = vec![0; u32::from_be_bytes([0, l0, l1, l2]) as usize];
        self.stream.read_exact(&mut content)?;
        Ok(Frame { kind, flags, stream: u32::from_be_bytes([s0, s1, s2, s3]), content })
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, content: &[u8]) {
    frame_head(out, content.len(), kind, flags, stream);
    out.extend(content);
}

fn frame_head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    out.extend(&(length as u32).to_be_bytes()[1..]);
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
}

/// Writes a call's headers: those that HPACK has a number for by it, all texts as they are.
fn head(signal: Signal) -> Vec<u8> {
    // `:method POST` and `:scheme http` are entries 3 and 6 of its table.
    let mut head = vec![0x83, 0x86];
    let mut text = |name: &[u8], value: &str| {
        head.extend(name);
        head.push(value.len() as u8);
        head.extend(value.as_bytes());
    };
    text(&[4], signal.grpc_path());
    text(&[1], "localhost");
    text(&[0x0f, 16], "application/grpc");
    text(b"\0\x02te", "trailers");
    head
}
