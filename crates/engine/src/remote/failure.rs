//! An error on its way home: everything that can be said of it in words.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{BoxError, Error, ErrorKind, NodeError};

/// What is left of an error behind the border of a process: its kind, its texts, its place. Original types stay behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RemoteFailure {
    kind: String,
    error_type: String,
    message: String,
    /// The messages of its causes, outermost first.
    causes: Vec<String>,
    path: String,
    index: Option<u64>,
    attempts: u32,
}

impl RemoteFailure {
    pub(crate) fn of(error: &Error) -> Self {
        let failure = error.to_failure();
        Self {
            kind: error.kind().as_str().to_owned(),
            error_type: failure.error_type,
            message: failure.message,
            causes: failure.causes,
            path: error.path().to_owned(),
            index: error.index(),
            attempts: error.attempts(),
        }
    }

    /// Makes the driver's error of it.
    pub(crate) fn into_error(self, run: flowglass_model::RunId) -> Error {
        let cause = self.causes.into_iter().rev().fold(None, |inner, message| Some(BoxError::from(Cause { message, inner })));
        let kind = kind_of(&self.kind);
        let error = if kind == ErrorKind::Node {
            let error = NodeError::new(self.error_type, self.message);
            Error::from_node(Box::new(match cause {
                Some(cause) => error.with_source(cause),
                None => error,
            }))
        } else {
            Error::new(kind, self.message)
        };
        if self.path.is_empty() { error } else { error.at(&self.path, self.index, run, self.attempts) }
    }
}

fn kind_of(word: &str) -> ErrorKind {
    const KINDS: [ErrorKind; 10] = [
        ErrorKind::Build,
        ErrorKind::Input,
        ErrorKind::Output,
        ErrorKind::Panic,
        ErrorKind::Timeout,
        ErrorKind::Cancelled,
        ErrorKind::Items,
        ErrorKind::Cache,
        ErrorKind::Environment,
        ErrorKind::Worker,
    ];
    KINDS.into_iter().find(|kind| kind.as_str() == word).unwrap_or(ErrorKind::Node)
}

/// A cause, by its message.
#[derive(Debug)]
struct Cause {
    message: String,
    inner: Option<BoxError>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.as_deref().map(|inner| inner as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_the_same_on_both_sides() {
        let cause = Cause { message: "connection reset".into(), inner: Some(Box::from("broken pipe")) };
        let error = Error::from_node(Box::new(NodeError::new("http", "fetching failed").with_source(cause)));
        let run = flowglass_model::TraceId::random().into();
        let error = error.at("outer > fetch[3]", Some(3), run, 2);
        let back = RemoteFailure::of(&error).into_error(run);
        assert_eq!(back.to_string(), error.to_string());
        assert_eq!((back.kind(), back.error_type(), back.index(), back.attempts()), (ErrorKind::Node, "http", Some(3), 2));
        assert_eq!(back.to_failure(), error.to_failure());
    }

    #[test]
    fn kinds_come_back_as_they_were() {
        for kind in [ErrorKind::Panic, ErrorKind::Timeout, ErrorKind::Cancelled, ErrorKind::Items, ErrorKind::Worker] {
            let back = RemoteFailure::of(&Error::new(kind, "x")).into_error(flowglass_model::TraceId::random().into());
            assert_eq!((back.kind(), back.message()), (kind, "x"));
        }
    }
}
