//! A connection of one who writes, which is asked the same again and again.

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyInSink, Row, Statement};

use super::connection::Connection;
use super::copy::Rows;
use super::failure::Failure;
use super::link::Link;

/// A connection of one writer.
pub(super) struct Session {
    pub(super) client: Connection,
}

pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Session {
    pub(super) fn new(link: &Link) -> Result<Self, Failure> {
        Ok(Self { client: link.connect()? })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Does what changes no values: begins, ends, makes.
    pub(super) fn run(&self, link: &Link, sql: &str) -> Result<(), Failure> {
        link.wait(self.client.batch_execute(sql))
    }

    pub(super) fn execute(&mut self, link: &Link, sql: &str, values: Values<'_>) -> Result<u64, Failure> {
        let statement = self.prepared(link, sql)?;
        link.wait(self.client.execute(&statement, values))
    }

    pub(super) fn rows(&mut self, link: &Link, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Failure> {
        let statement = self.prepared(link, sql)?;
        link.wait(self.client.query(&statement, values))
    }

    /// Returns the only number of an answer that is there.
    pub(super) fn number(&mut self, link: &Link, sql: &str, values: Values<'_>) -> Result<Option<i64>, Failure> {
        Ok(self.rows(link, sql, values)?.first().and_then(|row| row.get(0)))
    }

    /// Sends rows to a table, named with its columns.
    pub(super) fn copy(&mut self, link: &Link, table: &str, rows: &Rows) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let statement = self.prepared(link, &copy_into(table))?;
        self.send(link, &statement, rows)
    }

    /// As [`copy`](Self::copy), to a table that is there only now.
    pub(super) fn copy_once(&self, link: &Link, table: &str, rows: &Rows) -> Result<(), Failure> {
        let statement = link.wait(self.client.prepare(&copy_into(table)))?;
        self.send(link, &statement, rows)
    }

    fn send(&self, link: &Link, statement: &Statement, rows: &Rows) -> Result<(), Failure> {
        let bytes = rows.finished();
        link.wait(async {
            let sink: CopyInSink<Bytes> = self.client.copy_in(statement).await?;
            let mut sink = std::pin::pin!(sink);
            sink.send(bytes).await?;
            sink.finish().await.map(|_| ())
        })
    }

    fn prepared(&mut self, link: &Link, sql: &str) -> Result<Statement, Failure> {
        link.wait(self.client.prepared(sql, &[]))
    }
}

fn copy_into(table: &str) -> String {
    format!("COPY {table} FROM STDIN BINARY")
}
