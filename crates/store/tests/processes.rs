//! Several processes and one store: one is killed in the middle, several write at once, one may only read.
//!
//! A test starts this same program again to run one of the `child` functions, and talks with it through pipes. Without a
//! parent they do nothing.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowglass_model::{Batch, BatchBuilder, Sink, Span, SpanId, SpanKind, SpanType, Status, TraceId, WriterId, flags};
use flowglass_store::{RetentionPolicy, RunFilter, SinkOptions, SqliteStore, StoreErrorKind};

const STORE: &str = "FLOWGLASS_TEST_STORE";
const READY: &str = "the child is ready";
const DONE: &str = "the child is done";
const BATCHES: u64 = 60;
const SPANS: u64 = 20;
const DAY_NS: i64 = 86_400_000_000_000;

struct OtherProcess {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl OtherProcess {
    fn start(function: &str, store: &Path) -> Self {
        Self::start_with(Command::new(std::env::current_exe().unwrap()), function, store)
    }

    fn start_with(mut command: Command, function: &str, store: &Path) -> Self {
        command.args([function, "--exact", "--nocapture"]).env(STORE, store);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the child ended before it said: {word}");
        }
    }

    fn go(&mut self) {
        self.input.write_all(b"go\n").unwrap();
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn finish(mut self) {
        self.wait_for(DONE);
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

/// Returns the store that the parent named; nothing if no test of this file is the parent.
#[expect(clippy::disallowed_methods, reason = "the test harness of a child leaves no other way to name the store")]
fn store_of_child() -> Option<PathBuf> {
    std::env::var_os(STORE).map(PathBuf::from)
}

fn say(word: &str) {
    println!("{word}");
}

fn wait_for_parent() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

fn span(trace_id: TraceId, id: u64, status: Status) -> Span {
    let is_root = id == 1;
    Span {
        trace_id,
        span_id: SpanId::from_u64(id),
        parent_id: SpanId::from_u64(if is_root { 0 } else { 1 }),
        name: if is_root { "pipeline demo" } else { "node work" }.into(),
        kind: SpanKind::Internal,
        span_type: if is_root { SpanType::Pipeline } else { SpanType::Node },
        status,
        status_message: String::new(),
        start_unix_ns: 1_000_000,
        duration_ns: 5,
        flags: flags::SAMPLED,
        attributes: vec![("index".into(), i64::try_from(id).unwrap().into())],
        ..Span::default()
    }
}

fn batch(writer: WriterId, sequence: u64, spans: impl IntoIterator<Item = Span>) -> Arc<Batch> {
    let mut builder = BatchBuilder::new(writer, sequence, Arc::default());
    spans.into_iter().for_each(|span| builder.push(&span));
    Arc::new(builder.finish())
}

fn folder_and_path() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".flowglass/flowglass.db");
    (folder, path)
}

fn statuses(store: &SqliteStore) -> Vec<Status> {
    let run = store.runs(&RunFilter::default()).unwrap().remove(0);
    let mut statuses = vec![run.status];
    statuses.extend(store.trace(&run).unwrap().iter().map(|span| span.status));
    statuses
}

#[test]
fn child_that_is_killed() {
    let Some(path) = store_of_child() else { return };
    let store = SqliteStore::create_or_open(&path).unwrap();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let trace = TraceId::random();
    let spans = [span(trace, 1, Status::Running), span(trace, 2, Status::Ok), span(trace, 3, Status::Running)];
    sink.write(&batch(WriterId::random(), 1, spans)).unwrap();
    say(READY);
    wait_for_parent();
}

#[test]
fn a_killed_writer_leaves_what_it_committed() {
    let (_folder, path) = folder_and_path();
    let mut child = OtherProcess::start("child_that_is_killed", &path);
    child.wait_for(READY);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(statuses(&store), [Status::Running, Status::Running, Status::Ok, Status::Running]);
    let other = SqliteStore::open(&path).unwrap().sink(SinkOptions::default()).unwrap();
    assert_eq!(statuses(&store)[0], Status::Running, "another writer leaves a living one alone");
    drop(other);
    child.kill();
    let interrupted = [Status::Interrupted, Status::Interrupted, Status::Ok, Status::Interrupted];
    assert_eq!(statuses(&store), interrupted);
    let before = store.trace(&store.runs(&RunFilter::default()).unwrap()[0]).unwrap();
    drop(SqliteStore::create_or_open(&path).unwrap().sink(SinkOptions::default()).unwrap());
    let after = store.trace(&store.runs(&RunFilter::default()).unwrap()[0]).unwrap();
    assert_eq!((statuses(&store).as_slice(), after), (interrupted.as_slice(), before));
    assert_eq!(std::fs::read_dir(path.with_file_name("flowglass.db-writers")).unwrap().count(), 1, "only the gate stays");
}

#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = store_of_child() else { return };
    let store = SqliteStore::create_or_open(&path).unwrap();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let (writer, trace) = (WriterId::random(), TraceId::random());
    sink.write(&batch(writer, 1, [span(trace, 1, Status::Running)])).unwrap();
    for sequence in 2.. {
        let first = sequence * SPANS;
        sink.write(&batch(writer, sequence, (first..first + SPANS).map(|id| span(trace, id, Status::Ok)))).unwrap();
        say(READY);
    }
}

const KILLS: &str = "FLOWGLASS_TEST_KILLS";

/// Returns how often a test kills: as often as `cargo xtask torture` says, or else `usual` times.
#[expect(clippy::disallowed_methods, reason = "the test harness leaves no other way to ask a test for more")]
fn kills(usual: u64) -> u64 {
    std::env::var(KILLS).ok().and_then(|kills| kills.parse().ok()).unwrap_or(usual)
}

/// Lets a moment pass, so that what comes next comes at any instant of what others do.
fn dawdle() {
    for _ in 0..fastrand::u32(..100_000) {
        std::hint::spin_loop();
    }
}

fn assert_whole(store: &SqliteStore) {
    let check = store.check().unwrap();
    assert_eq!(check.problems, [], "{check:?}");
}

#[test]
fn a_writer_killed_at_any_moment_leaves_a_consistent_store() {
    let (_folder, path) = folder_and_path();
    let mut acknowledged_in_all = 0;
    for round in 1..=kills(50) {
        let mut child = OtherProcess::start("child_that_writes_until_it_is_killed", &path);
        // Each 32 commits start a merge, so that many of the deaths are in the middle of one.
        let acknowledged = 1 + round * 29 % 70;
        (0..acknowledged).for_each(|_| child.wait_for(READY));
        dawdle();
        child.kill();
        acknowledged_in_all += acknowledged;
        let store = SqliteStore::open(&path).unwrap();
        if round.is_multiple_of(10) {
            assert_whole(&store);
        }
        let info = store.info().unwrap();
        assert_eq!(info.runs, round);
        assert!(info.spans >= acknowledged_in_all * SPANS, "what was acknowledged is there");
        let newest = store.runs(&RunFilter::default()).unwrap();
        for run in newest.iter().take(3) {
            let spans = store.trace(run).unwrap().len() as u64;
            assert_eq!((run.status, (spans - 1) % SPANS), (Status::Interrupted, 0), "whole batches only");
        }
    }
    let store = SqliteStore::open(&path).unwrap();
    drop(store.sink(SinkOptions::default()).unwrap());
    let before = every_trace(&store);
    store.compact().unwrap();
    assert_eq!(every_trace(&store), before, "merging to the end changes nothing");
    let counted: u64 = store.statistics(None, None).unwrap().iter().map(|name| name.count).sum();
    assert_eq!(counted, store.info().unwrap().spans, "each span is in the roll-ups once");
}

fn every_trace(store: &SqliteStore) -> Vec<Vec<Span>> {
    let runs = store.runs(&RunFilter { limit: usize::MAX, ..RunFilter::default() }).unwrap();
    runs.iter().map(|run| store.trace(run).unwrap()).collect()
}

#[test]
fn child_that_merges_until_it_is_killed() {
    let Some(path) = store_of_child() else { return };
    let store = SqliteStore::open(&path).unwrap();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let trace = TraceId::random();
    for sequence in 1.. {
        sink.write(&batch(WriterId::random(), sequence, [span(trace, sequence + 1, Status::Ok)])).unwrap();
        // Another process, or this one's own thread, may be at it.
        let merged = store.compact();
        assert!(merged.is_ok() || merged.is_err_and(|error| error.is_retryable()));
        say(READY);
    }
}

#[test]
fn a_process_killed_while_it_merges_costs_nothing() {
    let (_folder, path) = folder_and_path();
    let store = SqliteStore::create_or_open(&path).unwrap();
    let (trace, mut sink) = (TraceId::random(), store.sink(SinkOptions::default()).unwrap());
    for sequence in 1..=20 {
        sink.write(&batch(WriterId::random(), 1, [span(trace, sequence, Status::Ok)])).unwrap();
    }
    for round in 0..kills(10) {
        let mut child = OtherProcess::start("child_that_merges_until_it_is_killed", &path);
        (0..=round % 10).for_each(|_| child.wait_for(READY));
        dawdle();
        child.kill();
        assert_whole(&store);
        let run = store.find_run(&trace.to_string()).unwrap();
        assert_eq!(store.trace(&run).unwrap().len(), 20);
    }
    store.compact().unwrap();
    let counted: u64 = store.statistics(None, None).unwrap().iter().map(|name| name.count).sum();
    assert_eq!(counted, store.info().unwrap().spans);
}

/// A run of two spans that began so many days ago.
fn run(days_ago: u64) -> [Span; 2] {
    let trace = TraceId::random();
    let began = SystemTime::now() - Duration::from_secs(days_ago * 86_400);
    let start_unix_ns = i64::try_from(began.duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    [2, 1].map(|id| Span { start_unix_ns, ..span(trace, id, Status::Ok) })
}

#[test]
fn child_that_prunes_until_it_is_killed() {
    let Some(path) = store_of_child() else { return };
    let store = SqliteStore::open(&path).unwrap();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let policy = RetentionPolicy { max_age: Some(Duration::from_secs(5 * 86_400)), ..RetentionPolicy::default() };
    let writer = WriterId::random();
    for sequence in 1.. {
        sink.write(&batch(writer, sequence, [run(10), run(1), run(10)].concat())).unwrap();
        say(READY);
        store.retain(&policy).unwrap();
    }
}

#[test]
fn a_process_killed_while_it_prunes_costs_nothing() {
    let (_folder, path) = folder_and_path();
    let store = SqliteStore::create_or_open(&path).unwrap();
    let mut acknowledged = 0;
    for round in 0..kills(10) {
        let mut child = OtherProcess::start("child_that_prunes_until_it_is_killed", &path);
        let commits = 1 + round % 7;
        (0..commits).for_each(|_| child.wait_for(READY));
        dawdle();
        child.kill();
        acknowledged += commits;
        assert_whole(&store);
        let young = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap() - 5 * DAY_NS;
        let runs = store.runs(&RunFilter { limit: usize::MAX, ..RunFilter::default() }).unwrap();
        assert!(runs.iter().filter(|run| run.start_unix_ns > young).count() as u64 >= acknowledged, "no young run is lost");
        assert!(runs.iter().take(5).chain(runs.iter().rev().take(5)).all(|run| store.trace(run).unwrap().len() == 2));
    }
    let policy = RetentionPolicy { max_age: Some(Duration::from_secs(5 * 86_400)), ..RetentionPolicy::default() };
    store.retain(&policy).unwrap();
    let info = store.info().unwrap();
    assert_eq!(info.spans, info.runs * 2, "of the old ones nothing is left");
}

/// A store of an earlier format, which the first writer brings to today's.
const EARLIER: &[u8] = include_bytes!("fixtures/format-3.db");

#[test]
fn child_that_is_killed_at_its_start() {
    let Some(path) = store_of_child() else { return };
    say(READY);
    let store = SqliteStore::create_or_open(&path).unwrap();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(WriterId::random(), 1, run(1))).unwrap();
    say(DONE);
}

/// Kills a process at any instant of its making a store, or bringing one to today's format, and says what it leaves.
fn killed_at_its_start(earlier: Option<&[u8]>) -> (tempfile::TempDir, SqliteStore) {
    let (folder, path) = folder_and_path();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    earlier.map_or(Ok(()), |bytes| std::fs::write(&path, bytes)).unwrap();
    let mut child = OtherProcess::start("child_that_is_killed_at_its_start", &path);
    child.wait_for(READY);
    dawdle();
    child.kill();
    let found = SqliteStore::open(&path);
    assert!(found.is_ok() || found.is_err_and(|error| error.kind() == StoreErrorKind::NotFound), "a store or none");
    let store = SqliteStore::create_or_open(&path).unwrap();
    drop(store.sink(SinkOptions::default()).unwrap());
    assert_whole(&store);
    (folder, store)
}

#[test]
fn a_process_killed_while_it_makes_a_store_leaves_one_or_none() {
    for _ in 0..kills(20) {
        killed_at_its_start(None);
    }
}

#[test]
fn a_process_killed_while_it_raises_the_format_costs_nothing() {
    let (_folder, path) = folder_and_path();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, EARLIER).unwrap();
    let before = SqliteStore::open(&path).unwrap().info().unwrap();
    for _ in 0..kills(10) {
        let (_folder, store) = killed_at_its_start(Some(EARLIER));
        let info = store.info().unwrap();
        let more = info.runs - before.runs;
        assert!(more <= 1 && info.spans == before.spans + more * 2, "{info:?}");
    }
}

#[test]
fn child_that_writes() {
    let Some(path) = store_of_child() else { return };
    say(READY);
    wait_for_parent();
    let store = SqliteStore::create_or_open(&path).unwrap();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let (writer, trace) = (WriterId::random(), TraceId::random());
    for sequence in 1..=BATCHES {
        let first = (sequence - 1) * SPANS + 1;
        sink.write(&batch(writer, sequence, (first..first + SPANS).map(|id| span(trace, id, Status::Ok)))).unwrap();
    }
    drop(sink);
    say(DONE);
}

#[test]
fn processes_that_write_at_once_lose_nothing() {
    let (_folder, path) = folder_and_path();
    let mut children: Vec<_> = (0..4).map(|_| OtherProcess::start("child_that_writes", &path)).collect();
    children.iter_mut().for_each(|child| child.wait_for(READY));
    // They make the store at once, too.
    children.iter_mut().for_each(OtherProcess::go);
    children.into_iter().for_each(OtherProcess::finish);
    let store = SqliteStore::open(&path).unwrap();
    let runs = store.runs(&RunFilter::default()).unwrap();
    assert_eq!((runs.len(), store.info().unwrap().spans), (4, 4 * BATCHES * SPANS));
    for run in &runs {
        assert_eq!((run.status, run.span_count), (Status::Ok, BATCHES * SPANS));
        assert_eq!(store.trace(run).unwrap().len() as u64, BATCHES * SPANS);
    }
}

#[cfg(target_os = "linux")]
mod without_rights {
    //! A process whose user may read the store's folder and not write it.

    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    use flowglass_store::StoreErrorKind;

    use super::*;

    const NOBODY: u32 = 65534;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn child_that_may_only_read() {
        let Some(path) = store_of_child() else { return };
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(statuses(&store), [Status::Ok, Status::Ok]);
        assert_eq!(store.sink(SinkOptions::default()).unwrap_err().kind(), StoreErrorKind::NotWritable);
        let new = path.with_file_name("new.db");
        assert_eq!(SqliteStore::create_or_open(&new).unwrap_err().kind(), StoreErrorKind::NotWritable);
        say(DONE);
    }

    #[test]
    fn a_folder_that_can_not_be_written_can_be_read() {
        let (folder, path) = folder_and_path();
        let store = SqliteStore::create_or_open(&path).unwrap();
        store
            .sink(SinkOptions::default())
            .unwrap()
            .write(&batch(WriterId::random(), 1, [span(TraceId::random(), 1, Status::Ok)]))
            .unwrap();
        drop(store);
        let inner = path.parent().unwrap();
        set_mode(folder.path(), 0o755);
        set_mode(&path, 0o444);
        set_mode(inner, 0o555);
        // The other user may have no right to the folder that this program is in.
        let program = folder.path().join("program");
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let mut command = Command::new(program);
        // Only root may start a process as somebody else; for anybody else the modes alone are enough.
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        OtherProcess::start_with(command, "without_rights::child_that_may_only_read", &path).finish();
        set_mode(inner, 0o755);
    }
}
