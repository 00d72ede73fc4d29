//! When somebody who waits for a server has to be done: never, until the end begins.

use std::time::Instant;

use tokio::sync::watch;

/// A time limit that comes late: also for whoever waits already.
#[derive(Debug, Default)]
pub(super) struct Ending {
    until: watch::Sender<Option<Instant>>,
}

impl Ending {
    /// Says until when everybody has to be done.
    pub(super) fn begin(&self, until: Instant) {
        self.until.send_replace(Some(until));
    }

    /// Waits for something; returns nothing if it isn't there in time.
    pub(super) async fn limit<T>(&self, wanted: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            there = wanted => Some(there),
            () = self.passed() => None,
        }
    }

    async fn passed(&self) {
        let mut told = self.until.subscribe();
        // Nobody but this value says when, so that waiting for it can't fail while it is there.
        let until = told.wait_for(Option::is_some).await.ok().and_then(|until| *until);
        match until {
            Some(until) => tokio::time::sleep_until(until.into()).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn what_takes_for_ever_ends_when_it_is_said() {
        let ending = Ending::default();
        assert_eq!(ending.limit(ready(1)).await, Some(1));
        let (waited, ()) = tokio::join!(ending.limit(pending::<()>()), async { ending.begin(Instant::now()) });
        assert_eq!(waited, None);
        // What is there at once is there at the end, too.
        assert_eq!((ending.limit(ready(2)).await, ending.limit(pending::<()>()).await), (Some(2), None));
    }
}
