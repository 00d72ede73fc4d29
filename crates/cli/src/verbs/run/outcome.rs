//! What came of a run, shown to people.

use std::path::Path;

use flowglass::config::Config;
use flowglass::insight::waterfall::FoldLimits;
use flowglass::insight::{Summary, Tree, Waterfall, failures};
use flowglass::model::{RunId, Span, Status};
use flowglass::term::quantity;
use flowglass::{CacheStats, Error, MapRun, Run, Sampling, term};

use crate::live::Live;
use crate::printer::Printer;
use crate::verbs::list::short_id;
use crate::verbs::show::FAILURES;

/// What came of it.
pub(super) enum Outcome {
    Once(Run),
    Map(MapRun),
}

impl Outcome {
    pub(super) fn id(&self) -> RunId {
        match self {
            Self::Once(run) => run.id(),
            Self::Map(map) => map.id(),
        }
    }

    pub(super) fn status(&self) -> Status {
        match self {
            Self::Once(run) => run.status(),
            Self::Map(map) => map.status(),
        }
    }

    pub(super) fn error(&self) -> Option<&Error> {
        match self {
            Self::Once(run) => run.error(),
            Self::Map(map) => map.error(),
        }
    }

    pub(super) fn cache_stats(&self) -> &CacheStats {
        match self {
            Self::Once(run) => run.cache_stats(),
            Self::Map(map) => map.cache_stats(),
        }
    }

    /// Where threads were left behind.
    fn detached(&self) -> &[String] {
        match self {
            Self::Once(run) => run.detached(),
            Self::Map(map) => map.detached(),
        }
    }

    fn is_recorded(&self) -> bool {
        match self {
            Self::Once(run) => run.is_recorded(),
            Self::Map(map) => map.is_recorded(),
        }
    }

    pub(super) fn trace(&self) -> Vec<Span> {
        match self {
            Self::Once(run) => run.trace(),
            Self::Map(map) => map.trace(),
        }
    }
}

/// Shows the waterfall, where the time went, and what failed, as far as that is recorded; says whether something failed that is told.
pub(super) fn report(outcome: &Outcome, live: &Live, printer: &mut Printer) -> bool {
    let options = printer.stderr_options();
    let spans = outcome.trace();
    if !spans.is_empty() {
        let waterfall = Waterfall::of(&spans).fold(&FoldLimits::default());
        printer.note(&format!("\n{}", term::waterfall::render(&waterfall, &options)));
        let summary = Summary { skipped: live.look(|state| state.skipped()), ..Summary::of(&spans) };
        printer.note(&format!("\n{}", term::summary::render(&summary, &options)));
    }
    for path in outcome.detached() {
        printer.note(&format!("\na thread of {path} took no notice that it should stop; it was left behind"));
    }
    if outcome.error().is_none() {
        return false;
    }
    let reports = failures::reports(&Tree::of(&spans));
    if !reports.is_empty() {
        printer.note(&format!("\n{}", term::failures::render(&reports, FAILURES, &options)));
    }
    printer.note("");
    !reports.is_empty()
}

/// Says what went wrong with the cache; the run went on without it.
pub(super) fn cache_problem(stats: &CacheStats) -> Option<String> {
    let problem = stats.problem.as_ref()?;
    Some(match stats.damaged {
        0 => format!("warning: the cache couldn't keep everything: {problem}"),
        damaged => format!("warning: the cache had lost {}, computed again: {problem}", quantity::counted(damaged, "result")),
    })
}

/// Shortens a path below the folder that somebody is in.
pub(super) fn near<'a>(path: &'a Path, here: &Path) -> &'a Path {
    path.strip_prefix(here).unwrap_or(path)
}

/// Says why a run has no spans.
fn why_unrecorded(config: &Config) -> String {
    if config.flag("recording.traces") == Some(false) {
        return format!("`recording.traces` is false ({})", origin(config, "recording.traces"));
    }
    let said = |key| config.setting(key)?.value.map(|value| format!("`{key}` is {value} ({})", origin(config, key)));
    match (said("sampling.rate").filter(|_| config.sampling() != Sampling::all()), said("sampling.pipelines")) {
        (Some(rate), None) => format!("sampling left it out; {rate}"),
        (Some(rate), Some(rules)) => format!("sampling left it out; {rate}, and {rules}"),
        (None, _) => "the trace that it joined isn't sampled".to_owned(),
    }
}

fn origin(config: &Config, key: &str) -> String {
    config.setting(key).map_or_else(String::new, |setting| setting.origin.to_string())
}

/// The place of a store that ends with the run.
pub(super) const MEMORY: &str = "memory:";

/// Says under which id the run is kept, and where: in the store, or in a folder until the store's server is there. Or why it isn't.
pub(super) fn say_where(outcome: &Outcome, config: &Config, store: &str, waits_in: Option<&Path>, printer: &mut Printer) {
    let id = outcome.id();
    let short = short_id(id);
    let kept = match waits_in {
        _ if !outcome.is_recorded() => format!("\nnot recorded: {}", why_unrecorded(config)),
        None if !config.is_enabled() => format!("\nnot kept: `enabled` is false ({})", origin(config, "enabled")),
        None if store == MEMORY => String::new(),
        None => format!("\nkept in {store} (flowglass show {short})"),
        Some(folder) => format!(
            "\n{store} is away: what was recorded waits in {}, and the next run with this store brings it",
            folder.display()
        ),
    };
    printer.note(&format!("\nrun {id}{kept}"));
}
