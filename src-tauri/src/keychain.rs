//! The system's keychain: one random key for each profile that has quick unlock (`docs/adr/0011-quick-unlock.md`).

use std::path::Path;

use holdfast_crypto::Key32;
use holdfast_engine::{Error, Result};
use keyring::{Entry, Error as Trouble};
use zeroize::Zeroizing;

/// What people see in the list of their keychain.
const SERVICE: &str = "Holdfast quick unlock";

/// Keeps a key in the place of the one before.
pub(crate) async fn keep(profile: &Path, key: &Key32) -> Result<()> {
    let bytes = Zeroizing::new(*key.expose());
    with(profile, move |entry| entry.set_secret(bytes.as_slice())).await
}

/// The key that is kept.
pub(crate) async fn read(profile: &Path) -> Result<Key32> {
    let bytes = with(profile, |entry| entry.get_secret().map(Zeroizing::new)).await?;
    Key32::from_slice(&bytes).ok_or_else(|| Error::Keychain("What the keychain has does not open this profile.".into()))
}

/// Removes it. One that is not there is removed already.
pub(crate) async fn forget(profile: &Path) -> Result<()> {
    with(profile, |entry| match entry.delete_credential() {
        Err(Trouble::NoEntry) => Ok(()),
        other => other,
    })
    .await
}

/// Does it off the async threads: a keychain may ask its person first.
async fn with<T: Send + 'static>(
    profile: &Path,
    work: impl FnOnce(&Entry) -> keyring::Result<T> + Send + 'static,
) -> Result<T> {
    let name = profile.display().to_string();
    let done = tokio::task::spawn_blocking(move || Entry::new(SERVICE, &name).and_then(|entry| work(&entry))).await;
    let done = done.map_err(|error| Error::Internal(error.to_string()))?;
    done.map_err(|error| told(&error))
}

fn told(error: &Trouble) -> Error {
    // The reasons are for the log: they name buses and paths, and help nobody who wants to get in.
    tracing::warn!(%error, "the keychain did not do what it was asked");
    Error::Keychain(
        match error {
            Trouble::NoEntry => "The keychain has no key for this profile any more.",
            Trouble::NoStorageAccess(_) => "This computer's keychain is locked, or there is none.",
            _ => "This computer's keychain can't be used.",
        }
        .into(),
    )
}
