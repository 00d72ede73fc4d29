//! Processes of the system, looked at through `/proc`.

use std::fs;
use std::process::Command;

/// A process by its id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    id: u32,
}

impl Process {
    pub(crate) fn new(id: u32) -> Self {
        Self { id }
    }

    /// Reads an id that a command wrote.
    #[track_caller]
    pub(crate) fn written(text: &str) -> Self {
        Self { id: text.trim().parse().unwrap_or_else(|_| panic!("{text:?} is no process id")) }
    }

    /// Says whether it still runs; one that has ended and only waits to be collected doesn't.
    pub(crate) fn is_alive(self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id)).unwrap_or_default();
        let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
        state.is_some_and(|state| !state.starts_with(['Z', 'X']))
    }

    /// The most memory that it had at once.
    pub(crate) fn peak_memory_kb(self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(self, name: &str) {
        let script = format!("kill -{name} {}", self.id);
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    }
}
