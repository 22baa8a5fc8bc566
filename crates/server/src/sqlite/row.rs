//! Columns to words of the domain and back. SQLite's integers are signed: what does not fit is a broken row.

use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::id::{PrincipalId, RunId, SpaceId};
use holdfast_protocol::wire::RunState;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::broken;
use crate::ports::{ChangedRun, Result, StoreError};

/// A number for a column. Times and sizes beyond 2^63 do not occur; should one come from a client, it stops there.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number out of a column.
pub(super) fn uint(row: &SqliteRow, column: usize) -> Result<u64> {
    let value: i64 = row.try_get(column).map_err(broken)?;
    u64::try_from(value).map_err(|_| unexpected())
}

/// A small number out of a column.
pub(super) fn small(row: &SqliteRow, column: usize) -> Result<u32> {
    u32::try_from(uint(row, column)?).map_err(|_| unexpected())
}

/// A number out of a column that may have none.
pub(super) fn optional(row: &SqliteRow, column: usize) -> Result<Option<u64>> {
    let value: Option<i64> = row.try_get(column).map_err(broken)?;
    value.map(u64::try_from).transpose().map_err(|_| unexpected())
}

/// Bytes of a fixed length.
pub(super) fn fixed<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| unexpected())
}

/// Bytes of a fixed length out of a column.
pub(super) fn id<const N: usize>(row: &SqliteRow, column: usize) -> Result<[u8; N]> {
    fixed(bytes(row, column)?)
}

/// Bytes out of a column.
pub(super) fn bytes(row: &SqliteRow, column: usize) -> Result<Vec<u8>> {
    row.try_get(column).map_err(broken)
}

pub(super) fn role_number(role: Role) -> i64 {
    match role {
        Role::Reader => 0,
        Role::Contributor => 1,
        Role::Owner => 2,
    }
}

pub(super) fn role(row: &SqliteRow, column: usize) -> Result<Role> {
    match uint(row, column)? {
        0 => Ok(Role::Reader),
        1 => Ok(Role::Contributor),
        2 => Ok(Role::Owner),
        _ => Err(unexpected()),
    }
}

pub(super) fn scope_number(scope: NodeScope) -> i64 {
    match scope {
        NodeScope::Runs => 0,
        NodeScope::Project => 1,
    }
}

pub(super) fn scope(row: &SqliteRow, column: usize) -> Result<NodeScope> {
    match uint(row, column)? {
        0 => Ok(NodeScope::Runs),
        1 => Ok(NodeScope::Project),
        _ => Err(unexpected()),
    }
}

pub(super) fn state(row: &SqliteRow, column: usize) -> Result<RunState> {
    let name: &str = row.try_get(column).map_err(broken)?;
    RunState::named(name).ok_or_else(unexpected)
}

/// A run that was changed: space, run, node, state.
pub(super) fn changed(row: &SqliteRow) -> Result<ChangedRun> {
    Ok(ChangedRun {
        space: SpaceId(id(row, 0)?),
        run: RunId(id(row, 1)?),
        node: PrincipalId(id(row, 2)?),
        state: state(row, 3)?,
    })
}

pub(super) fn unexpected() -> StoreError {
    StoreError::Broken("a stored row is not what was written".into())
}
