//! What is around a run that starts: the span that is current there.

use flowglass_record::Context;

/// Where a run was asked for.
///
/// It starts when it is polled first, and hangs on what is current then. Where nothing is, because it was handed to a task or
/// another thread meanwhile, it hangs on what was current where it was asked for.
pub(crate) struct Around(Context);

impl Around {
    /// Remembers where the calling thread stands.
    pub(crate) fn here() -> Self {
        Self(Context::current())
    }

    /// Returns where the run starts.
    pub(crate) fn or_here(self) -> Context {
        let here = Context::current();
        if here.is_nowhere() { self.0 } else { here }
    }
}
