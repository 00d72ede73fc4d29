//! What this process uses of the machine: processor time, memory, threads, open files; as a reading, and as metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowglass_model::{Number, conventions as names};
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

use crate::Recorder;

/// A reading is told by all metrics, and not taken anew before this has passed.
const PERIOD: Duration = Duration::from_secs(1);

/// What this process uses of the machine. What the system doesn't tell is none: memory, threads and open files are read on Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessUsage {
    /// How long its threads have been at work on processors, all together.
    pub cpu_time: Duration,
    /// The memory that it has in RAM now, in bytes.
    pub memory_bytes: Option<u64>,
    /// How many threads it has.
    pub threads: Option<u64>,
    /// How many files, sockets and pipes it has open.
    pub open_files: Option<u64>,
}

impl ProcessUsage {
    /// Reads it now, which takes some ten microseconds.
    #[must_use]
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            cpu_time: Self::cpu_time(),
            memory_bytes: field(&status, "VmRSS:").map(|kilobytes| kilobytes * 1024),
            threads: field(&status, "Threads:"),
            open_files: open_files(),
        }
    }

    /// Reads only how long its threads have been at work: less than a microsecond.
    #[must_use]
    pub fn cpu_time() -> Duration {
        Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
    }
}

/// Returns the number behind a name in `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// One less than the folder shows, which is open while it is read.
fn open_files() -> Option<u64> {
    let shown = std::fs::read_dir("/proc/self/fd").ok()?.count();
    Some((shown as u64).saturating_sub(1))
}

/// A number of a reading.
type Part = fn(&ProcessUsage) -> Option<u64>;

/// The last reading, which all metrics tell once.
#[derive(Default)]
struct Readings(Mutex<Option<Reading>>);

#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    usage: ProcessUsage,
}

impl Readings {
    /// Returns the last reading, a new one if it is too old by now.
    fn at(&self, now: Instant) -> Reading {
        let mut last = self.0.lock();
        let fresh = last.filter(|reading| now.saturating_duration_since(reading.at) < PERIOD);
        *last.insert(fresh.unwrap_or_else(|| Reading { at: now, usage: ProcessUsage::now() }))
    }
}

/// Answers with a part of each reading, once.
fn once_each<N: Into<Number>>(
    readings: &Arc<Readings>,
    part: impl Fn(&ProcessUsage) -> Option<N> + Send + 'static,
) -> impl Fn(Instant) -> Option<N> + Send + 'static {
    let (readings, told) = (Arc::clone(readings), Mutex::new(None));
    move |now| {
        let reading = readings.at(now);
        let is_new = told.lock().replace(reading.at) != Some(reading.at);
        is_new.then(|| part(&reading.usage)).flatten()
    }
}

/// Lets a recorder tell OpenTelemetry's metrics of the process while something is recorded.
pub(crate) fn observe(recorder: &Recorder) {
    let readings = Arc::new(Readings::default());
    let cpu_time = once_each(&readings, |usage| Some(usage.cpu_time.as_secs_f64()));
    let counted: [(&str, &str, &str, Part); 3] = [
        (names::PROCESS_MEMORY_USAGE, "By", "Memory that the process has in RAM", |usage| usage.memory_bytes),
        (names::PROCESS_THREAD_COUNT, "{thread}", "Threads of the process", |usage| usage.threads),
        (names::PROCESS_FILE_DESCRIPTOR_COUNT, "{file_descriptor}", "Files and sockets that are open", |usage| {
            usage.open_files
        }),
    ];
    recorder
        .counter(names::PROCESS_CPU_TIME)
        .unit("s")
        .description("How long the process's threads were at work on processors")
        .observe(&[], move || cpu_time(Instant::now()));
    for (name, unit, description, part) in counted {
        let ask = once_each(&readings, move |usage| part(usage).and_then(|number| i64::try_from(number).ok()));
        recorder.up_down_counter(name).unit(unit).description(description).observe(&[], move || ask(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_of_this_process() {
        let before = ProcessUsage::now();
        assert!(before.cpu_time > Duration::ZERO);
        if cfg!(target_os = "linux") {
            assert!(before.memory_bytes.unwrap() > 100_000 && before.threads.unwrap() >= 1, "{before:?}");
            let opened = std::fs::File::open("/proc/self/status").unwrap();
            assert!(before.open_files.unwrap() >= 1, "{before:?}, {opened:?}");
        }
        assert!(ProcessUsage::cpu_time() >= before.cpu_time);
    }

    #[test]
    fn what_the_system_does_not_say_is_none() {
        assert_eq!(field("VmRSS:\t  12 kB\nThreads:\t3\n", "Threads:"), Some(3));
        for strange in ["", "VmRSS:", "VmRSS:\tmany kB", "Threads: 3"] {
            assert_eq!(field(strange, "VmRSS:"), None, "{strange:?}");
        }
    }

    #[test]
    fn each_metric_tells_a_reading_once() {
        let readings = Arc::new(Readings::default());
        let (cpu, memory) = (once_each(&readings, |_| Some(1)), once_each(&readings, |_| Some(2)));
        let now = Instant::now();
        assert_eq!((cpu(now), memory(now)), (Some(1), Some(2)));
        assert_eq!((cpu(now + PERIOD / 2), memory(now + PERIOD / 2)), (None, None));
        assert_eq!((cpu(now + PERIOD), memory(now + PERIOD * 3 / 2)), (Some(1), Some(2)));
    }
}
