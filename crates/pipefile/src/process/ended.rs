//! Whether all that is left of a process group has ended and only waits to be reaped.

use std::path::Path;

use rustix::process::Pid;

/// Says whether a group has members that can be seen, and all of them have ended.
///
/// A signal still reaches a process that ended as long as its parent has not reaped it, and who inherits orphans may take
/// a second or more for that. Only Linux tells such processes from running ones; elsewhere the answer is no.
pub(super) fn only_ended_are_left(group: Pid) -> bool {
    // A process could start another and end while the list is read: whatever it started is in the second list.
    cfg!(target_os = "linux") && all_have_ended(group) && all_have_ended(group)
}

fn all_have_ended(group: Pid) -> bool {
    let Ok(processes) = std::fs::read_dir(Path::new("/proc")) else { return false };
    let stats = processes.flatten().filter(|entry| is_process(&entry.file_name()));
    let members = stats.filter_map(|entry| Stat::read(&entry.path().join("stat")));
    let mut members = members.filter(|stat| stat.group == group.as_raw_nonzero().get()).peekable();
    members.peek().is_some() && members.all(|stat| stat.has_ended())
}

fn is_process(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// What `/proc/ID/stat` says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    group: i32,
    threads: u32,
}

impl Stat {
    fn read(path: &Path) -> Option<Self> {
        // A program's name may be any bytes.
        Self::parse(&String::from_utf8_lossy(&std::fs::read(path).ok()?))
    }

    /// Reads `ID (NAME) STATE PARENT GROUP …`; see proc_pid_stat(5). The name may hold parentheses and spaces.
    fn parse(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(") ")?;
        let mut fields = after_name.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let group = fields.nth(1)?.parse().ok()?;
        let threads = fields.nth(14)?.parse().ok()?;
        Some(Self { state, group, threads })
    }

    /// The first thread of a program may have ended while others go on.
    fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X') && self.threads <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "5 0 -1 0 0 0 0 0 0 0 0 0 20 0";

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let stat = |text: &str| Stat::parse(&text.replace("TAIL", TAIL));
        assert_eq!(stat("7 (sh) S 1 42 TAIL 3 0 9"), Some(Stat { state: 'S', group: 42, threads: 3 }));
        assert_eq!(stat("7 (a) Z (b) Z 1 42 TAIL 1 0 9"), Some(Stat { state: 'Z', group: 42, threads: 1 }));
        assert_eq!(stat("7 (a"), None);
        assert_eq!(stat("7 (a) Z 1"), None);
    }

    #[test]
    fn a_program_has_ended_when_its_last_thread_has() {
        let has_ended = |state, threads| Stat { state, group: 1, threads }.has_ended();
        assert!(has_ended('Z', 1) && has_ended('Z', 0) && has_ended('X', 1));
        assert!(!has_ended('Z', 2) && !has_ended('S', 1) && !has_ended('R', 1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_nobody_reaped_yet_counts_as_ended() {
        use std::os::unix::process::CommandExt;
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).process_group(0).spawn().unwrap();
        let group = Pid::from_child(&child);
        assert!(!only_ended_are_left(group));
        drop(child.stdin.take());
        // Waits for the end without reaping.
        let seen = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(group), seen).unwrap();
        assert!(rustix::process::test_kill_process_group(group).is_ok());
        assert!(only_ended_are_left(group));
        child.wait().unwrap();
        assert!(!only_ended_are_left(group));
    }
}
