//! Workers that are copies of this program: how a program becomes one, and how a pipeline is handed to them.

use std::sync::Arc;

use flowglass_engine::{BoxError, Invitation, Pipeline, ProcessWorkers, RemoteBackend, Transport, Worker, serve};

use crate::parcel::Otlp;
use crate::telemetry;

/// Makes a worker of this process, if it was started as one; in any other process it returns at once.
///
/// It must come first in `main`, before anything that happens once: a worker is this program once more, and everything
/// in front of this call happens there, too. Give it the functions that build the pipelines whose work is handed out; they
/// are called only in workers. A worker never returns from here: it does jobs until the program that started it ends.
///
/// ```
/// use flowglass::prelude::*;
///
/// #[node(output = "square")]
/// fn square(number: u64) -> u64 {
///     number * number
/// }
///
/// fn squares() -> Result<Pipeline, flowglass::Error> {
///     Pipeline::builder("squares").node(square {}).backend(flowglass::processes(2)).build()
/// }
///
/// fn main() -> Result<(), flowglass::Error> {
///     flowglass::worker([squares]);
///     // From here on this is an ordinary program.
///     println!("{:?}", squares()?);
///     Ok(())
/// }
/// ```
pub fn worker<F, P>(pipelines: impl IntoIterator<Item = F>)
where
    F: FnOnce() -> P,
    P: Registered,
{
    let Some(invitation) = Invitation::of_this_process() else { return };
    let worker = pipelines.into_iter().try_fold(named(&invitation), |worker, build| {
        let pipeline = build().registered()?;
        Ok::<_, BoxError>(worker.pipeline(&pipeline))
    });
    end(worker.and_then(|worker| become_worker(invitation, worker)))
}

/// As [`worker`], for pipelines that depend on arguments: a worker calls `find` with the name of the pipeline that is run (the
/// outermost one), so whatever the pipeline depends on must stand in its name. What `find` doesn't know it answers with `None`.
///
/// ```
/// use flowglass::prelude::*;
///
/// #[node(output = "square")]
/// fn square(number: u64) -> u64 {
///     number * number
/// }
///
/// /// Squares that many times: "squares 3".
/// fn squares(name: &str) -> Option<Result<Pipeline, flowglass::Error>> {
///     let times: u64 = name.strip_prefix("squares ")?.parse().ok()?;
///     let nodes = (1..=times).map(|time| {
///         let read = if time == 1 { "number".to_owned() } else { format!("square {}", time - 1) };
///         square {}.named(format!("squaring {time}")).input("number", read).output("square", format!("square {time}"))
///     });
///     Some(nodes.fold(Pipeline::builder(name), |builder, node| builder.node(node)).build())
/// }
///
/// fn main() -> Result<(), flowglass::Error> {
///     flowglass::worker_of(squares);
///     let run = squares("squares 3").unwrap()?.run(inputs! { number: 2_u64 }).wait()?;
///     assert_eq!(run.get::<u64>("square 3")?, 256);
///     Ok(())
/// }
/// ```
pub fn worker_of<P: Registered>(find: impl Fn(&str) -> Option<P> + Send + Sync + 'static) {
    let Some(invitation) = Invitation::of_this_process() else { return };
    let worker = named(&invitation).pipelines_named(move |name| Some(find(name)?.registered()));
    end(become_worker(invitation, worker))
}

fn named(invitation: &Invitation) -> Worker {
    Worker::new(invitation.name(), host().unwrap_or_default())
}

fn become_worker(invitation: Invitation, worker: Worker) -> Result<(), BoxError> {
    let worker = worker.telemetry(Arc::new(Otlp));
    // A thread of its own, because the caller may be inside of an async runtime.
    let served = std::thread::spawn(move || serve(&invitation, worker)).join();
    Ok(served.map_err(|_| BoxError::from("a worker's thread panicked"))??)
}

/// Hands nodes and items to this many copies of this program, which are started when the first of them comes.
///
/// `main` must begin with [`worker`]. What else can be set is in [`RemoteBackend`]; for what belongs to processes, see
/// [`ProcessWorkers`] and [`over`].
#[must_use]
pub fn processes(workers: usize) -> RemoteBackend {
    over(ProcessWorkers::new(workers))
}

/// Hands nodes and items to workers that are reached by this transport, and brings their telemetry home.
#[must_use]
pub fn over(transport: impl Transport) -> RemoteBackend {
    RemoteBackend::over(transport).telemetry(Arc::new(Otlp))
}

/// What a function given to [`worker`] may return.
pub trait Registered {
    /// Returns the pipeline, or why there is none.
    ///
    /// # Errors
    /// The function's own.
    fn registered(self) -> Result<Pipeline, BoxError>;
}

impl Registered for Pipeline {
    fn registered(self) -> Result<Pipeline, BoxError> {
        Ok(self)
    }
}

impl<E: Into<BoxError>> Registered for Result<Pipeline, E> {
    fn registered(self) -> Result<Pipeline, BoxError> {
        self.map_err(Into::into)
    }
}

fn host() -> Option<String> {
    let resource = telemetry::resource();
    let host = resource.attributes.iter().find(|(key, _)| key == flowglass_model::conventions::HOST_NAME);
    host.and_then(|(_, name)| name.as_str().map(str::to_owned))
}

/// Ends a worker's process.
fn end(served: Result<(), BoxError>) -> ! {
    let code = match &served {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("flowglass: this copy could not become a worker: {error}");
            1
        }
    };
    #[expect(clippy::disallowed_methods, reason = "what stands behind this call in main is not for a worker")]
    std::process::exit(code)
}
