//! Other people's names on this terminal: nothing in them may move the cursor, change colours, hide or turn text around.

/// Replaces what would not be seen as itself: control characters (escape sequences begin with one), direction overrides, and
/// characters without width that make two names look alike. Joiners stay: scripts and emoji need them.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|character| if is_tricky(character) { '\u{fffd}' } else { character })
        .collect()
}

/// As [`clean`], for text of several lines: line ends and tabs stay.
pub(crate) fn clean_lines(text: &str) -> String {
    let keep = |character: char| matches!(character, '\n' | '\t') || !is_tricky(character);
    text.chars()
        .map(|character| if keep(character) { character } else { '\u{fffd}' })
        .collect()
}

fn is_tricky(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'                        // soft hyphen
            | '\u{34f}'                     // combining grapheme joiner
            | '\u{61c}'                     // Arabic letter mark
            | '\u{115f}' | '\u{1160}'       // Hangul fillers
            | '\u{17b4}' | '\u{17b5}'       // Khmer inherent vowels
            | '\u{180b}'..='\u{180f}'       // Mongolian variation selectors and vowel separator
            | '\u{200b}'                    // zero-width space
            | '\u{200e}' | '\u{200f}'       // direction marks
            | '\u{2028}'..='\u{202e}'       // line and paragraph separators, embeddings and overrides
            | '\u{2060}'..='\u{206f}'       // word joiner, invisible operators, isolates, deprecated format characters
            | '\u{3164}' | '\u{ffa0}'       // Hangul fillers
            | '\u{feff}'                    // zero-width no-break space
            | '\u{fff9}'..='\u{fffb}'       // interlinear annotation
            | '\u{e0000}'..='\u{e0fff}'     // tags and supplementary variation selectors
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_all_scripts_stay() {
        for name in [
            "Ana",
            "Ünï çødé",
            "Анна",
            "安娜",
            "عنا",
            "आना",
            "👩‍🔬 lab",
            "می‌خواهم",
            "a\u{301}",
            "❤️",
        ] {
            assert_eq!(clean(name), name);
        }
    }

    #[test]
    fn tricks_are_made_visible() {
        for name in [
            "\u{1b}[2Jgone",
            "\u{9b}31mred",
            "a\rb",
            "a\nb",
            "a\u{8}b",
            "a\0b",
            "\u{202e}nab",
            "\u{2066}x\u{2069}",
            "Ana\u{200b}",
            "Ana\u{feff}",
            "Ana\u{e0041}",
            "\u{1b}]8;;http://evil\u{7}click",
        ] {
            let cleaned = clean(name);
            assert!(
                cleaned.contains('\u{fffd}') && !cleaned.chars().any(is_tricky),
                "{name:?}"
            );
        }
        assert_eq!(clean_lines("a\n\tb\u{1b}[0m"), "a\n\tb\u{fffd}[0m");
    }
}
