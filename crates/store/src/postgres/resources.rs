//! Who recorded: each resource is stored once, and rows name it by a number.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::Resource;
use parking_lot::Mutex;

use super::connection::Connection;
use super::failure::Failure;
use super::json;
use super::link::Link;
use super::rest::{get, put_named};
use super::session::Session;
use crate::hash::{hash, pair};

/// So many resources are remembered.
const MOST_KNOWN: usize = 4096;

/// The numbers that a sink knows.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    last: Option<(Arc<Resource>, i64)>,
    known: HashMap<String, i64>,
}

impl Numbers {
    /// Returns the number of a resource, which is stored if it isn't there. Outside of the transaction: it does no harm alone.
    pub(super) fn of(&mut self, link: &Link, session: &mut Session, resource: &Arc<Resource>) -> Result<i64, Failure> {
        if let Some((last, number)) = &self.last
            && Arc::ptr_eq(last, resource)
        {
            return Ok(*number);
        }
        let data = put_named(&**resource)?;
        let digest = digest(&data);
        let number = match self.known.get(&digest) {
            Some(number) => *number,
            None => store(link, session, resource, &digest, &data)?,
        };
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(digest, number);
        self.last = Some((Arc::clone(resource), number));
        Ok(number)
    }

    /// Forgets all: they may be of another database.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Two hashes of 64 bits: enough to tell resources of well-meaning programs apart.
fn digest(data: &[u8]) -> String {
    let first = hash(data);
    format!("{first:016x}{:016x}", pair(first, hash(&[b"resource", data].concat())))
}

const INSERT: &str = "
INSERT INTO resource (digest, attributes, data) VALUES ($1, ($2::text)::jsonb, $3)
ON CONFLICT (digest) DO UPDATE SET used = excluded.used RETURNING id";

/// From now on it is in use: whoever takes away what isn't leaves it.
const FIND: &str = "UPDATE resource SET used = clock_timestamp() WHERE digest = $1 RETURNING id";

fn store(link: &Link, session: &mut Session, resource: &Resource, digest: &str, data: &[u8]) -> Result<i64, Failure> {
    let known = session.number(link, FIND, &[&digest])?;
    if let Some(known) = known {
        return Ok(known);
    }
    let attributes = json::object(&resource.attributes);
    session.number(link, INSERT, &[&digest, &attributes, &data])?.ok_or(Failure::Damaged("a resource has no number"))
}

/// The resources that a store has read.
#[derive(Debug, Default)]
pub(super) struct Resources {
    known: Mutex<HashMap<i64, Arc<Resource>>>,
}

impl Resources {
    /// Returns resources by their numbers, those that nobody asked for before from the server.
    pub(super) fn read(
        &self,
        link: &Link,
        client: &Connection,
        numbers: impl Iterator<Item = i64>,
    ) -> Result<HashMap<i64, Arc<Resource>>, Failure> {
        let mut known = self.known.lock();
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for number in numbers {
            match known.get(&number) {
                Some(resource) => drop(found.insert(number, Arc::clone(resource))),
                None if missing.contains(&number) => {}
                None => missing.push(number),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        for row in link.wait(client.query("SELECT id, data FROM resource WHERE id = ANY($1)", &[&missing]))? {
            let resource: Arc<Resource> = Arc::new(get(row.try_get(1)?)?);
            known.insert(row.try_get(0)?, Arc::clone(&resource));
            found.insert(row.try_get(0)?, resource);
        }
        Ok(found)
    }
}
