//! What takes long: spans over a threshold, and what runs waited for.

use std::process::ExitCode;
use std::time::Duration;

use flowglass::insight::answers::{bottlenecks, critical_places};
use flowglass::store::query::Query;
use flowglass::term::answers;
use serde_json::json;

use super::Asked;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::stored::{spans_of_runs, spans_with};

impl Asked<'_> {
    pub(super) fn bottlenecks(&self, over: Duration, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let slow = self.since.into_iter().fold(Query::spans().longer_than(over), Query::since);
        let slow = self.arguments.pipeline.iter().fold(slow, |query, name| query.is("pipeline", name));
        let over_ns = u64::try_from(over.as_nanos()).unwrap_or(u64::MAX);
        let found = bottlenecks(&spans_with(&*self.store, slow)?, over_ns);
        let text = if self.arguments.json {
            format!("{:#}\n", json!(found))
        } else {
            answers::bottlenecks(&found, self.arguments.limit, &printer.stdout_options())
        };
        printer.data(None, text.as_bytes()).map(|()| ExitCode::SUCCESS)
    }

    pub(super) fn critical_path(&self, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let found = critical_places(&spans_of_runs(&*self.store, &self.runs())?);
        let text = if self.arguments.json {
            format!("{:#}\n", json!(found))
        } else {
            answers::critical_places(&found, self.arguments.limit, &printer.stdout_options())
        };
        printer.data(None, text.as_bytes()).map(|()| ExitCode::SUCCESS)
    }
}
