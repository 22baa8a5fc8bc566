//! The clipboard: secrets go in marked as such, and out again after a while, on lock and at the end, unless something else was
//! copied meanwhile.

use std::sync::{Mutex, PoisonError};

use holdfast_engine::{Error, Result};
use zeroize::Zeroizing;

/// The clipboard, and what of ours is in it.
#[derive(Default)]
pub(crate) struct Clip {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    board: Option<arboard::Clipboard>,
    secret: Option<Zeroizing<String>>,
    turn: u64,
}

impl Clip {
    /// Puts text in that need not be cleared.
    pub(crate) fn put(&self, text: &str) -> Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.secret = None;
        inner.board()?.set_text(text).map_err(failed)
    }

    /// Puts a secret in, kept out of clipboard histories that ask. Gives the number to clear it by.
    pub(crate) fn put_secret(&self, text: &Zeroizing<String>) -> Result<u64> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let set = inner.board()?.set();
        #[cfg(target_os = "linux")]
        let set = arboard::SetExtLinux::exclude_from_history(set);
        #[cfg(target_os = "macos")]
        let set = arboard::SetExtApple::exclude_from_history(set);
        #[cfg(windows)]
        let set = arboard::SetExtWindows::exclude_from_history(set);
        set.text(text.as_str()).map_err(failed)?;
        inner.secret = Some(text.clone());
        inner.turn += 1;
        Ok(inner.turn)
    }

    /// Takes our secret out if it is still there. With a number, only the one put in under it. Says whether there was one.
    pub(crate) fn clear(&self, turn: Option<u64>) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.is_some_and(|turn| turn != inner.turn) {
            return false;
        }
        let Some(secret) = inner.secret.take() else {
            return false;
        };
        let Some(board) = inner.board.as_mut() else {
            return false;
        };
        let ours = board
            .get_text()
            .map(Zeroizing::new)
            .is_ok_and(|text| text.as_str() == secret.as_str());
        ours && board.clear().is_ok()
    }
}

impl Inner {
    fn board(&mut self) -> Result<&mut arboard::Clipboard> {
        if self.board.is_none() {
            self.board = Some(arboard::Clipboard::new().map_err(failed)?);
        }
        self.board
            .as_mut()
            .ok_or_else(|| Error::Internal("the clipboard is gone".into()))
    }
}

fn failed(error: arboard::Error) -> Error {
    Error::Internal(format!("the clipboard can't be used: {error}"))
}
