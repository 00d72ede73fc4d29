//! The nodes and pipelines that the tests hand out, and that every copy of the test program knows.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use flowglass::prelude::*;
use flowglass::{BoxError, Error, Setting};

#[node(output = "square")]
pub(crate) fn square(number: u64) -> u64 {
    let span = flowglass::span("multiply");
    span.attr("factor", i64::try_from(number).unwrap_or_default());
    number * number
}

#[node(output = "pid")]
pub(crate) async fn process(square: u64) -> u32 {
    tokio::task::yield_now().await;
    u32::try_from(square).map_or(0, |_| std::process::id())
}

#[node(output = "sum")]
pub(crate) fn add(square: u64, pid: u32) -> u64 {
    square + u64::from(pid.min(1))
}

/// Fails for odd numbers, panics for multiples of ten.
#[node(output = "half")]
pub(crate) fn halve(number: u64) -> Result<u64, BoxError> {
    assert!(!number.is_multiple_of(10), "ten times {}", number / 10);
    if number.is_multiple_of(2) { Ok(number / 2) } else { Err(format!("{number} is odd").into()) }
}

/// Kills its own process the first time, which the file remembers.
#[node(output = "survived")]
pub(crate) fn die_once(file: PathBuf) -> u64 {
    let span = flowglass::span("dying");
    if remember(&file) {
        return 7;
    }
    span.event("about to die", &[]);
    die()
}

/// Kills its process for one number.
#[node(output = "number_again")]
pub(crate) fn die_at_three(number: u64) -> u64 {
    if number == 3 { die() } else { number }
}

/// Never ends, and hears of nothing.
#[node(output = "never")]
pub(crate) fn hang(number: u64) -> u64 {
    loop {
        std::thread::sleep(Duration::from_millis(number.max(1)));
    }
}

/// As [`hang`], and says so.
#[node(output = "never")]
pub(crate) fn hang_loudly(number: u64) -> u64 {
    eprintln!("hanging");
    hang(number)
}

/// Says that something went wrong in it, and makes its output all the same.
#[node(output = "number_again")]
pub(crate) fn complain(number: u64) -> u64 {
    flowglass::span("complaint").error("odd enough");
    number
}

/// Prints more than a pipe holds, and what no text is. What is looked for is one write each, so that nothing gets between.
#[node(output = "heard")]
pub(crate) fn shout(number: u64) -> u64 {
    use std::io::Write as _;
    println!("[out of node {number}]");
    std::io::stderr().write_all(format!("[err of node {number}]\n").as_bytes()).unwrap();
    println!("{}", "o".repeat(3_000));
    std::io::stdout().write_all(&[0xff, 0x00, 0x04, 0x00, b'\n']).unwrap();
    print!("no end of a line {number}");
    number
}

/// Hands something to workers of its own, and gives back what came of it.
#[node(output = "said")]
pub(crate) async fn nest(number: u64) -> String {
    let run = sums().unwrap().run(inputs! { number: number }).backend(crate::workers(2));
    run.await.map_or_else(|error| error.to_string(), |_| "it worked".to_owned())
}

/// Starts a run of its own, and gives back what came of it.
#[node(output = "sum_by_hand")]
pub(crate) async fn sum_by_hand(number: u64) -> Result<u64, Error> {
    sums()?.run(inputs! { number: number }).await?.get("sum")
}

/// Neither travels nor has a key.
pub(crate) struct PgPool(u8);

#[node(output = "pool")]
pub(crate) fn connect(address: String) -> PgPool {
    PgPool(u8::try_from(address.len()).unwrap_or_default())
}

#[node(output = "rows")]
pub(crate) fn query(pool: &PgPool, table: String) -> Vec<String> {
    vec![format!("{table} of {}", pool.0)]
}

fn rows_of(name: &str, pool: u8) -> Build {
    Pipeline::builder(name).node(query {}).build()?.bind(inputs! { pool: PgPool(pool) })
}

/// A pipeline that is fixed at a pool of its own.
pub(crate) fn pooled() -> Build {
    Pipeline::builder("pooled").node(rows_of("rows of a pool", 3)?).build()
}

/// One pipeline twice, each with a pool of its own.
pub(crate) fn twins() -> Build {
    let rows = |pool: u8| rows_of("rows", pool);
    Pipeline::builder("twins")
        .node(rows(1)?.as_node().named("first").output("rows", "one"))
        .node(rows(2)?.as_node().named("second").output("rows", "two"))
        .build()
}

/// Knows how many were built in its process before it, and waited for that.
pub(crate) struct Model {
    before: u32,
}

static BUILT: AtomicU32 = AtomicU32::new(0);

impl State for Model {
    type Arguments = String;
    async fn construct(_: &String) -> Result<Self, BoxError> {
        tokio::task::yield_now().await;
        Ok(Self { before: BUILT.fetch_add(1, SeqCst) })
    }
}

#[node(output = "before")]
pub(crate) fn ask(#[state] model: &Model, number: u64) -> u64 {
    u64::from(model.before) + number
}

/// Waits until it is told to stop.
#[node(output = "waited")]
pub(crate) async fn wait_long(number: u64, file: PathBuf, context: &NodeContext) -> u64 {
    let _gone = Footprint(file);
    context.cancel_token().cancelled().await;
    number
}

/// Leaves a file when it is dropped.
struct Footprint(PathBuf);

impl Drop for Footprint {
    fn drop(&mut self) {
        std::fs::write(&self.0, "dropped").unwrap();
    }
}

/// Waits until a file is there.
#[node(output = "is_there")]
pub(crate) async fn wait_for(file: PathBuf) -> bool {
    while !file.exists() {
        tokio::task::yield_now().await;
    }
    true
}

/// Says whether the file was there, and makes it.
fn remember(file: &Path) -> bool {
    std::fs::OpenOptions::new().write(true).create_new(true).open(file).is_err()
}

fn die() -> u64 {
    eprintln!("last words");
    let pid = std::process::id().to_string();
    std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
    loop {
        std::thread::park();
    }
}

/// Opens a span, and stays in it until somebody has seen that it is open; then kills its own process, but only the first time.
#[node(output = "survived")]
pub(crate) fn die_when_seen(seen: PathBuf, died: PathBuf) -> u64 {
    let _span = flowglass::span("dying");
    if remember(&died) {
        return 7;
    }
    while !seen.exists() {
        std::thread::yield_now();
    }
    die()
}

/// What a service that is called from here would be sent.
fn outgoing() -> Vec<(String, String)> {
    let headers = flowglass::Context::current().propagation().to_headers();
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[node(output = "at_once")]
pub(crate) fn carried(number: u64) -> Vec<(String, String)> {
    let outgoing = outgoing();
    let span = flowglass::span("in carried");
    span.attr("number", i64::try_from(number).unwrap_or_default());
    outgoing
}

#[node(output = "later")]
pub(crate) async fn carried_later(number: u64) -> Vec<(String, String)> {
    for _ in 0..=number {
        tokio::task::yield_now().await;
    }
    outgoing()
}

#[node(output = "blocking", blocking)]
pub(crate) fn carried_blocking(number: u64) -> Vec<(String, String)> {
    std::hint::black_box(number);
    outgoing()
}

pub(crate) fn carriers() -> Build {
    Pipeline::builder("carriers").nodes(nodes![carried, carried_later, carried_blocking]).build()
}

/// A pipeline with another one inside, and with a node of its own.
pub(crate) fn middle_of(inner: &Pipeline) -> Build {
    Pipeline::builder("middle")
        .node(inner.as_node().output("pid", "inner_pid").output("square", "square"))
        .node(process {}.named("away").output("pid", "middle_pid"))
        .build()
}

pub(crate) fn middle() -> Build {
    middle_of(&sums()?)
}

#[node(output = "text")]
pub(crate) fn repeat(count: u64) -> String {
    "x".repeat(usize::try_from(count).unwrap_or_default())
}

#[node(output = "length")]
pub(crate) fn measure(text: &str) -> u64 {
    text.len() as u64
}

/// Makes a text, and measures it.
pub(crate) fn texts() -> Build {
    Pipeline::builder("texts").nodes(nodes![repeat, measure]).build()
}

pub(crate) fn lengths() -> Build {
    Pipeline::builder("lengths").node(measure {}).build()
}

pub(crate) fn seen_dying() -> Build {
    Pipeline::builder("seen dying").node(die_when_seen {}).build()
}

pub(crate) type Build = Result<Pipeline, Error>;

pub(crate) fn sums() -> Build {
    Pipeline::builder("sums").nodes(nodes![square, process, add]).build()
}

pub(crate) fn halves() -> Build {
    Pipeline::builder("halves").node(halve {}.retry(Retry::attempts(2).delay(Duration::from_millis(1)))).build()
}

pub(crate) fn survivors() -> Build {
    Pipeline::builder("survivors").node(die_once {}).build()
}

pub(crate) fn threes() -> Build {
    Pipeline::builder("threes").node(die_at_three {}).build()
}

pub(crate) fn hangs() -> Build {
    Pipeline::builder("hangs").node(hang {}.timeout(Duration::from_millis(200))).build()
}

pub(crate) fn hangers() -> Build {
    Pipeline::builder("hangers").node(hang_loudly {}).build()
}

pub(crate) fn complaints() -> Build {
    Pipeline::builder("complaints").node(complain {}).build()
}

pub(crate) fn loud() -> Build {
    Pipeline::builder("loud").node(shout {}).build()
}

pub(crate) fn nests() -> Build {
    Pipeline::builder("nests").node(nest {}).build()
}

pub(crate) fn by_hand() -> Build {
    Pipeline::builder("by hand").node(sum_by_hand {}).build()
}

pub(crate) fn footprints() -> Build {
    Pipeline::builder("footprints").node(wait_for {}.timeout(Duration::from_secs(60))).build()
}

pub(crate) fn waits() -> Build {
    Pipeline::builder("waits").node(wait_long {}).build()
}

/// A pipeline around `sums`, which is mapped over and runs once besides.
pub(crate) fn report() -> Build {
    let sums = sums()?;
    Pipeline::builder("report")
        .node(sums.as_node().named("one").output("sum", "one_sum"))
        .node(sums.as_node().named("each").map_over("number", "numbers").output("sum", "sums"))
        .node(total {})
        .build()
}

#[node(output = "total")]
pub(crate) fn total(sums: Vec<u64>, one_sum: u64) -> u64 {
    sums.into_iter().sum::<u64>() + one_sum
}

pub(crate) fn models() -> Build {
    Pipeline::builder("models").node(ask {}).build()
}

/// Everything that a copy knows.
pub(crate) fn all() -> Vec<fn() -> Build> {
    let fixed: [fn() -> Build; 21] = [
        models, sums, halves, survivors, threes, hangs, hangers, loud, nests, by_hand, waits, footprints, report, carriers,
        middle, seen_dying, texts, lengths, pooled, twins, complaints,
    ];
    fixed.to_vec()
}

/// A pipeline as it is, with another backend.
pub(crate) fn on(build: Build, backend: impl Into<flowglass::Backend>) -> Pipeline {
    build.unwrap().with_backend(Setting::Set(backend.into()))
}
