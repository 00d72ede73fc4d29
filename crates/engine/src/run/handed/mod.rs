//! What a level hands to workers elsewhere: calls of its nodes, and whole runs of the pipelines inside.

mod crossing;
mod lying;
mod reading;
mod retold;

use std::sync::Arc;
use std::time::Duration;

use flowglass_record::{Frame, Tick};
use parking_lot::Mutex;

use self::crossing::{Arrived, Handed, Journey};
pub(super) use self::lying::Lying;
use self::reading::Reading;
use self::retold::Retold;
use super::attempts::{Attempts, Teller};
use super::call::Givens;
use super::keyed::Keyed;
use super::level::LevelDone;
use super::probe::{AskWhole, Whole};
use super::shared::Level;
use super::slot::Slot;
use crate::cache::Cache;
use crate::error::{BoxError, Error, ErrorKind};
use crate::node::{NodeContext, NodeSpec, Outputs};
use crate::pipeline::InputPort;
use crate::remote::{IsKnown, Item, LARGE_BYTES, RemoteBackend, Signed, Target, travel};

/// What is known of work that was handed out, when it is back.
#[derive(Default)]
pub(super) struct Trip {
    /// When its worker began and ended, on this process's clock.
    pub(super) times: Option<(Tick, Tick)>,
    /// Its results, where they lie in the cache.
    pub(super) lying: Option<Lying>,
}

/// Filled by whoever hands work out, for whoever ends its span.
pub(super) type SharedTrip = Arc<Mutex<Trip>>;

/// How work is handed out, as often as something can't be had from the cache that its worker shares: from the second time on,
/// everything that has room travels by value.
const TRIES: [bool; 3] = [false, true, true];

/// A call to be handed out.
pub(super) struct Calling<'a> {
    pub(super) level: &'a Arc<Level>,
    pub(super) node: usize,
    pub(super) index: Option<u64>,
    pub(super) recorded: bool,
    pub(super) spec: &'a Arc<NodeSpec>,
    pub(super) context: &'a NodeContext,
    pub(super) frame: &'a Frame,
    /// Under what the driver keeps the outputs in its cache, if it does.
    pub(super) keyed: Option<&'a Keyed>,
}

/// Hands a call to a worker.
pub(super) fn call(
    remote: &Arc<RemoteBackend>,
    calling: &Calling<'_>,
    given: Givens,
    trip: SharedTrip,
) -> impl Future<Output = Result<Outputs, BoxError>> + Send + use<> {
    let (level, node) = (calling.level, calling.node);
    let plan = &level.pipeline.0.nodes[node];
    let place = level.place.inside(&plan.name, calling.index);
    let is_item = calling.index.is_some();
    let handed = Handed::new(level, remote, (calling.frame.span, place, calling.frame.template), is_item, calling.recorded);
    let readings = plan.args.iter().zip(given).map(|(arg, given)| {
        let (name, want) = (arg.name.clone(), arg.want.clone());
        Some(Reading { name, slot: given.slot, have: given.have, want, signed: Signed::default() })
    });
    let readings: Vec<_> = readings.collect();
    // What is kept goes to the cache in any case.
    let kept = handed.shared_cache().filter(|_| calling.keyed.is_some()).map(Cache::inline_bytes);
    let journey = Journey {
        around: level.span,
        target: Target::Node { node: number(node), name: plan.name.to_string() },
        timeout: plan.timeout,
        cancel: level.cancel.clone(),
        most_inline: kept.unwrap_or(LARGE_BYTES),
    };
    let (recorded, attempt) = (calling.recorded, calling.context.attempt);
    let spec = Arc::clone(calling.spec);
    let known = calling.keyed.map(|keyed| lying::known(keyed.later(level, &spec), &trip));
    async move {
        for by_value in TRIES {
            journey.may_begin()?;
            let inputs = reading::all(&readings, handed.shared_cache(), by_value).await?;
            let is_known = known.clone();
            let item = Item { span: handed.span, recorded, place: handed.place.steps(), attempt, by_value, inputs, is_known };
            let Some(returned) = handed.send(&journey, item).await? else { return Ok(lying::nothing_here(&spec)) };
            if let Some(outputs) = handed.made(returned, &spec, known.is_some(), &trip)? {
                return Ok(outputs);
            }
        }
        Err(out_of_reach().into())
    }
}

/// Says whether a run of this level's pipeline is handed out whole.
pub(super) fn takes_whole(level: &Level, is_item: bool) -> bool {
    let pipeline = &level.pipeline;
    level.config.remote.is_some()
        && if is_item { travel::items_travel_whole(pipeline) } else { travel::travels_whole(pipeline) }
}

/// Hands the run of a whole pipeline to a worker; `teller` says where it stands.
pub(super) fn level(
    remote: &Arc<RemoteBackend>,
    level: &Arc<Level>,
    teller: Teller,
    slots: &[Option<Slot>],
    (timeout, is_item): (Option<Duration>, bool),
    ask: Option<AskWhole>,
) -> impl Future<Output = LevelDone> + Send + use<> {
    let handed = Handed::new(level, remote, (level.span, level.place.clone(), teller.site), is_item, level.recorded);
    let around = teller.around;
    let outputs = Arc::clone(&level.needs.outputs);
    let (readings, given) = (readings(level, slots), slots.to_vec());
    let target = Target::Whole { outputs: outputs.iter().map(|&output| number(output)).collect() };
    let journey = Journey { around, target, timeout, cancel: level.cancel.renewed(), most_inline: LARGE_BYTES };
    async move {
        let trip = SharedTrip::default();
        let result = run_level(&handed, (&readings, &given), &journey, &outputs, (&trip, ask.as_ref())).await;
        let away = trip.lock().times;
        if let Ok(LevelRan::Found(whole)) = &result {
            handed.level.count_hits(teller.site, whole.hits, whole.saved_ns);
        }
        LevelDone { away, ..level_done(&handed.level, result, &outputs) }
    }
}

/// What became of a pipeline that was to be made elsewhere.
enum LevelRan {
    Made(LevelMade),
    /// The cache has it, because somebody else has made it meanwhile.
    Found(Whole),
}

/// What a pipeline made elsewhere.
struct LevelMade {
    outputs: Arrived,
    hit: bool,
    saved_ns: u64,
}

async fn run_level(
    handed: &Handed,
    (readings, given): (&[Option<Reading>], &[Option<Slot>]),
    journey: &Journey,
    outputs: &[usize],
    (trip, ask): (&SharedTrip, Option<&AskWhole>),
) -> Result<LevelRan, Error> {
    let level = &handed.level;
    let found: Arc<Mutex<Option<Whole>>> = Arc::default();
    let is_known = ask.map(|ask| asking(ask, &found));
    for by_value in TRIES {
        journey.may_begin()?;
        let inputs = reading::all(readings, handed.shared_cache(), by_value).await?;
        let (recorded, place) = (level.recorded, level.place.steps());
        let item = Item { span: level.span, recorded, place, attempt: 1, by_value, inputs, is_known: is_known.clone() };
        let away = handed.send(journey, item);
        let away = if level.is_unheard() { away } else { away.heard_by(Retold::all(level, given)) };
        let Some(returned) = away.await? else {
            match found.lock().take() {
                Some(whole) => return Ok(LevelRan::Found(whole)),
                None => continue,
            }
        };
        let (hit, saved_ns) = (returned.result.hit, returned.result.counts.saved_ns);
        let ports = outputs.iter().map(|&output| &level.pipeline.0.outputs[output]);
        let ports = ports.map(|port| (&*port.name, &port.ty));
        if let Some(outputs) = handed.outputs(returned, ports, trip)? {
            return Ok(LevelRan::Made(LevelMade { outputs, hit, saved_ns }));
        }
    }
    Err(out_of_reach())
}

/// Asks the cache, and leaves what it has for whoever waits.
fn asking(ask: &AskWhole, found: &Arc<Mutex<Option<Whole>>>) -> IsKnown {
    let (ask, found) = (Arc::clone(ask), Arc::clone(found));
    Arc::new(move || {
        let whole = ask();
        let is_known = whole.is_some();
        *found.lock() = whole;
        is_known
    })
}

fn level_done(level: &Level, result: Result<LevelRan, Error>, outputs: &[usize]) -> LevelDone {
    let (slots, attempts) = (Vec::new(), Attempts::new());
    let done = LevelDone { slots, error: None, hit: false, is_found: false, saved_ns: 0, attempts, away: None };
    match result {
        Ok(LevelRan::Found(Whole { slots, saved_ns, .. })) => LevelDone { slots, hit: true, is_found: true, saved_ns, ..done },
        Ok(LevelRan::Made(LevelMade { outputs: made, hit, saved_ns })) => {
            let plan = &level.pipeline.0;
            let mut slots = vec![None; plan.inputs.len() + plan.outputs.len()];
            for (&output, (value, signed)) in outputs.iter().zip(made) {
                let port = &plan.outputs[output];
                slots[port.slot] = Some(Slot::with_signed(value, &port.ty, &signed));
            }
            LevelDone { slots, hit, saved_ns, ..done }
        }
        Err(error) => LevelDone { error: Some(error), ..done },
    }
}

/// The inputs that are read: nothing may stand for the others. What is fixed at a value that can't travel the worker's pipeline
/// has, too.
fn readings(level: &Level, slots: &[Option<Slot>]) -> Vec<Option<Reading>> {
    let ports = level.pipeline.0.inputs.iter().zip(slots).enumerate();
    let reading = |(at, (port, slot)): (usize, (&InputPort, &Option<Slot>))| {
        let is_read = level.needs.reads_input(at);
        let slot = slot.clone().filter(|slot| is_read && (port.ty.can_encode() || !is_own(port, slot)))?;
        let (name, have, want) = (port.name.clone(), port.ty.clone(), port.ty.clone());
        Some(Reading { name, signed: slot.signed(), slot, have, want })
    };
    ports.map(reading).collect()
}

/// Says whether a value is the one that the pipeline itself has for an input.
fn is_own(port: &InputPort, slot: &Slot) -> bool {
    let own = port.default.as_ref().map(|default| &default.value);
    own.zip(slot.here()).is_some_and(|(own, here)| Arc::ptr_eq(own, here))
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cold]
fn out_of_reach() -> Error {
    let message = "what travels through the cache that driver and worker share was lost there each time; see that it isn't pruned \
                   while runs use it, and that all use one folder";
    Error::new(ErrorKind::Worker, message)
}
