//! Who recorded a block: the resource of its writer.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::Resource;
use rusqlite::{Connection, OptionalExtension};

use crate::sqlite::failure::Failure;

/// Reads each writer's resource once.
#[derive(Default)]
pub(super) struct Resources {
    known: HashMap<i64, Arc<Resource>>,
}

impl Resources {
    /// Returns the resource of a block.
    pub(super) fn of_block(&mut self, connection: &Connection, block: i64) -> Result<Arc<Resource>, Failure> {
        let mut statement = connection.prepare_cached("SELECT writer FROM block WHERE id = ?1")?;
        let writer: Option<i64> = statement.query_row([block], |row| row.get(0)).optional()?;
        self.of_writer(connection, writer.unwrap_or(-1))
    }

    /// Returns the resource of a writer; an empty one of a writer that isn't there.
    pub(super) fn of_writer(&mut self, connection: &Connection, writer: i64) -> Result<Arc<Resource>, Failure> {
        if let Some(known) = self.known.get(&writer) {
            return Ok(Arc::clone(known));
        }
        let mut statement = connection.prepare_cached("SELECT resource FROM writer WHERE id = ?1")?;
        let json: Option<String> = statement.query_row([writer], |row| row.get(0)).optional()?;
        let resource: Arc<Resource> = Arc::new(json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default());
        self.known.insert(writer, Arc::clone(&resource));
        Ok(resource)
    }
}
