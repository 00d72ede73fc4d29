//! How much memory this process has, and has had.

/// The most memory that this process has had, in megabytes.
pub(crate) fn peak_mb() -> Result<f64, String> {
    told("VmHWM:")
}

/// The memory that this process has now, in megabytes.
pub(crate) fn current_mb() -> Result<f64, String> {
    told("VmRSS:")
}

fn told(key: &str) -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("this system doesn't tell a process's memory")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().map_err(|_| "the memory told is no number")?;
    Ok(kilobytes / 1024.0)
}
