//! Rows of the table `block`, and blocks that are kept elsewhere in one piece.

use flowglass_model::{Arena, Batch, SpanColumns};
use rusqlite::{Connection, Row, Rows, params};

use super::failure::Failure;
use crate::block::bytes::{Reader, put_stream};
use crate::block::{self, Damaged, Durations, Encoded, FrameDecoder, Head};

/// Adds a block and returns its row.
pub(super) fn insert(connection: &Connection, writer: i64, block: &Encoded) -> rusqlite::Result<i64> {
    let mut insert = connection.prepare_cached("INSERT INTO block (writer, head, body) VALUES (?1, ?2, ?3)")?;
    insert.insert(params![writer, block.head, block.body])
}

/// Removes a block.
pub(super) fn remove(connection: &Connection, block: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM block WHERE id = ?1")?.execute([block]).map(|_| ())
}

/// Puts both parts of a block into one piece.
pub(super) fn join(block: &Encoded) -> Vec<u8> {
    let mut piece = Vec::with_capacity(block.head.len() + block.body.len() + 8);
    put_stream(&mut piece, &block.head);
    put_stream(&mut piece, &block.body);
    piece
}

/// Opens a block that [`join`] put into one piece.
pub(super) fn open_joined(piece: &[u8], decoder: &mut FrameDecoder) -> Result<Batch, Damaged> {
    let mut reader = Reader::new(piece);
    let (head, body) = (reader.stream()?, reader.stream()?);
    block::decode(head.rest(), body.rest(), decoder)
}

/// A stored block that any thread can open.
pub(super) struct Closed {
    pub(super) id: i64,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Closed {
    /// Counts the attributes of spans that have one of these fingerprints, of the key with this hash.
    pub(super) fn count(&self, key: u64, fingerprints: &[u64], decoder: &mut FrameDecoder) -> Result<u64, Failure> {
        let count = block::count_values(&self.head, &self.body, key, fingerprints, decoder);
        count.map_err(|damage| Failure::block(self.id, damage))
    }

    pub(super) fn open(&self, decoder: &mut FrameDecoder) -> Result<Batch, Failure> {
        block::decode(&self.head, &self.body, decoder).map_err(|damage| Failure::block(self.id, damage))
    }
}

/// Opens stored blocks.
pub(super) struct Blocks<'a> {
    connection: &'a Connection,
    decoder: FrameDecoder,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self { connection, decoder: FrameDecoder::default() }
    }

    /// Opens a head.
    pub(super) fn head(&mut self, block: i64) -> Result<Head, Failure> {
        self.part("SELECT head FROM block WHERE id = ?1", block, block::decode_head)
    }

    /// Opens as much of a head as names and durations take.
    pub(super) fn durations(&mut self, block: i64) -> Result<Durations, Failure> {
        self.part("SELECT head FROM block WHERE id = ?1", block, block::decode_durations)
    }

    /// Opens the body that belongs to a head.
    pub(super) fn body(&mut self, block: i64, head: Head) -> Result<Batch, Failure> {
        let open = |body: &[u8], decoder: &mut FrameDecoder| block::decode_body(head, body, decoder);
        self.part("SELECT body FROM block WHERE id = ?1", block, open)
    }

    /// Opens the head of a block, and of its body only the ids.
    pub(super) fn ids(&mut self, block: i64) -> Result<SpanColumns, Failure> {
        let head = self.head(block)?;
        let open = |body: &[u8], decoder: &mut FrameDecoder| block::decode_ids(head, body, decoder);
        self.part("SELECT body FROM block WHERE id = ?1", block, open)
    }

    /// Returns the row of the writer that wrote a block.
    pub(super) fn writer(&self, block: i64) -> Result<i64, Failure> {
        let mut statement = self.connection.prepare_cached("SELECT writer FROM block WHERE id = ?1")?;
        Ok(statement.query_row([block], |row| row.get(0))?)
    }

    /// Reads a block as it is stored.
    pub(super) fn closed(&self, block: i64) -> Result<Closed, Failure> {
        let mut statement = self.connection.prepare_cached("SELECT head, body FROM block WHERE id = ?1")?;
        let mut rows = statement.query([block])?;
        let row = next_of(&mut rows, block)?;
        Ok(Closed { id: block, head: row.get(0)?, body: row.get(1)? })
    }

    /// Opens the head of a block, and adds the ids of its spans.
    pub(super) fn identified(&mut self, block: i64) -> Result<Head, Failure> {
        let Head { arena, spans } = self.head(block)?;
        let bare = Head { arena: Arena::default(), spans };
        let open = |body: &[u8], decoder: &mut FrameDecoder| block::decode_ids(bare, body, decoder);
        let spans = self.part("SELECT body FROM block WHERE id = ?1", block, open)?;
        Ok(Head { arena, spans })
    }

    /// Opens a whole block.
    pub(super) fn whole(&mut self, block: i64) -> Result<Batch, Failure> {
        let head = self.head(block)?;
        self.body(block, head)
    }

    /// Opens a piece that [`join`] made.
    pub(super) fn joined(&mut self, piece: &[u8]) -> Result<Batch, Failure> {
        open_joined(piece, &mut self.decoder).map_err(|damage| Failure::Damaged { place: "an open span".to_owned(), damage })
    }

    fn part<T>(
        &mut self,
        sql: &str,
        block: i64,
        open: impl FnOnce(&[u8], &mut FrameDecoder) -> Result<T, Damaged>,
    ) -> Result<T, Failure> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([block])?;
        let row = next_of(&mut rows, block)?;
        let bytes = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        open(bytes, &mut self.decoder).map_err(|damage| Failure::block(block, damage))
    }
}

/// Steps to the row of a block.
fn next_of<'a>(rows: &'a mut Rows<'_>, block: i64) -> Result<&'a Row<'a>, Failure> {
    let row = rows.next().map_err(|error| Failure::from(error).within(|| format!("block {block}")))?;
    row.ok_or_else(|| Failure::block(block, Damaged("it is missing")))
}
