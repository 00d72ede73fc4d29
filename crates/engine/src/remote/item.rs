//! One item of a job, run by the ordinary engine under the driver's span.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use flowglass_model::{Attributes, Propagation};
use flowglass_record::Recorder;
use futures_util::FutureExt;

use super::event::RemoteEvent;
use super::freight::Freight;
use super::job::{Counts, Header, ItemResult, ItemValue, JobInput, JobItem, NotMade, Target};
use super::signed::Signed;
use super::states::States;
use super::transport::JobId;
use super::voice::{self, JobVoice, Voice};
use crate::cache::Cache;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, panic_text};
use crate::pipeline::{LevelConfig, Needs, NodeKind, Pipeline};
use crate::run::cancelled;
use crate::run::guest::{self, Guest};
use crate::value::{Type, Value};

/// Sends an event home.
pub(super) type TellHome = Arc<dyn Fn(RemoteEvent) + Send + Sync>;

/// What the items of a job have in common.
pub(super) struct ItemWork {
    pub(super) pipeline: Pipeline,
    /// What is needed of it, where it is run and not called.
    pub(super) needs: Arc<Needs>,
    pub(super) cache: Option<Cache>,
    pub(super) recorder: Recorder,
    pub(super) attributes: Attributes,
    /// What travels with the driver's trace.
    pub(super) carried: Propagation,
    pub(super) values: Vec<Freight>,
    /// The worker's, which outlive the job.
    pub(super) states: Arc<States>,
    pub(super) cancel: CancelToken,
    /// The job, as who prints.
    pub(super) voice: JobVoice,
    pub(super) events: Option<TellHome>,
    pub(super) header: Header,
    /// What results may take in a message home, in bytes.
    pub(super) room_bytes: usize,
}

/// What an item made.
struct Made {
    values: Vec<ItemValue>,
    hit: bool,
}

impl ItemWork {
    /// Runs the item that is at this place in its job.
    pub(super) async fn run(&self, at: u32, item: JobItem) -> ItemResult {
        let (started, start_unix_ns) = (Instant::now(), unix_now_ns());
        let mut counts = Counts::default();
        let _speaks = self.voice.item(|job| self.voice_of(job, &item));
        let work = AssertUnwindSafe(async {
            if self.cancel.is_cancelled() {
                return Err(cancelled().into());
            }
            match &self.header.target {
                Target::Node { node, .. } => self.call(item, *node as usize).await,
                Target::Whole { .. } => self.level(at, item, &mut counts).await,
            }
        });
        let made = work.catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic).into()));
        let duration_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let hit = made.as_ref().is_ok_and(|made| made.hit);
        let outcome = made.map(|made| made.values);
        ItemResult { outcome, start_unix_ns, duration_ns, hit, counts }
    }

    fn voice_of(&self, job: JobId, item: &JobItem) -> Voice {
        Voice { job, trace: self.header.run.trace, span: item.span, path: voice::path(&item.place) }
    }

    async fn call(&self, item: JobItem, node: usize) -> Result<Made, NotMade> {
        let plan = &self.pipeline.0.nodes[node];
        let NodeKind::Call { spec, .. } = &plan.kind else {
            return Err(Error::new(ErrorKind::Worker, "a pipeline was sent as a call").into());
        };
        let inputs = plan.args.iter().zip(&item.inputs).map(|(arg, input)| match input {
            Some(input) => Ok(self.value(input, &arg.want)?.0),
            None => Err(Error::new(ErrorKind::Worker, format!("input `{}` did not arrive", arg.name)).into()),
        });
        let inputs = inputs.collect::<Result<_, NotMade>>()?;
        let (attempt, mut room) = (item.attempt, self.room(item.by_value));
        let outputs = guest::call(self.guest(item, None), node, inputs, attempt).await?;
        let encode = |(output, value): (&crate::node::Output, &Value)| {
            self.encode((&output.name, &output.ty), value, Signed::default(), &mut room)
        };
        Ok(Made { values: spec.outputs.iter().zip(&outputs).map(encode).collect::<Result<_, _>>()?, hit: false })
    }

    async fn level(&self, at: u32, item: JobItem, counts: &mut Counts) -> Result<Made, NotMade> {
        let plan = &self.pipeline.0;
        let inputs = plan
            .inputs
            .iter()
            .zip(&item.inputs)
            .map(|(port, input)| input.as_ref().map(|input| self.value(input, &port.ty)).transpose());
        let inputs = inputs.collect::<Result<Vec<_>, NotMade>>()?;
        let mut room = self.room(item.by_value);
        let done = guest::level(self.guest(item, Some(at)), inputs, &self.needs).await;
        *counts = done.counts;
        let values = done.result?;
        let encode = |(&output, (value, signed)): (&usize, (Value, Signed))| {
            let port = &plan.outputs[output];
            self.encode((&port.name, &port.ty), &value, signed, &mut room)
        };
        let values = self.needs.outputs.iter().zip(values).map(encode).collect::<Result<_, _>>()?;
        Ok(Made { values, hit: done.hit })
    }

    fn guest(&self, item: JobItem, at: Option<u32>) -> Guest {
        let header = &self.header;
        let events = self.events.clone().zip(at);
        Guest {
            pipeline: self.pipeline.clone(),
            run: header.run,
            recorder: self.recorder.clone(),
            attributes: self.attributes.clone(),
            carried: self.carried.clone(),
            span: item.span,
            verdict: header.verdict(),
            recorded: item.recorded,
            place: item.place,
            config: LevelConfig {
                cache: self.cache.clone(),
                telemetry: header.telemetry,
                backend: header.inside.clone(),
                environment: header.environment.as_deref().map(Into::into),
                capture: header.capture,
                is_guest: true,
                ..LevelConfig::default()
            },
            cancel: self.cancel.clone(),
            map_items: header.map_items,
            grace: header.grace,
            observe: events.map(|(tell, at)| {
                Arc::new(move |event: &flowglass_model::Event<'_>| {
                    RemoteEvent::of(event, at, guest::FIRST_SITE).into_iter().for_each(|event| tell(event));
                }) as _
            }),
        }
    }

    fn value(&self, input: &JobInput, ty: &Type) -> Result<(Value, Signed), NotMade> {
        let lost = |what: &str| Error::new(ErrorKind::Worker, format!("a value did not arrive: {what}"));
        let freight = self.values.get(input.value as usize).ok_or_else(|| lost("the message is short"))?;
        let bytes = freight.open(self.cache.as_ref()).map_err(|_| NotMade::Missing)?;
        let value = self.states.value(ty, &bytes);
        Ok((value.map_err(|error| lost(&error.to_string()))?, input.signed.clone()))
    }

    fn room(&self, by_value: bool) -> Room {
        Room { most: if by_value { usize::MAX } else { self.header.most_inline }, left: self.room_bytes }
    }

    /// Encodes an output. Where there is a cache that the driver shares, what is large goes there.
    fn encode(&self, (name, ty): (&str, &Type), value: &Value, signed: Signed, room: &mut Room) -> Result<ItemValue, Error> {
        let bytes = ty.encode(value);
        let bytes =
            bytes.map_err(|error| Error::new(ErrorKind::Worker, format!("output `{name}` can't be sent home: {error}")))?;
        // What has a signature lies in the cache already, most often.
        let kept = self.cache.as_ref().filter(|_| signed.is_some() && room.most < usize::MAX).map(Cache::inline_bytes);
        let most = kept.unwrap_or(room.most).min(room.left);
        let value = Freight::pack(bytes, self.cache.as_ref(), most);
        room.left = room.left.saturating_sub(value.message_bytes());
        let signed = if signed.message_bytes() <= room.left { signed } else { Signed::default() };
        room.left = room.left.saturating_sub(signed.message_bytes());
        Ok(ItemValue { value, signed })
    }
}

/// What the results of an item may take in a message, in bytes.
struct Room {
    /// One of them.
    most: usize,
    /// Those that are still to come.
    left: usize,
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    Error::new(ErrorKind::Panic, format!("panicked: {}", panic_text(panic)))
}

fn unix_now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
