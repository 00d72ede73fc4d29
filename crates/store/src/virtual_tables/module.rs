//! The module that makes our tables SQLite's: the one place of this crate where its calls come in.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};

use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConnection, VTabCursor, sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Result};

use super::column::{Column, Kind, Push};
use super::moment::COLLATION;
use super::ordered::Order;
use super::plan::{Plan, Side, Wanted, depth};
use super::state::Shared;
use super::table::{Picked, Rows, Scan, Table};
use crate::sqlite::Depth;

/// By which names a statement reaches columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// By their own, and by aliases.
    All,
    /// By their own alone: an alias may be what another table calls its column.
    Own,
}

/// Adds a table to a connection.
pub(super) fn register<T: Table>(connection: &Connection, shared: &Shared, names: Names) -> Result<()> {
    let module: &'static Module<'static, Tab<T>> = const { &Module::eponymous_only_module() };
    connection.create_module(T::NAME, module, Some((shared.clone(), names)))
}

/// A table as SQLite knows it.
#[repr(C)]
struct Tab<T> {
    /// SQLite's part, which must be the first.
    base: sqlite3_vtab,
    shared: Shared,
    table: std::marker::PhantomData<T>,
}

// SAFETY: the struct has C's layout, and its first field is SQLite's.
#[expect(unsafe_code, reason = "the trait is how SQLite's virtual tables are made")]
unsafe impl<'vtab, T: Table> VTab<'vtab> for Tab<T> {
    type Aux = (Shared, Names);
    type Cursor = Cursor<T>;

    fn connect(
        _: &mut VTabConnection,
        aux: Option<&(Shared, Names)>,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        let (shared, names) = aux.cloned().ok_or_else(|| rusqlite::Error::ModuleError("the table has no store".to_owned()))?;
        let declared = CString::new(declaration(T::columns(), names))?;
        Ok((Cow::Owned(declared), Self { base: sqlite3_vtab::default(), shared, table: std::marker::PhantomData }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        let columns = T::columns();
        let (mut terms, mut rows) = (Vec::new(), 1e6);
        for (at, column, side) in useful(columns, info)? {
            terms.push((column, side));
            rows *= columns[column].push.map_or(1.0, |push| push.share(side));
            info.constraint_usage(at).set_argv_index(c_int::try_from(terms.len()).unwrap_or(c_int::MAX));
        }
        let (order, depth) = (order::<T>(info), depth(columns, info.col_used()));
        info.set_order_by_consumed(order.is_some());
        // To know its time, a row must be opened.
        let depth = if order.is_some() { depth.max(Depth::Head) } else { depth };
        let plan = Plan { depth, order, terms };
        info.set_idx_str(&plan.encode());
        let rows = f64::max(rows, 1.0);
        // To begin a scan costs about as much as some hundred rows.
        info.set_estimated_cost(rows + 200.0);
        #[expect(clippy::cast_possible_truncation, reason = "it is at most a million")]
        info.set_estimated_rows(rows as i64);
        Ok(true)
    }

    fn open(&'vtab mut self) -> Result<Cursor<T>> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            shared: self.shared.clone(),
            scan: None,
            rows: None,
            at: 0,
            passed: 0,
        })
    }
}

/// Returns the order that a statement asks for, if it is one by time that a scan can keep.
fn order<T: Table>(info: &IndexInfo) -> Option<Order> {
    if info.num_of_order_by() != 1 {
        return None;
    }
    let by = info.order_bys().next()?;
    let column = T::columns().get(usize::try_from(by.column()).ok()?)?;
    let order = if by.is_order_by_desc() { Order::Newest } else { Order::Oldest };
    (matches!(column.push, Some(Push::Moment | Push::UnixNs)) && T::has_order(order)).then_some(order)
}

/// Returns the conditions that a scan can make use of: their places, columns and sides.
fn useful<C>(columns: &[Column<C>], info: &IndexInfo) -> Result<Vec<(usize, usize, Side)>> {
    let mut found = Vec::new();
    for (at, constraint) in info.constraints().enumerate().filter(|(_, constraint)| constraint.is_usable()) {
        let Ok(column) = usize::try_from(constraint.column()) else { continue };
        let (Some(side), Some(described)) = (side(&constraint.operator()), columns.get(column)) else { continue };
        let own_collation = if described.kind == Kind::Moment { COLLATION } else { "BINARY" };
        let is_taken = described.push.is_some_and(|push| push.takes(side));
        if is_taken && info.collation(at)?.eq_ignore_ascii_case(own_collation) {
            found.push((at, column, side));
        }
    }
    Ok(found)
}

const fn side(operator: &IndexConstraintOp) -> Option<Side> {
    use IndexConstraintOp as Op;
    match operator {
        Op::SQLITE_INDEX_CONSTRAINT_EQ => Some(Side::Equal),
        Op::SQLITE_INDEX_CONSTRAINT_GT | Op::SQLITE_INDEX_CONSTRAINT_GE => Some(Side::AtLeast),
        Op::SQLITE_INDEX_CONSTRAINT_LT | Op::SQLITE_INDEX_CONSTRAINT_LE => Some(Side::AtMost),
        _ => None,
    }
}

/// Returns the statement that declares the columns. They keep their places, so that an alias that doesn't count has a name that
/// nobody asks for.
fn declaration<C>(columns: &[Column<C>], names: Names) -> String {
    let column = |column: &Column<C>| {
        let hidden = if column.is_hidden() { " HIDDEN" } else { "" };
        let left_out = if column.is_alias && names == Names::Own { " (alias)" } else { "" };
        format!("\"{}{left_out}\" {}{hidden}", column.name, column.kind.declared())
    };
    format!("CREATE TABLE x({})", columns.iter().map(column).collect::<Vec<_>>().join(", "))
}

/// A walk over a table's rows.
#[repr(C)]
struct Cursor<T: Table> {
    /// SQLite's part, which must be the first.
    base: sqlite3_vtab_cursor,
    shared: Shared,
    scan: Option<Scan<T::Chunk>>,
    rows: Option<Rows<T::Chunk>>,
    /// The place in `rows`.
    at: usize,
    /// How many rows went before `rows`.
    passed: usize,
}

impl<T: Table> Cursor<T> {
    /// Goes to the next chunk that has rows.
    fn advance(&mut self) -> Result<()> {
        self.passed += self.rows.take().map_or(0, |rows| rows.picked.len());
        self.at = 0;
        let Some(scan) = &mut self.scan else { return Ok(()) };
        loop {
            let found = scan();
            match found.map_err(|error| self.shared.lock().fail(error))? {
                Some(rows) if rows.picked.len() == 0 => {}
                found => {
                    self.rows = found;
                    return Ok(());
                }
            }
        }
    }
}

// SAFETY: the struct has C's layout, and its first field is SQLite's.
#[expect(unsafe_code, reason = "the trait is how SQLite's virtual tables are made")]
unsafe impl<T: Table> VTabCursor for Cursor<T> {
    fn filter(&mut self, _: c_int, plan: Option<&str>, values: &Filters<'_>) -> Result<()> {
        let plan = plan.and_then(Plan::decode);
        let plan = plan.ok_or_else(|| rusqlite::Error::ModuleError("the plan of the statement is lost".to_owned()))?;
        let wanted = Wanted::new(&plan, T::columns(), values.iter());
        (self.scan, self.rows, self.passed) = (None, None, 0);
        if !wanted.nothing {
            self.scan = Some(T::scan(&self.shared, wanted).map_err(|error| self.shared.lock().fail(error))?);
        }
        self.advance()
    }

    fn next(&mut self) -> Result<()> {
        self.at += 1;
        if self.rows.as_ref().is_some_and(|rows| self.at < rows.picked.len()) { Ok(()) } else { self.advance() }
    }

    fn eof(&self) -> bool {
        self.rows.is_none()
    }

    fn column(&self, context: &mut Context, column: c_int) -> Result<()> {
        let Some(Rows { chunk, picked }) = &self.rows else { return Ok(()) };
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        context.set_result(T::cell(chunk, Picked::get(picked, self.at), column))
    }

    fn rowid(&self) -> Result<i64> {
        Ok(i64::try_from(self.passed + self.at).unwrap_or(i64::MAX))
    }
}
