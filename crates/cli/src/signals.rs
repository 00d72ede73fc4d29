//! What Ctrl-C and a request to terminate do, before and after a run has ended.

use flowglass::CancelToken;
use flowglass_pipefile::process::Processes;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::CANCELLED;

/// The signals by which somebody asks the command to stop. They are heard from when this is made, not from when it is used.
pub(crate) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Signals {
    /// Begins to listen, within an async runtime.
    pub(crate) fn listen() -> Self {
        // A signal that can't be listened to does what it always did: it ends the process.
        Self { interrupt: signal(SignalKind::interrupt()).ok(), terminate: signal(SignalKind::terminate()).ok() }
    }

    /// The first signal stops the run, the second kills the commands that don't end, the third ends the process at once.
    pub(crate) fn stop(mut self, cancel: CancelToken, processes: Processes) {
        tokio::spawn(async move {
            self.next().await;
            cancel.cancel();
            self.next().await;
            processes.kill_given_up();
            self.next().await;
            end_process();
        });
    }

    /// The next signal ends the process.
    pub(crate) fn exit(mut self) {
        tokio::spawn(async move {
            self.next().await;
            end_process();
        });
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            () = received(&mut self.interrupt) => {}
            () = received(&mut self.terminate) => {}
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}

fn end_process() {
    #[expect(clippy::disallowed_methods, reason = "somebody asked more than once, or only output is left to lose")]
    std::process::exit(i32::from(CANCELLED));
}
