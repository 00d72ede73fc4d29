//! A callback that writes a log: lines for people, or a JSON object a line for programs. Of values only the names are written.

mod entry;
mod human;
mod json;

use std::borrow::Cow;
use std::io::Write;

use flowglass_model::{Event, Severity};

use super::{Callback, CallbackContext, CallbackResult};
use entry::Entry;

/// Writes a line to `out` for what happens in a run.
///
/// Pipelines are told at [`Severity::INFO`]; nodes, maps, nested pipelines and transitions between backends at [`Severity::DEBUG`]; attempts that are tried again
/// at [`Severity::WARN`]; errors, once each, at [`Severity::ERROR`]. By default all is written. What a node reads and makes is
/// named and never shown.
///
/// ```
/// use flowglass_engine::{Callbacks, Logging};
///
/// let callbacks = Callbacks::new().with(Logging::human(std::io::stderr()));
/// // [root] Pipeline started: root
/// //   → Node: clean
/// //   ✓ Node: clean (0.50s)
/// ```
pub struct Logging<W> {
    out: W,
    format: Format,
    least: Severity,
}

#[derive(Clone, Copy)]
enum Format {
    Human,
    Json,
}

impl<W: Write + Send + 'static> Logging<W> {
    /// Writes lines for people, indented by how deep the pipeline stands.
    #[must_use]
    pub fn human(out: W) -> Self {
        Self { out, format: Format::Human, least: Severity::DEBUG }
    }

    /// Writes a JSON object a line, with the same fields for the same things: `message`, `level`, `unix_ns`, `run_id`, `span_id`,
    /// `depth`, `pipeline_path`, `current_pipeline`, and what the event adds: `pipeline_id`, `node_id`, `index`, `input_keys`,
    /// `output_keys`, `duration` (in seconds), `cache_status` (`hit`, or of what was computed `write` and `miss`), `cache_signature`, `error_type`, `error_message`, `parent_id`, `child_id`,
    /// `backend_from`, `backend_to`, `worker_id`.
    #[must_use]
    pub fn json(out: W) -> Self {
        Self { out, format: Format::Json, least: Severity::DEBUG }
    }

    /// Leaves out what is less severe than this.
    #[must_use]
    pub fn at_least(mut self, least: Severity) -> Self {
        self.least = least;
        self
    }

    fn write(&mut self, entry: &Entry, event: &Event<'_>, context: &CallbackContext) -> CallbackResult {
        if entry.severity < self.least {
            return Ok(());
        }
        let mut line = match self.format {
            Format::Human => human::line(entry, context),
            Format::Json => json::line(entry, event, context),
        };
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        Ok(self.out.flush()?)
    }
}

macro_rules! hooks {
    ($($hook:ident => $what:expr;)*) => {
        $(fn $hook(&mut self, event: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
            self.write(&Entry::of($what, event), event, context)
        })*
    };
}

impl<W: Write + Send + 'static> Callback for Logging<W> {
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("Logging")
    }

    hooks! {
        on_pipeline_start => entry::What::Pipeline;
        on_pipeline_end => entry::What::Pipeline;
        on_nested_pipeline_start => entry::What::Nested;
        on_nested_pipeline_end => entry::What::Nested;
        on_node_start => entry::What::Inner;
        on_node_end => entry::What::Inner;
        on_node_cached => entry::What::Inner;
        on_map_start => entry::What::Inner;
        on_map_end => entry::What::Inner;
        on_map_item_start => entry::What::Inner;
        on_map_item_end => entry::What::Inner;
        on_map_item_cached => entry::What::Inner;
        on_retry => entry::What::Attempt;
        on_transition => entry::What::Transition;
        on_skipped => entry::What::Inner;
        on_error => entry::What::Error;
    }
}
