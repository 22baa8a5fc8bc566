//! What a person can set for this computer: a small file in the profile's config folder. Nothing in it is secret.

use std::path::PathBuf;

use holdfast_device::Profile;
use holdfast_engine::{Error, Result};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// The settings of this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Settings {
    /// Light or dark.
    pub theme: Theme,
    /// Percent.
    pub zoom: u32,
    /// Minutes without a hand on mouse or keyboard after which it locks; 0 is never.
    pub auto_lock_minutes: u32,
    /// Lock when the computer sleeps or its screen locks.
    pub lock_with_system: bool,
    /// Seconds after which a copied secret leaves the clipboard.
    pub clipboard_seconds: u32,
    /// The Recovery Kit is kept, or the person said it need not be.
    pub kit_kept: bool,
    /// The port of the server inside this program; absent while it is not used.
    pub here_port: Option<u16>,
    /// As of when the last backup of that server is, milliseconds since 1970-01-01 UTC.
    pub backup_ms: Option<u64>,
    /// Where it is.
    pub backup_path: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            zoom: 100,
            auto_lock_minutes: 15,
            lock_with_system: true,
            clipboard_seconds: 30,
            kit_kept: true,
            here_port: None,
            backup_ms: None,
            backup_path: None,
        }
    }
}

impl Settings {
    /// Reads them; those of a file that makes no sense are the defaults, and it is said in the log.
    pub(crate) fn load(profile: &Profile) -> Self {
        let path = path(profile);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Self>(&bytes)
                .map(Self::sane)
                .unwrap_or_else(|error| {
                    tracing::warn!(%error, "the settings were not understood");
                    Self::default()
                }),
            Err(_) => Self::default(),
        }
    }

    /// Writes them, all or nothing.
    pub(crate) fn save(&self, profile: &Profile) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| Error::Internal(error.to_string()))?;
        crate::whole::write(&path(profile), &text)
    }

    /// Within what makes sense, whoever wrote it.
    pub(crate) fn sane(self) -> Self {
        Self {
            zoom: self.zoom.clamp(80, 200),
            auto_lock_minutes: self.auto_lock_minutes.min(24 * 60),
            clipboard_seconds: self.clipboard_seconds.clamp(5, 600),
            ..self
        }
    }
}

fn path(profile: &Profile) -> PathBuf {
    profile.config().join("window.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_and_nonsense_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(folder.path())).unwrap();
        assert_eq!(Settings::load(&profile), Settings::default());
        let settings = Settings {
            theme: Theme::Dark,
            zoom: 150,
            here_port: Some(40_000),
            ..Settings::default()
        };
        settings.save(&profile).unwrap();
        assert_eq!(Settings::load(&profile), settings);
        std::fs::write(path(&profile), b"{\"zoom\": 9000}").unwrap();
        assert_eq!(Settings::load(&profile).zoom, 200);
        std::fs::write(path(&profile), b"{{").unwrap();
        assert_eq!(Settings::load(&profile), Settings::default());
    }
}
