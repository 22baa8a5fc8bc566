//! Which characters a phrase may hold.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

use crate::error::Error;

/// Code points with an age of at most Unicode 15.0, as sorted ranges. `regex-syntax` generates them from the Unicode
/// database; an age never changes, so a later release of it gives the same ranges.
static UNICODE_15: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let class = regex_syntax::parse(r"\p{Age:15.0}").expect("the class is a constant");
    match class.into_kind() {
        HirKind::Class(Class::Unicode(class)) => class
            .ranges()
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect(),
        _ => unreachable!("a Unicode class parses to a Unicode class"),
    }
});

/// Refuses control characters, noncharacters and code points that Unicode 15.0 does not assign.
pub(super) fn check(text: &str) -> Result<(), Error> {
    for character in text.chars() {
        if character.is_control() {
            return Err(Error::Phrase("it holds a control character"));
        }
        if is_noncharacter(character) || !is_assigned(character) {
            return Err(Error::Phrase("it holds a character that Unicode 15.0 does not know"));
        }
    }
    Ok(())
}

fn is_assigned(character: char) -> bool {
    let after = UNICODE_15.partition_point(|&(start, _)| start <= character);
    after > 0 && character <= UNICODE_15[after - 1].1
}

/// U+FDD0 to U+FDEF and the last two code points of every plane: they have an age, but never a meaning.
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}
