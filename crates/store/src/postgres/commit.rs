//! Commits: what waits goes into one transaction, with its roll-ups, or not at all.

use std::sync::Arc;

use flowglass_model::{Batch, WriterId};

use super::facets;
use super::failure::Failure;
use super::heartbeat;
use super::link::Link;
use super::partitions::Known;
use super::prepared::{Prepared, columns};
use super::records::{EVENT, LINK, LOG, POINT, SPAN, stored};
use super::resources::Numbers;
use super::rollups;
use super::session::Session;
use crate::StoreError;

/// How often a commit that another writer was in the way of is tried again at once.
const MOST_RACES: usize = 4;
/// After so many commits, tallies are added to the roll-ups.
const COMMITS_PER_TAKE_UP: u64 = 64;

/// A batch to write.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) batch: Arc<Batch>,
    /// The sink that it came through: another one's, where this process sends what that one left.
    pub(super) sink: i64,
    /// Whether it may be there already.
    pub(super) again: bool,
}

/// Writes the batches of one sink through one connection, which is made anew when it breaks.
pub(super) struct Committer {
    link: Arc<Link>,
    /// The number of the sink.
    pub(super) sink: i64,
    /// Nothing until the next commit after an error.
    session: Option<Session>,
    resources: Numbers,
    partitions: Known,
    /// The batches whose writing failed: they may be there all the same.
    failed: Vec<(WriterId, u64)>,
    commits: u64,
}

impl Committer {
    /// Makes one that connects when there is something to write.
    pub(super) fn new(link: &Arc<Link>, sink: i64) -> Self {
        Self {
            link: Arc::clone(link),
            sink,
            session: None,
            resources: Numbers::default(),
            partitions: Known::default(),
            failed: Vec::new(),
            commits: 0,
        }
    }

    /// Connects now.
    pub(super) fn connect(&mut self) -> Result<(), StoreError> {
        self.with_session(|_, _| Ok(())).map_err(|failure| failure.at(&self.link.place, "write to"))
    }

    /// Writes all of these batches in one transaction, or none.
    pub(super) fn commit(&mut self, batches: &[Written]) -> Result<(), StoreError> {
        let key = |written: &Written| (written.batch.writer, written.batch.sequence);
        let written = self.try_commit(batches);
        self.failed.retain(|failed| !batches.iter().any(|written| key(written) == *failed));
        if written.is_err() {
            self.failed.extend(batches.iter().map(key));
        }
        written.map_err(|failure| failure.at(&self.link.place, "write to"))
    }

    fn try_commit(&mut self, batches: &[Written]) -> Result<(), Failure> {
        let mut session = self.session()?;
        let prepared = self.prepare(&mut session, batches)?;
        self.partitions.ensure(&self.link, &mut session, &prepared.days)?;
        self.put(&mut session, &prepared)?;
        self.commits += 1;
        if self.commits.is_multiple_of(COMMITS_PER_TAKE_UP) {
            rollups::take_up(&self.link, &mut session)?;
            facets::take_up(&self.link, &mut session)?;
        }
        self.session = Some(session);
        Ok(())
    }

    /// Makes the server flush what it said it has: a commit that waits for the disk takes all earlier ones with it.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        let sink = self.sink;
        // Only what changes something is waited for.
        let flushed = self.with_session(|link, session| {
            session.run(link, "BEGIN; SET LOCAL synchronous_commit = on")?;
            session.execute(link, "UPDATE sink SET seen = clock_timestamp() WHERE id = $1", &[&sink])?;
            session.run(link, "COMMIT")
        });
        flushed.map_err(|failure| failure.at(&self.link.place, "write to"))
    }

    /// Notes that the sink has ended, and leaves no tally waiting.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        let sink = self.sink;
        self.with_session(|link, session| {
            heartbeat::end(link, session, sink)?;
            rollups::take_up(link, session)?;
            facets::take_up(link, session)
        })
    }

    /// Notes that the sink of another process has ended. Where that fails, it is taken for dead after its silence.
    pub(super) fn found_ended(&mut self, sink: i64) {
        let _ = self.with_session(|link, session| heartbeat::found_ended(link, session, sink));
    }

    fn with_session<T>(&mut self, work: impl FnOnce(&Link, &mut Session) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut session = self.session()?;
        let done = work(&self.link, &mut session)?;
        self.session = Some(session);
        Ok(done)
    }

    /// Takes the connection, which is put back only if all goes well; makes a new one where there is none.
    fn session(&mut self) -> Result<Session, Failure> {
        match self.session.take().filter(|session| !session.is_closed()) {
            Some(session) => Ok(session),
            None => {
                self.partitions.clear();
                self.resources.clear();
                let mut session = Session::new(&self.link)?;
                heartbeat::begin(&self.link, &mut session, self.sink)?;
                Ok(session)
            }
        }
    }

    fn prepare(&mut self, session: &mut Session, batches: &[Written]) -> Result<Prepared, Failure> {
        let number = session.number(&self.link, "SELECT nextval('commits')", &[])?;
        let mut prepared = Prepared::new(number.unwrap_or_default());
        for Written { batch, sink, again } in batches {
            let again = *again || self.failed.contains(&(batch.writer, batch.sequence));
            if again && is_written(&self.link, session, batch)? {
                continue;
            }
            let resource = self.resources.of(&self.link, session, &batch.resource)?;
            prepared.add(batch, resource, *sink)?;
        }
        Ok(prepared)
    }

    /// Writes the rows; those that are there already are replaced, which costs more.
    fn put(&self, session: &mut Session, prepared: &Prepared) -> Result<(), Failure> {
        let link = &*self.link;
        let mut way = Way::Straight;
        for _ in 0..MOST_RACES {
            match transaction(link, session, prepared, way) {
                Err(failure) if way == Way::Straight && failure.is_repetition() => way = Way::Replacing,
                Err(failure) if failure.is_race() => {}
                written => return written,
            }
            session.run(link, "ROLLBACK")?;
        }
        transaction(link, session, prepared, way)
    }
}

/// Says whether the batch, whose writing seemed to fail, is in the store all the same.
fn is_written(link: &Link, session: &mut Session, batch: &Batch) -> Result<bool, Failure> {
    let last = session.number(link, "SELECT sequence FROM writer WHERE writer = $1", &[&batch.writer.to_string()])?;
    Ok(last.is_some_and(|last| batch.sequence > 0 && last >= stored(batch.sequence)))
}

/// How spans reach their table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As new rows.
    Straight,
    /// By a table of this connection, so that they can replace others.
    Replacing,
}

/// Everything that a commit writes. Rows that many writers change come last, in one order, and are held for the shortest time.
fn transaction(link: &Link, session: &mut Session, prepared: &Prepared, way: Way) -> Result<(), Failure> {
    session.run(link, &format!("BEGIN; {}", facets::WE_COUNT))?;
    match way {
        Way::Straight => {
            session.copy(link, &format!("span ({SPAN})"), &prepared.spans)?;
            session.copy(link, &format!("facet_change ({})", facets::COLUMNS), &prepared.facets.rows())?;
        }
        Way::Replacing => replace(link, session, prepared)?,
    }
    session.copy(link, &format!("event ({EVENT})"), &prepared.events)?;
    session.copy(link, &format!("link ({LINK})"), &prepared.links)?;
    session.copy(link, &format!("log ({LOG})"), &prepared.logs)?;
    session.copy(link, &format!("point ({POINT})"), &prepared.points)?;
    open_spans(link, session, prepared)?;
    for graph in &prepared.graphs {
        let data = serde_json::to_string(&**graph).map_err(|_| Failure::Damaged("a graph can't be encoded"))?;
        let insert = "INSERT INTO graph (fingerprint, name, data) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let name = super::json::storable(&graph.name);
        session.execute(link, insert, &[&graph.fingerprint.to_string(), &&*name, &data])?;
    }
    if !prepared.tallies.is_empty() {
        session.execute(link, "INSERT INTO tally (data) SELECT unnest($1::bytea[])", &[&prepared.tallies])?;
    }
    traces(link, session, prepared)?;
    writers(link, session, prepared)?;
    session.run(link, "COMMIT")
}

fn open_spans(link: &Link, session: &mut Session, prepared: &Prepared) -> Result<(), Failure> {
    let (traces, spans) = prepared.closed();
    if !traces.is_empty() {
        let delete = "DELETE FROM open_span o USING unnest($1::text[], $2::text[]) AS c (trace_id, span_id)
            WHERE o.trace_id = c.trace_id AND o.span_id = c.span_id";
        session.execute(link, delete, &[&traces, &spans])?;
    }
    session.copy(link, &format!("open_span ({SPAN}, sink)"), &prepared.opened()?)
}

const TRACES: &str = "
INSERT INTO trace AS t (trace_id, first_unix_ns, last_unix_ns, spans, errors, covers_events)
SELECT *, true FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
ON CONFLICT (trace_id) DO UPDATE SET first_unix_ns = least(t.first_unix_ns, excluded.first_unix_ns),
    last_unix_ns = greatest(t.last_unix_ns, excluded.last_unix_ns), spans = t.spans + excluded.spans,
    errors = t.errors + excluded.errors";

fn traces(link: &Link, session: &mut Session, prepared: &Prepared) -> Result<(), Failure> {
    if !prepared.traces.is_empty() {
        let (traces, first, last, spans, errors) = columns(&prepared.traces);
        session.execute(link, TRACES, &[&traces, &first, &last, &spans, &errors])?;
    }
    Ok(())
}

const WRITER: &str = "
INSERT INTO writer AS w (writer, sink, resource, sequence) VALUES ($1, $2, $3, $4)
ON CONFLICT (writer) DO UPDATE SET sink = excluded.sink, resource = excluded.resource,
    sequence = greatest(w.sequence, excluded.sequence), seen = clock_timestamp()";

fn writers(link: &Link, session: &mut Session, prepared: &Prepared) -> Result<(), Failure> {
    for (writer, wrote) in &prepared.writers {
        session.execute(link, WRITER, &[&writer.to_string(), &wrote.sink, &wrote.resource, &wrote.sequence])?;
    }
    Ok(())
}

/// What is known for certain stays, then what came last.
const CERTAINTY: &str = "CASE status WHEN 'running' THEN 0 WHEN 'interrupted' THEN 1 ELSE 2 END";

/// Puts what is new beside what is there, and in place of what is known already. The first is counted here, the other by the server.
fn replace(link: &Link, session: &mut Session, prepared: &Prepared) -> Result<(), Failure> {
    session.run(link, "CREATE TEMPORARY TABLE incoming (LIKE span) ON COMMIT DROP")?;
    // The table is another one each time: a statement that was prepared for the last one would miss it.
    session.copy_once(link, &format!("incoming ({SPAN})"), &prepared.spans)?;
    session.run(
        link,
        &format!(
            "CREATE TEMPORARY TABLE latest ON COMMIT DROP AS SELECT DISTINCT ON (trace_id, span_id, start_unix_ns) * FROM incoming
                ORDER BY trace_id, span_id, start_unix_ns, {CERTAINTY} DESC, written DESC;
            WITH r AS (INSERT INTO span ({SPAN}) SELECT {SPAN} FROM latest ON CONFLICT DO NOTHING RETURNING *) {}",
            facets::change("r", 1),
        ),
    )?;
    let others = SPAN.split(", ").skip(2).filter(|column| *column != "start_unix_ns");
    let set: Vec<String> = others.map(|column| format!("{0} = l.{0}", column.trim())).collect();
    session.run(
        link,
        &format!(
            "UPDATE span s SET {} FROM latest l WHERE (s.trace_id, s.span_id, s.start_unix_ns) = (l.trace_id, l.span_id, l.start_unix_ns)
                AND s.written <> l.written AND {} >= {}",
            set.join(", "),
            CERTAINTY.replace("status", "l.status"),
            CERTAINTY.replace("status", "s.status"),
        ),
    )
}
