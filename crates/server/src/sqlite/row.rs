//! Columns to words of the domain and back. SQLite's integers are signed: what does not fit is a broken row.

use holdfast_protocol::entry::Role;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::broken;
use crate::ports::{Result, StoreError};

/// A number for a column. Times and sizes beyond 2^63 do not occur; should one come from a client, it stops there.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number out of a column.
pub(super) fn uint(row: &SqliteRow, column: usize) -> Result<u64> {
    let value: i64 = row.try_get(column).map_err(broken)?;
    u64::try_from(value).map_err(|_| unexpected())
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

pub(super) fn unexpected() -> StoreError {
    StoreError::Broken("a stored row is not what was written".into())
}
