//! Destinations that are away, slow, or talk nonsense: nothing is slowed, and every item is accounted for.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flowglass_model::Sink;
use flowglass_otlp::{Backoff, Exporter, Limits, Signal, decode};

use crate::batches::{exporter, spans};
use crate::http_receiver::{HttpReceiver, Reply};

/// An address where nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// An address where somebody listens who does this with each connection.
fn somebody(what: impl Fn(std::net::TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().flatten().for_each(what));
    address
}

fn flush_error(exporter: &mut Exporter) -> String {
    exporter.write(&spans(&["a"])).unwrap();
    exporter.flush().unwrap_err().to_string()
}

#[test]
fn a_destination_that_is_away_is_named_and_waited_for() {
    for scheme in ["http", "otlp"] {
        let address = nowhere().replace("http", scheme);
        let mut exporter = exporter(&address).build().unwrap();
        let error = flush_error(&mut exporter);
        assert!(error.contains("still wait") && error.contains("can't connect"), "{error}");
        let counts = exporter.stats().of(Signal::Traces);
        assert_eq!((counts.exported, counts.dropped), (0, 0));
        let stats = exporter.stats();
        drop(exporter);
        assert_eq!(stats.of(Signal::Traces).dropped, 1, "what waited in memory is lost at the end, and counted");
    }
}

#[test]
fn one_that_never_answers_is_given_up_on_in_time() {
    let held = std::sync::Mutex::new(Vec::new());
    let address = somebody(move |stream| held.lock().unwrap().push(stream));
    let mut exporter = exporter(&address).timeout(Duration::from_millis(20)).build().unwrap();
    assert!(flush_error(&mut exporter).contains("no answer within 20ms"));
}

#[test]
fn one_that_talks_nonsense_does_no_harm() {
    for scheme in ["http", "otlp"] {
        for nonsense in
            ["\r\n\r\n\0\u{1}nonsense", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", ""]
        {
            let address = somebody(move |mut stream| {
                let _ = stream.read(&mut [0; 64]);
                let _ = stream.write_all(nonsense.as_bytes());
            });
            let mut exporter = exporter(&address.replace("http", scheme)).build().unwrap();
            assert!(flush_error(&mut exporter).contains("still wait"));
        }
    }
}

#[test]
fn beyond_the_room_for_what_waits_the_oldest_go_and_are_counted() {
    let mut exporter = exporter(&nowhere()).queue_bytes(4000).build().unwrap();
    (0..200).for_each(|_| exporter.write(&spans(&["a", "b", "c"])).unwrap());
    let stats = exporter.stats();
    drop(exporter);
    let counts = stats.of(Signal::Traces);
    assert_eq!((counts.exported, counts.dropped), (0, 600));
}

#[test]
fn every_item_is_accounted_for_whatever_is_answered() {
    let statuses = [503, 200, 400, 429, 200, 500, 502, 504, 200, 404, 503, 503, 200];
    let receiver = HttpReceiver::start(statuses.map(Reply::status).to_vec());
    let mut exporter = exporter(&receiver.address()).build().unwrap();
    (0..20).for_each(|_| exporter.write(&spans(&["a", "b", "c"])).unwrap());
    let stats = exporter.stats();
    let accounted = || {
        let counts = stats.of(Signal::Traces);
        counts.exported + counts.rejected + counts.dropped
    };
    while accounted() < 60 {
        let _ = exporter.flush();
    }
    let counts = stats.of(Signal::Traces);
    assert_eq!((counts.exported, counts.dropped), (51, 9));
    assert_eq!(receiver.received().len(), 20 + counts.retries as usize);
}

#[test]
fn what_lies_on_disk_is_sent_after_a_restart_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = HttpReceiver::start(vec![Reply::status(503); 4]);
    let build = || exporter(&receiver.address()).spool(folder.path(), 1 << 20).build().unwrap();
    let mut first = build();
    first.write(&spans(&["a"])).unwrap();
    while first.stats().of(Signal::Traces).retries < 4 {
        receiver.answer_next(vec![Reply::status(503)]);
        let _ = first.flush();
    }
    receiver.answer_next(vec![Reply::status(503); 50]);
    first.write(&spans(&["b"])).unwrap();
    first.write(&spans(&["c"])).unwrap();
    let stats = first.stats();
    drop(first);
    assert_eq!((stats.of(Signal::Traces).exported, stats.of(Signal::Traces).dropped), (0, 0));
    receiver.received();

    let mut second = build();
    while second.flush().is_err() {}
    assert_eq!(second.stats().of(Signal::Traces).exported, 3);
    let names: Vec<String> = receiver
        .received()
        .iter()
        .flat_map(|request| decode(Signal::Traces, &request.body, Limits::default()).unwrap().batches)
        .flat_map(|batch| batch.spans().map(|span| span.name().to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(names[names.len() - 2..], ["b", "c"]);
    assert!(names[..names.len() - 2].iter().all(|name| name == "a"));
}

/// The files of frames below a spool.
fn frames(folder: &Path) -> Vec<PathBuf> {
    let entries =
        |path: &Path| std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let below = entries(folder).into_iter().flat_map(|place| entries(&place)).flat_map(|own| entries(&own));
    below.filter(|path| path.extension().is_some_and(|extension| extension == "frames")).collect()
}

/// Sends spans to a receiver that takes none, ends, and returns how many were dropped; the others lie on disk.
fn fill(receiver: &HttpReceiver, folder: &Path, bytes: u64, requests: usize) -> u64 {
    // It asks for a pause that outlasts the test: what comes then isn't tried before the end.
    receiver.answer_next(vec![Reply { headers: vec![("retry-after", "3600")], ..Reply::status(503) }]);
    let builder = exporter(&receiver.address()).backoff(Backoff::default());
    let mut exporter = builder.spool(folder, bytes).build().unwrap();
    exporter.write(&spans(&["first"])).unwrap();
    exporter.flush().unwrap_err();
    (1..requests).for_each(|_| exporter.write(&spans(&["a", "b", "c"])).unwrap());
    let stats = exporter.stats();
    drop(exporter);
    receiver.received();
    assert_eq!(stats.of(Signal::Traces).exported, 0);
    stats.of(Signal::Traces).dropped
}

#[test]
fn beyond_the_room_on_disk_the_oldest_go_and_are_counted() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), HttpReceiver::start(Vec::new()));
    let dropped = fill(&receiver, folder.path(), 4000, 200);
    assert!(dropped > 0);
    let on_disk: u64 = frames(folder.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!((1..=4000).contains(&on_disk), "{on_disk}");
    let mut later = exporter(&receiver.address()).spool(folder.path(), 4000).build().unwrap();
    later.flush().unwrap();
    let counts = later.stats().of(Signal::Traces);
    assert_eq!((counts.exported + dropped, counts.dropped), (1 + 199 * 3, 0));
}

#[test]
fn what_was_changed_on_disk_is_counted_and_holds_nothing_up() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), HttpReceiver::start(Vec::new()));
    assert_eq!(fill(&receiver, folder.path(), 1 << 20, 1), 0);
    let [file] = &frames(folder.path())[..] else { panic!("one file") };
    let mut bytes = std::fs::read(file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(file, bytes).unwrap();
    let mut later = exporter(&receiver.address()).spool(folder.path(), 1 << 20).build().unwrap();
    assert!(later.flush().unwrap_err().to_string().contains("1 spans were lost: it could not be read back from disk"));
    let counts = later.stats().of(Signal::Traces);
    assert_eq!((counts.exported, counts.dropped, receiver.received().len()), (0, 1, 0));
    later.flush().unwrap();
}
