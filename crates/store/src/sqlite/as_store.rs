//! The file as one of several kinds of stores.

use flowglass_model::{Fingerprint, Graph, Rollup, RunId, Sink, Span};

use super::{SqliteStore, asked, rollup_rows, trace};
use crate::query::{Now, Query};
use crate::{
    Capabilities, Forgotten, Page, RetentionPolicy, RollupFilter, RunRecord, SinkOptions, Store, StoreError, Survives,
};

impl Store for SqliteStore {
    fn location(&self) -> String {
        self.path().display().to_string()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::LEAST.surviving(Survives::PowerCuts).shared().with_rollups().with_retention()
    }

    fn sink(&self, options: SinkOptions) -> Result<Box<dyn Sink>, StoreError> {
        Ok(Box::new(Self::sink(self, options)?))
    }

    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.look(|transaction, liveness| asked::page(transaction, liveness, query, Now::system()))
    }

    fn trace(&self, run: RunId) -> Result<Vec<Span>, StoreError> {
        self.look(|transaction, liveness| trace::read(transaction, liveness, run))
    }

    fn graph(&self, fingerprint: Fingerprint) -> Result<Option<Graph>, StoreError> {
        Self::graph(self, fingerprint)
    }

    fn rollups(&self, filter: &RollupFilter) -> Result<Vec<Rollup>, StoreError> {
        self.look(|transaction, _| rollup_rows::list(transaction, filter))
    }

    fn retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        Self::retain(self, policy)
    }

    fn find_run(&self, id: &str) -> Result<RunRecord, StoreError> {
        Self::find_run(self, id)
    }
}
