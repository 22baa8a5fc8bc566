//! Invitations: a place where a newcomer leaves a proof for the inviter. The code that makes the proof never comes here.

use holdfast_protocol::id::InvitationId;
use holdfast_protocol::wire::{InvitationRow, NewInvitation};

use super::buckets::Limit;
use super::{Failure, Rules};
use crate::ports::{Session, StoreError};

/// The longest an invitation may last.
const LONGEST_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Open invitations of one account.
const OPEN: u32 = 200;
/// A proof, in bytes.
const PROOF: usize = 64;

impl Rules {
    /// Stores an invitation. Repeating the very same request is no error.
    ///
    /// # Errors
    /// [`Failure::Refused`] when it ends in the past or too late, [`Failure::AlreadyExists`].
    pub async fn invite(&self, caller: Session, invitation: &NewInvitation) -> Result<(), Failure> {
        let now_ms = self.now_ms();
        if invitation.expires_ms <= now_ms || invitation.expires_ms - now_ms > LONGEST_MS {
            return Err(Failure::Refused("an invitation ends within 30 days"));
        }
        let stored = self
            .database
            .create_invitation(caller.principal, invitation.id, invitation.expires_ms, OPEN, now_ms)
            .await;
        match stored {
            Ok(()) => Ok(()),
            Err(StoreError::Quota) => Err(Failure::Refused("too many open invitations")),
            Err(StoreError::Exists) => {
                let own = self.database.invitations(caller.principal, now_ms).await?;
                let same = own
                    .iter()
                    .any(|row| row.id == invitation.id && row.expires_ms == invitation.expires_ms);
                if same {
                    Ok(())
                } else {
                    Err(Failure::AlreadyExists("the invitation exists"))
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The caller's open invitations.
    ///
    /// # Errors
    /// As the database reports.
    pub async fn invitations(&self, caller: Session) -> Result<Vec<InvitationRow>, Failure> {
        Ok(self.database.invitations(caller.principal, self.now_ms()).await?)
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when it is not the caller's.
    pub async fn take_back(&self, caller: Session, id: InvitationId) -> Result<(), Failure> {
        Ok(self.database.delete_invitation(caller.principal, id).await?)
    }

    /// Leaves the caller's proof with an invitation. Once; repeating the very same claim is no error.
    ///
    /// # Errors
    /// [`Failure::NotFound`], [`Failure::Conflict`] when somebody else claimed it, [`Failure::RateLimited`].
    pub async fn claim(&self, caller: Session, id: InvitationId, proof: &[u8]) -> Result<(), Failure> {
        let now_ms = self.now_ms();
        self.limiter.take(Limit::Claim, caller.principal.as_bytes(), now_ms)?;
        if proof.is_empty() || proof.len() > PROOF {
            return Err(Failure::Refused("the proof is of an impossible size"));
        }
        let claimed = self
            .database
            .claim_invitation(id, caller.principal, proof, now_ms)
            .await;
        claimed.map_err(|error| match error {
            StoreError::Conflict => Failure::Conflict("the invitation was claimed already"),
            other => other.into(),
        })
    }
}
