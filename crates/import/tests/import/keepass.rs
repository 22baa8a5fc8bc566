//! `KeePass`: the XML export, and databases written by pykeepass (version 4) and after the published format (version 3).

use holdfast_import::{Error, Import, Source, needs_passphrase, read};
use holdfast_protocol::item::SecretType;

use crate::support::{entry, fields, import, left_out};

/// Argon2d with 256 KiB, AES; made with pykeepass 4.2.
const ARGON2: &[u8] = include_bytes!("../fixtures/argon2.kdbx");
/// The same with Argon2id and ChaCha20.
const CHACHA20: &[u8] = include_bytes!("../fixtures/chacha20.kdbx");
/// KDBX 3.1 with AES-KDF and Salsa20; opened with pykeepass before it was put here.
const VERSION_3: &[u8] = include_bytes!("../fixtures/version3.kdbx");
const XML: &[u8] = include_bytes!("../fixtures/keepass.xml");
const PASSPHRASE: &str = "correct horse # \"battery\" é🔑";

fn open(bytes: &[u8], passphrase: &str) -> Result<Import, Error> {
    read(Source::Keepass, bytes, "file", Some(passphrase))
}

#[test]
fn a_database_of_version_4_opens() {
    for bytes in [ARGON2, CHACHA20] {
        let import = open(bytes, PASSPHRASE).ok().unwrap();
        assert!(!import.in_clear);
        let login = entry(&import, "GitHub");
        let values = fields(login);
        assert_eq!(values[0], ("username", "ana"));
        assert_eq!(values[1], ("password", "newer # password"));
        assert!(values.contains(&("url", "https://github.com/login")));
        assert!(values.contains(&("totp", "otpauth://totp/x?secret=ABC")));
        assert!(values.contains(&("API key", &"k".repeat(10_240))));
        assert!(values.contains(&("notes", "two\nlines & <b>")));
        assert_eq!(login.expires_ms, Some(1_896_091_200_000));
        assert_eq!(login.tags, ["dev", "git"]);
        assert_eq!(login.audience.host, "github.com");
        let notes = entry(&import, "Only notes");
        assert_eq!(
            (notes.secret_type, fields(notes)),
            (SecretType::Note, vec![("text", "recovery codes: 1234")])
        );
        assert_eq!(entry(&import, "db").tags, ["Work/Servers"]);
        assert!(left_out(&import).contains(&("Old thing", "it is in the recycle bin of KeePass")));
    }
}

#[test]
fn a_database_of_version_3_opens_and_old_versions_move_the_stream_on() {
    let import = open(VERSION_3, PASSPHRASE).ok().unwrap();
    assert_eq!(fields(entry(&import, "GitHub"))[1], ("password", "newer # password"));
    assert_eq!(
        fields(entry(&import, "after history")),
        [("password", "still right é🔑")]
    );
    assert_eq!(
        left_out(&import),
        [("Old thing", "it is in the recycle bin of KeePass")]
    );
}

#[test]
fn the_xml_export_says_the_same() {
    let import = import(Source::Keepass, XML);
    assert!(import.in_clear);
    let login = entry(&import, "GitHub");
    assert_eq!(
        fields(login),
        [
            ("username", "ana"),
            ("password", "newer # password"),
            ("url", "https://github.com/login"),
            ("notes", "two\nlines & <b>"),
        ]
    );
    assert_eq!(login.expires_ms, Some(1_896_091_200_000));
    assert_eq!(entry(&import, "after history").tags, ["Work"]);
    assert_eq!(import.entries.len(), 2);
}

#[test]
fn the_passphrase_is_asked_for_and_has_to_be_right() {
    for bytes in [ARGON2, VERSION_3] {
        assert!(needs_passphrase(Source::Keepass, &bytes[..64]));
        assert!(read(Source::Keepass, bytes, "file", None).is_err_and(|error| error == Error::PassphraseNeeded));
        assert!(open(bytes, "another").is_err_and(|error| error == Error::PassphraseWrong));
    }
    assert!(!needs_passphrase(Source::Keepass, XML));
}

#[test]
fn altered_and_cut_databases_are_refused() {
    for bytes in [ARGON2, VERSION_3] {
        for at in (0..bytes.len()).step_by(97) {
            let mut altered = bytes.to_vec();
            altered[at] ^= 0x41;
            assert!(open(&altered, PASSPHRASE).is_err(), "byte {at} of {}", bytes.len());
            assert!(open(&bytes[..at], PASSPHRASE).is_err(), "cut at {at}");
        }
    }
}

/// The value of a parameter of the key derivation, wherever it lies in the header.
fn with_parameter(name: u8, value: &[u8]) -> Vec<u8> {
    use holdfast_crypto::sha256;
    let mut bytes = ARGON2.to_vec();
    // Name of one byte, then the length of the value, then the value.
    let length = u32::try_from(value.len()).unwrap().to_le_bytes();
    let pattern = [&[1, 0, 0, 0, name][..], &length].concat();
    let at = bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
        .unwrap()
        + pattern.len();
    bytes[at..at + value.len()].copy_from_slice(value);
    // Whoever alters a header can make its hash as well.
    let end = bytes
        .windows(9)
        .position(|window| window == b"\0\x04\0\0\0\r\n\r\n")
        .unwrap()
        + 9;
    let hash = sha256(&[&bytes[..end]]);
    bytes[end..end + 32].copy_from_slice(&hash);
    bytes
}

#[test]
fn a_file_can_not_ask_for_all_memory_or_for_ever() {
    for altered in [
        with_parameter(b'M', &u64::MAX.to_le_bytes()),
        with_parameter(b'M', &(2_u64 << 30).to_le_bytes()),
        with_parameter(b'I', &u64::MAX.to_le_bytes()),
        with_parameter(b'P', &u32::MAX.to_le_bytes()),
    ] {
        let error = open(&altered, PASSPHRASE).err().unwrap();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
    }
    for altered in [
        with_parameter(b'M', &0_u64.to_le_bytes()),
        with_parameter(b'I', &0_u64.to_le_bytes()),
        with_parameter(b'P', &0_u32.to_le_bytes()),
        with_parameter(b'V', &7_u32.to_le_bytes()),
    ] {
        assert!(open(&altered, PASSPHRASE).is_err());
    }
    let mut rounds = VERSION_3.to_vec();
    let at = rounds.windows(3).position(|window| window == [6, 8, 0]).unwrap() + 3;
    rounds[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(open(&rounds, PASSPHRASE).err(), Some(Error::Unsupported(_))));
}
