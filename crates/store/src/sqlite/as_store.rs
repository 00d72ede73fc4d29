//! The file as one of several kinds of stores.

use std::path::Path;

use flowglass_model::{Fingerprint, Graph, Rollup, RunId, Sink, Span};

use super::{SqliteStore, asked, rollup_rows, trace};
use crate::query::{Now, Query};
use crate::{
    Capabilities, Exported, Forgotten, ImportTimes, Importer, Migration, Page, RetentionPolicy, RollupFilter, RunRecord,
    Selection, SinkOptions, SqlQuestion, SqlReader, Store, StoreCheck, StoreDetails, StoreError, StoreInfo, Survives,
};

impl Store for SqliteStore {
    fn location(&self) -> String {
        self.path().display().to_string()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::LEAST.surviving(Survives::PowerCuts).shared().with_rollups().with_retention().with_sql().with_export()
    }

    fn sink(&self, options: SinkOptions) -> Result<Box<dyn Sink>, StoreError> {
        Ok(Box::new(Self::sink(self, options)?))
    }

    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.look(|transaction, liveness| asked::page(transaction, liveness, query, Now::system()))
    }

    fn count(&self, query: &Query) -> Result<u64, StoreError> {
        self.look(|transaction, liveness| asked::count(transaction, liveness, query, Now::system()))
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

    fn preview_retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        Self::preview_retain(self, policy)
    }

    fn info(&self) -> Result<StoreInfo, StoreError> {
        Self::info(self)
    }

    fn details(&self) -> Result<StoreDetails, StoreError> {
        Self::details(self)
    }

    fn check(&self) -> Result<StoreCheck, StoreError> {
        Self::check(self)
    }

    fn migrate(&self) -> Result<Migration, StoreError> {
        Self::migrate(self)
    }

    fn answer_sql(&self, question: &SqlQuestion, reader: &mut dyn SqlReader) -> Result<(), StoreError> {
        self.sql(question.limits)?.answer(question, reader)
    }

    fn export(&self, selection: &Selection) -> Result<Exported<'_>, StoreError> {
        Ok(Box::new(self.batches(selection)?))
    }

    fn copy_to_sqlite(&self, path: &Path, selection: &Selection) -> Result<u64, StoreError> {
        Self::copy_to_sqlite(self, path, selection)
    }

    fn import(&self, times: ImportTimes) -> Result<Importer<'_>, StoreError> {
        Self::import(self, times)
    }

    fn find_run(&self, id: &str) -> Result<RunRecord, StoreError> {
        Self::find_run(self, id)
    }
}
