//! Values that are asked for when metrics are told, instead of being measured when they change.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use flowglass_model::Number;
use parking_lot::Mutex;

use super::meters::{Instrument, Meters};
use super::series::Series;

/// What is asked for a value; none where there is none now.
pub(super) type Ask = dyn Fn() -> Option<Number> + Send;

/// Whom to ask for values.
#[derive(Default)]
pub(super) struct Observed(Mutex<Vec<Arc<Asked>>>);

/// One who is asked, and where the answer goes.
struct Asked {
    series: Arc<Series>,
    /// None when it has panicked: it isn't asked again.
    ask: Mutex<Option<Box<Ask>>>,
}

impl Observed {
    fn ask_all(&self) {
        let asked = self.0.lock().clone();
        asked.iter().for_each(|asked| asked.ask());
    }
}

impl Asked {
    fn ask(&self) {
        let mut ask = self.ask.lock();
        let Some(answer) = ask.as_ref().map(|ask| catch_unwind(AssertUnwindSafe(ask))) else { return };
        match answer {
            Ok(Some(number)) => self.series.observe(number),
            Ok(None) => {}
            Err(_) => *ask = None,
        }
    }
}

impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Observed").field(&self.0.lock().len()).finish()
    }
}

impl Meters {
    /// Asks for all values that are to be asked for.
    pub(crate) fn observe(&self) {
        self.all().iter().for_each(|instrument| instrument.observed.ask_all());
    }
}

impl Instrument {
    /// Asks for a value whenever metrics are told.
    pub(super) fn ask(&self, series: Arc<Series>, ask: Box<Ask>) {
        self.observed.0.lock().push(Arc::new(Asked { series, ask: Mutex::new(Some(ask)) }));
    }
}
