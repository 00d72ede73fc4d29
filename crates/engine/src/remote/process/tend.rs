//! The life of one worker as its driver sees it: started, listened to, ended, reported.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::super::transport::{Fate, Message, Stream};
use super::frame::{FrameKind, FrameReader};
use super::handshake::Secret;
use super::invitation::Invitation;
use super::output::{self, Heard};
use super::pool::Pool;

/// How often a process that doesn't tell of its state is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// How long a worker may take to end by itself when its driver lets it go.
const FAREWELL: Duration = Duration::from_secs(2);

/// Starts the worker of a place and stays with it until its end.
pub(super) fn tend(pool: &Arc<Pool>, number: usize) {
    let heard = Arc::new(Heard::default());
    let (mut child, stream) = match start(pool, number, &heard) {
        Ok(started) => started,
        Err(reason) => return pool.down(number, &reason, Fate::Impossible),
    };
    let (reason, fate) = match connect(pool, number, &stream) {
        Ok(()) => listen(pool, number, &stream, &heard),
        Err(error) => (format!("its socket failed: {error}"), Fate::Died),
    };
    // The socket is what the worker lives by.
    let _ = stream.shutdown(Shutdown::Both);
    let patience = if pool.is_closed() { FAREWELL } else { Duration::ZERO };
    let status = end(&mut child, patience);
    heard.wait_for_end();
    let reason = status.filter(|_| reason.is_empty()).map_or(reason, |status| format!("it ended: {status}"));
    pool.down(number, &reason, fate);
}

/// Starts a process and waits until it has become a worker.
fn start(pool: &Arc<Pool>, number: usize, heard: &Arc<Heard>) -> Result<(Child, TcpStream), String> {
    let secret = Secret::random();
    let worker = u32::try_from(number).unwrap_or(u32::MAX);
    let invitation = Invitation {
        driver: pool.door.address(),
        driver_pid: std::process::id(),
        number: worker,
        name: pool.name(number),
        heartbeat: pool.settings.silence / 4,
        message_bytes: pool.settings.message_bytes,
        secret,
    };
    let arrival = pool.door.expect(worker, secret);
    let started = launch(pool, &invitation).and_then(|mut child| {
        let arrived = hear(pool, number, &mut child, &invitation, heard).and_then(|()| arrive(pool, &arrival, &mut child));
        match arrived {
            Ok(stream) => Ok((child, stream)),
            Err(reason) => {
                end(&mut child, Duration::ZERO);
                heard.wait_for_end();
                Err(reason)
            }
        }
    });
    pool.door.forget(worker);
    started
}

fn launch(pool: &Pool, invitation: &Invitation) -> Result<Child, String> {
    let settings = &pool.settings;
    let program = match &settings.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(|error| format!("this program's file can't be found: {error}"))?,
    };
    let mut command = Command::new(&program);
    command.args(&settings.arguments).envs(settings.environment.iter().map(|(name, value)| (name, value)));
    command.env(Invitation::VARIABLE, invitation.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|error| format!("`{}` can't be started as a worker: {error}", program.display()))
}

/// Gives each stream of a worker a thread that passes on what comes out of it.
fn hear(pool: &Arc<Pool>, number: usize, child: &mut Child, invitation: &Invitation, heard: &Arc<Heard>) -> Result<(), String> {
    let stdout = child.stdout.take().map(|stdout| (Stream::Stdout, Box::new(stdout) as Box<dyn Read + Send>));
    let stderr = child.stderr.take().map(|stderr| (Stream::Stderr, Box::new(stderr) as Box<dyn Read + Send>));
    for (stream, from) in stdout.into_iter().chain(stderr) {
        let (pool, opening, heard) = (Arc::clone(pool), invitation.opening(), Arc::clone(heard));
        let thread = std::thread::Builder::new().name(format!("flowglass {} of {}", stream.as_str(), invitation.name()));
        let thread = thread.spawn(move || output::pass_on(&pool, number, from, (stream, opening), &heard));
        thread.map_err(|error| format!("no thread for what a worker prints: {error}"))?;
    }
    Ok(())
}

/// Waits for the started process to knock, to end, or to let the time pass.
fn arrive(pool: &Pool, arrival: &Receiver<TcpStream>, child: &mut Child) -> Result<TcpStream, String> {
    let deadline = Instant::now() + pool.settings.start_within;
    loop {
        match arrival.recv_timeout(GLANCE) {
            Ok(stream) => return Ok(stream),
            Err(RecvTimeoutError::Disconnected) => return Err("the worker could not be let in".to_owned()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("{FORGOTTEN} (the copy ended: {status})"));
        }
        if pool.is_closed() {
            return Err("the backend is closed".to_owned());
        }
        if Instant::now() > deadline {
            return Err(format!("{FORGOTTEN} (waited {:?})", pool.settings.start_within));
        }
    }
}

const FORGOTTEN: &str = "this program started a copy of itself as a worker, but the copy didn't call `flowglass::worker` \
                         first in main";

/// Gives the worker a thread that writes to it, so that nobody waits for its socket.
fn connect(pool: &Pool, number: usize, stream: &TcpStream) -> std::io::Result<()> {
    let (sender, frames) = channel::<Vec<u8>>();
    let mut writer = stream.try_clone()?;
    writer.set_write_timeout(Some(pool.settings.silence))?;
    let write = move || {
        if frames.iter().try_for_each(|frame| writer.write_all(&frame)).is_err() {
            // Whoever listens is to notice.
            let _ = writer.shutdown(Shutdown::Both);
        }
    };
    std::thread::Builder::new().name(format!("flowglass to {}", pool.name(number))).spawn(write)?;
    pool.up(number, sender, stream.try_clone()?);
    Ok(())
}

/// Passes on what the worker says, until it says no more. Returns why, if the process itself won't tell.
fn listen(pool: &Pool, number: usize, mut stream: &TcpStream, output: &Heard) -> (String, Fate) {
    let settings = &pool.settings;
    let tick = (settings.silence.min(settings.cancel_within) / 4).max(GLANCE);
    if let Err(error) = stream.set_read_timeout(Some(tick)) {
        return (format!("its socket failed: {error}"), Fate::Died);
    }
    let mut reader = FrameReader::new(settings.message_bytes);
    let mut buffer = vec![0; 64 * 1024];
    let mut heard = Instant::now();
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (String::new(), Fate::Died),
            Ok(length) => {
                heard = Instant::now();
                reader.feed(&buffer[..length]);
                if let Err(reason) = pass_on(pool, number, &mut reader, output) {
                    return (reason, Fate::Died);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => return (String::new(), Fate::Died),
        }
        if heard.elapsed() > settings.silence {
            return (format!("it was silent for {:?}", settings.silence), Fate::Died);
        }
        if pool.is_stubborn(number) {
            return (format!("it did not stop within {:?} of being asked", settings.cancel_within), Fate::Evicted);
        }
    }
}

fn pass_on(pool: &Pool, number: usize, reader: &mut FrameReader, output: &Heard) -> Result<(), String> {
    while let Some(frame) = reader.next().map_err(|error| format!("it sent {error}"))? {
        match frame.kind {
            FrameKind::Heartbeat => {}
            FrameKind::Update => pool.deliver(number, frame.job, Message::Update(frame.body)),
            FrameKind::Result => {
                // When the work is over, all that it printed has been passed on.
                output.wait_for(frame.job);
                pool.deliver(number, frame.job, Message::Result(frame.body));
            }
            _ => return Err("it sent what only a driver sends".to_owned()),
        }
    }
    Ok(())
}

/// Ends a process, if it doesn't end by itself in time, and takes its status.
fn end(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience.max(GLANCE);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(GLANCE),
            _ => break,
        }
    }
    // A process that has just ended needs no killing.
    let _ = child.kill();
    child.wait().ok()
}
