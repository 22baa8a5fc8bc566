//! Files that mean harm: too large, too deep, too many, cut anywhere, and random bytes. Nothing panics, nothing hangs.

use std::fmt::Write;

use holdfast_import::{Error, MAX_ENTRIES, MAX_FILE, Source, read};

use crate::support::{import, refused, zip};

const ALL: [Source; 5] = [
    Source::Dotenv,
    Source::Bitwarden,
    Source::OnePassword,
    Source::Keepass,
    Source::Holdfast,
];

#[test]
fn a_file_that_is_too_large_is_not_looked_at() {
    let huge = vec![b' '; MAX_FILE + 1];
    for source in ALL {
        assert_eq!(refused(source, &huge), Error::TooLarge);
    }
}

#[test]
fn a_zip_that_unpacks_to_too_much_is_stopped() {
    let zeros = vec![b' '; MAX_FILE + 1];
    let bomb = zip(&[("export.data", &zeros), ("data.json", &zeros)]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(refused(Source::OnePassword, &bomb), Error::TooLarge);
    assert_eq!(refused(Source::Bitwarden, &bomb), Error::TooLarge);
}

#[test]
fn depth_is_bounded() {
    let deep = 200_000;
    for source in [Source::Bitwarden, Source::OnePassword, Source::Holdfast] {
        let json = format!("{{\"items\":{}", "[".repeat(deep));
        refused(source, json);
        let ignored = format!("{{\"other\":{}{}}}", "[".repeat(deep), "]".repeat(deep));
        refused(source, ignored);
    }
    let mut xml = String::from("<KeePassFile><Root>");
    xml.push_str(&"<Group>".repeat(deep));
    assert!(refused(Source::Keepass, xml).to_string().contains("too deep"));
}

#[test]
fn entities_do_not_grow() {
    let xml = "<!DOCTYPE x [<!ENTITY a \"hahaha\"><!ENTITY b \"&a;&a;\">]><KeePassFile>&b;</KeePassFile>";
    assert!(refused(Source::Keepass, xml).to_string().contains("document type"));
    for entity in ["&b;", "&#x110000;", "&#0;"] {
        refused(
            Source::Keepass,
            format!("<KeePassFile><Root>{entity}</Root></KeePassFile>"),
        );
    }
}

#[test]
fn entries_are_counted() {
    let mut csv = String::from("title,username,password\n");
    for number in 0..=MAX_ENTRIES {
        writeln!(csv, "t{number},u,p").unwrap();
    }
    assert_eq!(refused(Source::OnePassword, &csv), Error::TooMany);
    let items: Vec<String> = (0..=MAX_ENTRIES)
        .map(|_| r#"{"type":2,"name":"n","notes":"x"}"#.to_owned())
        .collect();
    assert_eq!(
        refused(Source::Bitwarden, format!("{{\"items\":[{}]}}", items.join(","))),
        Error::TooMany
    );
}

#[test]
fn one_entry_too_large_does_not_stop_the_others() {
    let csv = format!("title,username,password\nlarge,u,{}\nsmall,u,p\n", "x".repeat(300_000));
    let import = import(Source::OnePassword, csv);
    assert_eq!((import.entries.len(), import.skipped.len()), (1, 1));
    assert_eq!(import.skipped[0].what, "large");
}

#[test]
fn files_that_are_cut_or_altered_anywhere_end_in_an_error_or_in_entries() {
    let samples: [(Source, &[u8]); 5] = [
        (Source::Dotenv, b"A=\"x\\n\r\ny\" # c\nexport B='z'\n"),
        (Source::Bitwarden, br#"{"folders":[],"items":[{"type":1,"name":"n","login":{"uris":[{"uri":"https://a.b"}],"password":"p"}}]}"#),
        (Source::OnePassword, br#"{"accounts":[{"vaults":[{"items":[{"details":{"sections":[{"fields":[{"title":"t","value":{"date":1}}]}]},"overview":{"title":"t"}}]}]}]}"#),
        (Source::Keepass, include_bytes!("../fixtures/keepass.xml")),
        (Source::Holdfast, br#"{"format":"holdfast-secrets","version":1,"secrets":[{"name":"n","type":"git","fields":[{"name":"a","value":"b"}]}]}"#),
    ];
    for (source, bytes) in samples {
        for at in 0..bytes.len() {
            let _ = read(source, &bytes[..at], "file", None);
            for with in [0, b'"', b'<', 0xff, b'9'] {
                let mut altered = bytes.to_vec();
                altered[at] = with;
                let _ = read(source, &altered, "file", None);
            }
        }
    }
}

#[test]
fn headers_of_nothing_but_claims_are_refused() {
    let start = b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5";
    for version in [
        b"\x01\x00\x03\x00",
        b"\x00\x00\x04\x00",
        b"\x00\x00\x02\x00",
        b"\x00\x00\xff\xff",
    ] {
        for rest in [
            &b""[..],
            b"\x03\x00\x00\x00\x00",
            b"\x03\x00\x00",
            b"\x0b\xff\xff\xff\xff",
            b"\xff\x00\x00\x00\x00",
            b"\x00\x00\x00\x00\x00",
            b"\x00\x00\x00",
        ] {
            let bytes = [&start[..], version, rest].concat();
            assert!(read(Source::Keepass, &bytes, "file", Some("x")).is_err(), "{bytes:x?}");
        }
    }
}

#[test]
fn names_that_repeat_do_not_make_it_slow() {
    let fields: Vec<String> = (0..1_000)
        .map(|_| r#"{"name":"n","value":"v","type":0}"#.to_owned())
        .collect();
    let item = format!(r#"{{"type":2,"name":"n","fields":[{}]}}"#, fields.join(","));
    let items = vec![item; 50].join(",");
    let import = import(Source::Bitwarden, format!("{{\"items\":[{items}]}}"));
    assert_eq!((import.entries.len(), import.entries[0].fields.len()), (50, 1_000));
    assert_eq!(import.entries[49].fields[999].name, "n 1000");
}

#[test]
fn what_is_left_out_is_counted_too() {
    let item = r#"{"type":2,"name":"n","deletedDate":"2024"}"#;
    let items = vec![item; MAX_ENTRIES + 1].join(",");
    assert_eq!(
        refused(Source::Bitwarden, format!("{{\"items\":[{items}]}}")),
        Error::TooMany
    );
}

#[test]
fn a_very_long_env_file_is_refused_or_done_in_a_moment() {
    assert!(
        refused(Source::Dotenv, "A=1\n".repeat(300_000))
            .to_string()
            .contains("1 MiB")
    );
    let repeated = import(Source::Dotenv, "A=1\n".repeat(200_000));
    assert_eq!((repeated.entries.len(), repeated.skipped.len()), (1, 1));
    let many: String = (0..20_000).map(|number| format!("A{number}=1\n")).collect();
    let crowded = import(Source::Dotenv, many);
    assert_eq!((crowded.entries.len(), crowded.skipped.len()), (0, 1));
}
