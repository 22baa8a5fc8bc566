//! Tokens and devices. Access tokens are short-lived; refresh tokens are good once, and one used twice ends its device.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_protocol::id::{DeviceId, Hash, PrincipalId};
use holdfast_protocol::wire::{DeviceRow, Tokens};

use super::{Failure, Rules, random};
use crate::ports::{NewTokens, Renewal, Session};

/// How long an access token is good.
pub(super) const ACCESS_MS: u64 = 15 * 60 * 1000;
/// How long a refresh token is good.
pub(super) const REFRESH_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// Fresh tokens: in clear for their device, as hashes for the database.
struct Pair {
    access: String,
    refresh: String,
    stored: NewTokens,
}

fn draw(now_ms: u64) -> Result<Pair, Failure> {
    // The prefixes let secret scanners know what they found.
    let access = format!("hfa_{}", URL_SAFE_NO_PAD.encode(random::<32>()?));
    let refresh = format!("hfr_{}", URL_SAFE_NO_PAD.encode(random::<32>()?));
    let stored = NewTokens {
        access: Hash::of(access.as_bytes()),
        access_expires_ms: now_ms + ACCESS_MS,
        refresh: Hash::of(refresh.as_bytes()),
        refresh_expires_ms: now_ms + REFRESH_MS,
    };
    Ok(Pair {
        access,
        refresh,
        stored,
    })
}

impl Pair {
    fn hand_out(self, principal: PrincipalId, device: DeviceId) -> Tokens {
        Tokens {
            access: self.access,
            access_expires_ms: self.stored.access_expires_ms,
            refresh: self.refresh,
            refresh_expires_ms: self.stored.refresh_expires_ms,
            principal,
            device,
        }
    }
}

impl Rules {
    /// Begins a session of a device whose proof was checked.
    pub(super) async fn begin_session(&self, principal: PrincipalId) -> Result<Tokens, Failure> {
        let now_ms = self.now_ms();
        let pair = draw(now_ms)?;
        let device = DeviceId(random()?);
        self.database
            .create_device(principal, device, pair.stored.clone(), now_ms)
            .await?;
        Ok(pair.hand_out(principal, device))
    }

    /// Exchanges a refresh token for new tokens.
    ///
    /// # Errors
    /// [`Failure::SignedOut`] when it is unknown, has ended or was used before; in the last case its device is signed out.
    pub async fn renew(&self, refresh: &str) -> Result<Tokens, Failure> {
        let now_ms = self.now_ms();
        let pair = draw(now_ms)?;
        match self
            .database
            .renew(Hash::of(refresh.as_bytes()), pair.stored.clone(), now_ms)
            .await?
        {
            Renewal::Renewed(principal, device) => Ok(pair.hand_out(principal, device)),
            Renewal::Reused(device) => {
                tracing::warn!(%device, "a refresh token was used twice; its device is signed out");
                self.events.device_ended(device);
                Err(Failure::SignedOut)
            }
            Renewal::Unknown => Err(Failure::SignedOut),
        }
    }

    /// The caller's devices.
    ///
    /// # Errors
    /// As the database reports.
    pub async fn devices(&self, caller: Session) -> Result<Vec<DeviceRow>, Failure> {
        let mut devices = self.database.devices(caller.principal).await?;
        for device in &mut devices {
            device.current = device.id == caller.device;
        }
        Ok(devices)
    }

    /// Signs one of the caller's devices out.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when it is not the caller's.
    pub async fn end_device(&self, caller: Session, device: DeviceId) -> Result<(), Failure> {
        self.database.end_device(caller.principal, device).await?;
        self.events.device_ended(device);
        Ok(())
    }
}
