//! A thread that records and the collector that reads, in every order: no record is lost unseen, read twice or read before it is
//! whole, and each chunk comes back.
#![expect(unsafe_code, reason = "records are written into a chunk without the thread's cursor")]

use flowglass_model::Status;
use loom::thread;

use super::*;
use crate::Tick;
use crate::chunk::{Writer, commit};
use crate::pen::Pen;
use crate::raw::{RawBody, UnseenEndRecord};

/// Words of a record.
const RECORD: usize = 5;
/// Bytes of a chunk that two records fit into.
const CHUNK: usize = 2 * RECORD * 8;

/// A thread that records numbers, as a lane does.
struct Recording {
    lanes: Arc<Lanes>,
    writer: Option<Writer>,
}

impl Recording {
    fn record(&mut self, number: u32) {
        if !(self.put(number) || (self.take() && self.put(number))) {
            self.lanes.count(Loss::Span);
        }
    }

    fn put(&self, number: u32) -> bool {
        let Some(writer) = &self.writer else { return false };
        let (next, (_, end)) = (writer.commitment().load(Relaxed), writer.bounds());
        // SAFETY: there is one writer, and nobody reads what isn't committed.
        let mut pen = unsafe { Pen::new(next, end, TEXT_LIMIT) };
        let (start, end, status) = (Tick::ZERO, Tick::ZERO, Status::Ok);
        let record = UnseenEndRecord { scope: 1, template: number, start, end, status };
        if record.write_plain(&mut pen).is_none() {
            return false;
        }
        writer.watch_written(pen.place());
        commit(writer.commitment(), pen.place());
        true
    }

    fn take(&mut self) -> bool {
        self.writer = None;
        self.writer = self.lanes.take_empty().and_then(Writer::new);
        self.writer.is_some()
    }
}

/// The collector, and the numbers that it has read.
#[derive(Default)]
struct Collecting {
    reading: Vec<Reading>,
    read: Vec<u32>,
}

impl Collecting {
    fn look(&mut self, lanes: &Lanes) {
        let Self { reading, read } = self;
        lanes.drain(reading, |records| {
            for record in records {
                let RawBody::UnseenEnd { template, .. } = record.body else { panic!("{record:?}") };
                read.push(template);
            }
        });
    }
}

/// Records numbers while another thread looks so often, and looks once more; returns what was read.
///
/// It is the collector that is spawned: the checker goes back to where what a thread loads was stored, so that it must meet the
/// stores first.
fn record_and_look(numbers: u32, looks: usize) -> (Arc<Lanes>, Vec<u32>) {
    let lanes = Arc::new(Lanes::new(CHUNK, 2 * CHUNK, Weak::new()));
    let its = Arc::clone(&lanes);
    let collector = thread::spawn(move || {
        let mut collecting = Collecting::default();
        (0..looks).for_each(|_| collecting.look(&its));
        collecting
    });
    let mut recording = Recording { lanes: Arc::clone(&lanes), writer: None };
    (0..numbers).for_each(|number| recording.record(number));
    drop(recording);
    let mut collecting = collector.join().unwrap();
    collecting.look(&lanes);
    assert!(collecting.reading.is_empty(), "all chunks are closed");
    (lanes, collecting.read)
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn what_is_recorded_is_read_once_and_in_order() {
    check(|| {
        let (lanes, read) = record_and_look(3, 2);
        assert_eq!((read, lanes.dropped_records().total()), (vec![0, 1, 2], 0), "there are chunks enough");
    });
}

#[test]
fn what_finds_no_chunk_is_counted_and_chunks_come_back() {
    check(|| {
        let (lanes, read) = record_and_look(5, 2);
        let dropped = lanes.dropped_records().total() as usize;
        assert_eq!(read.len() + dropped, 5, "{read:?}");
        assert!(read.is_sorted() && read.starts_with(&[0, 1, 2, 3]), "{read:?}");
        let pool = lanes.pool.lock();
        assert_eq!((pool.free.len(), pool.taken.len()), (pool.allocated, 0));
        assert!(!lanes.is_dry.load(Relaxed), "there is room again");
    });
}

#[test]
fn two_threads_share_the_pool() {
    check(|| {
        let lanes = Arc::new(Lanes::new(CHUNK, 2 * CHUNK, Weak::new()));
        let threads = [0, 10].map(|first| {
            let mut recording = Recording { lanes: Arc::clone(&lanes), writer: None };
            thread::spawn(move || (first..first + 2).for_each(|number| recording.record(number)))
        });
        let mut collecting = Collecting::default();
        collecting.look(&lanes);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        collecting.look(&lanes);
        collecting.read.sort_unstable();
        assert_eq!((collecting.read, lanes.dropped_records().total()), (vec![0, 1, 10, 11], 0));
    });
}
