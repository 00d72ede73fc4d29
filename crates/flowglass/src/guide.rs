//! The guide: one page a topic, whose examples run as tests.

#[doc = include_str!("guide/nodes.md")]
pub mod nodes {}

#[doc = include_str!("guide/cache.md")]
pub mod cache {}

#[doc = include_str!("guide/nesting.md")]
pub mod nesting {}

#[doc = include_str!("guide/scheduling.md")]
pub mod scheduling {}

#[doc = include_str!("guide/maps.md")]
pub mod maps {}

#[doc = include_str!("guide/telemetry.md")]
pub mod telemetry {}

#[doc = include_str!("guide/configuration.md")]
pub mod configuration {}

#[doc = include_str!("guide/store.md")]
pub mod store {}

#[doc = include_str!("guide/postgresql.md")]
pub mod postgresql {}

#[doc = include_str!("guide/sampling.md")]
pub mod sampling {}

#[doc = include_str!("guide/logs.md")]
pub mod logs {}

#[doc = include_str!("guide/exporting.md")]
pub mod exporting {}

#[doc = include_str!("guide/receiving.md")]
pub mod receiving {}

#[doc = include_str!("guide/workers.md")]
pub mod workers {}

#[doc = include_str!("guide/events.md")]
pub mod events {}

#[doc = include_str!("guide/query.md")]
pub mod query {}
#[doc = include_str!("guide/sql.md")]
pub mod sql {}

#[doc = include_str!("guide/export.md")]
pub mod export {}
