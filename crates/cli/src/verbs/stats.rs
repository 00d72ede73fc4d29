//! `flowglass stats`: how runs went over a time, how long nodes take, what fails and why.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use flowglass::insight::answers::{Budget, Correlation, Costs, Health, by_node, count_spans, incomplete, series};
use flowglass::model::{Rollup, Span, SpanType, parse_duration};
use flowglass::store::query::{Moment, Now, Query};
use flowglass::store::{RollupFilter, Store};
use flowglass::term::{answers, quantity};
use serde_json::json;

use crate::arguments::StoreArgument;
use crate::failure::Failure;
use crate::json::start_text;
use crate::printer::Printer;
use crate::stored::{spans_of_runs, spans_with};

/// Show how runs went: failures and why, durations of each node, over any time.
#[derive(Args)]
pub(crate) struct StatsArguments {
    #[command(flatten)]
    store: StoreArgument,
    /// From when on: `24h` ago, `today`, `2026-11-21`, `2026-11-21T10:30` [default: all there is].
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only runs and nodes of the pipeline with this name.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// A line for each period of this length: `5m`, `1h`, `1d` (whole minutes).
    #[arg(long, value_name = "DURATION")]
    every: Option<String>,
    /// Which runs lack one of these stages: nodes, spans or events, with commas between them.
    #[arg(long, value_name = "STAGES", value_delimiter = ',', conflicts_with = "every")]
    missing: Vec<String>,
    /// What language models cost, by model.
    #[arg(long, conflicts_with_all = ["every", "missing"])]
    costs: bool,
    /// Exit with 1 if models cost more than this.
    #[arg(long, value_name = "AMOUNT", requires = "costs")]
    budget: Option<f64>,
    /// Exit with 1 if a greater part of the runs failed: 0.05 for one in twenty.
    #[arg(long, value_name = "RATE", conflicts_with_all = ["every", "missing", "costs"])]
    max_failure_rate: Option<f64>,
    /// How many lines at the most.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 30)]
    limit: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &StatsArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let asked = Asked { store: arguments.store.any()?, since: since(arguments)?, arguments };
    if arguments.costs {
        return asked.costs(printer);
    }
    if !arguments.missing.is_empty() {
        return asked.missing(printer);
    }
    match &arguments.every {
        Some(every) => asked.series(period_minutes(every)?, printer),
        None => asked.overview(printer),
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

fn period_minutes(every: &str) -> Result<u32, Failure> {
    let minutes = parse_duration(every).filter(|period| *period >= Duration::from_secs(60)).map(|period| period.as_secs() / 60);
    minutes
        .and_then(|minutes| u32::try_from(minutes).ok())
        .ok_or_else(|| Failure::usage(format!("`--every {every}`: a period is one minute or longer: write `5m`, `1h` or `1d`")))
}

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

    /// Counts of nodes: from roll-ups, or, as these don't know of which run a node was, from the spans of one pipeline's runs.
    fn nodes(&self) -> Result<Vec<Rollup>, Failure> {
        match &self.arguments.pipeline {
            None => Ok(self.store.rollups(&self.rollups(None))?),
            Some(name) => Ok(count_spans(name, &spans_of_runs(&*self.store, &self.runs())?)),
        }
    }

    fn rollups(&self, period_minutes: Option<u32>) -> RollupFilter {
        let start_unix_ns = self.since.map(|since| since.unix_ns(Now::system().0));
        RollupFilter { start_unix_ns, pipeline: self.arguments.pipeline.clone(), period_minutes, ..RollupFilter::default() }
    }

    fn overview(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let roots = self.roots()?;
        let (health, correlation) = (Health::of(&roots), Correlation::of(&roots));
        let nodes = by_node(&self.nodes()?);
        let text = if self.arguments.json {
            format!("{:#}\n", json!({ "runs": health, "failed_beside_ok": correlation, "nodes": nodes }))
        } else {
            let options = printer.stdout_options();
            let parts = [
                answers::health(&health, &options),
                answers::correlation(&correlation, &options),
                answers::nodes(&nodes, self.arguments.limit, &options),
            ];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
        };
        printer.data(None, text.as_bytes())?;
        let too_many = self.arguments.max_failure_rate.is_some_and(|most| health.failure_rate > most);
        Ok(if too_many { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn series(&self, minutes: u32, printer: &mut Printer) -> Result<ExitCode, Failure> {
        // Runs are counted, not what is in them.
        let mut rollups = self.store.rollups(&self.rollups(Some(minutes)))?;
        rollups.retain(|rollup| rollup.node.is_empty() && rollup.name.starts_with("pipeline "));
        let buckets = series(&rollups, i64::from(minutes) * 60_000_000_000);
        let text = if self.arguments.json {
            format!("{:#}\n", json!(buckets))
        } else {
            let shown = &buckets[buckets.len().saturating_sub(self.arguments.limit)..];
            let times: Vec<String> = shown.iter().map(|bucket| start_text(bucket.start_unix_ns, false)).collect();
            answers::series(shown, &times, &printer.stdout_options())
        };
        printer.data(None, text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }

    fn missing(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let found = incomplete(&spans_of_runs(&*self.store, &self.runs())?, &self.arguments.missing);
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
