//! Closed sets: how a span ended, what it stands for, what the cache said.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $code,)+ }

        impl $name {
            /// Every value, in the order of the codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the word used in attributes, queries and JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Returns the number used in stored columns.
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// Returns the value with this number, if there is one.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// Returns the value that this word names, if there is one.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

word_enum!(
    /// How a span, a node or a run stands.
    Status {
        /// Started, not yet ended.
        Running = 0 "running",
        /// Ended well.
        Ok = 1 "ok",
        /// Ended with an error.
        Error = 2 "error",
        /// Ended because somebody asked: a token, Ctrl-C, a timeout of something above it.
        Cancelled = 3 "cancelled",
        /// Never ended: its process died.
        Interrupted = 4 "interrupted",
        /// Never started, because an input failed. Only in a run's summary; no span has it.
        Skipped = 5 "skipped",
    }
);

impl Status {
    /// Says whether something with this status will not change any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Running)
    }
}

word_enum!(
    /// What a span stands for: the attribute `span.type`.
    SpanType {
        /// Made by hand, or by another OpenTelemetry source.
        Custom = 0 "custom",
        /// One run of a pipeline, top-level or nested.
        Pipeline = 1 "pipeline",
        /// One execution of a node.
        Node = 2 "node",
        /// One map over a list.
        Map = 3 "map",
        /// One item of a map.
        Item = 4 "item",
        /// One attempt of a node that was retried.
        Attempt = 5 "attempt",
        /// One call of a language model.
        Llm = 6 "llm",
        /// One call of a tool.
        Tool = 7 "tool",
        /// One remote procedure call.
        Rpc = 8 "rpc",
    }
);

word_enum!(
    /// OpenTelemetry's span kind.
    SpanKind {
        /// Inside one process.
        Internal = 0 "internal",
        /// Answers a request.
        Server = 1 "server",
        /// Sends a request.
        Client = 2 "client",
        /// Puts a message into a queue.
        Producer = 3 "producer",
        /// Takes a message from a queue.
        Consumer = 4 "consumer",
    }
);

word_enum!(
    /// What the cache said: the attribute `cache.status`.
    CacheStatus {
        /// No cache was asked.
        Off = 0 "off",
        /// The result came from the cache.
        Hit = 1 "hit",
        /// Computed, and not stored (it failed, or can't be stored).
        Miss = 2 "miss",
        /// Computed, and stored.
        Write = 3 "write",
    }
);

word_enum!(
    /// What the points of a metric are.
    MetricKind {
        /// The last value: it may rise and fall, and sums mean nothing.
        Gauge = 0 "gauge",
        /// A sum that only grows.
        Counter = 1 "counter",
        /// A sum that may rise and fall.
        UpDownCounter = 2 "updowncounter",
        /// A distribution in buckets with given bounds.
        Explicit = 3 "explicit",
        /// A distribution in buckets that grow exponentially.
        Exponential = 4 "exponential",
        /// Quantiles that the source calculated.
        Summary = 5 "summary",
    }
);

word_enum!(
    /// Since when the points of a sum or a distribution count. The codes are OTLP's.
    Temporality {
        /// Nothing is said, or it means nothing for the kind of metric.
        Unspecified = 0 "unspecified",
        /// Since the point before.
        Delta = 1 "delta",
        /// Since a fixed start.
        Cumulative = 2 "cumulative",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words_come_back_equal() {
        for &status in Status::ALL {
            assert_eq!(Status::from_code(status.code()), Some(status));
            assert_eq!(Status::from_word(status.as_str()), Some(status));
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
        for &kind in SpanType::ALL {
            assert_eq!(SpanType::from_code(kind.code()), Some(kind));
        }
        for &kind in MetricKind::ALL {
            assert_eq!((MetricKind::from_code(kind.code()), MetricKind::from_word(kind.as_str())), (Some(kind), Some(kind)));
        }
        assert_eq!(Status::from_code(99), None);
        assert_eq!(CacheStatus::from_word("HIT"), None);
    }
}
