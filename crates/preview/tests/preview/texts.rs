//! Text, JSON as text, and what is no text.

use holdfast_preview::Note;

use crate::support::{As, page, view};

#[test]
fn lines_come_page_by_page() {
    let text: String = (0..1_000).map(|number| format!("line {number} äöü\r\n")).collect();
    let (mut offset, mut all) = (None, Vec::new());
    loop {
        let view = page("README", text.as_bytes(), 64, offset);
        assert_eq!(view.text().encoding, "utf-8");
        all.extend(view.text().text.lines().map(str::to_owned));
        offset = view.next_offset;
        if offset.is_none() {
            assert!(!view.truncated);
            break;
        }
    }
    assert_eq!(all.len(), 1_000);
    assert_eq!(all[999], "line 999 äöü");
}

#[test]
fn encodings_are_told_apart() {
    let text = "grüße, 世界 🦭\nzwei\n";
    let le: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let be: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(text.encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    for (bytes, encoding) in [
        (text.as_bytes().to_vec(), "utf-8"),
        ([b"\xef\xbb\xbf", text.as_bytes()].concat(), "utf-8"),
        (le, "utf-16le"),
        (be, "utf-16be"),
    ] {
        let view = view("x.txt", &bytes);
        assert_eq!(
            (view.text().encoding.as_str(), view.text().text.as_str()),
            (encoding, text.trim_end())
        );
        assert!(!view.truncated);
    }
    let latin = view("x.txt", b"gr\xfc\xdfe f\xfcr 5 \x80\n");
    assert_eq!(
        (latin.text().encoding.as_str(), latin.text().text.as_str()),
        ("latin-1", "grüße für 5 €")
    );
}

/// A character of several bytes that lies across the end of what is read first is neither lost nor broken.
#[test]
fn no_character_is_broken_between_pages() {
    for shift in 0..4 {
        let text = "x".repeat(shift) + &"🦭".repeat(200_000);
        let mut offset = None;
        let length = loop {
            let view = page("x.txt", text.as_bytes(), 10, offset);
            assert!(!view.text().text.contains('\u{fffd}'), "{shift}");
            let next = view.next_offset.unwrap_or(text.len() as u64);
            assert!(text.is_char_boundary(next as usize), "{shift} {next}");
            offset = view.next_offset;
            if offset.is_none() {
                break next;
            }
        };
        assert_eq!(length, text.len() as u64);
    }
}

#[test]
fn json_on_one_line_is_broken_into_lines() {
    let view = view("x.json", br#"{"a":[1,2.50,{"b":"x, [y] \" {"}],"empty":{},"none":[]   ,"t":true,"n":null,"pad":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#);
    let expected = r#"{
  "a": [
    1,
    2.50,
    {
      "b": "x, [y] \" {"
    }
  ],
  "empty": {},
  "none": [],
  "t": true,
  "n": null,
  "pad": ""#;
    assert!(view.text().text.starts_with(expected), "{}", view.text().text);
    assert!(view.text().indented && !view.truncated);
    let pretty = "{\n  \"a\": 1\n}\n";
    let as_it_is = crate::support::view("x.json", pretty.as_bytes());
    assert_eq!(
        (as_it_is.text().text.as_str(), as_it_is.text().indented),
        (pretty.trim_end(), false)
    );
    let records = crate::support::view("x.json", b"{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(records.table().rows.len(), 2);
}

#[test]
fn what_is_no_text_is_shown_as_bytes_and_named() {
    for (bytes, format) in [
        (&b"PK\x03\x04\0\0\0\0"[..], "zip"),
        (b"\x1f\x8b\x08\0\0\0", "gzip"),
        (b"\x93NUMPY\x01\0\0\0", "npy"),
        (b"\x89HDF\r\n\x1a\n\0\0", "hdf5"),
        (b"\x80\x04\x95\0\0\0\0", "pickle"),
        (b"\x7fELF\0\0\0", "elf"),
        (b"\0\x01\x02\x03 nothing", "unknown"),
    ] {
        let view = view("x.csv", bytes);
        assert_eq!(view.format, format);
        assert_eq!(view.binary().about.is_some(), format != "unknown");
        assert_eq!(view.notes.contains(&Note::RunsCode), format == "pickle");
    }
    let hex = view("x", b"\0AB\x7fCDEFGHIJKLMNOPQ");
    assert_eq!(
        hex.binary().hex,
        "00000000  00 41 42 7f 43 44 45 46  47 48 49 4a 4b 4c 4d 4e  .AB.CDEFGHIJKLMN\n00000010  4f 50 51                                          OPQ\n"
    );
    let long = vec![0; 2_000];
    let first = view("x", &long);
    assert_eq!((first.truncated, first.next_offset), (true, Some(512)));
    let last = page("x", &long, 200, Some(1_900));
    assert!(last.binary().hex.starts_with("0000076c ") && last.next_offset.is_none());
}
