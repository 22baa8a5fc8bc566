//! The Recovery Kit on paper: one A4 page, text and a QR code.

mod file;
mod page;

use std::path::Path;

use holdfast_engine::{Kit, Result};
use pdf_writer::{Finish, Name, Pdf, Rect, Ref, TextStr};
use time::OffsetDateTime;
use zeroize::Zeroizing;

pub use file::KitFile;
use page::{BOTTOM, Face, HEIGHT, Ink, LEFT, Page, RIGHT, TOP, WIDTH, wrap_mono};

/// Side of the QR code in points: at most 0.8 mm per module, which any phone reads from paper.
const QR: f32 = 168.0;
/// Between the details and the QR code: more than the four modules of quiet that a reader wants.
const GUTTER: f32 = 28.0;
const COLUMNS: usize = 4;

/// How much room the parts of unknown length take. Handles have up to 254 characters and addresses may be as long: the
/// page is then set tighter rather than cut or continued on a second sheet that gets lost.
struct Density {
    /// Size of details and command, in points.
    mono: f32,
    /// Between details, in points.
    gap: f32,
    /// Between parts of the page, in points.
    part: f32,
}

const DENSITIES: [Density; 4] = [
    Density {
        mono: 10.0,
        gap: 13.0,
        part: 40.0,
    },
    Density {
        mono: 9.0,
        gap: 10.0,
        part: 25.0,
    },
    Density {
        mono: 7.0,
        gap: 7.0,
        part: 22.0,
    },
    // Beyond any real name: small, but all of it.
    Density {
        mono: 4.5,
        gap: 5.0,
        part: 18.0,
    },
];

/// Lays a kit out as a PDF of one page. The same kit always gives the same bytes.
///
/// The bytes hold the 24 words: keep them in a `Zeroizing` buffer.
#[must_use]
pub fn kit_pdf(kit: &Kit) -> Vec<u8> {
    let mut composed = Zeroizing::new(Vec::new());
    for density in &DENSITIES {
        let (content, fits) = compose(kit, density);
        composed = content;
        if fits {
            break;
        }
    }
    document(&composed)
}

/// Writes a kit under its name only when all of it is written, readable by its owner alone, never over another file.
///
/// # Errors
/// [`AlreadyExists`](holdfast_engine::Error::AlreadyExists), or what the disk says; nothing is left behind then.
pub fn write_kit(kit: &Kit, path: &Path) -> Result<()> {
    draft_kit(kit, path)?.name()
}

/// Writes a kit beside where it is to be: to be named ([`KitFile::name`]) when it counts, and gone when it is dropped.
///
/// # Errors
/// As for [`write_kit`].
pub fn draft_kit(kit: &Kit, path: &Path) -> Result<KitFile> {
    KitFile::write(path, &Zeroizing::new(kit_pdf(kit)))
}

/// Writes a file for its owner alone, under its name only when whole, never over another.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    KitFile::write(path, bytes)?.name()
}

/// Wraps a page's content in a file. No dates, no ids, no author: nothing that the page itself does not say.
fn document(content: &[u8]) -> Vec<u8> {
    let [catalog, pages, page, stream, info] = [1, 2, 3, 4, 5].map(Ref::new);
    // Large enough not to grow: growing leaves copies of the words behind in memory.
    let mut pdf = Pdf::with_capacity(content.len() + 4096);
    pdf.catalog(catalog).pages(pages).lang(TextStr("en"));
    pdf.document_info(info).title(TextStr("Holdfast Recovery Kit"));
    pdf.pages(pages).kids([page]).count(1);
    let mut sheet = pdf.page(page);
    sheet
        .media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT))
        .parent(pages)
        .contents(stream);
    let mut resources = sheet.resources();
    let mut fonts = resources.fonts();
    for (face, id) in Face::ALL.into_iter().zip(6..) {
        fonts.pair(face.name(), Ref::new(id));
    }
    fonts.finish();
    resources.finish();
    sheet.finish();
    for (face, id) in Face::ALL.into_iter().zip(6..) {
        pdf.type1_font(Ref::new(id))
            .base_font(face.base())
            .encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    pdf.stream(stream, content);
    pdf.finish()
}

/// Draws the page; says whether all of it stayed above the last line.
fn compose(kit: &Kit, density: &Density) -> (Zeroizing<Vec<u8>>, bool) {
    let mut page = Page::new();
    let mut y = heading(&mut page);
    y = details(&mut page, kit, density, y - 28.0);
    y = words(&mut page, kit, y - density.part);
    y = how_to(&mut page, kit, density, y - density.part);
    y -= density.part + 4.0;
    page.text(LEFT, y, Face::Regular, 10.0, Ink::Black, "Where I keep it:");
    page.line(LEFT + 84.0, RIGHT, y - 2.0, 0.6, Ink::Grey);
    let technical = technical(&mut page, kit);
    (page.finish(), y - 22.0 >= technical)
}

fn heading(page: &mut Page) -> f32 {
    let mut y = TOP - 18.0;
    page.text(LEFT, y, Face::Bold, 20.0, Ink::Black, "Holdfast Recovery Kit");
    y -= 24.0;
    let sentence = "A spare key on paper. Whoever holds it can open your data. Keep it like a passport.";
    page.text(LEFT, y, Face::Regular, 12.0, Ink::Black, sentence);
    y -= 16.0;
    page.line(LEFT, RIGHT, y, 1.5, Ink::Accent);
    y
}

/// Whose kit it is, beside the QR code. Returns where the lower of the two ends.
fn details(page: &mut Page, kit: &Kit, density: &Density, top: f32) -> f32 {
    let mut entries = vec![
        ("Server", kit.server.clone()),
        ("Account", kit.handle.clone()),
        ("Account ID", kit.principal.to_string()),
        ("Six security words", kit.words.join(" ")),
    ];
    if let Some(second) = &kit.second {
        entries.push((
            "Second secret: with the Master Key, on a new computer",
            second.to_string(),
        ));
    }
    if let Some(date) = iso_date(kit.made_ms) {
        entries.push(("Made on", date));
    }
    // The labels' capitals stand level with the code's upper edge.
    let mut y = top - 7.0;
    let mut end = y;
    for (label, value) in entries {
        page.text(LEFT, y, Face::Regular, 9.0, Ink::Grey, label);
        y -= 1.0;
        for line in wrap_mono(&value, RIGHT - LEFT - QR - GUTTER, density.mono) {
            y -= density.mono * 1.3;
            page.text(LEFT, y, Face::Mono, density.mono, Ink::Black, &line);
        }
        end = y;
        y -= 9.0 + density.gap;
    }
    if page.qr(RIGHT - QR, top - QR, QR, &single_spaced(&kit.code)) {
        let caption = "The same 24 words, for a camera";
        page.text(RIGHT - QR, top - QR - 14.0, Face::Regular, 9.0, Ink::Grey, caption);
        end = end.min(top - QR - 14.0);
    }
    end
}

/// The words in columns, to be read downwards.
fn words(page: &mut Page, kit: &Kit, mut y: f32) -> f32 {
    page.text(LEFT, y, Face::Bold, 12.0, Ink::Black, "The 24 words");
    y -= 24.0;
    let rows = kit.code.split_whitespace().count().div_ceil(COLUMNS).max(1);
    let leading = 20.0;
    for (index, word) in kit.code.split_whitespace().enumerate() {
        let x = LEFT + (index / rows) as f32 * ((RIGHT - LEFT) / COLUMNS as f32);
        let line = y - (index % rows) as f32 * leading;
        // Digits are 5/9 em wide in Helvetica: this sets the numbers flush right.
        let indent = if index < 9 { 5.0 } else { 0.0 };
        page.text(
            x + indent,
            line,
            Face::Regular,
            9.0,
            Ink::Grey,
            &(index + 1).to_string(),
        );
        page.text(x + 18.0, line, Face::Mono, 12.0, Ink::Black, word);
    }
    y - (rows - 1) as f32 * leading
}

fn how_to(page: &mut Page, kit: &Kit, density: &Density, mut y: f32) -> f32 {
    page.text(LEFT, y, Face::Bold, 12.0, Ink::Black, "How to use it");
    y -= 20.0;
    let indent = LEFT + 18.0;
    let command = format!(
        "holdfast key recover --server {} --kit-code-file FILE",
        shell_word(&kit.server)
    );
    let steps: [(&str, Option<&str>); 3] = [
        (
            "In the app: on the lock screen choose \"I can't remember it\" and enter the 24 words in order.",
            None,
        ),
        (
            "Or in a terminal: type the words into a new file, run this with its name as FILE, then delete it:",
            Some(&command),
        ),
        (
            "Choose a new Master Key. This kit opens nothing from then on: make a new one, destroy this one.",
            None,
        ),
    ];
    for (number, (text, command)) in (1..).zip(steps) {
        page.text(LEFT, y, Face::Regular, 10.0, Ink::Grey, &format!("{number}."));
        page.text(indent, y, Face::Regular, 10.0, Ink::Black, text);
        let size = density.mono.min(9.0);
        for line in command
            .iter()
            .flat_map(|command| wrap_mono(command, RIGHT - indent, size))
        {
            y -= size * 1.3 + 3.0;
            page.text(indent, y, Face::Mono, size, Ink::Black, &line);
        }
        y -= 18.0;
    }
    y + 18.0
}

/// What a program needs when nothing but this page is left. Returns the top of these lines.
fn technical(page: &mut Page, kit: &Kit) -> f32 {
    let power = format!("2^{}", kit.log2_n);
    let n = match 1_u64.checked_shl(u32::from(kit.log2_n)) {
        Some(n) => format!("{n} ({power})"),
        None => power,
    };
    page.text(
        LEFT,
        BOTTOM + 12.0,
        Face::Regular,
        9.0,
        Ink::Grey,
        &format!("Technical: scrypt N = {n}, salt"),
    );
    page.text(LEFT, BOTTOM, Face::Mono, 9.0, Ink::Grey, &hex::encode(kit.salt));
    BOTTOM + 21.0
}

/// The day in UTC. None for zero, which stands for a kit whose date is not known.
fn iso_date(made_ms: u64) -> Option<String> {
    if made_ms == 0 {
        return None;
    }
    let seconds = i64::try_from(made_ms / 1000).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .map(|at| at.date().to_string())
}

/// What the QR code says: the words with one space between them, whatever stood there before.
fn single_spaced(code: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(code.len()));
    for word in code.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// An address as a shell takes it literally: `http://[::1]:7` would be a pattern.
fn shell_word(text: &str) -> String {
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b":/.-_".contains(&b)) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_iso_and_zero_is_none() {
        assert_eq!(iso_date(0), None);
        assert_eq!(iso_date(1_795_305_599_999).as_deref(), Some("2026-11-21"));
        assert_eq!(iso_date(1_795_305_600_000).as_deref(), Some("2026-11-22"));
        assert_eq!(iso_date(u64::MAX), None);
    }

    #[test]
    fn addresses_survive_a_shell() {
        assert_eq!(shell_word("https://a-b.example:8443"), "https://a-b.example:8443");
        assert_eq!(shell_word("http://[::1]:7"), "'http://[::1]:7'");
        assert_eq!(shell_word("a'b"), r"'a'\''b'");
    }
}
