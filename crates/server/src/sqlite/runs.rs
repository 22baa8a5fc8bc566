//! The port of runs; what it does is in the rooms beside.

use async_trait::async_trait;
use holdfast_protocol::id::{PrincipalId, RunId, SpaceId};
use holdfast_protocol::wire::{Lease, RunAttempt, RunResult, RunRow};

use super::Sqlite;
use crate::ports::{AskedBoxes, Attempted, Beat, ChangedRun, NewBox, NewCapsule, NewResult, Result, Runs, StoredBoxes};

#[async_trait]
impl Runs for Sqlite {
    async fn put_capsule(&self, capsule: NewCapsule) -> Result<()> {
        self.insert_capsule(capsule).await
    }
    async fn capsule(&self, space: SpaceId, run: RunId, node: PrincipalId, now_ms: u64) -> Result<Option<Vec<u8>>> {
        self.select_capsule(space, run, node, now_ms).await
    }
    async fn has_lease(&self, space: SpaceId, node: PrincipalId, now_ms: u64) -> Result<bool> {
        self.select_has_lease(space, node, now_ms).await
    }
    async fn lease(&self, node: PrincipalId, until_ms: u64, now_ms: u64) -> Result<Option<Lease>> {
        self.take_lease(node, until_ms, now_ms).await
    }
    async fn heartbeat(&self, node: PrincipalId, runs: &[RunAttempt], until_ms: u64, now_ms: u64) -> Result<Beat> {
        self.keep_leases(node, runs, until_ms, now_ms).await
    }
    async fn settle(&self, now_ms: u64) -> Result<Vec<ChangedRun>> {
        self.do_what_is_due(now_ms).await
    }
    async fn runs(&self, space: SpaceId, before: u64, limit: usize) -> Result<Vec<RunRow>> {
        self.select_runs(space, before, limit).await
    }
    async fn run(&self, space: SpaceId, run: RunId) -> Result<Option<RunRow>> {
        self.select_run(space, run).await
    }
    async fn refuse_run(&self, of: Attempted, code: &str) -> Result<Option<ChangedRun>> {
        self.insert_refusal(of, code).await
    }
    async fn put_box(&self, new: NewBox) -> Result<()> {
        self.insert_box(new).await
    }
    async fn boxes(&self, asked: AskedBoxes) -> Result<Option<StoredBoxes>> {
        self.select_boxes(asked).await
    }
    async fn put_result(&self, new: NewResult) -> Result<Option<ChangedRun>> {
        self.insert_result(new).await
    }
    async fn result(&self, space: SpaceId, run: RunId) -> Result<Option<RunResult>> {
        self.select_result(space, run).await
    }
    async fn sweep_runs(&self, capsules_before_ms: u64, now_ms: u64) -> Result<()> {
        self.delete_old_capsules(capsules_before_ms, now_ms).await
    }
    async fn sweep_said(&self, over_before_ms: u64) -> Result<()> {
        self.delete_old_said(over_before_ms).await
    }
}
