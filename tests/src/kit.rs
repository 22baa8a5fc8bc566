//! What a person reads from a Recovery Kit on paper.

use std::path::Path;

/// The 24 words as they stand in a kit's PDF.
///
/// # Panics
/// When it is no kit.
#[must_use]
pub fn kit_words(pdf: &Path) -> String {
    let bytes = std::fs::read(pdf).expect("the kit");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (_, text) = text.split_once("(The 24 words) Tj").expect("the heading of the words");
    let (text, _) = text.split_once("(How to use it) Tj").expect("the heading behind them");
    let shown = text
        .lines()
        .filter_map(|line| line.strip_prefix('(')?.strip_suffix(") Tj"));
    let words: Vec<&str> = shown
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_lowercase()))
        .collect();
    assert_eq!(words.len(), 24, "{words:?}");
    words.join(" ")
}
