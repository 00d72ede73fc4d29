//! Large values between a driver and workers that share a cache travel as references; what is lost there is had otherwise.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use flowglass::prelude::*;
use flowglass::transport::{Home, JobId, Limits, Message, OutgoingJob, Transport, Upstream, Worker};
use flowglass::{CancelToken, Chunk, DiskCache, ErrorKind, RemoteBackend};

use crate::copies;
use crate::pipelines::{lengths, texts};

/// Larger than any message below, and than what lies in an entry of the cache.
const LARGE: u64 = 100_000;

fn narrow() -> RemoteBackend {
    flowglass::over(copies(1).message_bytes(20_000))
}

fn large_text() -> String {
    "x".repeat(usize::try_from(LARGE).unwrap())
}

#[test]
fn what_is_too_large_for_a_message_goes_through_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path()).unwrap();
    let run = texts().unwrap().run(inputs! { count: LARGE }).cache(cache.clone()).backend(narrow()).wait().unwrap();
    assert_eq!((run.get::<u64>("length").unwrap(), run.get::<String>("text").unwrap()), (LARGE, large_text()));
    let run = lengths().unwrap().run(inputs! { text: large_text() }).cache(cache).backend(narrow()).wait().unwrap();
    assert_eq!(run.get::<u64>("length").unwrap(), LARGE, "an input that no node has made, too");
}

#[test]
fn without_a_cache_it_is_refused_with_advice() {
    let error = lengths().unwrap().run(inputs! { text: large_text() }).backend(narrow()).wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Worker);
    assert!(error.to_string().contains("what it reads can't be sent to a worker"), "{error}");
    let error = texts().unwrap().run(inputs! { count: LARGE }).backend(narrow()).wait().err().unwrap();
    assert!(error.to_string().contains("the results can't be sent home: they are"), "{error}");
    assert!(error.to_string().contains("share a `DiskCache`, large values go through it"), "{error}");
}

#[test]
fn of_a_chunk_only_what_is_itself_too_large_fails() {
    let map = |counts: Vec<u64>| {
        let backend = narrow().chunk(Chunk::Items(counts.len()));
        texts().unwrap().map(inputs! { count: counts }, ["count"]).backend(backend).wait().unwrap()
    };
    let mixed = map(vec![10, LARGE, 20]);
    assert_eq!((mixed.failed(), mixed.item::<u64>(0, "length").unwrap(), mixed.item::<u64>(2, "length").unwrap()), (1, 10, 20));
    let together = map(vec![9_000; 12]);
    assert_eq!(together.column::<u64>("length").unwrap(), vec![9_000; 12], "together they would have no room");
}

/// A worker in this process. What happens to the cache before or after its first job is up to the test.
struct Near {
    worker: Arc<Worker>,
    was_asked: AtomicBool,
    harm: Harm,
    most_bytes: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Harm {
    None,
    /// The values are removed before the worker reads them.
    Before(PathBuf),
    /// The values are removed before the driver reads them.
    After(PathBuf),
}

struct Up(Arc<dyn Home>);

impl Upstream for Up {
    fn update(&self, job: JobId, body: &[u8]) {
        self.0.receive(job, Message::Update(body.to_vec()));
    }
}

impl Transport for Near {
    fn name(&self) -> &str {
        "near"
    }

    fn limits(&self) -> Limits {
        Limits { message_bytes: 1 << 20, concurrency: 1 }
    }

    fn submit(&self, job: OutgoingJob, home: Arc<dyn Home>) {
        let worker = Arc::clone(&self.worker);
        let harm = if self.was_asked.swap(true, Ordering::Relaxed) { Harm::None } else { self.harm.clone() };
        let most_bytes = Arc::clone(&self.most_bytes);
        std::thread::spawn(move || {
            if let Harm::Before(values) = &harm {
                std::fs::remove_dir_all(values).unwrap();
            }
            let upstream: Arc<dyn Upstream> = Arc::new(Up(Arc::clone(&home)));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let answer = runtime.block_on(worker.work(job.id, &job.body, &upstream, &CancelToken::new()));
            most_bytes.fetch_max(job.body.len().max(answer.len()), Ordering::Relaxed);
            if let Harm::After(values) = &harm {
                std::fs::remove_dir_all(values).unwrap();
            }
            home.receive(job.id, Message::Result(answer));
        });
    }

    fn cancel(&self, _job: JobId) {}
}

fn near(harm: Harm) -> (RemoteBackend, Arc<AtomicUsize>) {
    let most_bytes = Arc::<AtomicUsize>::default();
    let worker = Arc::new(Worker::new("near-1", "").pipeline(&texts().unwrap()));
    let near = Near { worker, was_asked: AtomicBool::new(false), harm, most_bytes: Arc::clone(&most_bytes) };
    (flowglass::over(near), most_bytes)
}

/// Where a cache on disk has its large values.
fn values(folder: &Path) -> PathBuf {
    folder.join("values")
}

#[test]
fn what_lies_in_the_cache_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path()).unwrap();
    let (backend, most_bytes) = near(Harm::None);
    let run = texts().unwrap().run(inputs! { count: LARGE }).cache(cache).backend(backend).wait().unwrap();
    assert_eq!(run.get::<u64>("length").unwrap(), LARGE);
    let most_bytes = most_bytes.load(Ordering::Relaxed);
    assert!(most_bytes < 10_000, "{most_bytes}: neither the result of one node nor what the next one reads");
}

#[test]
fn a_value_that_the_worker_finds_lost_is_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path()).unwrap();
    texts().unwrap().run(inputs! { count: LARGE }).cache(cache.clone()).outputs(["text"]).wait().unwrap();
    let (backend, _) = near(Harm::Before(values(folder.path())));
    let run = texts().unwrap().run(inputs! { count: LARGE }).cache(cache).backend(backend).outputs(["length"]).wait().unwrap();
    assert_eq!((run.get::<u64>("length").unwrap(), run.cache_stats().damaged), (LARGE, 1));
}

#[test]
fn a_result_that_the_driver_finds_lost_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path()).unwrap();
    let (backend, most_bytes) = near(Harm::After(values(folder.path())));
    let run = texts().unwrap().run(inputs! { count: LARGE }).cache(cache).backend(backend).wait().unwrap();
    assert_eq!((run.get::<u64>("length").unwrap(), run.get::<String>("text").unwrap()), (LARGE, large_text()));
    assert!(most_bytes.load(Ordering::Relaxed) > 100_000, "the second time by value");
}
