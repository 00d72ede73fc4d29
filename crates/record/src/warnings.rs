//! What the recorder itself warns of: a log record when what waits is nearly full, and again when that was so twice as often, so that
//! many warnings never come of many crossings, nor of what the warnings themselves take.

use flowglass_model::{Severity, conventions as names};

use crate::core::Core;
use crate::lanes::Loss;
use crate::raw::{LogEntry, Standing};
use crate::{Tick, Value};

/// How often each place was nearly full when it was warned of last.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    buffers: u64,
    queues: Vec<u64>,
}

impl Warnings {
    /// Warns of what became nearly full since the last time.
    pub(crate) fn tell(&mut self, core: &Core) {
        if has_doubled(&mut self.buffers, core.lanes.nearly_full()) {
            warn(core, "", "the recorder's buffers are nearly full: what they can't take is lost");
        }
        self.queues.resize(core.outlets.len(), 0);
        for (outlet, told) in core.outlets.iter().zip(&mut self.queues) {
            if has_doubled(told, outlet.nearly_full()) {
                let name = outlet.name();
                warn(core, name, &format!("the queue of {name} is nearly full: what it can't take is lost there"));
            }
        }
    }
}

fn has_doubled(told: &mut u64, times: u64) -> bool {
    let has_doubled = times > 0 && times >= told.saturating_mul(2);
    if has_doubled {
        *told = times;
    }
    has_doubled
}

fn warn(core: &Core, queue: &str, body: &str) {
    let attributes = [(names::RECORDER_QUEUE, Value::Str(queue))];
    core.lanes.write_elsewhere(
        Loss::Log,
        &LogEntry {
            standing: Standing::default(),
            at: Tick::now(),
            severity: Severity::WARN,
            event_name: names::RECORDER_NEARLY_FULL,
            body: Value::Str(body),
            attributes: if queue.is_empty() { &[] } else { &attributes },
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_crossings_make_few_warnings() {
        let mut told = 0;
        let warned: Vec<u64> = (0..100).filter(|times| has_doubled(&mut told, *times)).collect();
        assert_eq!(warned, [1, 2, 4, 8, 16, 32, 64]);
    }
}
