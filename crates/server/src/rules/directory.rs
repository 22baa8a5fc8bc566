//! The directory: other people's bundles, for signed-in accounts.

use holdfast_protocol::id::PrincipalId;
use holdfast_protocol::wire::{B64, DirectoryEntry};

use super::buckets::Limit;
use super::{Failure, Rules};
use crate::ports::Session;

impl Rules {
    /// Somebody's keys, by handle.
    ///
    /// # Errors
    /// [`Failure::NotFound`] or [`Failure::RateLimited`].
    pub async fn look_up(&self, caller: Session, handle: &str) -> Result<DirectoryEntry, Failure> {
        self.limiter
            .take(Limit::Directory, caller.principal.as_bytes(), self.now_ms())?;
        let account = self
            .database
            .account_by_handle(handle)
            .await?
            .ok_or(Failure::NotFound)?;
        self.directory_entry(account.principal).await
    }

    /// Somebody's keys, by id.
    ///
    /// # Errors
    /// [`Failure::NotFound`] or [`Failure::RateLimited`].
    pub async fn look_up_principal(&self, caller: Session, who: PrincipalId) -> Result<DirectoryEntry, Failure> {
        self.limiter
            .take(Limit::Directory, caller.principal.as_bytes(), self.now_ms())?;
        self.directory_entry(who).await
    }

    async fn directory_entry(&self, principal: PrincipalId) -> Result<DirectoryEntry, Failure> {
        let chain: Vec<_> = self.database.chain(principal).await?.into_iter().map(B64).collect();
        if chain.is_empty() {
            Err(Failure::NotFound)
        } else {
            Ok(DirectoryEntry { principal, chain })
        }
    }
}
