//! What runs is in the store as soon as the recorder has looked, also for those who open the store by themselves.

use std::path::PathBuf;
use std::time::Duration;

use flowglass::model::Status;
use flowglass::prelude::*;
use flowglass::store::query::Query;
use flowglass::store::{Rows, RunFilter, SqliteStore, Store};
use flowglass::{Recorder, telemetry};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a node knows of the store that it is recorded in.
#[derive(Clone)]
struct Watch {
    path: PathBuf,
    recorder: Recorder,
}

impl Watch {
    /// Lets the recorder look, as it does at the end of each interval, and says what another one finds in the store then: the names
    /// of the spans that run, and how the run stands.
    fn look(&self) -> (Vec<String>, Vec<Status>) {
        self.recorder.flush(PATIENCE).unwrap();
        let store = SqliteStore::open(&self.path).unwrap();
        let Rows::Spans(spans) = store.query(&Query::spans().status(Status::Running)).unwrap().rows else { panic!("spans") };
        let mut names: Vec<String> = spans.iter().map(|found| found.span.name.clone()).collect();
        names.sort();
        (names, store.runs(&RunFilter::default()).unwrap().iter().map(|run| run.status).collect())
    }
}

#[node(output = "looks")]
fn watching(watch: &Watch) -> Vec<(Vec<String>, Vec<Status>)> {
    vec![watch.look(), watch.look()]
}

#[test]
fn a_run_is_there_after_one_look_and_what_it_is_at_after_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let recorder = telemetry::sqlite(&path).unwrap();
    let pipeline = Pipeline::builder("slow").node(watching {}).telemetry(recorder.clone()).build().unwrap();
    let watch = Watch { path: path.clone(), recorder: recorder.clone() };
    let run = pipeline.run(inputs! { watch: watch.clone() }).wait().unwrap();
    let looks = run.get::<Vec<(Vec<String>, Vec<Status>)>>("looks").unwrap();
    let running = vec![Status::Running];
    assert_eq!(
        looks[0],
        (vec!["pipeline slow".to_owned()], running.clone()),
        "a node that is over by the next look is never pending"
    );
    assert_eq!(looks[1], (vec!["node watching".to_owned(), "pipeline slow".to_owned()], running));
    assert_eq!(watch.look(), (vec![], vec![Status::Ok]));
}
