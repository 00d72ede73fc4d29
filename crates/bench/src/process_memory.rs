//! How much memory this process has had.

/// The most memory that this process has had, in megabytes.
pub(crate) fn peak_mb() -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak of memory is told here")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().map_err(|_| "the peak of memory is no number")?;
    Ok(kilobytes / 1024.0)
}
