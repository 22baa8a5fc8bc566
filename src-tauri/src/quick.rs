//! Quick unlock: the profile opens with what the system's keychain keeps (`docs/adr/0011-quick-unlock.md`).

use std::sync::Arc;

use holdfast_engine::{Error, Quick, Result, forbid_quick_unlock, quick_unlock};

use crate::desk::Desk;
use crate::keychain;

impl Desk {
    /// Opens the profile with what the keychain keeps.
    pub(crate) async fn unlock_quickly(self: &Arc<Self>) -> Result<()> {
        let app = self.app().ok_or(Error::NoAccount)?;
        if !app.is_unlocked() {
            let key = keychain::read(self.profile.data()).await?;
            app.unlock_quickly(&key).await?;
            self.enter(&app);
        }
        Ok(())
    }

    /// From now on the keychain opens the profile, for two weeks after each time the Master Key is typed.
    pub(crate) async fn allow_quick_unlock(&self) -> Result<()> {
        let app = self.app().ok_or(Error::NoAccount)?;
        let key = app.session().await?.allow_quick_unlock().await?;
        let kept = keychain::keep(self.profile.data(), &key).await;
        if kept.is_err() {
            forbid_quick_unlock(&app.host()).await?;
        }
        kept
    }

    /// From now on only the Master Key opens the profile. What a keychain that can't be asked still has opens nothing.
    pub(crate) async fn forbid_quick_unlock(&self) -> Result<()> {
        let app = self.app().ok_or(Error::NoAccount)?;
        forbid_quick_unlock(&app.host()).await?;
        self.forget_in_keychain().await;
        Ok(())
    }

    /// Whether the keychain opens the profile now, or did until the Master Key was due.
    pub(crate) async fn has_quick_unlock(&self) -> bool {
        let host = self.app().map(|app| app.host());
        match host {
            Some(host) => quick_unlock(&host).await.is_ok_and(|quick| quick != Quick::Off),
            None => false,
        }
    }

    /// Cleans up after quick unlock has ended.
    pub(crate) async fn forget_in_keychain(&self) {
        // What it has opens nothing any more.
        if let Err(error) = keychain::forget(self.profile.data()).await {
            tracing::warn!(code = error.code(), "the keychain was not cleaned up");
        }
    }
}
