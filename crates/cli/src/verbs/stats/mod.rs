//! `flowglass stats`: how runs went over a time, how long nodes take, what fails and why.

mod arguments;
mod over_time;
mod slow;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use flowglass::insight::answers::{Budget, Correlation, Costs, Health, by_node, incomplete};
use flowglass::model::{Fingerprint, Graph, Span, SpanType, TraceId, conventions, parse_duration};
use flowglass::store::query::{Moment, Now, Query};
use flowglass::store::{RollupFilter, Rows, Store};
use flowglass::term::{answers, quantity};
use serde_json::json;

pub(crate) use self::arguments::StatsArguments;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::stored::{each_page, spans_of_runs, spans_with};

pub(crate) fn run(arguments: &StatsArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let asked = Asked { store: arguments.store.any()?, since: since(arguments)?, arguments };
    if arguments.costs {
        return asked.costs(printer);
    }
    if !arguments.missing.is_empty() {
        return asked.missing(printer);
    }
    if arguments.critical_path {
        return asked.critical_path(printer);
    }
    match (&arguments.every, arguments.bottlenecks) {
        (Some(every), _) => asked.series(every, printer),
        (None, Some(over)) => asked.bottlenecks(over, printer),
        (None, None) => asked.overview(printer),
    }
}

fn since(arguments: &StatsArguments) -> Result<Option<Moment>, Failure> {
    let Some(text) = &arguments.since else { return Ok(None) };
    let ago = parse_duration(text).map(|_| format!("-{text}"));
    let moment = Moment::parse(ago.as_deref().unwrap_or(text));
    moment.map(Some).ok_or_else(|| {
        Failure::usage(format!("`--since {text}` is no time; write `24h`, `today`, `2026-11-21` or `2026-11-21T10:30`"))
    })
}

/// What counts below a map whose items have spans only in part.
const INSIDE_ITEMS: &str = "\
Of large maps only some items are recorded (sampling.map_items). `item *` counts
them all; what ran inside of items counts where it was recorded.
";

/// What counts where chance recorded some runs only.
const SAMPLED: &str = "\
Sampling recorded some of the runs only (sampling.rate). The first line estimates
how many there were; the tables count what was recorded.
";

/// What is asked, and of which store.
struct Asked<'a> {
    store: Arc<dyn Store>,
    since: Option<Moment>,
    arguments: &'a StatsArguments,
}

impl Asked<'_> {
    fn runs(&self) -> Query {
        let query = Query::runs();
        let query = self.since.into_iter().fold(query, Query::since);
        self.arguments.pipeline.iter().fold(query, |query, name| query.name(name))
    }

    /// The root of each run.
    fn roots(&self) -> Result<Vec<Span>, Failure> {
        let query = self.since.into_iter().fold(Query::spans().span_type(SpanType::Pipeline), Query::since);
        let query = self.arguments.pipeline.iter().fold(query, |query, name| query.is("pipeline", name));
        Ok(spans_with(&*self.store, query)?.into_iter().filter(Span::is_run_root).collect())
    }

    /// The graphs of the pipelines that ran, each once.
    fn graphs(&self, roots: &[Span]) -> Result<Vec<Graph>, Failure> {
        let fingerprint = |root: &Span| root.text(conventions::PIPELINE_FINGERPRINT)?.parse::<Fingerprint>().ok();
        let found: BTreeSet<Fingerprint> = roots.iter().filter_map(fingerprint).collect();
        found.into_iter().filter_map(|fingerprint| self.store.graph(fingerprint).transpose()).map(|graph| Ok(graph?)).collect()
    }

    fn rollups(&self, period_minutes: Option<u32>) -> RollupFilter {
        let start_unix_ns = self.since.map(|since| since.unix_ns(Now::system().0));
        RollupFilter { start_unix_ns, pipeline: self.arguments.pipeline.clone(), period_minutes, ..RollupFilter::default() }
    }

    fn overview(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let roots = self.roots()?;
        let (health, correlation) = (Health::of(&roots), Correlation::of(&roots));
        let nodes = by_node(&self.store.rollups(&self.rollups(None))?, &self.graphs(&roots)?);
        let text = if self.arguments.json {
            format!("{:#}\n", json!({ "runs": health, "failed_beside_ok": correlation, "nodes": nodes }))
        } else {
            let options = printer.stdout_options();
            let parts = [
                answers::health(&health, &options),
                answers::correlation(&correlation, &options),
                answers::nodes(&nodes, self.arguments.limit, &options),
                if health.estimate.is_some() { SAMPLED.to_owned() } else { String::new() },
                if self.has_unsampled_items()? { INSIDE_ITEMS.to_owned() } else { String::new() },
            ];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
        };
        printer.data(None, text.as_bytes())?;
        let too_many = self.arguments.max_failure_rate.is_some_and(|most| health.failure_rate > most);
        Ok(if too_many { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Says whether a map left items without spans.
    fn has_unsampled_items(&self) -> Result<bool, Failure> {
        let query = Query::spans().span_type(SpanType::Map).has(conventions::MAP_UNSAMPLED).limit(1);
        let query = self.since.into_iter().fold(query, Query::since);
        let query = self.arguments.pipeline.iter().fold(query, |query, name| query.is("pipeline", name));
        Ok(!self.store.query(&query)?.rows.is_empty())
    }

    fn missing(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let spans = spans_of_runs(&*self.store, &self.runs())?;
        let events = self.free_events()?;
        let events = events.iter().map(|(trace, name)| (*trace, name.as_str()));
        let found = incomplete(&spans, events, &self.arguments.missing);
        let text = if self.arguments.json {
            format!("{:#}\n", json!(found))
        } else if found.is_empty() {
            "no run lacks any of these\n".to_owned()
        } else {
            found.iter().map(|one| format!("{}  lacks {}\n", one.trace_id, one.missing.join(", "))).collect()
        };
        printer.data(None, text.as_bytes())?;
        Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The stages among the events that belong to a trace but to no span.
    fn free_events(&self) -> Result<Vec<(TraceId, String)>, Failure> {
        let mut found = Vec::new();
        for stage in &self.arguments.missing {
            let query = self.since.into_iter().fold(Query::events().name(stage), Query::since);
            each_page(&*self.store, &query, &mut |rows| {
                let Rows::Events(events) = rows else { return Ok(0) };
                found.extend(
                    events.iter().filter(|found| found.span_id.is_none()).map(|of| (of.trace_id, of.event.name.clone())),
                );
                Ok(events.len())
            })?;
        }
        Ok(found)
    }

    fn costs(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let calls = self.since.into_iter().fold(Query::spans().has("model"), Query::since);
        let calls: Vec<Span> =
            spans_with(&*self.store, self.arguments.pipeline.iter().fold(calls, |query, name| query.is("pipeline", name)))?;
        let costs = Costs::of(&calls);
        let budget = self.arguments.budget.map(|budget| costs.beside(budget));
        let text = if self.arguments.json {
            format!("{:#}\n", json!({ "costs": costs, "budget": budget }))
        } else {
            answers::costs(&costs, &printer.stdout_options())
        };
        printer.data(None, text.as_bytes())?;
        if let (Some(budget @ (Budget::Near | Budget::Exceeded)), Some(amount)) = (budget, self.arguments.budget) {
            let word = if budget == Budget::Near { "nearly spent" } else { "exceeded" };
            printer.note(&format!(
                "the budget of {amount} is {word}: {} cost {:.4}",
                quantity::counted(costs.calls, "call"),
                costs.cost
            ));
        }
        Ok(if budget == Some(Budget::Exceeded) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
