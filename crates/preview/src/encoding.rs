//! Which bytes are text, and which text they are.

use crate::limits::WINDOW;

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Latin1,
}

/// Control characters per thousand bytes that text may hold, and how many a short one may.
const CONTROLS: usize = 20;
const FEW: usize = 4;

impl Encoding {
    /// What the beginning of a file is written in, and how long its mark is. `None` when it is no text.
    pub(crate) fn of(head: &[u8]) -> Option<(Self, usize)> {
        if head.starts_with(b"\xef\xbb\xbf") {
            return Some((Self::Utf8, 3));
        }
        if head.starts_with(b"\xff\xfe") && !head.starts_with(b"\xff\xfe\0\0") {
            return Some((Self::Utf16Le, 2));
        }
        if head.starts_with(b"\xfe\xff") {
            return Some((Self::Utf16Be, 2));
        }
        let head = &head[..head.len().min(WINDOW)];
        let controls = head.iter().filter(|byte| is_control(**byte)).count();
        if head.contains(&0) || (controls > FEW && controls * 1000 > head.len() * CONTROLS) {
            return None;
        }
        let is_utf8 = match std::str::from_utf8(head) {
            Ok(_) => true,
            // Cut in the middle of a character.
            Err(error) => error.error_len().is_none(),
        };
        Some((if is_utf8 { Self::Utf8 } else { Self::Latin1 }, 0))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Latin1 => "latin-1",
        }
    }

    /// Bytes as UTF-8, so that parsers which know ASCII only can be used. A character that is cut off at the end is left
    /// out, unless `last`.
    pub(crate) fn to_utf8(self, bytes: &[u8], last: bool) -> Vec<u8> {
        match self {
            Self::Utf8 => {
                let mut bytes = bytes.to_vec();
                if !last
                    && let Err(error) = std::str::from_utf8(&bytes)
                    && error.error_len().is_none()
                {
                    bytes.truncate(error.valid_up_to());
                }
                bytes
            }
            Self::Latin1 => bytes
                .iter()
                .map(|byte| windows_1252(*byte))
                .collect::<String>()
                .into_bytes(),
            Self::Utf16Le | Self::Utf16Be => {
                let units = bytes.chunks_exact(2).map(|pair| match self {
                    Self::Utf16Le => u16::from_le_bytes([pair[0], pair[1]]),
                    _ => u16::from_be_bytes([pair[0], pair[1]]),
                });
                let mut units: Vec<u16> = units.collect();
                if !last && units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
                    units.pop();
                }
                String::from_utf16_lossy(&units).into_bytes()
            }
        }
    }

    /// How many bytes of the file this UTF-8 was before [`Encoding::to_utf8`].
    pub(crate) fn len_of(self, utf8: &[u8]) -> u64 {
        match self {
            Self::Utf8 => utf8.len() as u64,
            Self::Latin1 => String::from_utf8_lossy(utf8).chars().count() as u64,
            Self::Utf16Le | Self::Utf16Be => 2 * String::from_utf8_lossy(utf8).encode_utf16().count() as u64,
        }
    }
}

fn is_control(byte: u8) -> bool {
    (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)) || byte == 0x7f
}

/// Latin-1 as it is met in practice: with the printable characters that Windows has at 0x80 to 0x9f.
fn windows_1252(byte: u8) -> char {
    const HIGH: [u16; 32] = [
        0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,
        0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
        0x0153, 0x9d, 0x017e, 0x0178,
    ];
    match byte {
        0x80..=0x9f => char::from_u32(u32::from(HIGH[usize::from(byte - 0x80)])).unwrap_or('\u{fffd}'),
        other => char::from(other),
    }
}

/// The first `most` characters of some bytes, and whether there are more.
pub(crate) fn cut(text: &str, most: usize) -> (&str, bool) {
    match text.char_indices().nth(most) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}
