//! One sheet of paper: text in the fonts every PDF reader has, lines, and a QR code.

use pdf_writer::{Content, Name, Str};
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// A4 (ISO 216) in points, as PDF software rounds it.
pub(super) const WIDTH: f32 = 595.0;
/// See [`WIDTH`].
pub(super) const HEIGHT: f32 = 842.0;
/// The margins: 20 mm all around, so that no printer cuts anything off.
pub(super) const LEFT: f32 = 56.0;
/// Right edge of text.
pub(super) const RIGHT: f32 = WIDTH - 56.0;
/// Upper edge of text.
pub(super) const TOP: f32 = HEIGHT - 56.0;
/// The last line of text stands here.
pub(super) const BOTTOM: f32 = 56.0;

/// A page with its code takes 20 to 30 KiB.
const CAPACITY: usize = 64 * 1024;

/// The fonts: of the fourteen that a reader brings along (ISO 32000-1, 9.6.2.2), so none is embedded.
#[derive(Clone, Copy)]
pub(super) enum Face {
    Regular,
    Bold,
    Mono,
}

impl Face {
    pub(super) const ALL: [Self; 3] = [Self::Regular, Self::Bold, Self::Mono];

    /// Its name on the page.
    pub(super) fn name(self) -> Name<'static> {
        match self {
            Self::Regular => Name(b"F1"),
            Self::Bold => Name(b"F2"),
            Self::Mono => Name(b"F3"),
        }
    }

    /// Its name in every reader.
    pub(super) fn base(self) -> Name<'static> {
        match self {
            Self::Regular => Name(b"Helvetica"),
            Self::Bold => Name(b"Helvetica-Bold"),
            Self::Mono => Name(b"Courier"),
        }
    }
}

/// The colours. All three stay legible from a printer without colour.
#[derive(Clone, Copy)]
pub(super) enum Ink {
    Black,
    Grey,
    Accent,
}

impl Ink {
    fn rgb(self) -> [f32; 3] {
        match self {
            Self::Black => [0.0, 0.0, 0.0],
            Self::Grey => [0.4, 0.4, 0.4],
            Self::Accent => [0.1, 0.4, 0.55],
        }
    }
}

/// What was drawn so far.
pub(super) struct Page(Content);

impl Page {
    pub(super) fn new() -> Self {
        Self(Content::with_capacity(CAPACITY))
    }

    /// One line of text, its baseline starting at a point. Says what it can't write in the fonts' encoding as `\u{...}`.
    pub(super) fn text(&mut self, x: f32, y: f32, face: Face, size: f32, ink: Ink, text: &str) {
        let [r, g, b] = ink.rgb();
        let bytes = win_ansi(text);
        self.0
            .begin_text()
            .set_font(face.name(), size)
            .set_fill_rgb(r, g, b)
            .next_line(x, y)
            .show(Str(&bytes))
            .end_text();
    }

    /// A level line.
    pub(super) fn line(&mut self, from: f32, to: f32, y: f32, width: f32, ink: Ink) {
        let [r, g, b] = ink.rgb();
        self.0
            .set_stroke_rgb(r, g, b)
            .set_line_width(width)
            .move_to(from, y)
            .line_to(to, y)
            .stroke();
    }

    /// A QR code (ISO/IEC 18004) with its lower left corner at a point; a quarter of it may be stained or torn.
    /// False when the text is too long for one: then nothing is drawn.
    pub(super) fn qr(&mut self, x: f32, y: f32, side: f32, text: &str) -> bool {
        let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::Q) else {
            return false;
        };
        let modules = code.width();
        let scale = side / modules as f32;
        self.0
            .save_state()
            .transform([scale, 0.0, 0.0, scale, x, y])
            .set_fill_gray(0.0);
        // One path for all: filled piece by piece, readers that smooth edges leave white hairs between the pieces.
        for row in 0..modules {
            let mut column = 0;
            while column < modules {
                let run = (column..modules)
                    .take_while(|&at| code[(at, row)] == Color::Dark)
                    .count();
                if run > 0 {
                    self.0.rect(column as f32, (modules - 1 - row) as f32, run as f32, 1.0);
                }
                column += run.max(1);
            }
        }
        self.0.fill_nonzero().restore_state();
        true
    }

    /// The page's content stream.
    pub(super) fn finish(self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.finish().into_vec())
    }
}

/// Whether WinAnsi (ISO 32000-1, annex D) has this letter where Latin-1 has it.
fn in_win_ansi(letter: char) -> bool {
    matches!(letter, ' '..='~' | '\u{a1}'..='\u{ff}') && letter != '\u{ad}'
}

fn win_ansi(text: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    for letter in text.chars() {
        match u8::try_from(u32::from(letter)) {
            Ok(byte) if in_win_ansi(letter) => bytes.push(byte),
            _ => bytes.extend(letter.escape_unicode().map(|c| c as u8)),
        }
    }
    bytes
}

/// Breaks text into lines of the monospaced font: at spaces where it can, inside a word where one is longer than a line.
pub(super) fn wrap_mono(text: &str, width: f32, size: f32) -> Vec<String> {
    // Every letter of Courier is 0.6 em wide.
    let columns = ((width / (size * 0.6)) as usize).max(1);
    let mut printable = String::with_capacity(text.len());
    for letter in text.chars() {
        if in_win_ansi(letter) {
            printable.push(letter);
        } else {
            printable.extend(letter.escape_unicode());
        }
    }
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in printable.split_whitespace() {
        let mut letters: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + letters.len() <= columns {
            line.push(' ');
            used += 1;
        } else if used > 0 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        while letters.len() > columns {
            lines.push(letters.drain(..columns).collect());
        }
        used += letters.len();
        line.extend(letters);
    }
    if used > 0 {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_everything_and_never_run_over() {
        // Ten letters fit.
        let wrap = |text| wrap_mono(text, 60.0, 10.0);
        assert_eq!(wrap("one two three"), ["one two", "three"]);
        assert_eq!(wrap("0123456789"), ["0123456789"]);
        assert_eq!(wrap("0123456789a b"), ["0123456789", "a b"]);
        assert_eq!(wrap("ab 0123456789a"), ["ab", "0123456789", "a"]);
        assert_eq!(wrap("01234567890123456789"), ["0123456789", "0123456789"]);
        assert!(wrap("").is_empty());
    }

    #[test]
    fn letters_that_the_fonts_lack_are_spelled_out() {
        assert_eq!(*win_ansi("(b\u{fc}ch)"), b"(b\xfcch)");
        assert_eq!(*win_ansi("\u{2192}"), br"\u{2192}");
        assert_eq!(wrap_mono("\u{2192}x", 60.0, 10.0), [r"\u{2192}x"]);
    }
}
