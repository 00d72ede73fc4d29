//! What waits for a worker: what is configured differently doesn't travel together, and what needn't travel any more stays.

use std::sync::Arc;

use flowglass::prelude::*;
use flowglass::transport::{Home, JobId, Limits, Message, OutgoingJob, Transport, Upstream, Worker};
use flowglass::{CancelToken, DiskCache, RemoteBackend};
use parking_lot::Mutex;

use crate::pipelines::{lengths, sums};
use crate::workers;

#[test]
fn two_uses_of_a_pipeline_keep_their_own_caches_without_telemetry_too() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [one, two] = folders.each_ref().map(|folder| DiskCache::open(folder.path()).unwrap());
    let lengths = lengths().unwrap();
    let pipeline = Pipeline::builder("two uses")
        .node(lengths.as_node().named("one").input("text", "first").output("length", "one").cache_in(one.clone()))
        .node(lengths.as_node().named("two").input("text", "second").output("length", "two").cache_in(two.clone()))
        .build()
        .unwrap();
    let run = pipeline.run(inputs! { first: "a", second: "bb" }).no_telemetry().backend(workers(1)).wait().unwrap();
    assert_eq!((run.get::<u64>("one").unwrap(), run.get::<u64>("two").unwrap()), (1, 2));
    assert_eq!((one.stats().unwrap().entries, two.stats().unwrap().entries), (1, 1), "each in its own");
}

/// A worker in this process that begins with nothing until it is let. It takes one job at a time.
#[derive(Clone)]
struct Held {
    worker: Arc<Worker>,
    jobs: Arc<Mutex<Vec<Submitted>>>,
}

type Submitted = (OutgoingJob, Arc<dyn Home>);

struct Up(Arc<dyn Home>);

impl Upstream for Up {
    fn update(&self, job: JobId, body: &[u8]) {
        self.0.receive(job, Message::Update(body.to_vec()));
    }
}

impl Transport for Held {
    fn name(&self) -> &str {
        "held"
    }

    fn limits(&self) -> Limits {
        Limits { message_bytes: 1 << 20, concurrency: 1 }
    }

    fn submit(&self, job: OutgoingJob, home: Arc<dyn Home>) {
        self.jobs.lock().push((job, home));
    }

    fn cancel(&self, _job: JobId) {}
}

impl Held {
    /// Does what was sent so far; says how many jobs that were.
    fn release(&self) -> usize {
        let jobs = std::mem::take(&mut *self.jobs.lock());
        let count = jobs.len();
        for (job, home) in jobs {
            let worker = Arc::clone(&self.worker);
            let work = move || {
                let upstream: Arc<dyn Upstream> = Arc::new(Up(Arc::clone(&home)));
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let answer = runtime.block_on(worker.work(job.id, &job.body, &upstream, &CancelToken::new()));
                home.receive(job.id, Message::Result(answer));
            };
            // A runtime of its own can't be inside of the test's.
            std::thread::spawn(work).join().unwrap();
        }
        count
    }
}

#[tokio::test]
async fn what_somebody_else_has_computed_meanwhile_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path()).unwrap();
    let sums = sums().unwrap();
    let held = Held { worker: Arc::new(Worker::new("held-1", "").pipeline(&sums)), jobs: Arc::default() };
    let backend: RemoteBackend = flowglass::over(held.clone());
    let square = |number: u64| sums.run(inputs! { number: number }).outputs(["square"]).cache(cache.clone());
    let away = |number: u64| square(number).backend(backend.clone()).into_future();
    let meanwhile = async {
        // Both are under way now: the first with the worker, the second behind it.
        let here = square(4).await.unwrap();
        assert_eq!(here.cache_stats().hits, 0);
        assert_eq!(held.release(), 1);
    };
    let (first, second, ()) = tokio::join!(biased; away(3), away(4), meanwhile);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.get::<u64>("square").unwrap(), first.cache_stats().writes), (9, 1));
    assert_eq!((second.get::<u64>("square").unwrap(), second.cache_stats().hits), (16, 1));
    assert_eq!(held.release(), 0, "the second was never sent");
    let span = second.trace().into_iter().find(|span| span.name == "node square").unwrap();
    assert_eq!(span.text("cache.status"), Some("hit"));
}

#[node(output = "cube")]
fn cube(square: u64, number: u64) -> u64 {
    square * number
}

#[node(output = "square")]
fn squared(number: u64) -> u64 {
    number * number
}

#[tokio::test]
async fn a_whole_pipeline_that_somebody_else_has_run_meanwhile_is_not_sent() {
    let cache = DiskCache::open(tempfile::tempdir().unwrap().path()).unwrap();
    let inner = Pipeline::builder("powers").nodes(nodes![squared, cube]).build().unwrap();
    let outer = Pipeline::builder("outer").node(inner.clone()).build().unwrap();
    let held = Held { worker: Arc::new(Worker::new("held-1", "").pipeline(&inner)), jobs: Arc::default() };
    let backend: RemoteBackend = flowglass::over(held.clone());
    let cubed = |number: u64| outer.run(inputs! { number: number }).cache(cache.clone());
    let away = |number: u64| cubed(number).backend(backend.clone()).into_future();
    let meanwhile = async {
        // Both are under way now: the first with the worker, the second behind it.
        assert_eq!(cubed(4).await.unwrap().cache_stats().hits, 0);
        assert_eq!(held.release(), 1);
    };
    let (first, second, ()) = tokio::join!(biased; away(3), away(4), meanwhile);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.get::<u64>("cube").unwrap(), second.get::<u64>("cube").unwrap()), (27, 64));
    assert_eq!(held.release(), 0, "the second was never sent");
    assert_eq!((first.cache_stats().hits, second.cache_stats().hits), (0, 2));
    let span = second.trace().into_iter().find(|span| span.name == "pipeline powers").unwrap();
    assert_eq!((span.text("cache.status"), span.text("worker.id")), (Some("hit"), None));
}

#[tokio::test]
async fn an_item_that_somebody_else_has_run_meanwhile_is_not_sent() {
    let cache = DiskCache::open(tempfile::tempdir().unwrap().path()).unwrap();
    let powers = Pipeline::builder("powers").nodes(nodes![squared, cube]).build().unwrap();
    let held = Held { worker: Arc::new(Worker::new("held-1", "").pipeline(&powers)), jobs: Arc::default() };
    let backend: RemoteBackend = flowglass::over(held.clone());
    let map = |numbers: Vec<u64>| powers.map(inputs! { number: numbers }, ["number"]).cache(cache.clone());
    let away = |number: u64| map(vec![number]).backend(backend.clone()).into_future();
    let meanwhile = async {
        assert_eq!(map(vec![4]).await.unwrap().cached(), 0);
        assert_eq!(held.release(), 1);
    };
    let (first, second, ()) = tokio::join!(biased; away(3), away(4), meanwhile);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.column::<u64>("cube").unwrap(), second.column::<u64>("cube").unwrap()), (vec![27], vec![64]));
    assert_eq!((held.release(), first.cached(), second.cached()), (0, 0, 1));
}
