//! What an entry does to nodes and runs, in the transaction that appends it.

use holdfast_protocol::id::{Hash, PrincipalId, RunId, SpaceId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite as Sql, Transaction};

use super::broken;
use super::capsules::forget_others;
use super::row::{changed, int, scope_number};
use crate::ports::{ChangedRun, NewEntry, Result, StoreError, WorkChange};

/// How long a node that was told to stop is waited for.
const STOPPING_MS: u64 = 60_000;

/// Notes where nodes stop reading whose time is over: at the entry before this one.
async fn end_overdue(tx: &mut Transaction<'static, Sql>, entry: &NewEntry) -> Result<()> {
    sqlx::query("UPDATE space_nodes SET last_seq = ? WHERE space = ? AND last_seq IS NULL AND until_ms <= ?")
        .bind(int(entry.seq.saturating_sub(1)))
        .bind(entry.space.as_bytes())
        .bind(int(entry.now_ms))
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    Ok(())
}

pub(super) async fn apply(tx: &mut Transaction<'static, Sql>, entry: &NewEntry) -> Result<Vec<ChangedRun>> {
    end_overdue(tx, entry).await?;
    let rows = match entry.work {
        None => Vec::new(),
        Some(WorkChange::Authorise { node, scope, until_ms }) => {
            sqlx::query(
                "INSERT INTO space_nodes (space, node, scope, until_ms) VALUES (?, ?, ?, ?)
                 ON CONFLICT (space, node) DO UPDATE SET scope = excluded.scope, until_ms = excluded.until_ms, last_seq = NULL",
            )
            .bind(entry.space.as_bytes())
            .bind(node.as_bytes())
            .bind(scope_number(scope))
            .bind(int(until_ms))
            .execute(&mut **tx)
            .await
            .map_err(broken)?;
            // Runs of before wait and run within the new time.
            sqlx::query(
                "UPDATE runs SET due_ms = CASE state WHEN 'queued' THEN min(until_ms, ?3) ELSE min(due_ms, ?3) END
                 WHERE space = ?1 AND node = ?2 AND state IN ('queued', 'running')",
            )
            .bind(entry.space.as_bytes())
            .bind(node.as_bytes())
            .bind(int(until_ms))
            .execute(&mut **tx)
            .await
            .map_err(broken)?;
            Vec::new()
        }
        Some(WorkChange::WithdrawNode(node)) => withdraw_node(tx, entry, node).await?,
        Some(WorkChange::Order {
            run,
            node,
            capsule,
            until_ms,
            attempts,
        }) => {
            if let Some(hash) = capsule {
                check_capsule(tx, entry.space, run, hash).await?;
            }
            forget_others(tx, entry.space, run, capsule).await?;
            // Nothing is begun by a node that was ended.
            sqlx::query(
                "INSERT INTO runs (space, run, seq, node, capsule, until_ms, attempts, queued_ms, state, ended_ms, due_ms)
                 SELECT ?1, ?2, ?3, n.principal, ?5, ?6, ?7, ?8, iif(n.ended_ms IS NULL, 'queued', 'withdrawn'),
                    iif(n.ended_ms IS NULL, NULL, ?8),
                    iif(n.ended_ms IS NULL, (SELECT min(?6, w.until_ms) FROM space_nodes w WHERE w.space = ?1 AND w.node = ?4), NULL)
                 FROM nodes n WHERE n.principal = ?4 RETURNING space, run, node, state",
            )
            .bind(entry.space.as_bytes())
            .bind(run.as_bytes())
            .bind(int(entry.seq))
            .bind(node.as_bytes())
            .bind(capsule.as_ref().map(Hash::as_bytes))
            .bind(int(until_ms))
            .bind(i64::from(attempts))
            .bind(int(entry.now_ms))
            .fetch_all(&mut **tx)
            .await
            .map_err(broken)?
        }
        // A node that works on it is told so, and waited for: what it says of the run may come still. One that was lost is
        // gone on with by nobody.
        Some(WorkChange::WithdrawRun(run)) => sqlx::query(
            "UPDATE runs SET due_ms = iif(state = 'running', ?4, NULL), state = 'withdrawn', ended_ms = ?3
             WHERE space = ?1 AND run = ?2 AND state IN ('queued', 'running', 'lost', 'expired')
             RETURNING space, run, node, state",
        )
        .bind(entry.space.as_bytes())
        .bind(run.as_bytes())
        .bind(int(entry.now_ms))
        .bind(int(entry.now_ms.saturating_add(STOPPING_MS)))
        .fetch_all(&mut **tx)
        .await
        .map_err(broken)?,
        Some(WorkChange::Adopt(run)) => adopt(tx, entry, run).await?,
    };
    rows.iter().map(changed).collect()
}

async fn withdraw_node(
    tx: &mut Transaction<'static, Sql>,
    entry: &NewEntry,
    node: PrincipalId,
) -> Result<Vec<SqliteRow>> {
    sqlx::query("UPDATE space_nodes SET last_seq = coalesce(last_seq, ?) WHERE space = ? AND node = ?")
        .bind(int(entry.seq))
        .bind(entry.space.as_bytes())
        .bind(node.as_bytes())
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    sqlx::query(
        "UPDATE runs SET state = 'withdrawn', ended_ms = ?3, due_ms = NULL
         WHERE space = ?1 AND node = ?2 AND state IN ('queued', 'running') RETURNING space, run, node, state",
    )
    .bind(entry.space.as_bytes())
    .bind(node.as_bytes())
    .bind(int(entry.now_ms))
    .fetch_all(&mut **tx)
    .await
    .map_err(broken)
}

async fn check_capsule(tx: &mut Transaction<'static, Sql>, space: SpaceId, run: RunId, hash: Hash) -> Result<()> {
    let here: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM capsules WHERE space = ? AND run = ? AND hash = ?)")
            .bind(space.as_bytes())
            .bind(run.as_bytes())
            .bind(hash.as_bytes())
            .fetch_one(&mut **tx)
            .await
            .map_err(broken)?;
    if here { Ok(()) } else { Err(StoreError::Missing) }
}

async fn adopt(tx: &mut Transaction<'static, Sql>, entry: &NewEntry, run: RunId) -> Result<Vec<SqliteRow>> {
    let rows = sqlx::query(
        "UPDATE runs SET state = 'adopted', ended_ms = coalesce(ended_ms, ?3), due_ms = NULL
         WHERE space = ?1 AND run = ?2 RETURNING space, run, node, state",
    )
    .bind(entry.space.as_bytes())
    .bind(run.as_bytes())
    .bind(int(entry.now_ms))
    .fetch_all(&mut **tx)
    .await
    .map_err(broken)?;
    // Which packs a result names is sealed: they are let go when no result of this node waits to be taken over.
    sqlx::query(
        "UPDATE packs SET held_until_ms = NULL
         WHERE space = ?1 AND named_seq IS NULL AND held_until_ms IS NOT NULL
            AND begun_by = (SELECT node FROM runs WHERE space = ?1 AND run = ?2)
            AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.space = ?1 AND r.node = packs.begun_by AND r.state = 'ended')",
    )
    .bind(entry.space.as_bytes())
    .bind(run.as_bytes())
    .execute(&mut **tx)
    .await
    .map_err(broken)?;
    Ok(rows)
}
