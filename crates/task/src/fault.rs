//! What is wrong with a manifest or a value, where, and what to do.

/// One thing to mend. What it quotes from the file is escaped and short.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct Fault {
    /// The field, as `parameters.rate.max`; for the file as a whole its name.
    pub field: String,
    /// What is wrong, as the rest of a sentence.
    pub what: String,
    /// What to do about it, as a sentence.
    pub next: String,
}

impl Fault {
    pub(crate) fn new(field: impl Into<String>, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            what: what.into(),
            next: next.into(),
        }
    }
}

/// Somebody else's words, fit for a sentence of ours: nothing that a terminal acts on, and not more than a line.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
