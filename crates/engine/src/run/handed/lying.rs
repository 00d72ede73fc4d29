//! Results of calls that lie in the cache when the call is over: where a worker left them, or somebody else meanwhile. Of what is
//! small the driver has the value; what is large stays where it is until somebody needs it.

use std::sync::Arc;

use flowglass_record::Tick;

use super::SharedTrip;
use super::crossing::{Handed, did_not_arrive};
use crate::cache::{Cache, CachedOutput, Entry, Found};
use crate::error::Error;
use crate::node::{NodeSpec, Output, Outputs};
use crate::remote::{Freight, IsKnown, ItemValue, Payload, Reference, Returned};
use crate::value::Value;

/// Results that lie in the cache.
pub(in crate::run) enum Lying {
    /// The entry was made while the call waited for a worker.
    Known { entry: Arc<Entry>, lookup_ns: u64 },
    /// A worker brought them, and their entry is still to be made.
    Brought(Vec<Brought>),
}

/// An output as a worker brought it.
pub(in crate::run) struct Brought {
    pub(in crate::run) output: CachedOutput,
    /// Whether the driver has the value, too.
    pub(in crate::run) is_here: bool,
}

/// Asks the cache, and leaves what it has for whoever ends the call.
pub(super) fn known(ask: impl Fn() -> Found + Send + Sync + 'static, trip: &SharedTrip) -> IsKnown {
    let trip = Arc::clone(trip);
    Arc::new(move || {
        let start = Tick::now();
        let Found::Hit(entry) = ask() else { return false };
        trip.lock().lying = Some(Lying::Known { entry, lookup_ns: start.elapsed_ns(Tick::now()) });
        true
    })
}

/// Stands for outputs that nobody has loaded.
pub(super) fn nothing_here(spec: &NodeSpec) -> Outputs {
    Outputs::from_elem(not_here(), spec.outputs.len())
}

fn not_here() -> Value {
    Arc::new(())
}

impl Handed {
    /// Takes the outputs of a call that came back. `None` if they, or what the worker was to read, can't be had from the shared
    /// cache.
    pub(super) fn made(
        &self,
        mut returned: Returned,
        spec: &NodeSpec,
        is_kept: bool,
        trip: &SharedTrip,
    ) -> Result<Option<Outputs>, Error> {
        let cache = self.level.config.cache.as_ref().filter(|_| is_kept);
        let (Some(cache), Ok(made)) = (cache, &mut returned.result.outcome) else {
            let ports = spec.outputs.iter().map(|output| (&*output.name, &output.ty));
            let arrived = self.outputs(returned, ports, trip)?;
            return Ok(arrived.map(|arrived| arrived.into_iter().map(|(value, _)| value).collect()));
        };
        let made = spec.outputs.iter().zip(std::mem::take(made)).map(|(output, made)| bring(cache, output, made));
        let Some(made) = made.collect::<Result<Option<Vec<_>>, Error>>()? else { return Ok(None) };
        self.back(&returned, trip);
        let (outputs, brought) = made.into_iter().unzip::<_, _, Outputs, Vec<_>>();
        trip.lock().lying = Some(Lying::Brought(brought));
        Ok(Some(outputs))
    }
}

/// Takes an output: its value where its bytes came along, and its place in the cache. `None` if it isn't there.
fn bring(cache: &Cache, output: &Output, made: ItemValue) -> Result<Option<(Value, Brought)>, Error> {
    let type_name = output.ty.to_string();
    match made.value {
        Freight::Shared(Reference { digest, size_bytes }) => {
            let lies = CachedOutput { digest, size_bytes, type_name, inline: None };
            Ok(cache.has(&digest, size_bytes).then(|| (not_here(), Brought { output: lies, is_here: false })))
        }
        Freight::Bytes(Payload(bytes)) => {
            let value = output.ty.decode(&bytes).map_err(|error| did_not_arrive(&output.name, &error))?;
            let lies = cache.place(bytes, type_name);
            Ok(Some((value, Brought { output: lies, is_here: true })))
        }
    }
}
