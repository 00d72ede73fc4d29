//! Runs over time, period by period, and a metric beside them.

use std::process::ExitCode;
use std::time::Duration;

use flowglass::insight::answers::{Beside, Bucket, Measured, beside, series};
use flowglass::model::{MetricValue, Number, parse_duration};
use flowglass::store::query::Query;
use flowglass::store::{FoundPoint, Rows};
use flowglass::term::answers;
use serde_json::json;

use super::Asked;
use crate::failure::Failure;
use crate::json::start_text;
use crate::printer::Printer;
use crate::stored::each_page;

const NS_PER_MINUTE: i64 = 60_000_000_000;

impl Asked<'_> {
    pub(super) fn series(&self, every: &str, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let minutes = period_minutes(every)?;
        // Runs are counted, not what is in them.
        let mut rollups = self.store.rollups(&self.rollups(Some(minutes)))?;
        rollups.retain(|rollup| rollup.node.is_empty() && rollup.name.starts_with("pipeline "));
        let period_ns = i64::from(minutes) * NS_PER_MINUTE;
        let buckets = series(&rollups, period_ns);
        let metric = self.arguments.beside.as_deref();
        let found = metric.map(|name| Ok::<_, Failure>(beside(&buckets, period_ns, &self.measured(name)?))).transpose()?;
        let text = match (self.arguments.json, &found) {
            (true, Some(found)) => format!("{:#}\n", json!({ "periods": buckets, "beside": found })),
            (true, None) => format!("{:#}\n", json!(buckets)),
            (false, _) => self.drawn(&buckets, found.as_ref(), printer),
        };
        printer.data(None, text.as_bytes()).map(|()| ExitCode::SUCCESS)
    }

    fn drawn(&self, buckets: &[Bucket], found: Option<&Beside>, printer: &Printer) -> String {
        let first = buckets.len().saturating_sub(self.arguments.limit);
        let shown = &buckets[first..];
        let times: Vec<String> = shown.iter().map(|bucket| start_text(bucket.start_unix_ns, false)).collect();
        let name = self.arguments.beside.as_deref().unwrap_or_default();
        let metric = found.map(|found| &found.means[first..]);
        let drawn = answers::series(shown, &times, metric, &printer.stdout_options());
        let told = |what: &str, with: Option<f64>| match with {
            Some(with) => format!("{what} {with:+.2}"),
            None => format!("{what} unknown"),
        };
        match found {
            None => drawn,
            Some(found) => format!(
                "{drawn}\n{name} goes with {}, {} (1 always, 0 never, -1 against; over {} periods)\n",
                told("failures", found.with_error_rate),
                told("durations", found.with_mean_duration),
                buckets.len()
            ),
        }
    }

    /// What the points of a metric say, one number each: of a distribution its mean.
    fn measured(&self, name: &str) -> Result<Vec<Measured>, Failure> {
        let query = self.since.into_iter().fold(Query::metrics().name(name), Query::since);
        let mut measured = Vec::new();
        each_page(&*self.store, &query, &mut |rows| {
            let Rows::Metrics(points) = rows else { return Ok(0) };
            measured.extend(points.iter().filter_map(of_point));
            Ok(points.len())
        })?;
        if measured.is_empty() {
            return Err(Failure::usage(format!("`--beside {name}`: no such metric was recorded in this time")));
        }
        Ok(measured)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean for people")]
fn of_point(found: &FoundPoint) -> Option<Measured> {
    let value = match &found.point.value {
        MetricValue::Missing => None,
        MetricValue::Number(Number::Int(number)) => Some(*number as f64),
        MetricValue::Number(Number::Float(number)) => Some(*number),
        MetricValue::Explicit(histogram) => histogram.totals.mean(),
        MetricValue::Exponential(histogram) => histogram.totals.mean(),
        MetricValue::Summary(summary) => summary.totals.mean(),
    }?;
    Some(Measured { unix_ns: found.point.unix_ns, value })
}

fn period_minutes(every: &str) -> Result<u32, Failure> {
    let minutes = parse_duration(every).filter(|period| *period >= Duration::from_secs(60)).map(|period| period.as_secs() / 60);
    minutes
        .and_then(|minutes| u32::try_from(minutes).ok())
        .ok_or_else(|| Failure::usage(format!("`--every {every}`: a period is one minute or longer: write `5m`, `1h` or `1d`")))
}
