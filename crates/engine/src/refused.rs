//! Words that this person was told are somebody else's: kept sealed on this device, so that the warning outlives the program.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::session::Session;

const TABLE: &str = "refused-words";
const ROW: &[u8] = b"all";

impl Session {
    /// By handle, the six words that are not that person's.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub async fn refused_words(&self) -> Result<BTreeMap<String, String>> {
        let Some(row) = self.rows.get(TABLE, ROW).await? else {
            return Ok(BTreeMap::new());
        };
        serde_json::from_slice(&row).map_err(|_| Error::damaged("this device's own data (refused words)"))
    }

    /// From now on these words are not that person's; without any, nothing is said about that person any more.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub async fn refuse_words(&self, handle: &str, words: Option<&str>) -> Result<()> {
        let mut all = self.refused_words().await?;
        match words {
            Some(words) => all.insert(handle.to_owned(), words.to_owned()),
            None => all.remove(handle),
        };
        let row = serde_json::to_vec(&all).map_err(|error| Error::Internal(error.to_string()))?;
        self.write(vec![self.rows.put(TABLE, ROW, &row)]).await
    }
}
