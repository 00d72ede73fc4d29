//! What leaves a run: outputs that somebody outside will read, when nothing can be computed again any more.

use std::pin::Pin;

use super::level::LevelDone;
use super::slot::Slot;
use crate::error::Error;
use crate::pipeline::Pipeline;
use crate::value::Type;

/// Runs a level, and sees to it that the outputs which leave the run can be had: each that lies in the cache is loaded, and
/// computed again if it can't be. Small ones stay loaded.
pub(crate) fn securing(
    pipeline: &Pipeline,
    wanted: Option<&[usize]>,
    work: impl Future<Output = LevelDone> + Send + 'static,
) -> Pin<Box<dyn Future<Output = LevelDone> + Send>> {
    let (pipeline, wanted) = (pipeline.clone(), wanted.map(<[usize]>::to_vec));
    Box::pin(async move {
        let mut done = work.await;
        for (slot, ty) in leaving(&pipeline, wanted.as_deref(), &mut done.slots) {
            if let Err(error) = secure(slot, ty).await {
                done.error.get_or_insert(error);
            }
        }
        done
    })
}

/// Loads all that leaves the run; says whether it could be.
pub(crate) fn load_all(pipeline: &Pipeline, wanted: Option<&[usize]>, slots: &mut [Option<Slot>]) -> bool {
    leaving(pipeline, wanted, slots).all(|(slot, ty)| slot.value(ty).map(|value| slot.keep(value)).is_ok())
}

/// The outputs that were asked for, else those that nothing in the pipeline reads.
fn leaving<'a>(
    pipeline: &'a Pipeline,
    wanted: Option<&'a [usize]>,
    slots: &'a mut [Option<Slot>],
) -> impl Iterator<Item = (&'a mut Slot, &'a Type)> {
    let plan = &pipeline.0;
    let outputs = slots.iter_mut().skip(plan.inputs.len()).zip(&plan.outputs).enumerate();
    outputs.filter_map(move |(output, (slot, port))| {
        let leaves = wanted.map_or(!port.consumed, |wanted| wanted.contains(&output));
        Some((slot.as_mut().filter(|slot| leaves && slot.is_cached())?, &port.ty))
    })
}

async fn secure(slot: &mut Slot, ty: &Type) -> Result<(), Error> {
    loop {
        let Ok(value) = slot.value(ty) else {
            let lost: Vec<_> = slot.hits().into_iter().filter(|hit| hit.is_lost()).collect();
            if lost.is_empty() {
                // Not lost, but no value of its type: whoever takes it is told so.
                return Ok(());
            }
            for hit in lost {
                hit.restore().await?;
            }
            continue;
        };
        slot.keep(value);
        return Ok(());
    }
}
