//! What a receiver tells whoever runs it, while it runs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flowglass_otlp::Signal;

/// Something that whoever runs a receiver may want to know. `Display` says it in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Records of a request were left out because they are wrong; their sender was told.
    Rejected {
        /// What was sent.
        signal: Signal,
        /// How many.
        count: u64,
        /// Which, and what is wrong with them.
        why: String,
        /// How many requests had such records by now.
        times: u64,
    },
    /// A request wasn't taken; its sender was told.
    Refused {
        /// The HTTP status that says so.
        status: u16,
        /// Why.
        why: String,
        /// How many requests were refused with this status by now.
        times: u64,
    },
    /// The sink didn't take what was sent; its senders were told.
    NotWritten {
        /// Why.
        why: String,
        /// How often this happened by now.
        times: u64,
    },
    /// The system gives no more connections for now.
    NoConnections {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = |times: &u64| if *times > 1 { format!(" ({times} times by now)") } else { String::new() };
        match self {
            Self::Rejected { signal, count, why, times } => {
                let s = if *count == 1 { "" } else { "s" };
                write!(f, "left out {count} {}{s}: {why}{}", signal.item(), again(times))
            }
            Self::Refused { status, why, times } => write!(f, "refused a request with {status}: {why}{}", again(times)),
            Self::NotWritten { why, times } => write!(f, "couldn't keep what was sent: {why}{}", again(times)),
            Self::NoConnections { why } => write!(f, "can't accept connections: {why}"),
        }
    }
}

/// Tells notices, and of many alike only the first, second, fourth, eighth and so on.
#[derive(Clone)]
pub(crate) struct Notices(Arc<Inner>);

type Tell = dyn Fn(&Notice) + Send + Sync;

struct Inner {
    tell: Box<Tell>,
    rejected: AtomicU64,
    /// By the hundreds of their statuses' last digits: few statuses are used.
    refused: [AtomicU64; 100],
    not_written: AtomicU64,
}

impl Notices {
    pub(crate) fn new(tell: Box<Tell>) -> Self {
        let refused = std::array::from_fn(|_| AtomicU64::new(0));
        Self(Arc::new(Inner { tell, rejected: AtomicU64::new(0), refused, not_written: AtomicU64::new(0) }))
    }

    pub(crate) fn rejected(&self, signal: Signal, count: u64, why: &str) {
        if let Some(times) = worth_telling(&self.0.rejected) {
            (self.0.tell)(&Notice::Rejected { signal, count, why: why.to_owned(), times });
        }
    }

    pub(crate) fn refused(&self, status: u16, why: &str) {
        if let Some(times) = worth_telling(&self.0.refused[usize::from(status) % 100]) {
            (self.0.tell)(&Notice::Refused { status, why: why.to_owned(), times });
        }
    }

    pub(crate) fn not_written(&self, why: &str) {
        if let Some(times) = worth_telling(&self.0.not_written) {
            (self.0.tell)(&Notice::NotWritten { why: why.to_owned(), times });
        }
    }

    pub(crate) fn no_connections(&self, why: &str) {
        (self.0.tell)(&Notice::NoConnections { why: why.to_owned() });
    }
}

/// Counts once more; returns the count where it is a power of two.
fn worth_telling(times: &AtomicU64) -> Option<u64> {
    Some(times.fetch_add(1, Relaxed) + 1).filter(|times| times.is_power_of_two())
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn of_many_alike_few_are_told() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let notices = {
            let told = Arc::clone(&told);
            Notices::new(Box::new(move |notice| told.lock().push(notice.to_string())))
        };
        for _ in 0..9 {
            notices.refused(413, "too large");
        }
        notices.rejected(Signal::Traces, 2, "span \"a\": odd");
        notices.rejected(Signal::Logs, 1, "odd");
        let told = told.lock();
        assert_eq!(told.len(), 6, "the first, second, fourth and eighth refusal, and two rejections");
        assert_eq!(told[3], "refused a request with 413: too large (8 times by now)");
        assert_eq!(told[4], "left out 2 spans: span \"a\": odd");
        assert_eq!(told[5], "left out 1 log record: odd (2 times by now)");
    }
}
