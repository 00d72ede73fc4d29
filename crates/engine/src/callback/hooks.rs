//! What a callback is: named hooks for what happens, or one method for every event.

use std::borrow::Cow;

use flowglass_model::{Event, EventKind, Interest, Subject};

use super::CallbackContext;
use crate::error::BoxError;

/// What a callback gives back. An error is reported with the run, and changes nothing else.
pub type CallbackResult = Result<(), BoxError>;

/// Is told what happens in a run, where it happens and in one order. Callbacks observe; what they do changes nothing in the
/// run, unless they are slow.
///
/// A hook finds what something is given at its start by [`Event::input`], and what it has made at its end by [`Event::output`]: where
/// the values lie, so that one that isn't asked for costs nothing. What lies in a cache is loaded only for who asks for that.
///
/// Implement the hooks that you need. What starts also ends: after a start hook comes exactly one end (or cached) hook, when
/// the work failed or was cancelled too; [`Event::kind`] says which, and [`on_error`](Self::on_error) comes just before it. Two
/// things end without a start: an item of a map that comes whole from the cache, and what is skipped.
///
/// ```
/// use flowglass_engine::{Callback, CallbackContext, CallbackResult};
/// use flowglass_model::Event;
///
/// struct Slowest(u128);
///
/// impl Callback for Slowest {
///     fn on_node_end(&mut self, node: &Event<'_>, _: &mut CallbackContext) -> CallbackResult {
///         self.0 = self.0.max(node.duration().as_millis());
///         Ok(())
///     }
/// }
/// ```
///
/// A callback works with every backend: it is told in the process that starts the run, wherever the work is done.
///
/// A closure that takes an event and a context is a callback, too.
#[expect(unused_variables, reason = "the hooks' arguments have names for those who implement them")]
pub trait Callback: Send + 'static {
    /// Returns what it is called in reports: by default its type.
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(std::any::type_name::<Self>())
    }

    /// Says which events it wants; an event that nobody wants is never made. By default all.
    fn interest(&self) -> Interest {
        Interest::ALL
    }

    /// Says whether the spans of nodes shall tell what this process used while they were called: `process.cpu.time`, in seconds, and
    /// `process.memory.usage` at their end, in bytes. It takes some ten microseconds a call, so by default they don't.
    fn measures_usage(&self) -> bool {
        false
    }

    /// A pipeline starts: the run's own (depth 0), or one inside of another.
    ///
    /// # Errors
    /// As the callback likes; see [`CallbackResult`]. So it is with all hooks.
    fn on_pipeline_start(&mut self, pipeline: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// A pipeline has ended: well, from the cache, with an error, or cancelled.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_pipeline_end(&mut self, pipeline: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// A pipeline that is a node of this one is about to start. The context still stands in the pipeline around.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_nested_pipeline_start(&mut self, inner: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// A pipeline that is a node of this one has ended. The context stands in the pipeline around again.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_nested_pipeline_end(&mut self, inner: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// A node starts; the cache has not been asked yet.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_node_start(&mut self, node: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// A node has ended: well, with an error, or cancelled.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_node_end(&mut self, node: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// A node's result came from the cache; this is its end.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_node_cached(&mut self, node: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// An attempt of a node (or of a pipeline, or of an item) failed, and another follows.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_retry(&mut self, attempt: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// The work of something goes from one backend to another, or comes back.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_transition(&mut self, moved: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// Something will never start, because an input failed or the run was stopped.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_skipped(&mut self, skipped: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// A map starts; the event's total is how many items it has.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_map_start(&mut self, map: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// A map has ended: well, from the cache, with failed items, or cancelled.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_map_end(&mut self, map: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// An item of a map starts; the event's index says which.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_map_item_start(&mut self, item: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// An item of a map has ended: well, with an error, or cancelled.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_map_item_end(&mut self, item: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// An item of a map came whole from the cache: it has no start, and what is in it is not told of.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_map_item_cached(&mut self, item: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// Something failed here; told where it happened and before its end, not again by what is around it.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_error(&mut self, failed: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        Ok(())
    }

    /// Is told of every event. By default it calls the hooks above; implement it to take events as they come.
    ///
    /// # Errors
    /// As the callback likes.
    fn on_event(&mut self, event: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        dispatch(self, event, context)
    }
}

/// What a closure that is a callback may return: nothing, or a result.
pub trait IntoCallbackResult {
    /// Makes the result of it.
    ///
    /// # Errors
    /// The closure's own.
    fn into_callback_result(self) -> CallbackResult;
}

impl IntoCallbackResult for () {
    fn into_callback_result(self) -> CallbackResult {
        Ok(())
    }
}

impl<E: Into<BoxError>> IntoCallbackResult for Result<(), E> {
    fn into_callback_result(self) -> CallbackResult {
        self.map_err(Into::into)
    }
}

impl<F, R> Callback for F
where
    F: FnMut(&Event<'_>, &mut CallbackContext) -> R + Send + 'static,
    R: IntoCallbackResult,
{
    fn on_event(&mut self, event: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        self(event, context).into_callback_result()
    }
}

/// Calls the hooks that an event stands for.
fn dispatch<C: Callback + ?Sized>(callback: &mut C, event: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
    match event.kind {
        EventKind::Started { .. } => started(callback, event, context),
        EventKind::Retried { .. } => callback.on_retry(event, context),
        EventKind::Moved { .. } => callback.on_transition(event, context),
        EventKind::Skipped => callback.on_skipped(event, context),
        EventKind::Failed { .. } if !event.from_inside => {
            let told = callback.on_error(event, context);
            told.and(ended(callback, event, context))
        }
        _ => ended(callback, event, context),
    }
}

fn started<C: Callback + ?Sized>(callback: &mut C, event: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
    match event.site.subject {
        Subject::Pipeline => {
            let from_around = context.seen_from_around(|context| callback.on_nested_pipeline_start(event, context));
            from_around.and(context.seen_from_inside(|context| callback.on_pipeline_start(event, context)))
        }
        Subject::Node => callback.on_node_start(event, context),
        Subject::Map => callback.on_map_start(event, context),
        Subject::Item => callback.on_map_item_start(event, context),
        Subject::Other => Ok(()),
    }
}

fn ended<C: Callback + ?Sized>(callback: &mut C, event: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
    let is_hit = matches!(event.kind, EventKind::Cached { .. });
    match event.site.subject {
        Subject::Pipeline => {
            let from_inside = context.seen_from_inside(|context| callback.on_pipeline_end(event, context));
            from_inside.and(context.seen_from_around(|context| callback.on_nested_pipeline_end(event, context)))
        }
        Subject::Node if is_hit => callback.on_node_cached(event, context),
        Subject::Node => callback.on_node_end(event, context),
        Subject::Map => callback.on_map_end(event, context),
        Subject::Item if is_hit => callback.on_map_item_cached(event, context),
        Subject::Item => callback.on_map_item_end(event, context),
        Subject::Other => Ok(()),
    }
}
