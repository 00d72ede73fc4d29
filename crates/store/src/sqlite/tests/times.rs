//! Questions about a time open the blocks of that time.

use flowglass_model::{LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Sink, Temporality};

use super::*;
use crate::Store;
use crate::query::{Moment, Query, Select};

const START: i64 = 1_790_000_000_000_000_000;

/// Logs, points and events of a time are found without the blocks of other times, which may as well be gone.
#[test]
fn what_is_no_span_is_found_by_its_time() {
    let fixture = Fixture::new();
    let mut sink = fixture.sink();
    for hour in 0..6i64 {
        let unix_ns = START + hour * 3_600_000_000_000;
        let mut builder = BatchBuilder::new(WriterId::from_bytes([3; 16]), hour.unsigned_abs() + 1, Arc::default());
        // A span of another time in the same block says nothing of the others.
        builder.push(&root(trace(u8::try_from(hour).unwrap() + 1), 1, Status::Ok));
        builder.push_owned_log(&LogRecord { observed_unix_ns: unix_ns, body: hour.into(), ..LogRecord::default() });
        let event = SpanEvent { name: "tick".into(), unix_ns, ..SpanEvent::default() };
        builder.push_owned_event((TraceId::NONE, SpanId::NONE), &event);
        let row = builder.push_owned_metric(&Metric::new("level", MetricKind::Gauge, Temporality::Unspecified));
        let value = MetricValue::Number(Number::Int(hour));
        let point = MetricPoint { start_unix_ns: 0, unix_ns, value, attributes: Vec::new(), exemplars: Vec::new() };
        builder.push_owned_point(row, &point);
        sink.write(&Arc::new(builder.finish())).unwrap();
    }
    drop(sink);
    let late = Moment::At(START + 4 * 3_600_000_000_000);
    let count = |query: Query| Store::count(&fixture.store, &query).map_err(|error| error.kind());
    for select in [Select::Logs, Select::Events, Select::Metrics] {
        assert_eq!(count(Query::new(select)), Ok(6));
        assert_eq!((count(Query::new(select).since(late)), count(Query::new(select).before(late))), (Ok(2), Ok(4)));
    }
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let writing =
        rusqlite::Connection::open_with_flags_and_vfs(fixture.path(), flags, crate::file_layer::name().unwrap()).unwrap();
    writing.execute("DELETE FROM block WHERE id = (SELECT min(id) FROM block)", []).unwrap();
    for select in [Select::Logs, Select::Events, Select::Metrics] {
        assert_eq!(count(Query::new(select).since(late)), Ok(2), "{select:?}");
        assert!(count(Query::new(select)).is_err(), "the first block is missed where it matters");
        // The newest ones come without it, too.
        assert_eq!(Store::query(&fixture.store, &Query::new(select).limit(2)).unwrap().rows.len(), 2);
    }
}
