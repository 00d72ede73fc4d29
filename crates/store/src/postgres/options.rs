//! What a PostgreSQL store is told: the address that it understands, and what stands behind its question mark.

use std::path::PathBuf;
use std::time::Duration;

use flowglass_model::parse_duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::tls::{Check, Trust};
use crate::{StoreError, StoreErrorKind};

/// How a [`PostgresStore`](super::PostgresStore) behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// The schema that the store's tables are in; `flowglass` by default. Several stores can share a database.
    pub schema: String,
    /// The most connections for questions at once; 10 by default. Each sink has one of its own besides.
    pub pool_size: usize,
    /// How long a connection may take to be there; 5 s by default.
    pub connect_timeout: Duration,
    /// How long one statement may take; 30 s by default.
    pub statement_timeout: Duration,
    /// How long a sink waits for the server to take a batch, before the batch goes into the spool and on from there; 1 s by default.
    pub hold: Duration,
    /// How often a sink says that its process lives; 5 s by default. One that was silent for three times as long is taken for dead.
    pub heartbeat: Duration,
    /// The folder in which batches wait while the server is away; `.flowglass/spool` by default, nothing for none. It is made when it
    /// is needed.
    pub spool: Option<PathBuf>,
    /// The most bytes that may wait in the folder; 1 GB by default.
    pub spool_bytes: u64,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            schema: "flowglass".to_owned(),
            pool_size: 10,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            hold: Duration::from_secs(1),
            heartbeat: Duration::from_secs(5),
            spool: Some([".flowglass", "spool"].iter().collect()),
            spool_bytes: 1 << 30,
        }
    }
}

/// Any network has found its way again by then, or has lost the connection.
const GONE_AFTER: Duration = Duration::from_secs(60);

/// An address, read.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
    pub(super) options: PostgresOptions,
}

impl Address {
    /// Reads `postgres://user:password@host:port/database?…`. What the address doesn't say is as in `options`.
    pub(super) fn parse(address: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let (place, words) = address.split_once('?').unwrap_or((address, ""));
        let mut read = Words { options, trust: Trust::default(), mode: SslMode::Prefer, others: Vec::new() };
        for word in words.split('&').filter(|word| !word.is_empty()) {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            read.take(key, value).map_err(|why| bad(place, &why))?;
        }
        let plain = if read.others.is_empty() { place.to_owned() } else { format!("{place}?{}", read.others.join("&")) };
        let mut config: Config = plain.parse().map_err(|error| bad(place, &with_cause(&error)))?;
        config.ssl_mode(read.mode);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(read.options.connect_timeout);
        }
        // What was sent and nobody has acknowledged for as long goes nowhere; so does a connection on which nothing is heard.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(GONE_AFTER).keepalives_idle(GONE_AFTER);
        }
        if config.get_application_name().is_none() {
            config.application_name("flowglass");
        }
        Ok(Self { config, trust: read.trust, options: read.options })
    }

    /// Returns the address for people, without its password.
    pub(super) fn shown(&self) -> String {
        let user = self.config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
        let ports = self.config.get_ports();
        let host = |(at, host): (usize, &Host)| {
            let port = ports.get(at).or(ports.first()).filter(|port| **port != 5432);
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            match host {
                Host::Tcp(name) => format!("{name}{port}"),
                #[cfg(unix)]
                Host::Unix(path) => format!("{}{port}", path.display()),
            }
        };
        let hosts: Vec<String> = self.config.get_hosts().iter().enumerate().map(host).collect();
        let database = self.config.get_dbname().map(|name| format!("/{name}")).unwrap_or_default();
        let schema = if self.options.schema == PostgresOptions::default().schema {
            String::new()
        } else {
            format!("?schema={}", self.options.schema)
        };
        format!("postgres://{user}{}{database}{schema}", hosts.join(","))
    }
}

/// The words behind the question mark, as far as they were read.
struct Words {
    options: PostgresOptions,
    trust: Trust,
    mode: SslMode,
    /// Those that the driver knows.
    others: Vec<String>,
}

impl Words {
    fn take(&mut self, key: &str, value: &str) -> Result<(), String> {
        let text = decoded(value);
        let duration = || parse_duration(&text).ok_or_else(|| format!("`{key}={text}` is no duration: write `5s`"));
        match key {
            "schema" if text.is_empty() || text.len() > 63 || text.contains('\0') => {
                return Err(format!("`{text}` can't be a schema's name"));
            }
            "schema" => self.options.schema = text,
            "pool_size" => {
                let size = text.parse().ok().filter(|size| *size > 0);
                self.options.pool_size = size.ok_or_else(|| format!("`pool_size={text}` is no number of connections"))?;
            }
            "statement_timeout" => self.options.statement_timeout = duration()?,
            "hold" => self.options.hold = duration()?,
            "heartbeat" => self.options.heartbeat = duration()?.max(Duration::from_millis(10)),
            "spool" => self.options.spool = (text != "off").then(|| PathBuf::from(&text)),
            "sslmode" => (self.mode, self.trust.check) = mode(&text)?,
            "sslrootcert" => self.trust.root = Some(PathBuf::from(&text)),
            "sslcert" => self.trust.certificate = Some(PathBuf::from(&text)),
            "sslkey" => self.trust.key = Some(PathBuf::from(&text)),
            _ => self.others.push(format!("{key}={value}")),
        }
        Ok(())
    }
}

/// The modes of PostgreSQL's own clients: <https://www.postgresql.org/docs/current/libpq-ssl.html>.
fn mode(word: &str) -> Result<(SslMode, Check), String> {
    match word {
        "disable" => Ok((SslMode::Disable, Check::Nothing)),
        "prefer" => Ok((SslMode::Prefer, Check::Nothing)),
        "require" => Ok((SslMode::Require, Check::Nothing)),
        "verify-ca" => Ok((SslMode::Require, Check::Authority)),
        "verify-full" => Ok((SslMode::Require, Check::AuthorityAndName)),
        _ => Err(format!("`sslmode={word}` is none of disable, prefer, require, verify-ca, verify-full")),
    }
}

/// Takes `%2F` for `/`. What is no such code stays as it is.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, others @ ..] = rest {
        let code = rest.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &rest[3..] } else { others };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn bad(place: &str, why: &str) -> StoreError {
    // What stands before an `@` may be a password.
    let shown = place.rsplit('@').next().unwrap_or(place).trim_start_matches("postgresql://").trim_start_matches("postgres://");
    let message = format!("`postgres://{shown}` can't be a store: {why}; write `postgres://user:password@host/database`");
    StoreError::new(StoreErrorKind::BadAddress, message)
}

fn with_cause(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Address {
        Address::parse(address, PostgresOptions::default()).unwrap()
    }

    #[test]
    fn an_address_says_all_that_a_user_needs() {
        let address = read("postgres://me:secret@db.example:6432/runs?schema=team%20a&pool_size=3&heartbeat=1s&spool=off");
        assert_eq!(address.shown(), "postgres://me@db.example:6432/runs?schema=team a");
        let PostgresOptions { schema, pool_size, heartbeat, spool, .. } = &address.options;
        assert_eq!((schema.as_str(), *pool_size, *heartbeat, spool), ("team a", 3, Duration::from_secs(1), &None));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Prefer);
        assert_eq!(read("postgresql://h/db?connect_timeout=9").config.get_connect_timeout(), Some(&Duration::from_secs(9)));
    }

    #[test]
    fn the_modes_are_those_of_other_clients() {
        let check = |words: &str| {
            let address = read(&format!("postgres://h/db?{words}"));
            (address.config.get_ssl_mode(), address.trust.check)
        };
        assert_eq!(check(""), (SslMode::Prefer, Check::Nothing));
        assert_eq!(check("sslmode=disable"), (SslMode::Disable, Check::Nothing));
        assert_eq!(check("sslmode=verify-ca"), (SslMode::Require, Check::Authority));
        assert_eq!(check("sslmode=verify-full&sslrootcert=ca.pem"), (SslMode::Require, Check::AuthorityAndName));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for words in
            ["sslmode=maybe", "pool_size=0", "heartbeat=soon", "hold=now", "schema=", "colour=red", "connect_timeout=x"]
        {
            let error = Address::parse(&format!("postgres://me:secret@h/db?{words}"), PostgresOptions::default()).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::BadAddress, "{words}");
            let value = words.split('=').nth(usize::from(!words.starts_with("colour"))).unwrap_or_default();
            let text = error.to_string();
            assert!(text.contains(value) || text.contains("connect_timeout"), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
