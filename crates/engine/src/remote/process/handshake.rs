//! How driver and worker make sure of each other: both know a one-time secret, and neither says it.
//!
//! The driver sends a random challenge; the worker answers with its number and a keyed digest of the challenge; the driver
//! answers with one of its own. A stranger on the loopback interface gets no further than the challenge.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::super::transport::JobId;
use super::frame::{self, Frame, FrameKind, FrameReader};

/// A secret that one worker is started with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Secret([u8; 32]);

/// Nothing of a handshake is longer.
const HANDSHAKE_BYTES: usize = 256;

/// How long either side waits for the other's part.
const PATIENCE: Duration = Duration::from_secs(5);

/// The protocol's version, which every challenge begins with.
const PROTOCOL: u8 = 1;

impl Secret {
    pub(super) fn random() -> Self {
        Self(random_bytes())
    }

    pub(super) fn to_text(self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))
    }

    /// What marks what a worker prints: known to both sides, and no help to anybody who would be one of them.
    pub(super) fn mark(self) -> String {
        self.proof("mark", &[], &[]).to_hex()[..16].to_owned()
    }

    fn proof(self, who: &str, challenge: &[u8], counter: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(who.as_bytes()).update(challenge).update(counter);
        hasher.finalize()
    }
}

/// Returns bytes that nobody can guess: the keys of the standard library's hash maps come from the operating system.
fn random_bytes() -> [u8; 32] {
    use std::hash::{BuildHasher, RandomState};
    let mut bytes = [0; 32];
    for (at, part) in bytes.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&RandomState::new().hash_one(at).to_le_bytes());
    }
    bytes
}

/// What a connection said it is.
pub(super) struct Caller {
    /// The number of the worker.
    pub(super) worker: u32,
    challenge: [u8; 32],
    counter: [u8; 32],
    proof: [u8; 32],
}

/// Asks a connection who it is. The driver's first half.
pub(super) fn ask(stream: &mut TcpStream) -> io::Result<Caller> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let challenge = random_bytes();
    let mut hello = vec![PROTOCOL];
    hello.extend_from_slice(&challenge);
    stream.write_all(&frame::encode(FrameKind::Hello, JobId(0), &hello))?;
    let answer = expect(stream, FrameKind::Answer)?;
    let (worker, rest) = answer.split_first_chunk::<4>().ok_or_else(short)?;
    let (counter, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    let proof = rest.first_chunk::<32>().ok_or_else(short)?;
    Ok(Caller { worker: u32::from_le_bytes(*worker), challenge, counter: *counter, proof: *proof })
}

impl Caller {
    /// Says whether the caller knows the secret. Takes the same time however wrong it is.
    pub(super) fn knows(&self, secret: Secret) -> bool {
        secret.proof("worker", &self.challenge, &self.counter) == blake3::Hash::from_bytes(self.proof)
    }

    /// Tells the worker that it is expected. The driver's second half.
    pub(super) fn welcome(&self, stream: &mut TcpStream, secret: Secret) -> io::Result<()> {
        let proof = secret.proof("driver", &self.challenge, &self.counter);
        stream.write_all(&frame::encode(FrameKind::Welcome, JobId(0), proof.as_bytes()))
    }
}

/// Answers the driver's challenge, and makes sure that it is the driver. The worker's side.
pub(super) fn answer(stream: &mut TcpStream, worker: u32, secret: Secret) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let hello = expect(stream, FrameKind::Hello)?;
    let (&protocol, challenge) = hello.split_first().ok_or_else(short)?;
    if protocol != PROTOCOL {
        return Err(io::Error::other(format!("the driver speaks protocol {protocol}, this worker {PROTOCOL}")));
    }
    let counter = random_bytes();
    let mut body = worker.to_le_bytes().to_vec();
    body.extend_from_slice(&counter);
    body.extend_from_slice(secret.proof("worker", challenge, &counter).as_bytes());
    stream.write_all(&frame::encode(FrameKind::Answer, JobId(0), &body))?;
    let welcome = expect(stream, FrameKind::Welcome)?;
    let proof = welcome.first_chunk::<32>().ok_or_else(short)?;
    if secret.proof("driver", challenge, &counter) != blake3::Hash::from_bytes(*proof) {
        return Err(io::Error::other("what listens there isn't the driver"));
    }
    stream.set_read_timeout(None)
}

/// Reads exactly one frame, byte for byte, so that nothing of what follows is taken.
fn expect(stream: &mut TcpStream, kind: FrameKind) -> io::Result<Vec<u8>> {
    let mut reader = FrameReader::new(HANDSHAKE_BYTES);
    let mut byte = [0];
    for _ in 0..2 * HANDSHAKE_BYTES {
        stream.read_exact(&mut byte)?;
        reader.feed(&byte);
        match reader.next() {
            Ok(None) => {}
            Ok(Some(Frame { kind: found, body, .. })) if found == kind => return Ok(body),
            Ok(Some(_)) => return Err(io::Error::other("out of turn")),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Err(short())
}

fn short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "cut off")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn meet(mine: Secret, theirs: Secret) -> (bool, io::Result<()>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let worker = std::thread::spawn(move || answer(&mut TcpStream::connect(address).unwrap(), 3, theirs));
        let mut stream = listener.accept().unwrap().0;
        let caller = ask(&mut stream).unwrap();
        assert_eq!(caller.worker, 3);
        let known = caller.knows(mine);
        caller.welcome(&mut stream, mine).unwrap();
        (known, worker.join().unwrap())
    }

    #[test]
    fn both_sides_know_each_other_by_the_secret() {
        let secret = Secret::random();
        let (known, answered) = meet(secret, Secret::parse(&secret.to_text()).unwrap());
        assert!(known && answered.is_ok());
    }

    #[test]
    fn neither_side_takes_another_secret() {
        let (known, answered) = meet(Secret::random(), Secret::random());
        assert!(!known);
        assert_eq!(answered.unwrap_err().to_string(), "what listens there isn't the driver");
    }

    #[test]
    fn noise_is_refused() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let stranger = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            // The driver may hang up before all is written.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
        });
        assert!(ask(&mut listener.accept().unwrap().0).is_err());
        stranger.join().unwrap();
    }

    #[test]
    fn secrets_differ() {
        assert!(Secret::random() != Secret::random());
        assert!(Secret::parse("short").is_none());
    }
}
