//! Counting what matches: by what is counted already, as far as that goes, and else by rows.

use std::collections::BTreeSet;

use super::super::condition::{Condition, Finds, Value, Values};
use super::super::facets::{self, Count, Facet};
use super::super::failure::Failure;
use super::super::partitions::Table;
use super::reading::Reading;
use super::{Wanted, spans};
use crate::query::Select;

/// So many days of which it isn't known what is on them are asked for one by one.
const MOST_DAYS: usize = 40;

/// The rows that are counted.
struct Rows<'a> {
    table: Table,
    /// What holds for all of them.
    besides: &'static str,
    condition: &'a Condition,
    values: Values,
}

impl Reading<'_> {
    /// Counts what matches; nothing where that takes a look at each thing.
    pub(super) fn count(&self, select: Select, wanted: &Wanted<'_>) -> Result<Option<u64>, Failure> {
        let (condition, values) = self.condition(select, wanted.filter, &wanted.traces)?;
        if !condition.is_exact {
            return Ok(None);
        }
        let is_of_spans = matches!(select, Select::Runs | Select::Spans);
        let open = if is_of_spans { spans::count_open(self, select, wanted)? } else { Some(0) };
        let Some(open) = open else { return Ok(None) };
        let (table, besides) = match select {
            Select::Runs => (Table::Span, "s.run IS NOT NULL"),
            Select::Spans => (Table::Span, "TRUE"),
            Select::Events => (Table::Event, "TRUE"),
            Select::Metrics => (Table::Point, "TRUE"),
            Select::Logs => (Table::Log, "TRUE"),
        };
        let rows = Rows { table, besides, condition: &condition, values };
        let ended = match condition.sole_facet().filter(|_| is_of_spans) {
            Some(facet) => self.count_by_facet(&facet, select, rows)?,
            None => self.count_rows(&rows)?,
        };
        Ok(Some(ended.saturating_add(open)))
    }

    fn count_by_facet(&self, facet: &Facet, select: Select, mut rows: Rows<'_>) -> Result<u64, Failure> {
        let counted = facets::counted(self, facet)?.within(rows.condition.times);
        let known = counted.days.values().map(|count| of_kind(count, select)).sum();
        if counted.unknown.is_empty() {
            return Ok(known);
        }
        if let Some(few) = self.count_few_rows(&rows)? {
            return Ok(few);
        }
        if known == 0 || counted.unknown.len() > MOST_DAYS {
            return self.count_all_rows(&rows, "");
        }
        let of_days = of_days(&counted.unknown, &mut rows.values);
        Ok(self.count_all_rows(&rows, &of_days)?.saturating_add(known))
    }

    fn count_rows(&self, rows: &Rows<'_>) -> Result<u64, Failure> {
        self.count_few_rows(rows)?.map_or_else(|| self.count_all_rows(rows, ""), Ok)
    }

    /// Counts rows of which there are few, if an index knows them.
    fn count_few_rows(&self, Rows { table, besides, condition, values }: &Rows<'_>) -> Result<Option<u64>, Failure> {
        match condition.finds {
            Finds::Some => self.count_few(*table, &format!("{besides} AND {}", condition.sql), values),
            Finds::Few | Finds::Unknown => Ok(None),
        }
    }

    /// Counts rows for which something else holds, too.
    fn count_all_rows(&self, Rows { table, besides, condition, values }: &Rows<'_>, and: &str) -> Result<u64, Failure> {
        self.tell(
            "SET LOCAL enable_seqscan = DEFAULT; SET LOCAL plan_cache_mode = DEFAULT; \
             SET LOCAL max_parallel_workers_per_gather = DEFAULT",
        )?;
        let sql = format!("SELECT count(*) FROM {} s WHERE {besides}{and} AND {}", table.name(), condition.sql);
        Ok(self.number(&sql, values)?.max(0).cast_unsigned())
    }
}

/// Returns how many things of a kind were counted.
pub(super) fn of_kind(count: &Count, select: Select) -> u64 {
    let number = if select == Select::Runs { count.runs } else { count.spans };
    number.max(0).cast_unsigned()
}

/// Returns what holds for spans of these days.
fn of_days(days: &BTreeSet<i64>, values: &mut Values) -> String {
    let each: Vec<String> = days
        .iter()
        .map(|day| {
            let (first, last) = facets::bounds(*day);
            format!("s.start_unix_ns BETWEEN {} AND {}", values.add(Value::Int(first)), values.add(Value::Int(last)))
        })
        .collect();
    format!(" AND ({})", each.join(" OR "))
}
