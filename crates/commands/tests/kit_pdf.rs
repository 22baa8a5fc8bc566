//! The Recovery Kit as readers, printers and cameras see it. What needs poppler's tools is skipped, and says so, where
//! they are not installed; the same things are then still held by reading the file itself.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};

use holdfast_commands::kit_pdf;
use holdfast_engine::Kit;
use holdfast_protocol::id::PrincipalId;
use zeroize::Zeroizing;

// A test vector of BIP 39, and 24 words as long as the longest of its list: the largest code there is.
const CODE: &str = "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel \
                    tennis maple dilemma loan word shrug inflict delay length";
const LONG: &str = "abstract absolute accident acoustic activity actually addition advocate airport already american \
                    announce approach artefact attitude avocado bachelor behavior business calendar category champion \
                    children cinnamon";

fn kit(server: &str, handle: &str, code: &str) -> Kit {
    Kit {
        server: server.into(),
        handle: handle.into(),
        principal: PrincipalId([0xa7; 16]),
        words: ["harbour", "sunrise", "velvet", "copper", "gallery", "thunder"],
        salt: [0x5c; 32],
        log2_n: 17,
        code: Zeroizing::new(code.into()),
        second: None,
        made_ms: 1_795_352_096_000,
    }
}

fn usual() -> Kit {
    kit("https://vault.example.org", "ana@example.org", CODE)
}

/// As long as a DNS name and a handle can be.
fn longest() -> Kit {
    let host = format!(
        "{0}.{0}.{0}.{1}",
        "long-label-of-a-host-name-".repeat(2) + "0123456789a",
        "b".repeat(61)
    );
    let handle = format!("{}@example.org", "abcdefghij".repeat(25))
        .chars()
        .skip(8)
        .collect::<String>();
    assert_eq!((host.len(), handle.len()), (253, 254));
    kit(&format!("https://{host}:65535"), &handle, LONG)
}

/// The page's content, which is not compressed.
fn content(pdf: &[u8]) -> String {
    let text: String = pdf.iter().map(|&b| char::from(b)).collect();
    let from = text.find("stream\n").unwrap() + 7;
    let to = text.find("\nendstream").unwrap();
    text[from..to].to_owned()
}

/// Every text as (x, y, size, width if monospaced, text).
fn texts(content: &str) -> Vec<(f32, f32, f32, Option<f32>, String)> {
    let mut found = Vec::new();
    let (mut at, mut size, mut mono) = ((0.0, 0.0), 0.0, false);
    for line in content.lines() {
        let parts: Vec<&str> = line.split(' ').collect();
        match parts.last() {
            Some(&"Tf") => (mono, size) = (parts[0] == "/F3", parts[1].parse().unwrap()),
            Some(&"Td") => at = (parts[0].parse().unwrap(), parts[1].parse().unwrap()),
            Some(&"Tj") => {
                let text = line.strip_prefix('(').and_then(|l| l.strip_suffix(") Tj")).unwrap();
                let text = text.replace("\\(", "(").replace("\\)", ")").replace("\\\\", "\\");
                let width = mono.then(|| text.chars().count() as f32 * size * 0.6);
                found.push((at.0, at.1, size, width, text));
            }
            _ => {}
        }
    }
    found
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

fn decode(width: usize, height: usize, grey: impl FnMut(usize, usize) -> u8) -> String {
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "exactly one QR code on the page");
    grids[0].decode().unwrap().1
}

/// Runs one of poppler's tools on a kit. None when it is not installed.
fn poppler(tool: &str, before: &[&str], pdf: &[u8], after: &[&str]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kit.pdf");
    std::fs::write(&path, pdf).unwrap();
    let run = Command::new(tool)
        .args(before)
        .arg(&path as &Path)
        .args(after)
        .stderr(Stdio::piped())
        .output();
    let Ok(output) = run else {
        println!("skipped: {tool} is not installed");
        return None;
    };
    assert!(
        output.status.success(),
        "{tool}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.stderr.is_empty(),
        "{tool} complains: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(output.stdout)
}

#[test]
fn one_page_that_says_everything() {
    let pdf = kit_pdf(&usual());
    assert!(pdf.starts_with(b"%PDF-1.7\n") && pdf.ends_with(b"%%EOF"));
    let content = content(&pdf);
    let texts = texts(&content);
    let has = |wanted: &str| assert!(texts.iter().any(|t| t.4 == wanted), "{wanted:?} is missing: {texts:?}");
    for wanted in [
        "Holdfast Recovery Kit",
        "A spare key on paper. Whoever holds it can open your data. Keep it like a passport.",
        "https://vault.example.org",
        "ana@example.org",
        &"a7".repeat(16),
        "harbour sunrise velvet copper gallery thunder",
        "2026-11-22",
        "holdfast key recover --server https://vault.example.org --kit-code-file FILE",
        "Technical: scrypt N = 131072 (2^17), salt",
        &"5c".repeat(32),
        "Where I keep it:",
    ] {
        has(wanted);
    }
    // Each word follows its number.
    for (index, word) in CODE.split_whitespace().enumerate() {
        let number = (index + 1).to_string();
        assert!(
            texts.windows(2).any(|pair| pair[0].4 == number && pair[1].4 == word),
            "{number} {word}"
        );
    }
}

#[test]
fn a_kit_without_a_date_has_no_line_for_it() {
    let mut undated = usual();
    undated.made_ms = 0;
    let dated = texts(&content(&kit_pdf(&usual()))).len();
    let texts = texts(&content(&kit_pdf(&undated)));
    assert_eq!(texts.len(), dated - 2);
    assert!(texts.iter().all(|t| t.4 != "Made on" && !t.4.starts_with("1970")));
}

#[test]
fn a_second_secret_stands_on_it_whole_and_moves_nothing_off_the_page() {
    const SECOND: &str = "000G-40R4-0M30-E209-185G-R38E-1ZW2-FAAY";
    for kit in [usual(), longest()] {
        let pdf = kit_pdf(&Kit {
            second: Some(Zeroizing::new(SECOND.into())),
            ..kit
        });
        let content = content(&pdf);
        let texts = texts(&content);
        let joined: String = texts.iter().map(|t| squeezed(&t.4)).collect();
        assert_eq!(joined.matches(SECOND).count(), 1);
        assert!(
            texts
                .iter()
                .any(|t| t.4.starts_with("Second secret: with the Master Key"))
        );
        for (x, y, _, width, text) in &texts {
            assert!(
                *y >= 56.0 && x + width.unwrap_or(0.0) <= 539.5,
                "{text} is off the page"
            );
        }
        let all: String = pdf.iter().map(|&b| char::from(b)).collect();
        assert!(!all.replace(&content, "").contains(SECOND));
    }
    assert!(!content(&kit_pdf(&usual())).contains("Second secret"));
}

#[test]
fn nothing_but_the_page_holds_the_words() {
    let pdf = kit_pdf(&usual());
    let all: String = pdf.iter().map(|&b| char::from(b)).collect();
    let outside = all.replace(&content(&pdf), "");
    for word in CODE.split_whitespace() {
        assert!(!outside.contains(word), "{word}");
    }
    for absent in ["CreationDate", "ModDate", "/ID", "Author", "Producer", "ana@"] {
        assert!(!outside.contains(absent), "{absent}");
    }
    assert_eq!(pdf, kit_pdf(&usual()), "the same kit gives the same bytes");
}

#[test]
fn long_names_wrap_and_stay_on_the_page() {
    for (kit, wide) in [
        (usual(), 1),
        (longest(), 2),
        (kit(&format!("https://{}", "x".repeat(2000)), "a@b", LONG), 2),
    ] {
        let texts = texts(&content(&kit_pdf(&kit)));
        let joined: String = texts.iter().map(|t| squeezed(&t.4)).collect();
        assert!(
            joined.matches(&kit.server).count() == 2,
            "as a detail and in the command"
        );
        assert!(joined.contains(&kit.handle));
        assert!(texts.iter().filter(|t| kit.server.contains(&t.4)).count() >= wide);
        for (x, y, size, width, text) in &texts {
            assert!(
                (56.0..=539.0).contains(x) && *y >= 56.0 && y + size <= 842.0 - 48.0,
                "{x} {y} {text}"
            );
            assert!(x + width.unwrap_or(0.0) <= 539.5, "{text} runs over the margin");
        }
        // The last two lines are set from below: what comes before must end above them.
        let above = texts.iter().find(|t| t.4 == "Where I keep it:").unwrap().1;
        let technical = texts.iter().find(|t| t.4.starts_with("Technical")).unwrap().1;
        assert!(above - technical >= 24.0, "{above} {technical}");
        // Details end left of the code.
        let details = texts
            .iter()
            .filter(|t| t.1 > above && t.3.is_some() && kit.handle.contains(&t.4));
        for detail in details {
            assert!(detail.0 + detail.3.unwrap() <= 539.0 - 168.0 - 16.0, "{detail:?}");
        }
    }
}

#[test]
fn the_code_on_the_page_holds_the_words() {
    for kit in [usual(), longest()] {
        let content = content(&kit_pdf(&kit));
        let mut dark = HashSet::new();
        for line in content.lines().filter_map(|line| line.strip_suffix(" re")) {
            let n: Vec<usize> = line.split(' ').map(|n| n.parse().unwrap()).collect();
            dark.extend((n[0]..n[0] + n[2]).map(|x| (x, n[1])));
        }
        let side = dark.iter().map(|&(x, _)| x).max().unwrap() + 1;
        // Four modules of quiet around it, six pixels each; PDF counts from below.
        let pixels = (side + 8) * 6;
        let said = decode(pixels, pixels, |x, y| {
            let module = (x / 6)
                .checked_sub(4)
                .zip((pixels - 1 - y).checked_div(6).and_then(|y| y.checked_sub(4)));
            if module.is_some_and(|module| dark.contains(&module)) {
                0
            } else {
                255
            }
        });
        assert_eq!(said, *kit.code);
    }
}

#[test]
fn a_code_with_other_spaces_says_the_same() {
    let other = kit(
        "https://vault.example.org",
        "ana@example.org",
        &CODE.replace(' ', " \n "),
    );
    assert_eq!(kit_pdf(&other), kit_pdf(&usual()));
}

#[test]
fn a_reader_finds_one_page_and_all_words() {
    for kit in [usual(), longest()] {
        let pdf = kit_pdf(&kit);
        let Some(info) = poppler("pdfinfo", &[], &pdf, &[]) else {
            return;
        };
        let info = String::from_utf8(info).unwrap();
        assert!(
            info.lines().any(|l| squeezed(l) == "Pages:1") && info.contains("(A4)"),
            "{info}"
        );
        let Some(text) = poppler("pdftotext", &["-raw"], &pdf, &["-"]) else {
            return;
        };
        let text = squeezed(&String::from_utf8(text).unwrap());
        for (index, word) in kit.code.split_whitespace().enumerate() {
            assert!(text.contains(&format!("{}{word}", index + 1)), "{word}");
        }
        assert!(
            text.contains(&kit.handle) && text.matches(&kit.server).count() == 2,
            "{text}"
        );
        // Where poppler measures the proportional fonts: nothing beyond the margins.
        let Some(boxes) = poppler("pdftotext", &["-bbox"], &pdf, &["-"]) else {
            return;
        };
        let boxes = String::from_utf8(boxes).unwrap();
        let edge = |name: &str| {
            let key = format!("{name}=\"");
            boxes
                .lines()
                .filter(|l| l.contains("<word "))
                .map(move |line| {
                    let from = line.find(&key).unwrap() + key.len();
                    line[from..].split('"').next().unwrap().parse::<f32>().unwrap()
                })
                .collect::<Vec<_>>()
        };
        assert!(edge("xMin").len() > 100);
        assert!(edge("xMin").iter().all(|&x| x >= 55.9) && edge("xMax").iter().all(|&x| x <= 539.5));
        assert!(edge("yMin").iter().all(|&y| y >= 48.0) && edge("yMax").iter().all(|&y| y <= 794.0));
    }
}

#[test]
fn a_camera_reads_the_printed_code() {
    for kit in [usual(), longest()] {
        // 200 dots per inch: a fax in its better days.
        let Some(image) = poppler("pdftoppm", &["-r", "200", "-gray"], &kit_pdf(&kit), &[]) else {
            return;
        };
        let mut fields = image.splitn(4, |b| b.is_ascii_whitespace());
        assert_eq!(fields.next(), Some(&b"P5"[..]));
        let mut number = || {
            std::str::from_utf8(fields.next().unwrap())
                .unwrap()
                .parse::<usize>()
                .unwrap()
        };
        let (width, height) = (number(), number());
        let pixels = &image[image.len() - width * height..];
        assert_eq!(decode(width, height, |x, y| pixels[y * width + x]), *kit.code);
    }
}
