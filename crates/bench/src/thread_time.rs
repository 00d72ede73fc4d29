//! How long the calling thread, or the whole process, has been on a processor.
#![expect(unsafe_code, reason = "the system call is foreign")]

/// Returns how long the calling thread has been on a processor, in nanoseconds; 0 where the system can't tell.
pub(crate) fn cpu_ns() -> f64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Returns how long all threads of the process have been on processors, in nanoseconds; 0 where the system can't tell.
pub(crate) fn process_cpu_ns() -> f64 {
    clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn clock_ns(clock: libc::clockid_t) -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes into `time`, which outlives it.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
