//! How long a PostgreSQL server on this machine has been on processors: it, what it started, and what of that has ended.

use std::fs;

use flowglass::store::{SqlAnswer, SqlQuestion, SqlValue, Store};

/// The processes of one server.
pub(super) struct ServerTime {
    parent: i64,
}

impl ServerTime {
    /// Finds the server that answers a store; nothing where the store has none, or on another machine.
    pub(super) fn of(store: &dyn Store) -> Option<Self> {
        let mut answer = SqlAnswer::default();
        // One of its processes that stays.
        let question = SqlQuestion::new("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
        store.answer_sql(&question, &mut answer).ok()?;
        let SqlValue::Int(pid) = answer.rows.first()?.first()? else { return None };
        let found = processes().find(|process| process.pid == *pid && process.name.starts_with("postgres"))?;
        Some(Self { parent: found.parent })
    }

    /// Returns the seconds since the server started.
    pub(super) fn cpu_s(&self) -> f64 {
        let ours = processes().filter(|process| process.pid == self.parent || process.parent == self.parent);
        let ticks: u64 =
            ours.map(|process| process.ticks + if process.pid == self.parent { process.reaped_ticks } else { 0 }).sum();
        // The system counts in hundredths of a second, whatever its clock does.
        ticks as f64 / 100.0
    }
}

struct Process {
    pid: i64,
    parent: i64,
    name: String,
    ticks: u64,
    /// Those of its children that have ended.
    reaped_ticks: u64,
}

/// Reads what the system tells of each process: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
fn processes() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (pid, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        Some(Process {
            pid: pid.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            name: name.to_owned(),
            ticks: number(11)? + number(12)?,
            reaped_ticks: number(13)? + number(14)?,
        })
    })
}
